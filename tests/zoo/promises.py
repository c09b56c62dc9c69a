"""Holds a model's server to four promises, whatever is sent: see `try_all`."""

import base64
import io
import json
import wave
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from PIL import Image

from tests.zoo.mutations import MARK, Mutations
from tests.zoo.wire import Answer, Wire, post
from zoo.serving.declaration import Declaration

TRACES = ("Traceback", 'File "', ".py", "MlflowException")


@dataclass(frozen=True)
class Subject:
    """A model to try: its column and a value, the parameters with which that is answered soon, and
    the names of all its parameters."""

    column: str
    value: str
    params: dict[str, Any]
    names: list[str]

    def mutations(self, seed: int) -> Mutations:
        return Mutations(seed, self.column, self.value, self.names)

    @property
    def good(self) -> bytes:
        """A request that it answers."""
        body = {"instances": [{self.column: self.value}], "params": self.params}
        return post(json.dumps(body).encode())

    def is_good(self, answer: Answer) -> bool:
        return answer.status == 200 and len(answer.json()["predictions"]) == 1


def silence(seconds: float) -> str:
    """A recording without speech, in base64: the least work that a recognizer has."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(16_000)
        sound.writeframes(bytes(2 * int(16_000 * seconds)))
    return base64.b64encode(file.getvalue()).decode()


def picture() -> str:
    """A small photo, in base64."""
    file = io.BytesIO()
    Image.new("RGB", (8, 8), "orange").save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


# The least work for each kind of column, and parameters that make the work less.
LEAST = {"text": "我爱中国", "audio": silence(0.3), "image": picture()}
FAST: dict[str, dict[str, Any]] = {
    "whisper_asr": {"beam_size": 1, "temperature": [0.0]},
    "clip_caption": {"num_captions": 0, "embedding": "clip"},
}


def subject(declaration: Declaration) -> Subject:
    """The subject that a capability is."""
    column = declaration.columns[0].name
    names = list(declaration.options.model_fields)
    return Subject(column, LEAST[column], FAST.get(declaration.name, {}), names)


@dataclass
class Tried:
    """What became of the requests; all but `sent` and `statuses` should be empty."""

    sent: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    unanswered: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    bad_after: list[str] = field(default_factory=list)


def try_all(url: str, subject: Subject, count: int, seed: int) -> Tried:
    """Send requests one after the other, each followed by the good one, on one connection.

    A connection that the server ends, as it says, is followed by another.

    Args:
        url: The server.
        subject: Its model.
        count: How many.
        seed: Of the requests.

    Returns:
        Counts of what was sent and answered, and every broken promise: an unplanned 5xx, a request
        without an answer, an answer that tells of the payload or of a trace, a good request that
        wasn't answered after it.
    """
    mutations, good = subject.mutations(seed), subject.good
    tried, one = Tried(), Wire(url)
    for _ in range(count):
        kind, request = mutations()
        tried.sent[kind] += 1
        one = _send(one, url, request, kind, tried)
        one.send(good)
        answer = one.read()
        if not subject.is_good(answer):
            tried.bad_after.append(f"{kind}: {answer} after {request[:500]!r}")
            one.close()
            one = Wire(url)
    one.close()
    return tried


def _send(one: Wire, url: str, request: bytes, kind: str, tried: Tried) -> Wire:
    """Sends one request; returns a connection for the next."""
    if kind == "heads":  # what may be no whole request is the last thing that its client says
        one.close()
        one = Wire(url)
        try:
            one.send(request)
            one.end()
            answer = one.read()
        except ConnectionError:
            answer = Answer(0)
        ends = True
    else:
        one.send(request)
        answer = one.read("HEAD" if request.startswith(b"HEAD") else "POST")
        ends = answer.headers.get("connection") == "close" or answer.status == 0
        if answer.status == 0:
            tried.unanswered.append(f"{kind}: {request[:500]!r}")
    tried.statuses[answer.status] += 1
    if answer.status >= 500:
        tried.faults.append(f"{kind}: {answer} to {request[:500]!r}")
    text = answer.body.decode("utf-8", "replace")
    if answer.status >= 400 and any(word in text for word in (MARK, *TRACES)):
        tried.told.append(f"{kind}: {text[:300]} to {request[:500]!r}")
    if ends:
        one.close()
        one = Wire(url)
    return one
