"""Streams over real HTTP: played by the clock, through failing servers, too short and too long."""

import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from test_models.agreement import Partial, Timing
from test_models.calls import Refused, ServiceError, Unavailable
from test_models.client import Client
from test_models.replay import Replay, read, replay
from test_models.sound import SAMPLE_RATE
from test_models.stream import Stream
from tests.test_models.servers import HANG_UP, Flaky, forward, serving
from tests.test_models.speller import THAI, answer, spell, spoken
from tests.test_models.test_agreement import speech
from zoo.building.local_server import free_port
from zoo.building.packaging import ROOT

WHISPER = {"temperature": [0.0], "beam_size": 1}
SAMPLES = ROOT / "mlflow_models" / "whisper_asr" / "samples"
SENTENCE = np.concatenate([read(SAMPLES / "office.flac"), np.zeros(SAMPLE_RATE // 2, np.float32)])
GUESSING = Timing(margin=0.6)  # the demo is small, and guesses at what it has heard half of
DIRECT = {"trust_env": False}  # this machine itself, whatever proxy the environment names
WORDS = spoken(["สบาย", "ดี", "มาก"], [0.2, 1.2, 0.5])


def played(
    sound: np.ndarray, url: str, stream: Stream, params: dict[str, Any] | None = None
) -> Replay:
    """Plays it in real time, and prints how it went."""
    with stream, Client(url, http=DIRECT) as client:
        result = replay(sound, stream, client, {**(params or {}), "word_timestamps": True})
    print(json.dumps(result.summary()))
    return result


def check(result: Replay) -> None:
    """What holds however good the recognizer is."""
    before = Partial()
    for _, partial in result.partials:
        assert partial.stable.startswith(before.stable)
        assert partial.start >= before.start
        before = partial
    assert (before.stable, before.tail) == (result.text, "")
    assert len(result.shown) == len(result.stable) > 0
    for shown, stable in zip(result.shown, result.stable, strict=True):
        assert -0.11 <= shown <= stable  # nothing is heard before it is spoken


def test_played_by_the_clock_it_ends_in_what_is_said_at_once(whisper_url: str) -> None:
    url = f"{whisper_url}/invocations"
    stream = Stream(url, WHISPER, timing=GUESSING, http=DIRECT)
    result = played(SENTENCE, url, stream, WHISPER)
    check(result)
    assert result.text == result.at_once != ""
    assert len(result.partials) > 1  # as many as a busy machine keeps up with


def test_thai_is_played_by_the_clock(wav2vec2_url: str) -> None:
    url = f"{wav2vec2_url}/invocations"
    sound = read(ROOT / "mlflow_models" / "wav2vec2_asr" / "samples" / "coffee.flac")
    check(played(sound, url, Stream(url, http=DIRECT)))


def test_failures_on_the_way_are_survived(whisper_url: str) -> None:
    direct = f"{whisper_url}/invocations"
    flaky = Flaky(forward(direct), [503, None, HANG_UP])
    with serving(flaky) as url:
        stream = Stream(url, WHISPER, timing=GUESSING, http=DIRECT)
        result = played(SENTENCE, direct, stream, WHISPER)
    check(result)
    assert result.text == result.at_once != ""
    assert len(flaky.sizes) > 3


@pytest.mark.parametrize("kind", ["int16", "float32", "float64"])
def test_any_samples_will_do(kind: str) -> None:
    sound = WORDS if kind == "int16" else (WORDS / 32768).astype(kind)
    flaky = Flaky(answer, [])
    with serving(flaky) as url, Stream(url, http=DIRECT, key="secret") as stream:
        for place in range(0, len(sound), 777):
            stream.feed(sound[place : place + 777])
        assert stream.finish() == spell(WORDS)["text"] == "สบายดี มาก"
    assert flaky.headers["apikey"] == "secret"


def test_a_buffer_may_be_used_again() -> None:
    buffer = np.empty(1600, np.int16)
    with serving(Flaky(answer, [])) as url, Stream(url, http=DIRECT) as stream:
        for place in range(0, len(WORDS), 1600):
            part = WORDS[place : place + 1600]
            buffer[: len(part)] = part
            stream.feed(buffer[: len(part)])
        assert stream.finish() == "สบายดี มาก"


@pytest.mark.parametrize("samples", [0, 1, 2 * SAMPLE_RATE, 600 * SAMPLE_RATE])
def test_where_nothing_is_said_nothing_is_heard(whisper_url: str, samples: int) -> None:
    with Stream(f"{whisper_url}/invocations", WHISPER, http=DIRECT) as stream:
        stream.feed(np.zeros(samples, np.int16))
        assert stream.finish() == ""
        assert stream.partial.heard == pytest.approx(samples / SAMPLE_RATE)


def test_ten_minutes_at_once_go_in_pieces() -> None:
    sound = speech(THAI, 600, 1, 1.0)
    failures = [503, None, HANG_UP, 500, 429, None, 502, 504, 408]
    flaky = Flaky(answer, failures)
    with serving(flaky) as url, Stream(url, http=DIRECT) as stream:
        stream.feed(sound)
        assert stream.finish() == spell(sound)["text"]
    assert max(flaky.sizes) < 31 * 2 * SAMPLE_RATE * 4 / 3  # base64
    assert sum(flaky.sizes[len(failures) :]) < 1.5 * len(sound) * 2 * 4 / 3


def test_a_server_that_is_gone_for_a_while_loses_nothing() -> None:
    port, sound = free_port(), speech(THAI, 20, 2, 1.0)
    with Stream(f"http://127.0.0.1:{port}/invocations", http=DIRECT) as stream:
        with serving(Flaky(answer, []), port):
            stream.feed(sound[: 8 * SAMPLE_RATE])
            assert stream.poll(30)
        stream.feed(sound[8 * SAMPLE_RATE :])
        with pytest.raises(Unavailable, match=r"hasn't answered for 0\.5 s \(.*reached"):
            stream.finish(patience=0.5)
        with serving(Flaky(answer, []), port):
            assert stream.finish() == spell(sound)["text"]


def test_a_server_that_stays_away_is_told_before_memory_runs_out() -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}/invocations"
    with Stream(url, http=DIRECT, buffer_seconds=5) as stream:
        stream.feed(WORDS)
        with pytest.raises(Unavailable, match="More than 5 s of sound wait for the server"):
            stream.feed(np.zeros(4 * SAMPLE_RATE, np.int16))
        with serving(Flaky(answer, []), port):
            assert stream.finish() == spell(WORDS)["text"]


def test_a_slow_server_is_asked_less_often() -> None:
    fed = threading.Event()

    def patient(body: bytes) -> bytes:
        fed.wait(30)
        return answer(body)

    sound, flaky = speech(THAI, 20, 2, 0.0), Flaky(patient, [])
    with serving(flaky) as url, Stream(url, http=DIRECT) as stream:
        for place in range(0, len(sound), 1600):
            stream.feed(sound[place : place + 1600])
        fed.set()
        assert stream.finish() == spell(sound)["text"]
    assert len(flaky.sizes) <= 3


@pytest.mark.parametrize(
    ("path", "params", "status", "sentence"),
    [
        ("/invocations", {"beam_size": 0}, 400, "beam_size"),
        ("/invocations", {"volume": 11}, 400, "volume"),
        ("/elsewhere", {}, 404, "Not Found"),
    ],
)
def test_a_refusal_is_told(
    whisper_url: str,
    path: str,
    params: dict[str, Any],
    status: int,
    sentence: str,
) -> None:
    with Stream(f"{whisper_url}{path}", params, http=DIRECT) as stream:
        stream.feed(WORDS)
        with pytest.raises(Refused, match=sentence) as refused:
            stream.finish()
        assert refused.value.status == status
        assert "\n" not in str(refused.value)
        for attempt in (stream.poll, stream.finish, lambda: stream.feed(WORDS)):
            with pytest.raises(Refused, match=sentence):
                attempt()


@pytest.mark.parametrize(
    "content",
    [
        "hello",
        "[]",
        '{"predictions": []}',
        '{"predictions": [{"entities": []}]}',
        '{"predictions": [{"text": "a", "segments": [{"text": "a"}]}]}',
        '{"predictions": [{"text": null, "segments": [7]}]}',
    ],
)
def test_what_answers_no_transcripts_is_told(content: str) -> None:
    with (
        serving(Flaky(lambda _: content.encode(), [])) as url,
        Stream(url, http=DIRECT) as stream,
    ):
        stream.feed(WORDS)
        with pytest.raises(ServiceError, match="The server's answer isn't a"):
            stream.finish(patience=20)


@pytest.mark.parametrize("url", ["localhost:8080", "ftp://localhost", "http://", ""])
def test_what_is_no_address_is_told(url: str) -> None:
    with pytest.raises(ServiceError, match=f"'{url}' is not an address"):
        Stream(url)


@pytest.mark.parametrize("samples", [np.zeros((2, 100)), np.zeros(100, np.int32), ["a"]])
def test_what_are_no_samples_is_refused(samples: Any) -> None:
    with serving(Flaky(answer, [])) as url, Stream(url, http=DIRECT) as stream:
        with pytest.raises(ValueError, match="The samples"):
            stream.feed(samples)
        stream.feed(np.full(100, np.nan))
        stream.feed(np.full(100, 1e9))
        assert stream.finish(patience=20) == ""


def test_the_end_is_the_end() -> None:
    with serving(Flaky(answer, [])) as url, Stream(url, http=DIRECT) as stream:
        stream.feed(WORDS)
        text = stream.finish()
        assert stream.finish() == text
        with pytest.raises(ServiceError, match="at its end"):
            stream.feed(WORDS)
        stream.close()
        assert stream.finish() == text
        given_up = Stream(url, http=DIRECT)
        given_up.feed(WORDS[:100])
        given_up.close()
        with pytest.raises(ServiceError, match="given up"):
            given_up.finish()


def test_the_command_plays_a_file(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "words.wav", WORDS, SAMPLE_RATE)
    command = [sys.executable, "-m", "test_models.replay", str(tmp_path / "words.wav")]
    with serving(Flaky(answer, [])) as url:
        done = subprocess.run([*command, url], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    *_, sent_whole, summary = done.stdout.splitlines()
    assert sent_whole == "sent whole: สบายดี มาก"
    assert json.loads(summary)["words"] == 3
    lost = subprocess.run(
        [*command[:-1], str(tmp_path / "none.wav"), url], capture_output=True, text=True, cwd=ROOT
    )
    assert lost.returncode == 1
    assert lost.stderr.startswith("replay: ")
    assert lost.stderr.count("\n") == 1
