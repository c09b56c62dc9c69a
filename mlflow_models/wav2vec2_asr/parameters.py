"""The parameters of a request, checked."""

from dataclasses import replace
from typing import Any

from wav2vec2_asr.options import Options
from wav2vec2_asr.recognizer import Recognizer
from zoo.errors import BadParameter
from zoo.serving.params import count, seconds

MAX_BEAMS = 500
SHORTEST_CHUNK, LONGEST_CHUNK = 2.0, 60.0  # seconds


def read(params: dict[str, Any], engine: Recognizer) -> Options:
    """What a request asks for.

    Args:
        params: by name; what is left out has the engine's default.
        engine: whose defaults these are.

    Raises:
        BadParameter: one has a wrong value.
    """
    usual = engine.defaults
    modelled = bool(params.get("language_model", usual.language_model))
    if modelled and not engine.has_language_model:
        raise BadParameter("language_model", "asks for one, but none is packed in this model")
    beams = count(params, "beam_size", usual.beam_size, MAX_BEAMS)
    if modelled and beams == 1:
        raise BadParameter("beam_size", "is 1, but a language model needs a search of more")
    chunk = seconds(params, "chunk_length_s", usual.chunk_length_s, SHORTEST_CHUNK, LONGEST_CHUNK)
    stride = seconds(params, "stride_length_s", usual.stride_length_s, 0.0, LONGEST_CHUNK)
    if 2 * stride >= chunk:
        raise BadParameter("stride_length_s", "is half of 'chunk_length_s' or more")
    return replace(
        usual,
        vad=bool(params.get("vad", usual.vad)),
        denoise=bool(params.get("denoise", usual.denoise)),
        language_model=modelled,
        beam_size=beams,
        word_timestamps=bool(params.get("word_timestamps", usual.word_timestamps)),
        chunk_length_s=chunk,
        stride_length_s=stride,
    )
