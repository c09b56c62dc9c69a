"""Live streams over real sockets: played by the clock, through lost connections, at their end."""

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from test_models.calls import ServiceError, Unavailable
from test_models.client import Client
from test_models.hearing import LiveText
from test_models.replay import read, replay
from test_models.sound import SAMPLE_RATE
from test_models.stream import Stream
from tests.zoo import murmur
from tests.zoo.served import served
from tests.zoo.talk import speech
from zoo.building.local_server import free_port
from zoo.building.packaging import ROOT

DIRECT = {"proxy": None}  # this machine itself, whatever proxy the environment names
WORDS = np.frombuffer(speech(3, SAMPLE_RATE, 1.0) + speech(2, SAMPLE_RATE, 1.0), "<i2")
TEXT = "1 2 3 1 2"  # what the model `murmur` hears in them


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of `murmur`."""
    with served(murmur.save(tmp_path_factory.mktemp("models") / "murmur")) as one:
        yield f"http://{one.host}"


class Relay:
    """Carries connections on to a server until they are cut."""

    def __init__(self, url: str, port: int) -> None:
        host, _, number = url.removeprefix("http://").partition(":")
        self._to, self._open = (host, int(number)), []  # type: tuple[str, int], list[socket.socket]
        self._listening = socket.create_server(("127.0.0.1", port))
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """End all connections."""
        for one in self._open:
            with suppress(OSError):  # it has ended by itself
                one.shutdown(socket.SHUT_RDWR)
        self._open = []

    def close(self) -> None:
        """End all connections, and take no more."""
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self.cut()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listening.accept()
            except OSError:
                return
            far = socket.create_connection(self._to)
            self._open += [near, far]
            for pair in ((near, far), (far, near)):
                threading.Thread(target=self._carry, args=pair, daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


@contextmanager
def relayed(url: str, port: int) -> Iterator[Relay]:
    """A relay to a server."""
    relay = Relay(url, port)
    yield relay
    relay.close()


def test_thai_is_played_by_the_clock(wav2vec2_url: str) -> None:
    sound = read(ROOT / "mlflow_models" / "wav2vec2_asr" / "samples" / "coffee.flac")
    stream = Stream(wav2vec2_url, options=DIRECT)
    with stream, Client(wav2vec2_url, http={"trust_env": False}) as client:
        result = replay(sound, stream, client)
    print(json.dumps(result.summary()))
    before = LiveText()
    for _, partial in result.partials:
        assert partial.stable.startswith(before.stable)
        assert partial.start >= before.start
        before = partial
    assert (before.stable, before.tail) == (result.text, "")
    assert len(result.shown) == len(result.stable) > 0
    for shown, stable in zip(result.shown, result.stable, strict=True):
        assert -0.11 <= shown <= stable  # nothing is heard before it is spoken
    assert result.text


@pytest.mark.parametrize("kind", ["int16", "float32"])
def test_any_samples_will_do(url: str, kind: str) -> None:
    sound = WORDS if kind == "int16" else (WORDS / 32768).astype(kind)
    buffer = np.empty(777, sound.dtype)  # used again and again, as recorders do
    with Stream(url, language="en", prompt="so", options=DIRECT) as stream:
        for place in range(0, len(sound), len(buffer)):
            part = sound[place : place + len(buffer)]
            buffer[: len(part)] = part
            stream.feed(buffer[: len(part)])
        assert stream.finish() == "so 1 2 3 so 1 2"


@pytest.mark.parametrize("samples", [0, 1, 600 * SAMPLE_RATE])
def test_where_nothing_is_said_nothing_is_heard(url: str, samples: int) -> None:
    with Stream(url, options=DIRECT) as stream:
        stream.feed(np.zeros(samples, np.int16))
        assert stream.finish() == ""


def test_a_lost_connection_is_opened_again_and_nothing_is_lost(url: str) -> None:
    port = free_port()
    with Stream(f"http://127.0.0.1:{port}", options=DIRECT) as stream:
        with relayed(url, port) as relay:
            stream.feed(WORDS[: 2 * SAMPLE_RATE])
            while stream.partial.stable != "1 2":
                assert stream.poll(30)
            relay.cut()
            stream.feed(WORDS[2 * SAMPLE_RATE : 4 * SAMPLE_RATE])
            while len(stream.partial.stable) < 5:  # the third word is the first of a new item
                assert stream.poll(30)
        stream.feed(WORDS[4 * SAMPLE_RATE :])
        with pytest.raises(Unavailable, match=r"hasn't answered for 0\.5 s"):
            stream.finish(patience=0.5)
        with relayed(url, port):
            assert stream.finish() == "1 2 1 1 2"


def test_a_server_that_stays_away_is_told_before_memory_runs_out(url: str) -> None:
    port = free_port()
    with Stream(f"http://127.0.0.1:{port}", buffer_seconds=8, options=DIRECT) as stream:
        stream.feed(WORDS)
        with pytest.raises(Unavailable, match="More than 8 s of sound wait for the server"):
            stream.feed(np.zeros(4 * SAMPLE_RATE, np.int16))
        with relayed(url, port):
            assert stream.finish() == TEXT


def test_what_the_model_doesnt_take_is_told(url: str) -> None:
    with Stream(url, language="th", options=DIRECT) as stream:
        with suppress(ServiceError):  # if the answer is there already
            stream.feed(WORDS)
        with pytest.raises(ServiceError, match="language"):
            stream.finish()
        for attempt in (stream.poll, stream.finish, lambda: stream.feed(WORDS)):
            with pytest.raises(ServiceError, match="language"):
                attempt()


def test_a_server_without_live_streams_is_told(url: str) -> None:
    refused = pytest.raises(ServiceError, match="refused the stream, with status 404")
    with Stream(f"{url}/elsewhere", options=DIRECT) as stream, refused:
        stream.finish(patience=20)


@pytest.mark.parametrize("url", ["localhost:8080", "ftp://localhost", "http://", ""])
def test_what_is_no_address_is_told(url: str) -> None:
    with pytest.raises(ServiceError, match=f"'{url}' is not an address"):
        Stream(url)


@pytest.mark.parametrize("samples", [np.zeros((2, 100)), np.zeros(100, np.int32), ["a"]])
def test_what_are_no_samples_is_refused(url: str, samples: Any) -> None:
    with Stream(url, options=DIRECT) as stream:
        with pytest.raises(ValueError, match="The samples"):
            stream.feed(samples)
        stream.feed(np.full(100, np.nan))
        assert stream.finish(patience=20) == ""


def test_the_end_is_the_end(url: str) -> None:
    with Stream(url, options=DIRECT) as stream:
        stream.feed(WORDS)
        assert stream.finish() == stream.finish() == TEXT
        with pytest.raises(ServiceError, match="at its end"):
            stream.feed(WORDS)
        stream.close()
        assert stream.finish() == TEXT
    given_up = Stream(url, options=DIRECT)
    given_up.feed(WORDS[:100])
    given_up.close()
    with pytest.raises(ServiceError, match="given up"):
        given_up.finish()


def test_the_command_says_what_is_missing(url: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "test_models.replay", str(tmp_path / "none.wav"), url]
    lost = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert lost.returncode == 1
    assert lost.stderr.startswith("replay: ")
    assert lost.stderr.count("\n") == 1
