"""The served model: real HTTP to MLflow's own server and to the zoo's, real recordings."""

import base64
import json
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
import requests
from mlflow.exceptions import MlflowException

from tests.wav2vec2_asr.checkpoints import write_checkpoint
from tests.wav2vec2_asr.language import SENTENCES
from tests.zoo.helpers import metric
from tests.zoo.sounds import BAD, encoded, muxed, silence, tone, with_header
from wav2vec2_asr import ngram
from wav2vec2_asr.build import pack_language_model
from wav2vec2_asr.convert import convert
from wav2vec2_asr.model import Wav2Vec2Model
from zoo.audio import SAMPLE_RATE, decode
from zoo.packaging import ROOT
from zoo.serving import serve

FOLDER = ROOT / "mlflow_models" / "wav2vec2_asr"
FILES = {path.stem: path.read_bytes() for path in sorted((FOLDER / "samples").glob("*.flac"))}
SAMPLE = json.loads((FOLDER / "sample.json").read_text(encoding="utf-8"))
COFFEE = FILES["coffee"]


@pytest.fixture(params=["stock", "zoo"])
def url(request: pytest.FixtureRequest) -> str:
    """Each of the two servers."""
    address: str = request.getfixturevalue(
        {"stock": "wav2vec2_stock_url", "zoo": "wav2vec2_url"}[request.param]
    )
    return address


def post(url: str, files: list[Any], **params: Any) -> requests.Response:
    rows = [[base64.b64encode(f).decode() if isinstance(f, bytes) else f] for f in files]
    request = {"dataframe_split": {"columns": ["audio"], "data": rows}, "params": params}
    return requests.post(f"{url}/invocations", json=request, timeout=300)


def transcribe(url: str, files: list[bytes], **params: Any) -> list[dict[str, Any]]:
    response = post(url, files, **params)
    assert response.status_code == 200, response.text
    records: list[dict[str, Any]] = response.json()["predictions"]
    assert len(records) == len(files)
    for record in records:
        check(record, params.get("word_timestamps", False))
    return records


def check(record: dict[str, Any], worded: bool = False) -> None:
    """What holds for every transcript."""
    assert list(record) == ["text", "language", "duration", "segments"]
    assert record["language"] == "th"
    joined = "".join(segment["text"] for segment in record["segments"])
    assert record["text"].replace(" ", "") == joined.replace(" ", "")
    assert record["text"] == record["text"].strip()
    last = 0.0
    for number, segment in enumerate(record["segments"]):
        words = ["words"] if worded else []
        assert list(segment) == ["id", "start", "end", "text", *words, "confidence"]
        assert segment["id"] == number
        assert segment["text"]
        assert last <= segment["start"] < segment["end"] <= record["duration"]
        assert 0 < segment["confidence"] <= 1
        last = segment["end"]
        if worded:
            check_words(segment)


def check_words(segment: dict[str, Any]) -> None:
    words = segment["words"]
    said = "".join(word["text"] for word in words)
    assert said == segment["text"].replace(" ", "")
    assert words[0]["start"] == segment["start"]
    assert words[-1]["end"] == segment["end"]
    for word, following in zip(words, [*words[1:], None], strict=True):
        assert word["start"] < word["end"]
        assert 0 < word["probability"] <= 1
        assert following is None or word["end"] <= following["start"]


def long_recording() -> np.ndarray:
    """A minute and a half of sentences with pauses."""
    sounds = [decode(file) for file in FILES.values()]
    pause = np.zeros(3 * SAMPLE_RATE, np.float32)
    return np.concatenate([part for sound in sounds * 5 for part in (sound, pause)])


def test_the_sample_is_the_recording_beside_it() -> None:
    ((sent,),) = SAMPLE["dataframe_split"]["data"]
    assert base64.b64decode(sent) in FILES.values()


def test_the_sample(url: str) -> None:
    response = requests.post(f"{url}/invocations", json=SAMPLE, timeout=60)
    (record,) = response.json()["predictions"]
    check(record, SAMPLE.get("params", {}).get("word_timestamps", False))
    assert record["text"]


def test_both_servers_and_the_loaded_model_say_the_same(
    wav2vec2_model: Path, wav2vec2_url: str, wav2vec2_stock_url: str
) -> None:
    files = list(FILES.values())
    loaded = mlflow.pyfunc.load_model(str(wav2vec2_model))
    for params in ({}, {"word_timestamps": True, "vad": False}, {"beam_size": 20}):
        expected = loaded.predict(pd.DataFrame({"audio": files}), params=params)
        for url in (wav2vec2_url, wav2vec2_stock_url):
            assert transcribe(url, files, **params) == expected
    durations = [record["duration"] for record in expected]
    assert durations == [round(len(decode(file)) / SAMPLE_RATE, 3) for file in files]


def test_a_raw_file_is_one_row(wav2vec2_url: str) -> None:
    for query in ("", "?beam_size=4&word_timestamps=true&vad=false&chunk_length_s=7"):
        response = requests.post(
            f"{wav2vec2_url}/invocations{query}",
            data=COFFEE,
            headers={"Content-Type": "audio/flac"},
            timeout=60,
        )
        assert response.status_code == 200, response.text
        (record,) = response.json()["predictions"]
        check(record, bool(query))
        assert record["text"]


def test_formats_make_no_difference(wav2vec2_url: str) -> None:
    sound = decode(COFFEE).astype(float)
    lossless = [
        encoded(sound, SAMPLE_RATE, "WAV", "PCM_16"),
        encoded(np.stack([sound, sound], axis=1), SAMPLE_RATE, "WAV", "PCM_16"),
        encoded(sound, SAMPLE_RATE, "FLAC"),
    ]
    records = transcribe(wav2vec2_url, lossless)
    assert records == records[:1] * 3
    lossy = [
        encoded(sound[::2], 8000, "WAV", "PCM_16"),
        encoded(np.repeat(sound, 3), 48_000, "WAV", "PCM_16"),
        encoded(sound, SAMPLE_RATE, "MP3"),
        encoded(sound, SAMPLE_RATE, "OGG"),
        muxed("webm", "libopus", np.repeat(sound, 3), 48_000),
        muxed("mp4", "aac", np.repeat(sound, 3), 48_000),
    ]
    for record in transcribe(wav2vec2_url, lossy, word_timestamps=True):
        assert record["text"]
        assert record["duration"] == pytest.approx(len(sound) / SAMPLE_RATE, abs=0.15)


@pytest.mark.parametrize("params", [{}, {"vad": False}, {"vad": False, "chunk_length_s": 4}])
def test_a_long_recording_is_heard_to_its_end(wav2vec2_url: str, params: Any) -> None:
    sound = long_recording()
    params = {"stride_length_s": 1, **params}
    (record,) = transcribe(wav2vec2_url, [encoded(sound, kind="FLAC")], **params)
    assert record["duration"] == pytest.approx(len(sound) / SAMPLE_RATE, abs=0.001)
    assert record["segments"][-1]["end"] > record["duration"] - 5
    assert len(record["segments"]) >= 15 if params.get("vad", True) else record["segments"]


def test_rows_of_a_request_dont_touch_each_other(wav2vec2_url: str) -> None:
    for vad in (True, False):
        alone = [transcribe(wav2vec2_url, [file], vad=vad)[0] for file in FILES.values()]
        assert transcribe(wav2vec2_url, list(FILES.values()) * 3, vad=vad) == alone * 3


def test_many_at_once_get_their_own_answers(wav2vec2_url: str) -> None:
    asked = [
        (name, params)
        for name in FILES
        for params in ({}, {"vad": False}, {"beam_size": 8}, {"word_timestamps": True})
    ]
    expected = [transcribe(wav2vec2_url, [FILES[name]], **params) for name, params in asked]
    assert len({record["text"] for (record,) in expected}) >= len(FILES)
    with ThreadPoolExecutor(8) as pool:
        found = pool.map(lambda a: transcribe(wav2vec2_url, [FILES[a[0]]], **a[1]), asked * 3)
        assert list(found) == expected * 3


NOTHING = {
    "silence": encoded(np.zeros(5 * SAMPLE_RATE), kind="FLAC"),
    "40 s of silence": encoded(np.zeros(40 * SAMPLE_RATE), kind="FLAC"),
    "two hours of silence": silence(hours=2),
    "noise": encoded(np.random.default_rng(1).normal(0, 0.05, 8 * SAMPLE_RATE), kind="FLAC"),
    "a tone": encoded(tone(5, 50), kind="FLAC"),
    "a single sample": encoded(np.full(1, 0.1)),
    "ten milliseconds": encoded(tone(0.01)),
}


@pytest.mark.parametrize("name", NOTHING)
def test_nothing_is_invented_where_nobody_speaks(wav2vec2_url: str, name: str) -> None:
    (record,) = transcribe(wav2vec2_url, [NOTHING[name]])
    assert (record["text"], record["segments"]) == ("", [])
    if "hours" in name:
        assert record["duration"] == pytest.approx(7200, abs=1)


@pytest.mark.parametrize(
    "params", [{"denoise": True}, {"vad": False}, {"vad": False, "beam_size": 9}]
)
def test_short_and_noisy_recordings_are_taken_every_way(wav2vec2_url: str, params: Any) -> None:
    short = [file for name, file in NOTHING.items() if "hours" not in name]
    transcribe(wav2vec2_url, short, word_timestamps=True, **params)


def test_recordings_of_next_to_no_samples_are_taken_without_finding_speech(url: str) -> None:
    """Shorter than a frame, a frame, a frame and a bit."""
    lengths = (1, 2, 399, 400, 401, 719, 720, 721)
    files = [encoded(tone(1)[:length], subtype="PCM_16") for length in lengths]
    records = transcribe(url, files, vad=False, word_timestamps=True, beam_size=3)
    assert [record["text"] for record in records[:3]] == ["", "", ""]


def test_samples_that_are_no_numbers_are_taken(wav2vec2_url: str) -> None:
    sound = decode(COFFEE).astype(float)
    sound[100:200], sound[300] = np.nan, np.inf
    files = [encoded(sound, subtype="FLOAT"), with_header(40, "<I", 0xFFFFFFFF)]
    for vad in (True, False):
        (broken, _) = transcribe(wav2vec2_url, files, vad=vad)
        assert broken["text"]


@pytest.mark.parametrize("name", [*BAD, "video without sound", "text in the column", "null"])
def test_what_is_no_audio_is_refused_and_the_next_is_answered(url: str, name: str) -> None:
    others = {
        "video without sound": muxed("mp4", "mpeg4", None),
        "text in the column": "นี่ไม่ใช่เสียง",
        "null": None,
    }
    bad = {**BAD, **others}[name]
    for vad in (True, False):
        response = post(url, [COFFEE, bad], vad=vad)
        assert response.status_code == 400, response.text
        error = response.json()
        if "request_id" in error:  # the zoo's server; MLflow's own adds to the message
            assert error["message"].startswith("Row 1, column 'audio': ")
            assert "\n" not in error["message"]
    assert transcribe(url, [COFFEE])[0]["text"]


BAD_PARAMS: list[tuple[dict[str, Any], str]] = [
    ({"beam_size": 0}, "not between 1 and 500"),
    ({"beam_size": -1}, "not between 1 and 500"),
    ({"beam_size": 10**6}, "not between 1 and 500"),
    ({"beam_size": 2.5}, "is not a long"),
    ({"beam_size": None}, "null"),
    ({"chunk_length_s": 1.9}, "not between 2 and 60 seconds"),
    ({"chunk_length_s": 61}, "not between 2 and 60 seconds"),
    ({"chunk_length_s": "long"}, "is not a double"),
    ({"stride_length_s": -0.1}, "not between 0 and 60 seconds"),
    ({"stride_length_s": 10}, "half of 'chunk_length_s' or more"),
    ({"stride_length_s": 3, "chunk_length_s": 6}, "half of 'chunk_length_s' or more"),
    ({"chunk_length_s": 5, "language_model": False}, "half of 'chunk_length_s' or more"),
    ({"language_model": True}, "asks for one, but none is packed in this model"),
    ({"language_model": True, "beam_size": 1}, "none is packed"),
    ({"vad": None}, "null"),
    ({"vad": "perhaps"}, "is not a boolean"),
    ({"on_error": "shrug"}, "neither 'raise' nor 'report'"),
    ({"volume": 11}, "is unknown"),
]


@pytest.mark.parametrize(("params", "sentence"), BAD_PARAMS)
def test_bad_parameters_are_refused(wav2vec2_url: str, params: Any, sentence: str) -> None:
    response = post(wav2vec2_url, [COFFEE], **params)
    assert response.status_code == 400, response.text
    message = response.json()["message"]
    assert re.match(f"Parameter '({'|'.join(params)}|stride_length_s)'", message), message
    assert sentence in message, message


def test_numbers_that_are_none_are_refused(url: str) -> None:
    """JSON as Python writes it has NaN and Infinity."""
    for name in ("chunk_length_s", "stride_length_s"):
        for value in (float("nan"), float("inf")):
            data = json.dumps({**SAMPLE, "params": {name: value}})
            headers = {"Content-Type": "application/json"}
            response = requests.post(f"{url}/invocations", data=data, headers=headers, timeout=60)
            assert response.status_code == 400, response.text


def test_parameters_do_what_they_say(wav2vec2_url: str) -> None:
    (plain,) = transcribe(wav2vec2_url, [COFFEE])
    (worded,) = transcribe(wav2vec2_url, [COFFEE], word_timestamps=True)
    assert [segment.pop("words") for segment in worded["segments"]]
    assert worded == plain
    late = np.concatenate([np.zeros(7 * SAMPLE_RATE), decode(COFFEE), np.zeros(3 * SAMPLE_RATE)])
    (found,) = transcribe(wav2vec2_url, [encoded(late)], vad=True)
    first = found["segments"][0]["start"] - plain["segments"][0]["start"]
    assert first == pytest.approx(7, abs=0.1)
    (strided,) = transcribe(
        wav2vec2_url, [encoded(late)], vad=False, chunk_length_s=2, stride_length_s=0.999
    )
    assert strided["text"]
    transcribe(wav2vec2_url, [COFFEE], denoise=True)


def test_a_bad_row_is_reported_beside_the_good_ones(url: str) -> None:
    for vad in (True, False):
        response = post(url, [COFFEE, b"no audio", COFFEE], on_error="report", vad=vad)
        first, bad, last = response.json()["predictions"]
        assert first["error"] is None
        assert first["text"] == last["text"] != ""
        assert bad["text"] is None
        assert bad["error"] == "Row 1, column 'audio': is not audio that can be decoded."


def test_what_takes_too_long_is_given_up(wav2vec2_model: Path) -> None:
    """A minute's sound in steps of two frames: a thousand times a minute's work."""
    slow = {"vad": False, "chunk_length_s": 60, "stride_length_s": 29.97}
    with serve(wav2vec2_model, {"THERESA_REQUEST_SECONDS": "2"}) as url:
        transcribe(url, [COFFEE])
        response = post(url, [encoded(long_recording(), kind="FLAC")], **slow)
        assert response.status_code == 504
        assert "took longer than 2 s" in response.json()["message"]
        transcribe(url, [COFFEE], vad=False)  # after what was being computed
        assert metric(url, "theresa_queue_depth") == 0


@pytest.fixture(scope="module")
def modelled(tmp_path_factory: pytest.TempPathFactory) -> Wav2Vec2Model:
    """Random weights, which hear any letter, with a small language model, as MLflow loads it."""
    folder = tmp_path_factory.mktemp("modelled")
    text, arpa = folder / "text.txt", folder / "model.arpa"
    text.write_text("\n".join(SENTENCES), encoding="utf-8")
    ngram.main(["build", str(text), "-o", str(arpa), "--order", "3", "--estimator", "own"])
    tuned = {"file": arpa.name, "weight": 2.0, "bonus": 1.0, "beam_size": 24}
    (folder / "language_model.json").write_text(json.dumps(tuned), encoding="utf-8")
    (folder / "artifact").mkdir()
    convert(write_checkpoint(folder / "checkpoint"), folder / "artifact")
    pack_language_model(folder / "language_model.json", folder / "artifact")
    arpa.unlink()  # the packed one is a copy
    model = Wav2Vec2Model()
    model.load_context(SimpleNamespace(artifacts={"wav2vec2": str(folder / "artifact")}))
    return model


def said(model: Wav2Vec2Model, **params: Any) -> str:
    table = pd.DataFrame({"audio": [FILES["market"]]})
    (record,) = model.predict(None, table, params)
    check(record, params.get("word_timestamps", False))
    text: str = record["text"]
    return text


def test_a_packed_language_model_is_used_unless_told_otherwise(modelled: Wav2Vec2Model) -> None:
    usual = said(modelled)
    assert usual == said(modelled, language_model=True, beam_size=24, word_timestamps=True)
    without = said(modelled, language_model=False, beam_size=1)
    assert said(modelled, language_model=False, beam_size=24)
    written = set("".join(SENTENCES)) | {" "}
    foreign = [sum(c not in written for c in text) / len(text) for text in (usual, without)]
    assert foreign[0] < foreign[1] / 2  # what the model has never read is less likely by it


def test_a_language_model_needs_a_search(modelled: Wav2Vec2Model) -> None:
    for params in ({"beam_size": 1}, {"beam_size": 1, "language_model": True}):
        with pytest.raises(MlflowException, match="a language model needs a search of more"):
            said(modelled, **params)


def test_serving_needs_no_torch(wav2vec2_model: Path) -> None:
    pins = (wav2vec2_model / "requirements.txt").read_text().splitlines()
    names = {line.partition("==")[0] for line in pins}
    assert "onnxruntime" in names
    assert not names & {"torch", "transformers", "datasets", "mlflow"}
    code = {path.name for path in (wav2vec2_model / "code" / "wav2vec2_asr").iterdir()}
    assert not code & {"training", "finetune.py", "convert.py", "network.py"}
