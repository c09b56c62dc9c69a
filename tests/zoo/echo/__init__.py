"""A model without weights, for tests of the server alone: it starts fast, and fails on demand."""

from pathlib import Path


def save(path: Path) -> Path:
    """Save the model as MLflow does; returns its directory."""
    import mlflow
    import pandas as pd
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema

    mlflow.pyfunc.save_model(
        path,
        python_model=str(Path(__file__).with_name("model.py")),
        signature=ModelSignature(
            inputs=Schema([ColSpec("string", "text")]),
            outputs=Schema([ColSpec("string", "text")]),
            params=ParamSchema(
                [
                    ParamSpec("seconds", "double", 0.0),
                    ParamSpec("words", "string", [], shape=(-1,)),
                    ParamSpec("numbers", "double", [], shape=(-1,)),
                    ParamSpec("on_error", "string", "raise"),
                ]
            ),
        ),
        input_example=pd.DataFrame({"text": ["我爱中国"]}),
        pip_requirements=[],
        metadata={"name": "echo"},
    )
    return path
