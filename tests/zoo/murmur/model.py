"""The pyfunc: a speech model that hears how long somebody speaks, not what.

Every second of sound that isn't silence is a word, `1`, `2`, ...
"""

import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from mlflow.models import set_model
from pydantic import BaseModel, Field

from zoo.serving import declaration, runner
from zoo.serving.declaration import Column, Declaration
from zoo.serving.model import ZooModel
from zoo.speech import realtime
from zoo.speech.live import LiveEvent
from zoo.speech.realtime_events import SoundInput

RATE = 16_000  # Hz
BLOCK = RATE // 10  # samples that are speech or silence
QUIET = 100  # the loudest sample of silence


class Options(declaration.Options):
    """What the tests steer by."""

    language: Literal["zh", "en"] = Field("zh", description="Of the words.")
    initial_prompt: str = Field("", max_length=100, description="Said before the first word.")
    hotwords: str = Field(
        "", description="`slow`: a step takes 0.2 s. `boom`: the model fails on an item."
    )


class Record(BaseModel):
    """What was told."""

    text: str


class Murmur:
    """As `zoo.speech.live.LiveSession`."""

    def __init__(self, settings: SoundInput, options: Any) -> None:
        vad = settings.turn_detection
        self._silence = 0 if vad is None else vad.silence_duration_ms // 100  # blocks
        self._options, self._lock = options, threading.Lock()
        self._fed: list[np.ndarray | str] = []  # sound, or "commit", "clear", "close"
        self._rest = np.empty(0, np.int16)
        self._blocks = self._item = self._committed = 0
        self._words = self._heard = self._quiet = 0  # of the item in hand
        self._open = self.complete = False

    @property
    def due(self) -> bool:
        return bool(self._fed)

    @property
    def waiting_seconds(self) -> float:
        return sum(len(one) for one in list(self._fed) if not isinstance(one, str)) / RATE

    def feed(self, sound: np.ndarray) -> None:
        self._fed.append(sound)

    def commit(self) -> int | None:
        self._fed.append("commit")
        return self._numbered()

    def clear(self) -> None:
        self._fed.append("clear")
        self._numbered()

    def _numbered(self) -> int:
        """The number of the item that the client ends."""
        self._committed += 1
        return self._committed

    def close(self) -> None:
        self._fed.append("close")

    def step(self) -> Sequence[LiveEvent]:
        with self._lock:
            if "slow" in self._options.hotwords:
                time.sleep(0.2)
            runner.stop_if_cancelled()
            if "boom" in self._options.hotwords and "commit" in self._fed:  # there is an item
                raise RuntimeError("a fault, as a model may have one")
            taken, self._fed = self._fed, []
            return [event for one in taken for event in self._take(one)]

    def _take(self, one: np.ndarray | str) -> Iterator[LiveEvent]:
        if isinstance(one, str):
            if self._open and one != "clear":
                yield from self._end()
            self._open = False
            self.complete |= one == "close"
            return
        self._rest = np.concatenate([self._rest, one])
        while len(self._rest) >= BLOCK:
            block, self._rest = self._rest[:BLOCK], self._rest[BLOCK:]
            yield from self._hear(bool((np.abs(block.astype(int)) > QUIET).any()))

    def _hear(self, speech: bool) -> Iterator[LiveEvent]:
        if not self._open and (speech or not self._silence):
            self._open, self._words, self._heard, self._quiet = True, 0, 0, 0
            self._item += 1
            if self._silence:
                yield LiveEvent("started", self._item, self._blocks / 10)
        self._blocks += 1
        if not self._open:
            return
        self._heard, self._quiet = self._heard + speech, 0 if speech else self._quiet + 1
        if speech and self._heard % 10 == 0:
            self._words += 1
            before = self._text(self._words - 1)
            added = self._text(self._words).removeprefix(before)
            now = self._blocks / 10
            yield LiveEvent("text", self._item, now, added, " ...", stable_end=now, tail_end=now)
        if self._silence and self._quiet >= self._silence:
            yield from self._end()

    def _end(self) -> Iterator[LiveEvent]:
        self._open = False
        if self._silence:
            yield LiveEvent("stopped", self._item, self._blocks / 10)
        text = self._text(self._words)
        yield LiveEvent("completed", self._item, self._blocks / 10, text=text)

    def _text(self, words: int) -> str:
        said = [self._options.initial_prompt, *map(str, range(1, words + 1))]
        return " ".join(filter(None, said)) if words else ""


class Engine:
    """Only its live streams matter."""

    options, languages = Options, ("zh", "en")

    def __init__(self, directory: Path) -> None:
        pass

    def routes(self, server: Any) -> list[Any]:
        """As `SpeechEngine.routes`."""
        return realtime.routes(server, Murmur)

    def check(self, options: Options) -> None:
        pass

    def __call__(self, items: Sequence[bytes], options: Options) -> Sequence[Any]:  # noqa: ARG002
        return [Said(len(one)) for one in items]


@dataclass(frozen=True)
class Said:
    """An answer."""

    size: int

    def record(self) -> dict[str, Any]:
        return {"text": str(self.size)}


DECLARATION = Declaration(
    name="murmur",
    task="automatic-speech-recognition",
    summary="Hears how long somebody speaks.",
    languages=("zh", "en"),
    columns=(Column("audio", "file", "Anything."),),
    options=Options,
    record=Record,
)
set_model(ZooModel(DECLARATION, Engine))
