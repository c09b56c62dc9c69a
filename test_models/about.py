"""What a running model says of itself, as its server tells it (Open Inference Protocol).

A model that says nothing of itself is told by its task alone: it has no columns and no parameters.
"""

from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import quote

import httpx2
from pydantic import BaseModel, ConfigDict, ValidationError

from test_models.async_client import AsyncClient
from test_models.calls import Refused, ServiceError, check

SPEECH, ENTITIES, CAPTION = "automatic-speech-recognition", "token-classification", "image-to-text"
"""Tasks, as the Hugging Face hub names them."""

SILENT = "The model doesn't describe itself; `--task NAME=TASK` says what it does."


class Parameter(BaseModel):
    """A parameter of a model, with its default and bounds."""

    model_config = ConfigDict(frozen=True)
    name: str
    type: Literal["boolean", "long", "double", "string"]
    list: bool = False
    default: Any = None
    choices: tuple[str, ...] = ()
    minimum: float | None = None
    above: float | None = None
    maximum: float | None = None
    description: str = ""


class Column(BaseModel):
    """A column of a request."""

    model_config = ConfigDict(frozen=True)
    name: str
    kind: Literal["text", "file", "url"]
    description: str = ""


class Declaration(BaseModel):
    """What a capability declares."""

    model_config = ConfigDict(frozen=True)
    task: str
    summary: str = ""
    languages: tuple[str, ...] = ()
    columns: tuple[Column, ...] = ()
    parameters: tuple[Parameter, ...] = ()


class Details(BaseModel):
    """What a build adds: the checkpoint, its licence, and what it can't do."""

    model_config = ConfigDict(frozen=True)
    declaration: Declaration
    checkpoint: str = ""
    license: str = ""
    limits: str = ""


class About(BaseModel):
    """A model's description.

    Attributes:
        name: the capability's, such as `whisper_asr`; "" where the model doesn't describe itself.
    """

    model_config = ConfigDict(frozen=True)
    name: str = ""
    parameters: Details

    @property
    def declared(self) -> Declaration:
        """What the capability declares."""
        return self.parameters.declaration

    @property
    def task(self) -> str:
        """What it does, as the Hugging Face hub names it."""
        return self.declared.task

    @property
    def languages(self) -> tuple[str, ...]:
        """Codes of what it knows, the one that it takes for granted first."""
        usual = self.takes("language")
        first = [usual.default] if usual else []
        return tuple(dict.fromkeys([*first, *self.declared.languages]))

    def takes(self, parameter: str) -> Parameter | None:
        """The parameter of that name; None: it has no such."""
        return next((one for one in self.declared.parameters if one.name == parameter), None)

    def only(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Those of some parameters that it takes."""
        return {name: value for name, value in params.items() if self.takes(name)}


def of_task(task: str) -> About:
    """What is known of a model that doesn't describe itself."""
    return About(parameters=Details(declaration=Declaration(task=task)))


def read(response: httpx2.Response) -> About:
    """A description as a server sends it.

    Raises:
        ServiceError: it is none.
    """
    try:
        return About.model_validate_json(response.content)
    except ValidationError:
        raise ServiceError(SILENT) from None


async def ask(client: AsyncClient) -> About:
    """A model's description; a gateway's route is asked for it with GET.

    Raises:
        ServiceError: it has none, or doesn't answer.
    """
    if not client.is_server:
        return read(check(await client.get("")))
    try:
        (name,) = check(await client.get("/v2/models")).json()["models"]
    except (ValueError, LookupError, TypeError):
        raise ServiceError(SILENT) from None
    return read(check(await client.get(f"/v2/models/{quote(str(name), safe='')}")))


async def sample_answer(client: AsyncClient) -> Any:
    """What the model answers to the first row of its own sample.

    Raises:
        ServiceError: it has no sample, or can't answer.
    """
    try:
        schema = check(await client.get("/openapi.json")).json()
        content = schema["paths"]["/invocations"]["post"]["requestBody"]["content"]
        example = content["application/json"]["example"]
        columns, (row, *_) = (example["dataframe_split"][key] for key in ("columns", "data"))
        column, value = next((c, v) for c, v in zip(columns, row, strict=True) if v is not None)
    except (Refused, ValueError, LookupError, TypeError, StopIteration):
        raise ServiceError("The server doesn't show a sample of the model's.") from None
    return (await client.records(column, [value], example.get("params", {})))[0]
