"""Long recordings: answers that flow, from real HTTP servers, some of which fail."""

import io
import json
import threading
import tracemalloc
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from test_models.calls import Refused, RowFailed, Unavailable, encoded, without_nulls
from test_models.client import Client
from test_models.flowing import Broken, Progress, is_long
from tests.test_models.servers import Flaky, serving
from tests.test_models.test_client import DIRECT, SPEECH
from transcripts.answers import Segment, Transcript
from zoo.data.audio import SAMPLE_RATE, decode

RATE = 8_000  # Hz
SEGMENTS = [
    {"id": n, "start": n * 30.0, "end": n * 30.0 + 29, "text": f"第{n}句"} for n in range(4)
]
RECORD: dict[str, Any] = {"text": "第0句第1句第2句第3句", "duration": 119.0, "segments": SEGMENTS}


def recording(seconds: float) -> bytes:
    """Silence, as a WAV file."""
    with wave.open(file := io.BytesIO(), "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(RATE)
        writer.writeframes(bytes(2 * round(seconds * RATE)))
    return file.getvalue()


def event(name: str, data: Any) -> bytes:
    return f"event: {name}\ndata: {json.dumps(data)}\n\n".encode()


def flowing(segments: int = len(SEGMENTS), last: bytes | None = None) -> Iterator[bytes]:
    """An answer of so many segments; another `last` event than the record."""
    for n, one in enumerate(SEGMENTS[:segments]):
        yield b": the server is alive\n\n"
        yield event("progress", {"seconds": n * 30.0, "duration": 119.0}) + event("segment", one)
    yield event("done", RECORD) if last is None else last


def error(code: str, **fields: Any) -> bytes:
    return event(
        "error", {"error_code": code, "message": "A sentence.", "request_id": "7", **fields}
    )


def answering(*answers: Iterator[bytes]) -> Flaky:
    """A server with an answer for each request, in order."""
    waiting = iter(answers)
    return Flaky(lambda _: next(waiting), [])


LONG, SHORT = recording(61), recording(59)


def test_a_long_recording_flows_from_the_disk_and_back(tmp_path: Path) -> None:
    (file := tmp_path / "long.wav").write_bytes(LONG)
    seen = threading.Event()

    def answer(body: bytes) -> Iterator[bytes]:
        assert body == LONG
        yield event("segment", SEGMENTS[0]) + event("later", "a kind that nobody knows yet")
        assert seen.wait(20)  # the client has it while the rest isn't there
        yield from flowing()

    flaky = Flaky(answer, [])
    with serving(flaky) as url, Client(url, http=DIRECT) as model:
        steps = model.transcribe_stream(file, speakers=2, temperature=[0.0, 0.5], prompt="你 好&")
        first = next(steps)
        seen.set()
        *others, last = steps
    assert isinstance(first, Segment)
    assert first.text == "第0句"
    assert Progress(seconds=30, duration=119) in others
    assert last == Transcript.model_validate(RECORD)
    query = "temperature=%5B0.0%2C+0.5%5D&prompt=%E4%BD%A0+%E5%A5%BD%26&speakers=2"
    assert flaky.paths == [f"/invocations?{query}"]
    assert "text/event-stream" in flaky.headers["Accept"]


def test_a_real_model_gives_the_same_in_parts(whisper_url: str, tmp_path: Path) -> None:
    pause = np.zeros(31 * SAMPLE_RATE, np.float32)
    spoken = [decode((SPEECH / f"{name}.flac").read_bytes()) for name in ("office", "bank")]
    sound = np.concatenate([spoken[0], pause, spoken[1], pause])
    soundfile.write(file := tmp_path / "long.flac", sound, SAMPLE_RATE)
    asked = {"temperature": [0.0], "word_timestamps": True, "script": "traditional"}
    with Client(whisper_url, http=DIRECT) as model:
        (whole,) = model.records("audio", [encoded(file)], asked)
        *parts, last = model.transcribe_stream(file, **asked)
    assert last == Transcript.model_validate(without_nulls(whole))
    assert isinstance(last, Transcript)
    assert [one for one in parts if isinstance(one, Segment)] == last.segments != []
    assert isinstance(parts[-1], Progress)


def test_only_what_is_longer_than_a_minute_flows() -> None:
    whole = json.dumps({"predictions": [{**RECORD, "error": None}]}).encode()
    flaky = Flaky(lambda body: whole if body.startswith(b"{") else flowing(), [])
    with serving(flaky) as url, Client(url, http=DIRECT) as model:
        assert model.transcribe_all([LONG, SHORT]) == [Transcript.model_validate(RECORD)] * 2
    assert min(flaky.sizes) == len(LONG)  # the other one went in base64
    for seconds in (59, 61):
        sound = np.zeros(seconds * RATE)
        for kind in ("WAV", "FLAC", "RF64"):
            soundfile.write(file := io.BytesIO(), sound, RATE, "PCM_16", format=kind)
            assert is_long(file.getvalue()) == (seconds > 60)
    assert is_long(bytes(200_000))  # may be more than a minute of what is compressed
    assert not is_long(b"")


def test_a_broken_connection_repeats_nothing() -> None:
    flaky = answering(flowing(2, b""), flowing(3, error("BUSY")), flowing())
    with serving(flaky) as url, Client(url, http=DIRECT) as model:
        steps = list(model.transcribe_stream(LONG))
    assert [one.text for one in steps if isinstance(one, Segment)] == [
        one["text"] for one in SEGMENTS
    ]
    assert len(flaky.sizes) == 3
    flaky = answering(*(flowing(2, b"") for _ in range(3)))
    with serving(flaky) as url, Client(url, http=DIRECT) as model, pytest.raises(Broken):
        model.transcribe(LONG)
    assert len(flaky.sizes) == 2  # the second got no further than the first


def test_an_error_event_is_an_exception_with_its_fields() -> None:
    bad = error("BAD_REQUEST", row=0, column="audio", reason="can't be decoded")
    with serving(Flaky(lambda _: flowing(1, bad), [])) as url, Client(url, http=DIRECT) as model:
        with pytest.raises(RowFailed, match="Item 0: Column 'audio': can't") as failed:
            model.transcribe(LONG)
        (one,) = model.transcribe_all([LONG], on_error="report")
    assert failed.value.fields["request_id"] == "7"
    assert one.error == "Column 'audio': can't be decoded."
    for code, kind in (("BAD_REQUEST", Refused), ("TIMED_OUT", Unavailable)):
        flaky = answering(flowing(1, error(code, parameter="language")))
        with serving(flaky) as url, Client(url, http=DIRECT) as model, pytest.raises(kind) as told:
            model.transcribe(LONG)
        assert told.value.fields["parameter"] == "language"


def test_a_server_whose_answers_dont_flow_is_asked_as_ever() -> None:
    whole = json.dumps({"predictions": [RECORD]}).encode()
    for failures in ([], [415]):  # it takes files, or tables only
        flaky = Flaky(lambda _: whole, failures)
        with serving(flaky) as url, Client(url, http=DIRECT) as model:
            *segments, last = model.transcribe_stream(LONG)
        assert [Segment.model_validate(one) for one in SEGMENTS] == segments
        assert last == Transcript.model_validate(RECORD)


def test_a_server_that_says_nothing_and_a_client_that_goes() -> None:
    heard = threading.Event()

    def answer(_: bytes) -> Iterator[bytes]:
        yield event("segment", SEGMENTS[0])
        assert heard.wait(20)
        while True:
            yield b": alive\n\n" * 10_000

    flaky = Flaky(answer, [])
    with serving(flaky) as url:
        with (
            Client(url, http=DIRECT, timeout=2) as model,
            pytest.raises(Broken, match="nothing came for"),
        ):
            model.transcribe(LONG)
        with Client(url, http=DIRECT) as model:
            steps = model.transcribe_stream(LONG)
            next(steps)
            steps.close()
            heard.set()
            assert flaky.left.wait(20)


def test_a_recording_needs_no_memory(tmp_path: Path) -> None:
    with (file := tmp_path / "large.wav").open("wb") as writer:
        writer.write(LONG[:44])
        writer.truncate(size := 64_000_000)
    flaky = answering(flowing())
    with serving(flaky) as url, Client(url, http=DIRECT) as model:
        tracemalloc.start()
        model.transcribe(file)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert flaky.sizes == [size]
    assert peak < size / 10
