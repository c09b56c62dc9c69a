"""The parameters of a request to Triton, which has no schema of them as MLflow has."""

from typing import Any

from wav2vec2_asr import parameters
from wav2vec2_asr.options import Options
from wav2vec2_asr.recognizer import Recognizer
from zoo.errors import BadParameter
from zoo.serving.params import choice

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
    options = parameters.read(params, engine)
    return options, choice(params, "on_error", ON_ERROR) == "report"
