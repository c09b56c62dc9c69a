"""A model without weights, for tests of the server alone: it starts fast, and fails on demand."""

import importlib.util
from pathlib import Path
from typing import Any

MODEL = Path(__file__).with_name("model.py")


def load() -> Any:
    """The module of the model, with its declaration."""
    spec = importlib.util.spec_from_file_location("echo_model", MODEL)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def save(path: Path) -> Path:
    """Save the model as a builder does; returns its directory."""
    import mlflow
    import pandas as pd

    echo, weights = load(), path.with_name("weights")
    weights.mkdir(exist_ok=True)
    (weights / "none.txt").write_text("")
    declaration = echo.DECLARATION
    mlflow.pyfunc.save_model(
        path,
        python_model=str(MODEL),
        artifacts={"model": str(weights)},
        signature=declaration.signature(echo.Options),
        input_example=pd.DataFrame({"text": ["我爱中国"]}),
        pip_requirements=[],
        metadata={"name": "echo", "declaration": declaration.describe(echo.Options)},
    )
    return path
