"""The pyfunc of every recognizer of speech: recordings in, transcripts out."""

from typing import Any

import pandas as pd

from zoo.errors import BadRow
from zoo.serving.model import ZooModel
from zoo.serving.rows import read_files
from zoo.speech.transcriber import Transcriber


class RecognizerModel(ZooModel):
    """Column `audio`, any file that FFmpeg reads; answers in the shape of `zoo.speech.transcript`.

    Attributes:
        engine: does the work; `load_context` sets it.
    """

    column = "audio"
    fields = ("text", "language", "duration", "segments")
    engine: Transcriber[Any]

    def read_rows(self, table: pd.DataFrame) -> list[bytes | BadRow]:
        return read_files(table, self.column)

    def answer(self, rows: list[bytes], params: Any) -> list[dict[str, Any] | Exception]:
        return [
            heard if isinstance(heard, Exception) else heard.record()
            for heard in self.engine(rows, params)
        ]
