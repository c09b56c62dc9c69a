"""The pyfunc that MLflow serves: recordings in, languages out."""

from mlflow.models import set_model

from language_id.engine import Engine
from language_id.options import DECLARATION
from zoo.serving.model import ZooModel

set_model(ZooModel(DECLARATION, Engine))
