"""The served model: what every recognizer promises, and what is Wav2Vec2's own."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from mlflow.exceptions import MlflowException

from tests.wav2vec2_asr.checkpoints import write_checkpoint
from tests.wav2vec2_asr.language import SENTENCES
from tests.zoo import speech
from tests.zoo.helpers import HTTP, assert_same, metric
from tests.zoo.sounds import encoded, tone
from tests.zoo.speech import ServedSpeech, Speech, post
from wav2vec2_asr import ngram
from wav2vec2_asr.build import pack_language_model
from wav2vec2_asr.building.convert import convert
from wav2vec2_asr.engine import Engine
from wav2vec2_asr.options import DECLARATION
from zoo.building.local_server import serve
from zoo.data.audio import SAMPLE_RATE, decode
from zoo.serving.model import ZooModel


def check(record: dict[str, Any], worded: bool) -> None:
    """What holds for every transcript; of a CTC's path, more than of what others say."""
    speech.check(record)
    assert record["language"] == "th"
    assert record["text"] == record["text"].strip()
    last = 0.0
    for segment in record["segments"]:
        words = ["words"] if worded else []
        fields = [name for name in segment if name not in ("channel", "overlap")]
        assert fields == ["id", "start", "end", "text", *words, "confidence"]
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


WAV2VEC2 = Speech(
    "wav2vec2_asr",
    "coffee",
    check,
    ways=({"vad": True}, {"vad": False}, {"vad": False, "beam_size": 8}),
    query="beam_size=4&word_timestamps=true&vad=false&chunk_length_s=7",
)
COFFEE = WAV2VEC2.sample
transcribe = WAV2VEC2.transcribe


class TestServed(ServedSpeech):
    speech = WAV2VEC2

    def test_recordings_of_next_to_no_samples_are_taken_without_finding_speech(
        self, any_url: str
    ) -> None:
        """Shorter than a frame, a frame, a frame and a bit."""
        lengths = (1, 2, 399, 400, 401, 719, 720, 721)
        files = [encoded(tone(1)[:length], subtype="PCM_16") for length in lengths]
        records = transcribe(any_url, files, vad=False, word_timestamps=True, beam_size=3)
        assert [record["text"] for record in records[:3]] == ["", "", ""]

    def test_numbers_that_are_none_are_refused(self, any_url: str) -> None:
        """JSON as Python writes it has NaN and Infinity."""
        for name in ("chunk_length_s", "stride_length_s"):
            for value in (float("nan"), float("inf")):
                data = json.dumps({**WAV2VEC2.request, "params": {name: value}})
                headers = {"Content-Type": "application/json"}
                response = HTTP.post(
                    f"{any_url}/invocations", content=data, headers=headers, timeout=60
                )
                assert response.status_code == 400, response.text


@pytest.mark.parametrize("params", [{}, {"vad": False}, {"vad": False, "chunk_length_s": 4}])
def test_a_long_recording_is_heard_to_its_end(wav2vec2_url: str, params: Any) -> None:
    sound = WAV2VEC2.long_recording()
    params = {"stride_length_s": 1, **params}
    (record,) = transcribe(wav2vec2_url, [encoded(sound, kind="FLAC")], **params)
    assert record["duration"] == pytest.approx(len(sound) / SAMPLE_RATE, abs=0.001)
    assert record["segments"][-1]["end"] > record["duration"] - 5
    assert len(record["segments"]) >= 15 if params.get("vad", True) else record["segments"]


BAD_PARAMS: list[tuple[dict[str, Any], str]] = [
    ({"beam_size": 0}, "beam_size"),
    ({"beam_size": -1}, "beam_size"),
    ({"beam_size": 10**6}, "beam_size"),
    ({"beam_size": 2.5}, "beam_size"),
    ({"beam_size": None}, "beam_size"),
    ({"chunk_length_s": 1.9}, "chunk_length_s"),
    ({"chunk_length_s": 61}, "chunk_length_s"),
    ({"chunk_length_s": "long"}, "chunk_length_s"),
    ({"stride_length_s": -0.1}, "stride_length_s"),
    ({"stride_length_s": 10}, "stride_length_s"),
    ({"stride_length_s": 3, "chunk_length_s": 6}, "stride_length_s"),
    ({"chunk_length_s": 5, "language_model": False}, "stride_length_s"),
    ({"language_model": True}, "language_model"),
    ({"language_model": True, "beam_size": 1}, "language_model"),
    ({"vad": None}, "vad"),
    ({"vad": "perhaps"}, "vad"),
    ({"on_error": "shrug"}, "on_error"),
    ({"volume": 11}, "volume"),
]


@pytest.mark.parametrize(("params", "blamed"), BAD_PARAMS)
def test_bad_parameters_are_refused(wav2vec2_url: str, params: Any, blamed: str) -> None:
    WAV2VEC2.assert_refused(wav2vec2_url, params, blamed)


def test_parameters_do_what_they_say(wav2vec2_url: str) -> None:
    (plain,) = transcribe(wav2vec2_url, [COFFEE])
    (worded,) = transcribe(wav2vec2_url, [COFFEE], word_timestamps=True)
    assert [segment.pop("words") for segment in worded["segments"]]
    assert_same(worded, plain)
    late = np.concatenate([np.zeros(7 * SAMPLE_RATE), decode(COFFEE), np.zeros(3 * SAMPLE_RATE)])
    (found,) = transcribe(wav2vec2_url, [encoded(late)], vad=True)
    first = found["segments"][0]["start"] - plain["segments"][0]["start"]
    assert first == pytest.approx(7, abs=0.1)
    (strided,) = transcribe(
        wav2vec2_url, [encoded(late)], vad=False, chunk_length_s=2, stride_length_s=0.999
    )
    assert strided["text"]
    transcribe(wav2vec2_url, [COFFEE], denoise=True)


def test_what_takes_too_long_is_given_up(wav2vec2_model: Path) -> None:
    """A minute's sound in steps of two frames: a thousand times a minute's work."""
    slow = {"vad": False, "chunk_length_s": 60, "stride_length_s": 29.97}
    with serve(wav2vec2_model, {"THERESA_REQUEST_SECONDS": "2"}) as url:
        transcribe(url, [COFFEE])
        response = post(url, [encoded(WAV2VEC2.long_recording(), kind="FLAC")], **slow)
        assert response.status_code == 504
        assert "took longer than 2 s" in response.json()["message"]
        while post(url, [COFFEE], vad=False).status_code == 504:
            pass  # until what was being computed is done
        transcribe(url, [COFFEE], vad=False)
        assert metric(url, "theresa_queue_depth") == 0


@pytest.fixture(scope="module")
def modelled(tmp_path_factory: pytest.TempPathFactory) -> ZooModel:
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
    model = ZooModel(DECLARATION, Engine)
    model.load_context(SimpleNamespace(artifacts={"model": str(folder / "artifact")}))
    return model


def said(model: ZooModel, **params: Any) -> str:
    table = pd.DataFrame({"audio": [WAV2VEC2.files["market"]]})
    (record,) = model.predict(None, table, params)
    check(record, params.get("word_timestamps", False))
    text: str = record["text"]
    return text


def test_a_packed_language_model_is_used_unless_told_otherwise(modelled: ZooModel) -> None:
    usual = said(modelled)
    assert usual == said(modelled, language_model=True, beam_size=24, word_timestamps=True)
    without = said(modelled, language_model=False, beam_size=1)
    assert said(modelled, language_model=False, beam_size=24)
    written = set("".join(SENTENCES)) | {" "}
    foreign = [sum(c not in written for c in text) / len(text) for text in (usual, without)]
    assert foreign[0] < foreign[1] / 2  # what the model has never read is less likely by it


def test_a_language_model_needs_a_search(modelled: ZooModel) -> None:
    for params in ({"beam_size": 1}, {"beam_size": 1, "language_model": True}):
        with pytest.raises(MlflowException, match="'beam_size'"):
            said(modelled, **params)


def test_serving_needs_onnx_runtime(wav2vec2_model: Path) -> None:
    assert "\nonnxruntime==" in (wav2vec2_model / "requirements.txt").read_text()
