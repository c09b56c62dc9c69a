"""The pyfunc that MLflow serves: recordings in, transcripts out; `recognizer` does the work."""

from pathlib import Path
from typing import Any

import pandas as pd
from mlflow.models import set_model

from wav2vec2_asr.options import Options
from wav2vec2_asr.recognizer import Recognizer
from zoo.errors import BadParameter, BadRow
from zoo.model import ZooModel
from zoo.params import count, seconds
from zoo.rows import read_files

MAX_BEAMS = 500
SHORTEST_CHUNK, LONGEST_CHUNK = 2.0, 60.0  # seconds


class Wav2Vec2Model(ZooModel):
    """Column `audio`, any file that FFmpeg reads; parameters as `options.Options` has them."""

    column = "audio"
    fields = ("text", "language", "duration", "segments")

    def load_context(self, context: Any) -> None:
        self.engine = Recognizer(Path(context.artifacts["wav2vec2"]))

    def read_params(self, params: dict[str, Any]) -> Options:
        usual = self.engine.defaults
        modelled = bool(params.get("language_model", usual.language_model))
        if modelled and not self.engine.has_language_model:
            raise BadParameter("language_model", "asks for one, but none is packed in this model")
        beams = count(params, "beam_size", usual.beam_size, MAX_BEAMS)
        if modelled and beams == 1:
            raise BadParameter("beam_size", "is 1, but a language model needs a search of more")
        chunk = seconds(
            params, "chunk_length_s", usual.chunk_length_s, SHORTEST_CHUNK, LONGEST_CHUNK
        )
        stride = seconds(params, "stride_length_s", usual.stride_length_s, 0.0, LONGEST_CHUNK)
        if 2 * stride >= chunk:
            raise BadParameter("stride_length_s", "is half of 'chunk_length_s' or more")
        return Options(
            vad=bool(params.get("vad", usual.vad)),
            denoise=bool(params.get("denoise", usual.denoise)),
            language_model=modelled,
            beam_size=beams,
            word_timestamps=bool(params.get("word_timestamps", usual.word_timestamps)),
            chunk_length_s=chunk,
            stride_length_s=stride,
            language=usual.language,
        )

    def read_rows(self, table: pd.DataFrame) -> list[bytes | BadRow]:
        return read_files(table, self.column)

    def answer(self, rows: list[bytes], params: Options) -> list[dict[str, Any] | Exception]:
        return [
            heard if isinstance(heard, Exception) else heard.record()
            for heard in self.engine(rows, params)
        ]


set_model(Wav2Vec2Model())
