"""The pyfunc that MLflow serves: photos in, captions and embeddings out."""

from mlflow.models import set_model

from clip_caption.engine import Engine
from clip_caption.options import DECLARATION
from zoo.serving.model import ZooModel

set_model(ZooModel(DECLARATION, Engine))
