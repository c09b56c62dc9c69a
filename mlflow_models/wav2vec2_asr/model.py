"""The pyfunc that MLflow serves: recordings in, transcripts out; `recognizer` does the work."""

from pathlib import Path
from typing import Any

import pandas as pd
from mlflow.models import set_model

from wav2vec2_asr import parameters
from wav2vec2_asr.options import Options
from wav2vec2_asr.recognizer import Recognizer
from zoo.errors import BadRow
from zoo.model import ZooModel
from zoo.rows import read_files


class Wav2Vec2Model(ZooModel):
    """Column `audio`, any file that FFmpeg reads; parameters as `options.Options` has them."""

    column = "audio"
    fields = ("text", "language", "duration", "segments")

    def load_context(self, context: Any) -> None:
        self.engine = Recognizer(Path(context.artifacts["wav2vec2"]))

    def read_params(self, params: dict[str, Any]) -> Options:
        return parameters.read(params, self.engine)

    def read_rows(self, table: pd.DataFrame) -> list[bytes | BadRow]:
        return read_files(table, self.column)

    def answer(self, rows: list[bytes], params: Options) -> list[dict[str, Any] | Exception]:
        return [
            heard if isinstance(heard, Exception) else heard.record()
            for heard in self.engine(rows, params)
        ]


set_model(Wav2Vec2Model())
