"""The pyfunc that MLflow serves: recordings in, transcripts out; `recognizer` does the work."""

from pathlib import Path
from typing import Any

from mlflow.models import set_model

from wav2vec2_asr import parameters
from wav2vec2_asr.options import Options
from wav2vec2_asr.recognizer import Recognizer
from zoo.speech.recognizer import RecognizerModel


class Wav2Vec2Model(RecognizerModel):
    """Column `audio`, any file that FFmpeg reads; parameters as `options.Options` has them."""

    engine: Recognizer

    def load_context(self, context: Any) -> None:
        self.engine = Recognizer(Path(context.artifacts["wav2vec2"]))

    def read_params(self, params: dict[str, Any]) -> Options:
        return parameters.read(params, self.engine)


set_model(Wav2Vec2Model())
