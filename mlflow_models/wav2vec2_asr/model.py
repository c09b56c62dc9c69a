"""The pyfunc that MLflow serves: recordings in, transcripts out."""

from mlflow.models import set_model

from wav2vec2_asr.engine import Engine
from wav2vec2_asr.options import DECLARATION
from zoo.serving.model import ZooModel

set_model(ZooModel(DECLARATION, Engine))
