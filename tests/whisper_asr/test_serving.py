"""The served model: what every recognizer promises, and what is Whisper's own."""

from pathlib import Path
from typing import Any

import pytest

from tests.zoo import speech
from tests.zoo.helpers import metric
from tests.zoo.no_speech import NOTHING
from tests.zoo.sounds import encoded
from tests.zoo.speech import ServedSpeech, Speech, post, refusal
from zoo.building.local_server import serve
from zoo.data.audio import SAMPLE_RATE


def check(record: dict[str, Any], worded: bool) -> None:
    speech.check(record)
    assert all(("words" in segment) == worded for segment in record["segments"])


WHISPER = Speech(
    "whisper_asr",
    "doctor",
    check,
    steady={"temperature": [0.0]},  # the others sample
    exact=False,
    ways=({"batch_size": 4}, {"vad": False, "beam_size": 1}),
    query="beam_size=1&word_timestamps=true&script=traditional",
)
DOCTOR = WHISPER.sample
transcribe = WHISPER.transcribe


class TestServed(ServedSpeech):
    speech = WHISPER


@pytest.mark.parametrize("name", ["doctor", "office"])
def test_a_sentence_is_understood(whisper_url: str, name: str) -> None:
    said = (WHISPER.folder / "samples" / f"{name}.txt").read_text(encoding="utf-8").strip()
    (record,) = transcribe(whisper_url, [WHISPER.files[name]])
    assert (record["text"], record["language"]) == (said, "zh")


@pytest.mark.parametrize("vad", [True, False])
def test_a_long_recording_goes_on_after_its_first_window(whisper_url: str, vad: bool) -> None:
    sound = WHISPER.long_recording()
    (record,) = transcribe(whisper_url, [encoded(sound, kind="FLAC")], vad=vad, beam_size=1)
    assert record["duration"] == pytest.approx(len(sound) / SAMPLE_RATE, abs=0.01)
    assert record["segments"][-1]["start"] > 30


def test_hours_are_not_taken_without_finding_speech(whisper_url: str) -> None:
    message = refusal(post(whisper_url, [NOTHING["two hours of silence"]()], vad=False))
    assert "lasts longer than 20 minutes" in message


@pytest.mark.parametrize(
    ("params", "blamed"),
    [
        ({"language": "xx"}, "language"),
        ({"task": "sing"}, "task"),
        ({"beam_size": 0}, "beam_size"),
        ({"beam_size": 10**6}, "beam_size"),
        ({"batch_size": -1}, "batch_size"),
        ({"temperature": []}, "temperature"),
        ({"temperature": [9.0]}, "temperature"),
        ({"script": "seal"}, "script"),
        ({"punctuation": "more"}, "punctuation"),
        ({"initial_prompt": "今天天气很好。" * 100}, "initial_prompt"),
        ({"hotwords": "米哈游" * 200}, "hotwords"),
        ({"hotwords": "米哈游 " * 20, "initial_prompt": "今天天气很好。" * 40}, "hotwords"),
        ({"hotwords": "米" * 8001}, "hotwords"),
        ({"initial_prompt": "<|startoftranscript|><|en|>"}, "initial_prompt"),
        ({"beam_size": None}, "beam_size"),
        ({"temperature": [None]}, "temperature"),
        ({"vad": None}, "vad"),
        ({"initial_prompt": None}, "initial_prompt"),
        ({"vad": "perhaps"}, "vad"),
        ({"volume": 11}, "volume"),
    ],
)
def test_bad_parameters_are_refused(whisper_url: str, params: Any, blamed: str) -> None:
    WHISPER.assert_refused(whisper_url, params, blamed)


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


def test_what_takes_too_long_is_given_up(whisper_model: Path) -> None:
    with serve(whisper_model, {"THERESA_REQUEST_SECONDS": "8"}) as url:
        long = encoded(WHISPER.long_recording(), kind="FLAC")
        response = post(url, [long] * 40, batch_size=1)
        assert response.status_code == 504
        assert "took longer than 8 s" in response.json()["message"]
        while post(url, [DOCTOR], beam_size=1).status_code == 504:
            pass  # until what was being decoded is over
        worked = metric(url, "theresa_batch_items_sum")
        for _ in range(4):
            transcribe(url, [DOCTOR], beam_size=1)
        # the rest would have had every second turn; one was perhaps being decoded still
        assert metric(url, "theresa_batch_items_sum") <= worked + 4 + 1
        assert metric(url, "theresa_queue_depth") == 0


def test_serving_needs_faster_whisper(whisper_model: Path) -> None:
    assert "\nfaster-whisper==" in (whisper_model / "requirements.txt").read_text()
