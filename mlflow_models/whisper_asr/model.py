"""The pyfunc that MLflow serves: recordings in, transcripts out."""

from mlflow.models import set_model

from whisper_asr.engine import Engine
from whisper_asr.options import DECLARATION
from zoo.serving.model import ZooModel

set_model(ZooModel(DECLARATION, Engine))
