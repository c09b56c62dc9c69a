"""The pyfunc that MLflow serves: texts in, entities out."""

from mlflow.models import set_model

from hanlp_ner.engine import Engine
from hanlp_ner.options import DECLARATION
from zoo.serving.model import ZooModel

set_model(ZooModel(DECLARATION, Engine))
