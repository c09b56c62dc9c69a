"""The pyfunc: it says what it was told."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlflow.models import set_model
from pydantic import BaseModel, Field

from zoo.serving import declaration
from zoo.serving.declaration import Column, Declaration
from zoo.serving.model import ZooModel
from zoo.serving.runner import Runner


class Options(declaration.Options):
    """What the tests steer by."""

    seconds: float = Field(0.0, ge=0, description="How long it takes.")
    words: tuple[str, ...] = Field((), description="Words to say back.")
    numbers: tuple[float, ...] = Field((), description="Numbers to say back.")
    room: int = Field(64, ge=0, description="How many rows its memory is enough for.")


class Record(BaseModel):
    """What was told."""

    text: str
    words: list[str] | None = None
    numbers: list[float] | None = None


@dataclass(frozen=True)
class Echo:
    """A text, and the parameters."""

    text: str
    options: Options

    def record(self) -> dict[str, Any]:
        given = {name: list(getattr(self.options, name)) for name in ("words", "numbers")}
        return {"text": self.text, **{name: some for name, some in given.items() if some}}


class Engine:
    """Says what it was told; the text "boom" is a fault, after "lost" it has lost its GPU."""

    options, languages = Options, ()

    def __init__(self, directory: Path) -> None:  # noqa: ARG002
        self._lost = False
        self._runner = Runner(self._run, lambda _: 1, 64, lambda item: item.options)

    def __call__(self, items: Sequence[str], options: Options) -> Sequence[Echo | Exception]:
        time.sleep(options.seconds)
        if "boom" in items:
            raise RuntimeError("a fault, as an engine may have one")
        self._lost |= "lost" in items
        if self._lost:  # as ONNX Runtime says it
            raise RuntimeError("CUDA failure 700: an illegal memory access was encountered ; GPU=0")
        return self._runner([Echo(text, options) for text in items])

    def stream(self, item: str, options: Options) -> Iterator[tuple[str, dict[str, Any]]]:
        """Say the words one by one, each after the pause of its place in `numbers`."""
        for number, word in enumerate(options.words):
            time.sleep(options.numbers[number] if options.numbers else options.seconds)
            if word == "boom":
                raise RuntimeError("a fault, as an engine may have one")
            (said,) = self._runner.submit([Echo(word, options)], background=True).results()
            if isinstance(said, Exception):
                raise said
            yield "segment", {"id": number, "text": said.text}
        (answer,) = self._runner([Echo(item, options)])
        if isinstance(answer, Exception):
            raise answer
        yield "done", answer.record()

    @staticmethod
    def _run(batch: list[Echo]) -> list[Echo]:
        if len(batch) > batch[0].options.room:
            raise RuntimeError("CUDA failed with error out of memory")
        return batch


DECLARATION = Declaration(
    name="echo",
    task="text2text-generation",
    summary="Says what it was told.",
    languages=(),
    columns=(Column("text", "text", "Anything."),),
    options=Options,
    record=Record,
)
set_model(ZooModel(DECLARATION, Engine))
