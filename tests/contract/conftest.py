"""The capabilities that are found, each with its declaration, its saved model and its server."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from zoo.building.capabilities import declaration, folders
from zoo.building.checkpoints import sample
from zoo.serving.declaration import Declaration


@dataclass(frozen=True)
class Capability:
    """A folder of `mlflow_models/`."""

    folder: Path
    declaration: Declaration

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def sample(self) -> dict[str, Any]:
        """The request that the demo checkpoint is tried with."""
        path = sample(self.folder, self.folder / "demo")
        request: dict[str, Any] = json.loads(path.read_text("utf-8"))
        return request

    @property
    def column(self) -> str:
        """The first column."""
        return self.declaration.columns[0].name

    @property
    def value(self) -> str:
        """A value of that column: the sample's first."""
        return str(self.sample["dataframe_split"]["data"][0][0])


FOUND = {folder.name: Capability(folder, declaration(folder)) for folder in folders()}


@pytest.fixture(params=FOUND, scope="session")
def capability(request: pytest.FixtureRequest) -> Capability:
    """Each capability in turn."""
    return FOUND[request.param]


@pytest.fixture
def url(capability: Capability, url_of: Callable[[str], str]) -> str:
    """The address of the zoo's own server of the capability's demo."""
    return url_of(capability.name)


@pytest.fixture
def saved(capability: Capability, model_of: Callable[[str], Path]) -> Path:
    """The capability's saved model."""
    return model_of(capability.name)
