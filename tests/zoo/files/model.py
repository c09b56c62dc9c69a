"""The pyfunc for tests of files: it says how large a file is, its digest, and where it lies."""

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastapi import Request, Response
from mlflow.models import set_model
from pydantic import BaseModel, Field
from starlette.responses import JSONResponse
from starlette.routing import Route

from zoo.serving import declaration
from zoo.serving.declaration import Column, Declaration
from zoo.serving.forms import read_form
from zoo.serving.model import ZooModel


class Options(declaration.Options):
    """What the tests steer by."""

    seconds: float = Field(0.0, ge=0, description="How long it takes.")


class Record(BaseModel):
    """What was found."""

    bytes: int
    digest: str
    spooled: bool


@dataclass(frozen=True)
class Found:
    """A file."""

    size: int
    digest: str
    spooled: bool

    def record(self) -> dict[str, Any]:
        return {"bytes": self.size, "digest": self.digest, "spooled": self.spooled}


class Engine:
    """Reads a file piece by piece, as an engine reads a long recording."""

    options, languages = Options, ()

    def __init__(self, directory: Path) -> None:
        pass

    def __call__(self, items: Sequence[bytes | Path], options: Options) -> Sequence[Found]:
        time.sleep(options.seconds)
        return [_found(item) for item in items]

    def routes(self, server: Any) -> list[Route]:
        async def form(request: Request) -> Response:
            with server.admitted():
                read = await read_form(request, server.settings)
            found = None if read.file is None else _found(read.file).record()
            names = [read.file_field, read.file_name, read.file_type]
            return JSONResponse({"fields": read.fields, "file": found, "names": names})

        return [Route("/form", form, methods=["POST"])]


def _found(item: bytes | Path) -> Found:
    if not isinstance(item, Path):
        return Found(len(item), hashlib.md5(item).hexdigest(), False)
    with item.open("rb") as file:
        digest = hashlib.file_digest(file, "md5").hexdigest()
        return Found(file.tell(), digest, True)


DECLARATION = Declaration(
    name="files",
    task="feature-extraction",
    summary="Says what file it was told.",
    languages=(),
    columns=(Column("file", "file", "Any file."),),
    options=Options,
    record=Record,
)
set_model(ZooModel(DECLARATION, Engine))
