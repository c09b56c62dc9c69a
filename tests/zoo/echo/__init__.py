"""A model without weights, for tests of the server alone: it starts fast, and fails on demand."""

import importlib.util
from pathlib import Path
from typing import Any

MODEL = Path(__file__).with_name("model.py")


def load(source: Path = MODEL) -> Any:
    """The module of the model, with its declaration."""
    spec = importlib.util.spec_from_file_location(f"{source.parent.name}_model", source)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def save(path: Path, source: Path = MODEL, example: object = "我爱中国") -> Path:
    """Save the model as a builder does; returns its directory."""
    import mlflow
    import pandas as pd

    model, weights = load(source), path.with_name("weights")
    weights.mkdir(exist_ok=True)
    (weights / "none.txt").write_text("")
    declaration = model.DECLARATION
    mlflow.pyfunc.save_model(
        path,
        python_model=str(source),
        artifacts={"model": str(weights)},
        signature=declaration.signature(model.Options),
        input_example=pd.DataFrame({declaration.columns[0].name: [example]}),
        pip_requirements=[],
        metadata={"name": declaration.name, "declaration": declaration.describe(model.Options)},
    )
    return path
