"""The parameters of a request, checked: the same ones as of `model.py`, without MLflow's schema."""

from dataclasses import replace
from typing import Any

from wav2vec2_asr.options import Options
from wav2vec2_asr.recognizer import Recognizer
from zoo.errors import BadParameter
from zoo.params import choice, count, seconds

MAX_BEAMS = 500
SHORTEST_CHUNK, LONGEST_CHUNK = 2.0, 60.0  # seconds
KINDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}
ON_ERROR = ("raise", "report")
NAMES = {
    "vad": bool,
    "denoise": bool,
    "language_model": bool,
    "beam_size": int,
    "word_timestamps": bool,
    "chunk_length_s": float,
    "stride_length_s": float,
    "on_error": str,
}


def read(params: dict[str, Any], engine: Recognizer) -> tuple[Options, bool]:
    """Checks a request's parameters.

    Args:
        params: by name; what is left out has the engine's default.
        engine: whose defaults these are.

    Returns:
        The options, and whether bad rows are to be reported beside the answers of the others.

    Raises:
        BadParameter: one is unknown, or has a wrong type or value.
    """
    for name, value in params.items():
        if name not in NAMES:
            raise BadParameter(name, f"is unknown; known are {', '.join(NAMES)}")
        kind = NAMES[name]
        if type(value) is not kind and not (kind is float and type(value) is int):
            raise BadParameter(name, f"is not {KINDS[kind]}")
    usual = engine.defaults
    modelled = params.get("language_model", usual.language_model)
    if modelled and not engine.has_language_model:
        raise BadParameter("language_model", "asks for one, but none is packed in this model")
    beams = count(params, "beam_size", usual.beam_size, MAX_BEAMS)
    if modelled and beams == 1:
        raise BadParameter("beam_size", "is 1, but a language model needs a search of more")
    chunk = seconds(params, "chunk_length_s", usual.chunk_length_s, SHORTEST_CHUNK, LONGEST_CHUNK)
    stride = seconds(params, "stride_length_s", usual.stride_length_s, 0.0, LONGEST_CHUNK)
    if 2 * stride >= chunk:
        raise BadParameter("stride_length_s", "is half of 'chunk_length_s' or more")
    options = replace(
        usual,
        vad=params.get("vad", usual.vad),
        denoise=params.get("denoise", usual.denoise),
        language_model=modelled,
        beam_size=beams,
        word_timestamps=params.get("word_timestamps", usual.word_timestamps),
        chunk_length_s=chunk,
        stride_length_s=stride,
    )
    return options, choice(params, "on_error", ON_ERROR) == "report"
