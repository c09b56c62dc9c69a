"""The served model: real HTTP to MLflow's own server and to the zoo's, real recordings."""

import base64
import json
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
import requests

from tests.zoo.helpers import metric
from tests.zoo.sounds import BAD, encoded, muxed, silence, tone, with_header
from zoo.audio import SAMPLE_RATE, decode
from zoo.packaging import ROOT
from zoo.serving import serve

FOLDER = ROOT / "mlflow_models" / "whisper_asr"
FILES = {path.stem: path.read_bytes() for path in sorted((FOLDER / "samples").glob("*.flac"))}
SAMPLE = json.loads((FOLDER / "sample.json").read_text())
DOCTOR = FILES["doctor"]


@pytest.fixture(params=["stock", "zoo"])
def url(request: pytest.FixtureRequest) -> str:
    """Each of the two servers."""
    address: str = request.getfixturevalue(
        {"stock": "whisper_stock_url", "zoo": "whisper_url"}[request.param]
    )
    return address


def post(url: str, files: list[Any], **params: Any) -> requests.Response:
    rows = [[base64.b64encode(f).decode() if isinstance(f, bytes) else f] for f in files]
    request = {"dataframe_split": {"columns": ["audio"], "data": rows}, "params": params}
    return requests.post(f"{url}/invocations", json=request, timeout=120)


def transcribe(url: str, files: list[bytes], **params: Any) -> list[dict[str, Any]]:
    """Transcripts; without the temperatures that sample, so that they are always the same."""
    response = post(url, files, **{"temperature": [0.0], **params})
    assert response.status_code == 200, response.text
    records: list[dict[str, Any]] = response.json()["predictions"]
    assert len(records) == len(files)
    for record in records:
        check(record)
    return records


def check(record: dict[str, Any]) -> None:
    """What holds for every transcript."""
    assert list(record) == ["text", "language", "duration", "segments"]
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


def long_recording() -> np.ndarray:
    """A minute and a half of sentences with pauses."""
    sounds = [decode(file) for file in FILES.values()]
    pause = np.zeros(3 * SAMPLE_RATE, np.float32)
    return np.concatenate([part for sound in sounds * 5 for part in (sound, pause)])


def test_the_sample_is_the_recording_beside_it() -> None:
    ((sent,),) = SAMPLE["dataframe_split"]["data"]
    assert base64.b64decode(sent) == DOCTOR


@pytest.mark.parametrize("name", ["doctor", "office"])
def test_a_sentence_is_understood(whisper_url: str, name: str) -> None:
    said = (FOLDER / "samples" / f"{name}.txt").read_text(encoding="utf-8").strip()
    assert transcribe(whisper_url, [FILES[name]])[0]["text"] == said


def test_the_sample(url: str) -> None:
    response = requests.post(f"{url}/invocations", json=SAMPLE, timeout=60)
    (record,) = response.json()["predictions"]
    check(record)
    assert record["language"] == "zh"
    assert record["duration"] == pytest.approx(len(decode(DOCTOR)) / SAMPLE_RATE, abs=0.01)
    assert record["text"]


def test_both_servers_and_the_loaded_model_say_the_same(
    whisper_model: Path, whisper_url: str, whisper_stock_url: str
) -> None:
    files = list(FILES.values())
    params = {"word_timestamps": True, "temperature": [0.0]}
    loaded = mlflow.pyfunc.load_model(str(whisper_model))
    expected = loaded.predict(pd.DataFrame({"audio": files}), params=params)
    for url in (whisper_url, whisper_stock_url):
        assert transcribe(url, files, **params) == expected


def test_a_raw_file_is_one_row(whisper_url: str) -> None:
    for query in ("", "?beam_size=1&word_timestamps=true&script=traditional"):
        response = requests.post(
            f"{whisper_url}/invocations{query}",
            data=DOCTOR,
            headers={"Content-Type": "audio/flac"},
            timeout=60,
        )
        assert response.status_code == 200, response.text
        (record,) = response.json()["predictions"]
        check(record)
        assert ("words" in record["segments"][0]) == bool(query)


def test_formats_make_no_difference(whisper_url: str) -> None:
    sound = decode(DOCTOR).astype(float)
    files = [
        encoded(sound, SAMPLE_RATE, "WAV", "PCM_16"),
        encoded(np.stack([sound, sound], axis=1), SAMPLE_RATE, "WAV", "PCM_16"),
        encoded(sound, SAMPLE_RATE, "FLAC"),
    ]
    texts = {record["text"] for record in transcribe(whisper_url, files, beam_size=1)}
    assert len(texts) == 1
    (webm,) = transcribe(whisper_url, [muxed("webm", "libopus", sound, SAMPLE_RATE)], beam_size=1)
    assert webm["text"]


@pytest.mark.parametrize("vad", [True, False])
def test_a_long_recording_goes_on_after_its_first_window(whisper_url: str, vad: bool) -> None:
    sound = long_recording()
    (record,) = transcribe(whisper_url, [encoded(sound, kind="FLAC")], vad=vad, beam_size=1)
    assert record["duration"] == pytest.approx(len(sound) / SAMPLE_RATE, abs=0.01)
    assert record["segments"][-1]["start"] > 30


def test_rows_of_a_request_dont_touch_each_other(whisper_url: str) -> None:
    alone = [transcribe(whisper_url, [file])[0] for file in FILES.values()]
    together = transcribe(whisper_url, list(FILES.values()) * 3, batch_size=4)
    assert [record["text"] for record in together] == [record["text"] for record in alone] * 3


def test_many_at_once_get_their_own_answers(whisper_url: str) -> None:
    expected = {name: transcribe(whisper_url, [file])[0]["text"] for name, file in FILES.items()}
    names = list(FILES) * 6
    with ThreadPoolExecutor(9) as pool:
        records = pool.map(lambda name: transcribe(whisper_url, [FILES[name]])[0], names)
        assert [record["text"] for record in records] == [expected[name] for name in names]


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
def test_nothing_is_invented_where_nobody_speaks(whisper_url: str, name: str) -> None:
    (record,) = transcribe(whisper_url, [NOTHING[name]])
    assert (record["text"], record["segments"]) == ("", [])


def test_short_and_noisy_recordings_are_taken_every_way(whisper_url: str) -> None:
    short = [file for name, file in NOTHING.items() if "hours" not in name]
    transcribe(whisper_url, short, denoise=True)
    transcribe(whisper_url, short, vad=False)
    response = post(whisper_url, [NOTHING["two hours of silence"]], vad=False)
    assert response.status_code == 400
    assert "lasts longer than 20 minutes" in response.json()["message"]


def test_samples_that_are_no_numbers_are_taken(whisper_url: str) -> None:
    sound = decode(DOCTOR).astype(float)
    sound[100:200] = np.nan
    transcribe(whisper_url, [encoded(sound, subtype="FLOAT"), with_header(40, "<I", 0xFFFFFFFF)])


@pytest.mark.parametrize("name", [*BAD, "video without sound", "text in the column", "null"])
def test_what_is_no_audio_is_refused_and_the_next_is_answered(url: str, name: str) -> None:
    others = {
        "video without sound": muxed("mp4", "mpeg4", None),
        "text in the column": "这不是录音",
        "null": None,
    }
    response = post(url, [DOCTOR, {**BAD, **others}[name]])
    assert response.status_code == 400, response.text
    error = response.json()
    if "request_id" in error:  # the zoo's server; MLflow's own adds to the message
        assert error["message"].startswith("Row 1, column 'audio': ")
        assert "\n" not in error["message"]
    assert transcribe(url, [DOCTOR], beam_size=1)[0]["text"]


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        ({"language": "xx"}, "neither 'auto' nor a language code"),
        ({"task": "sing"}, "none of transcribe, translate"),
        ({"beam_size": 0}, "not between 1 and 20"),
        ({"beam_size": 10**6}, "not between 1 and 20"),
        ({"batch_size": -1}, "not between 1 and 16"),
        ({"temperature": []}, "not a list of one to ten numbers"),
        ({"temperature": [9.0]}, "not a list of one to ten numbers"),
        ({"script": "seal"}, "none of simplified, traditional, as_is"),
        ({"punctuation": "more"}, "none of keep, strip"),
        ({"initial_prompt": "今天天气很好。" * 100}, "prompt and hotwords have 223 tokens"),
        ({"hotwords": "米哈游" * 200}, "prompt and hotwords have 223 tokens"),
        ({"hotwords": "米哈游 " * 20, "initial_prompt": "今天天气很好。" * 40}, "223 tokens"),
        ({"initial_prompt": "<|startoftranscript|><|en|>"}, "has a special token"),
        ({"beam_size": None}, "null"),
        ({"temperature": [None]}, "null"),
        ({"vad": None}, "null"),
        ({"initial_prompt": None}, "null"),
        ({"vad": "perhaps"}, "is not a boolean"),
        ({"volume": 11}, "is unknown"),
    ],
)
def test_bad_parameters_are_refused(whisper_url: str, params: Any, sentence: str) -> None:
    response = post(whisper_url, [DOCTOR], **params)
    assert response.status_code == 400, response.text
    message = response.json()["message"]
    assert re.match(f"Parameter '({'|'.join(params)})'", message), message
    assert sentence in message, message


def test_parameters_do_what_they_say(whisper_url: str) -> None:
    (kept,) = transcribe(whisper_url, [DOCTOR])
    (plain,) = transcribe(whisper_url, [DOCTOR], punctuation="strip")
    assert not set("，。？！,.") & set(plain["text"])
    (traditional,) = transcribe(whisper_url, [DOCTOR], script="traditional")
    from opencc import OpenCC

    assert traditional["text"] == OpenCC("s2t").convert(kept["text"])
    (words,) = transcribe(whisper_url, [DOCTOR], word_timestamps=True)
    said = "".join(word["text"] for one in words["segments"] for word in one["words"])
    assert said == words["text"].replace(" ", "")
    for params in (
        {"language": "auto"},
        {"denoise": True},
        {"initial_prompt": "以下是普通话的句子。"},
        {"hotwords": "肚子 医院"},
        {"temperature": [0.4]},
    ):
        transcribe(whisper_url, [DOCTOR], **params)


def test_a_bad_row_is_reported_beside_the_good_ones(whisper_url: str) -> None:
    response = post(
        whisper_url, [DOCTOR, b"no audio", DOCTOR], on_error="report", temperature=[0.0]
    )
    first, bad, last = response.json()["predictions"]
    assert first["error"] is None
    assert first["text"] == last["text"]
    assert bad["text"] is None
    assert bad["error"] == "Row 1, column 'audio': is not audio that can be decoded."


def test_what_takes_too_long_is_given_up(whisper_model: Path) -> None:
    with serve(whisper_model, {"THERESA_REQUEST_SECONDS": "3"}) as url:
        response = post(url, [encoded(long_recording(), kind="FLAC")] * 20, batch_size=1)
        assert response.status_code == 504
        assert "took longer than 3 s" in response.json()["message"]
        transcribe(url, [DOCTOR], beam_size=1)  # what was being decoded is over
        worked = metric(url, "theresa_batch_items_sum")
        transcribe(url, [DOCTOR], beam_size=1)
        assert metric(url, "theresa_batch_items_sum") == worked + 1  # the rest was never begun
        assert metric(url, "theresa_queue_depth") == 0


def test_serving_needs_no_torch(whisper_model: Path) -> None:
    pins = (whisper_model / "requirements.txt").read_text().splitlines()
    names = {line.partition("==")[0] for line in pins}
    assert "faster-whisper" in names
    assert not names & {"torch", "transformers", "openai-whisper", "mlflow"}
