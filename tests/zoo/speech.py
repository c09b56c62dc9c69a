"""What every recognizer of speech promises when it is served, over real HTTP to MLflow's own server
and to the zoo's, on real recordings. A recognizer's tests inherit it and add what is its own."""

import base64
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx2
import mlflow
import numpy as np
import pandas as pd
import pytest

from tests.zoo.helpers import HTTP, assert_same, server_sent
from tests.zoo.no_speech import NO_SOUND, NOTHING
from tests.zoo.sounds import encoded, muxed, with_header
from zoo.building import checkpoints
from zoo.building.packaging import ROOT
from zoo.data.audio import SAMPLE_RATE, decode

Record = dict[str, Any]


def post(url: str, files: list[Any], **params: Any) -> httpx2.Response:
    rows = [[base64.b64encode(f).decode() if isinstance(f, bytes) else f] for f in files]
    request = {"dataframe_split": {"columns": ["audio"], "data": rows}, "params": params}
    return HTTP.post(f"{url}/invocations", json=request, timeout=300)


def streamed(url: str, file: bytes, **params: Any) -> list[tuple[str, Any]]:
    """The events of an answer in parts."""
    request = {"inputs": {"audio": [base64.b64encode(file).decode()]}, "params": params}
    headers = {"Accept": "text/event-stream"}
    with HTTP.stream("POST", f"{url}/invocations", json=request, headers=headers) as response:
        assert response.status_code == 200, response.read()
        return list(server_sent(response.iter_lines()))


def refusal(response: httpx2.Response) -> str:
    """What is said of a bad request."""
    assert response.status_code == 400, response.text
    message: str = response.json()["message"]
    return message


def check(record: Record) -> None:
    """What holds for every transcript."""
    fields = [name for name in record if name != "language_probability"]  # of some models
    assert fields[:6] == ["text", "language", "duration", "warnings", "unrecognized", "segments"]
    joined = "".join(segment["text"] for segment in record["segments"])
    assert record["text"].replace(" ", "") == joined.replace(" ", "")
    last = 0.0
    for number, segment in enumerate(record["segments"]):
        assert segment["id"] == number
        assert last - 0.02 <= segment["start"] <= segment["end"] <= record["duration"] + 0.01
        last = segment["start"]
        for word in segment.get("words", []):
            assert word["start"] <= word["end"]
            assert 0 <= word["probability"] <= 1


@dataclass(frozen=True)
class Speech:
    """A served recognizer, and how to ask it.

    Args:
        name: of the model.
        sentence: the sample, of those in `samples`, that it understands and that its request sends.
        check: what holds for every transcript; is told whether it has words.
        steady: parameters with which it says the same each time.
        exact: whether what else is in a batch leaves the times as they are, or only the text.
        ways: parameters that make it go another way about a recording.
        query: all kinds of parameters, in the address of a raw file.
    """

    name: str
    sentence: str
    check: Callable[[Record, bool], None]
    steady: dict[str, Any] = field(default_factory=dict)
    exact: bool = True
    ways: tuple[dict[str, Any], ...] = ({"vad": True}, {"vad": False})
    query: str = "word_timestamps=true"

    @property
    def folder(self) -> Path:
        return ROOT / "mlflow_models" / self.name

    @cached_property
    def files(self) -> dict[str, bytes]:
        """The samples that the demo checkpoint understands, by their names."""
        return {path.stem: path.read_bytes() for path in sorted(self.folder.glob("samples/*.flac"))}

    @property
    def sample(self) -> bytes:
        return self.files[self.sentence]

    @cached_property
    def request(self) -> dict[str, Any]:
        """What the demo checkpoint is tried with."""
        path = checkpoints.sample(self.folder, self.folder / "demo")
        content: dict[str, Any] = json.loads(path.read_text("utf-8"))
        return content

    def transcribe(self, url: str, files: list[bytes], **params: Any) -> list[Record]:
        """Transcripts, which are good ones."""
        response = post(url, files, **{**self.steady, **params})
        assert response.status_code == 200, response.text
        records: list[Record] = response.json()["predictions"]
        assert len(records) == len(files)
        for record in records:
            self.check(record, params.get("word_timestamps", False))
        return records

    def long_recording(self) -> np.ndarray:
        """A minute and a half of sentences with pauses."""
        sounds = [decode(file) for file in self.files.values()]
        pause = np.zeros(3 * SAMPLE_RATE, np.float32)
        return np.concatenate([part for sound in sounds * 5 for part in (sound, pause)])

    def assert_refused(self, url: str, params: dict[str, Any], blamed: str) -> None:
        """That parameters are refused by the name of the one to blame."""
        response = post(url, [self.sample], **params)
        refusal(response)
        assert response.json()["parameter"] == blamed

    def said(self, records: list[Record]) -> list[Any]:
        """What must be the same whatever else is in a batch."""
        return records if self.exact else [record["text"] for record in records]


@pytest.mark.build
class ServedSpeech:
    """The tests; a class that inherits them says of what."""

    speech: Speech

    @pytest.fixture
    def model(self, request: pytest.FixtureRequest) -> Path:
        path: Path = request.getfixturevalue(f"{self.speech.name.removesuffix('_asr')}_model")
        return path

    @pytest.fixture
    def url(self, request: pytest.FixtureRequest) -> str:
        """The address of the zoo's server."""
        address: str = request.getfixturevalue(f"{self.speech.name.removesuffix('_asr')}_url")
        return address

    @pytest.fixture
    def stock_url(self, request: pytest.FixtureRequest) -> str:
        """The address of MLflow's own."""
        name = self.speech.name.removesuffix("_asr")
        address: str = request.getfixturevalue(f"{name}_stock_url")
        return address

    @pytest.fixture(params=["url", pytest.param("stock_url", marks=pytest.mark.thorough)])
    def any_url(self, request: pytest.FixtureRequest) -> str:
        """Each of the two."""
        address: str = request.getfixturevalue(request.param)
        return address

    def test_the_sample_is_the_recording_beside_it(self) -> None:
        ((sent,),) = self.speech.request["dataframe_split"]["data"]
        assert base64.b64decode(sent) == self.speech.sample

    def test_the_sample(self, any_url: str) -> None:
        request = self.speech.request
        response = HTTP.post(f"{any_url}/invocations", json=request, timeout=60)
        (record,) = response.json()["predictions"]
        self.speech.check(record, request.get("params", {}).get("word_timestamps", False))
        seconds = len(decode(self.speech.sample)) / SAMPLE_RATE
        assert record["duration"] == pytest.approx(seconds, abs=0.001)
        assert record["text"]

    def test_both_servers_and_the_loaded_model_say_the_same(
        self, model: Path, url: str, stock_url: str
    ) -> None:
        files = list(self.speech.files.values())
        loaded = mlflow.pyfunc.load_model(str(model))
        for way in ({}, *self.speech.ways, {"word_timestamps": True}):
            params = {**self.speech.steady, **way}
            expected = loaded.predict(pd.DataFrame({"audio": files}), params=params)
            for address in (url, stock_url):
                assert_same(self.speech.transcribe(address, files, **params), expected)
            for file, record in zip(files, expected, strict=True):
                *_, last = loaded.predict_stream(pd.DataFrame({"audio": [file]}), params=params)
                assert last["event"] == "done"
                assert_same(last["data"], record)

    def test_an_answer_in_parts_is_the_plain_one(self, url: str) -> None:
        file = encoded(self.speech.long_recording()[: 45 * SAMPLE_RATE].astype(float))
        for way in (*self.speech.ways, {"channels": "separate"}):
            params = {**self.speech.steady, **way}
            (plain,) = self.speech.transcribe(url, [file], **params)
            *events, (name, record) = streamed(url, file, **params)
            assert (name, record) == ("done", plain)
            assert [data for name, data in events if name == "segment"] == plain["segments"]
            progress = [data for name, data in events if name == "progress"]
            seconds = [one["seconds"] for one in progress]
            assert len(seconds) > 2
            assert seconds == sorted(seconds)
            assert progress[-1] == {"seconds": plain["duration"], "duration": plain["duration"]}

    def test_a_raw_file_is_one_row(self, url: str) -> None:
        for query in ("", f"?{self.speech.query}"):
            response = HTTP.post(
                f"{url}/invocations{query}",
                content=self.speech.sample,
                headers={"Content-Type": "audio/flac"},
                timeout=60,
            )
            assert response.status_code == 200, response.text
            (record,) = response.json()["predictions"]
            self.speech.check(record, bool(query))
            assert record["text"]
            assert ("words" in record["segments"][0]) == bool(query)

    def test_formats_make_no_difference(self, url: str) -> None:
        sound = decode(self.speech.sample).astype(float)
        lossless = [
            encoded(sound, SAMPLE_RATE, "WAV", "PCM_16"),
            encoded(np.stack([sound, sound], axis=1), SAMPLE_RATE, "WAV", "PCM_16"),
            encoded(sound, SAMPLE_RATE, "FLAC"),
        ]
        said = self.speech.said(self.speech.transcribe(url, lossless))
        assert_same(said, said[:1] * 3)
        lossy = [
            encoded(sound[::2], 8000, "WAV", "PCM_16"),
            encoded(np.repeat(sound, 3), 48_000, "WAV", "PCM_16"),
            encoded(sound, SAMPLE_RATE, "MP3"),
            encoded(sound, SAMPLE_RATE, "OGG"),
            muxed("webm", "libopus", np.repeat(sound, 3), 48_000),
            muxed("mp4", "aac", np.repeat(sound, 3), 48_000),
        ]
        for record in self.speech.transcribe(url, lossy, word_timestamps=True):
            assert record["text"]
            assert record["duration"] == pytest.approx(len(sound) / SAMPLE_RATE, abs=0.15)

    def test_bad_recordings_are_heard_and_opposite_channels_told(self, url: str) -> None:
        sound = decode(self.speech.sample).astype(float)
        files = [
            encoded(np.stack([sound, -sound], axis=1)),
            encoded(0.5 + 0.4 * sound),
            encoded(0.003 * sound),
        ]
        opposite, *others = self.speech.transcribe(url, files, **self.speech.steady)
        assert opposite["warnings"] == ["opposite_phase"]
        for record in (opposite, *others):
            assert record["text"]
        assert all(record["warnings"] == [] for record in others)

    def test_channels_are_heard_apart(self, url: str) -> None:
        sound = decode(self.speech.sample)
        late = np.concatenate([np.zeros_like(sound), sound])
        early = np.concatenate([sound, np.zeros_like(sound)])
        files = [encoded(np.stack(pair, axis=1)) for pair in ((late, early), (early, early))]
        apart, alike = self.speech.transcribe(url, files, channels="separate")
        assert [one["channel"] for one in apart["segments"]] == sorted(
            (one["channel"] for one in apart["segments"]), reverse=True
        )
        assert {one["channel"] for one in apart["segments"]} == {1, 2}
        assert apart["warnings"] == []
        assert alike["warnings"] == ["channels_left_out"]
        assert {one["channel"] for one in alike["segments"]} == {1}
        (mono,) = self.speech.transcribe(url, [self.speech.sample], channels="separate")
        assert mono["warnings"] == ["one_channel"]
        assert mono["text"]

    def test_speakers_need_a_network(self, url: str) -> None:
        self.speech.assert_refused(url, {"speakers": "auto"}, "speakers")
        self.speech.assert_refused(url, {"speakers": "many"}, "speakers")
        self.speech.assert_refused(url, {"min_speakers": 3, "max_speakers": 2}, "min_speakers")
        self.speech.assert_refused(url, {"voices": "{}"}, "voices")

    def test_rows_of_a_request_dont_touch_each_other(self, url: str) -> None:
        files = list(self.speech.files.values())
        for way in self.speech.ways:
            alone = [self.speech.transcribe(url, [file], **way)[0] for file in files]
            together = self.speech.transcribe(url, files * 3, **way)
            assert_same(self.speech.said(together), self.speech.said(alone) * 3)

    def test_many_at_once_get_their_own_answers(self, url: str) -> None:
        asked = [
            (file, params)
            for file in self.speech.files.values()
            for params in ({}, *self.speech.ways, {"word_timestamps": True})
        ]

        def answer(one: tuple[bytes, dict[str, Any]]) -> list[Any]:
            return self.speech.said(self.speech.transcribe(url, [one[0]], **one[1]))

        expected = [answer(one) for one in asked]
        assert len(set(map(str, expected))) >= len(self.speech.files)
        with ThreadPoolExecutor(8) as pool:
            assert_same(list(pool.map(answer, asked * 3)), expected * 3)

    @pytest.mark.parametrize("name", NOTHING)
    def test_nothing_is_invented_where_nobody_speaks(self, url: str, name: str) -> None:
        (record,) = self.speech.transcribe(url, [NOTHING[name]()])
        assert (record["text"], record["segments"]) == ("", [])
        assert record["warnings"] == ["no_speech"]
        if "hours" in name:
            assert record["duration"] == pytest.approx(7200, abs=1)

    def test_short_and_noisy_recordings_are_taken_every_way(self, url: str) -> None:
        short = [make() for name, make in NOTHING.items() if "hours" not in name]
        for way in ({"denoise": True}, *self.speech.ways):
            self.speech.transcribe(url, short, word_timestamps=True, **way)

    def test_samples_that_are_no_numbers_are_taken(self, url: str) -> None:
        sound = decode(self.speech.sample).astype(float)
        sound[100:200], sound[300] = np.nan, np.inf
        files = [encoded(sound, subtype="FLOAT"), with_header(40, "<I", 0xFFFFFFFF)]
        for way in self.speech.ways:
            (broken, _) = self.speech.transcribe(url, files, **way)
            assert broken["text"]

    @pytest.mark.parametrize("name", NO_SOUND)
    def test_what_is_no_audio_is_refused_and_the_next_is_answered(
        self, any_url: str, name: str
    ) -> None:
        for way in self.speech.ways:
            response = post(any_url, [self.speech.sample, NO_SOUND[name]], **way)
            message = refusal(response)
            if "request_id" in response.json():  # the zoo's; MLflow's own adds to the message
                assert message.startswith("Row 1, column 'audio': ")
                assert "\n" not in message
        assert self.speech.transcribe(any_url, [self.speech.sample])[0]["text"]

    def test_a_bad_row_is_reported_beside_the_good_ones(self, any_url: str) -> None:
        files = [self.speech.sample, b"no audio", self.speech.sample]
        for way in self.speech.ways:
            params = {**self.speech.steady, **way, "on_error": "report"}
            first, bad, last = post(any_url, files, **params).json()["predictions"]
            assert first["error"] is None
            assert first["text"] == last["text"] != ""
            assert bad["text"] is None
            assert bad["error"] == "Column 'audio': is not audio that can be decoded."

    def test_serving_needs_nothing_of_training(self, model: Path) -> None:
        pins = (model / "requirements.txt").read_text().splitlines()
        names = {line.partition("==")[0] for line in pins}
        training = {"torch", "transformers", "datasets", "openai-whisper"}
        assert names
        assert not names & {*training, "mlflow"}
        code = {path.name for path in (model / "code" / self.speech.name).iterdir()}
        assert not code & {"training", "finetune.py", "convert.py", "network.py"}
