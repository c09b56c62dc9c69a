"""The official `openai` client, unchanged, against the endpoint in front of real models."""

import base64
from pathlib import Path
from typing import Any

import openai
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from test_models import openai_api
from test_models.client import Client
from test_models.services import Service, Services
from tests.test_models import calls
from tests.test_models.conftest import MAX_UPLOAD
from tests.zoo.helpers import HTTP
from zoo.building.packaging import ROOT

CHINESE = ROOT / "mlflow_models" / "whisper_asr" / "samples" / "doctor.flac"
THAI = ROOT / "mlflow_models" / "wav2vec2_asr" / "samples" / "coffee.flac"


@pytest.fixture
def client(pages_url: str) -> openai.OpenAI:
    """As a program has it: an address and a key."""
    return openai.OpenAI(base_url=f"{pages_url}/v1", api_key="none", max_retries=0)


@pytest.mark.parametrize(("model", "file"), [("whisper_asr", CHINESE), ("wav2vec2_asr", THAI)])
def test_a_recording_is_transcribed(client: openai.OpenAI, model: str, file: Path) -> None:
    said = file.with_suffix(".txt").read_text(encoding="utf-8").strip()
    with file.open("rb") as audio:
        answer = client.audio.transcriptions.create(
            model=model, file=audio, language="zh", temperature=0
        )
    assert answer.text == said


def test_a_prompt_arrives(client: openai.OpenAI, whisper_url: str) -> None:
    answer = client.audio.transcriptions.create(model="whisper_asr", file=CHINESE, prompt="医院")
    with Client(whisper_url, http={"trust_env": False}) as model:
        assert answer.text == model.transcribe(CHINESE, initial_prompt="医院").text
        assert answer.text != model.transcribe(CHINESE).text


def test_words_and_segments_have_times(client: openai.OpenAI) -> None:
    answer = client.audio.transcriptions.create(
        model="whisper_asr",
        file=("a.flac", CHINESE.read_bytes()),
        response_format="verbose_json",
        timestamp_granularities=["word", "segment"],
    )
    assert answer.language == "chinese"
    assert answer.words
    assert answer.segments
    assert "".join(word.word for word in answer.words) in answer.text
    assert answer.segments[0].avg_logprob < 0 < answer.segments[0].compression_ratio
    times = [(one.start, one.end) for one in answer.words]
    times += [(one.start, one.end) for one in answer.segments]
    assert all(0 <= start <= end <= answer.duration for start, end in times)


def test_a_ctc_model_has_the_same_fields(client: openai.OpenAI) -> None:
    answer = client.audio.transcriptions.create(
        model="wav2vec2_asr", file=THAI, response_format="verbose_json"
    )
    assert answer.segments
    assert -1 < answer.segments[0].avg_logprob < 0
    assert answer.words is None
    assert answer.language == "thai"


def test_it_comes_as_text_and_subtitles(client: openai.OpenAI) -> None:
    found = {
        shape: client.audio.transcriptions.create(
            model="whisper_asr", file=CHINESE, response_format=shape
        )
        for shape in ("text", "srt", "vtt")
    }
    text = found["text"].strip()
    assert found["srt"].startswith("1\n00:00:00,000 --> 00:00:0")
    assert found["vtt"].startswith("WEBVTT\n\n00:00:00.000 --> 00:00:0")
    assert text in found["srt"]
    assert text in found["vtt"]


def test_the_models_are_listed(client: openai.OpenAI) -> None:
    assert {"whisper_asr", "wav2vec2_asr"} <= {one.id for one in client.models.list()}


@pytest.mark.parametrize(
    ("options", "kind", "sentence"),
    [
        (
            {"model": "whisper-1"},
            openai.NotFoundError,
            "Model 'whisper-1' not found; available: whisper_asr",
        ),
        (
            {"file": ("a.wav", b"nothing")},
            openai.BadRequestError,
            "is not audio",
        ),
        ({"file": ("a.wav", b"")}, openai.BadRequestError, "is empty"),
        ({"file": ("a.wav", bytes(MAX_UPLOAD + 200_000))}, openai.APIStatusError, "is larger"),
        ({"language": "xx"}, openai.BadRequestError, "language"),
        ({"temperature": 2}, openai.BadRequestError, "temperature"),
        ({"response_format": "diarized"}, openai.BadRequestError, "response_format"),
        ({"response_format": "diarized_json"}, openai.BadRequestError, "can't tell speakers"),
        ({"known_speaker_names": ["Li"]}, openai.BadRequestError, "has 1 items"),
        (
            {"known_speaker_names": ["Li"], "known_speaker_references": ["http://x/li.wav"]},
            openai.BadRequestError,
            "data URL",
        ),
        ({"chunking_strategy": {"type": "words"}}, openai.BadRequestError, "chunking_strategy"),
        ({"timestamp_granularities": ["word"]}, openai.BadRequestError, "verbose_json"),
        ({"extra_body": {"volume": 11}}, openai.BadRequestError, "'volume'"),
        ({"model": "gone-asr"}, openai.InternalServerError, "can't be reached"),
        ({"model": "broken-asr"}, openai.InternalServerError, "isn't a model's"),
    ],
)
def test_a_refusal_is_a_sentence(
    client: openai.OpenAI, options: dict[str, Any], kind: type[openai.APIStatusError], sentence: str
) -> None:
    with pytest.raises(kind, match=sentence) as refused:
        client.audio.transcriptions.create(**{"model": "whisper_asr", "file": CHINESE, **options})
    assert refused.value.message.count("\n") == 0


def test_who_says_what_and_a_voice_that_is_known(telling: str) -> None:
    app = FastAPI()
    services = Services([Service("whisper_asr", telling)])
    app.include_router(openai_api.router(services, MAX_UPLOAD))
    client = openai.OpenAI(base_url="http://testserver/v1", api_key="none", max_retries=0,
                           http_client=TestClient(app))  # fmt: skip
    asked: dict[str, Any] = {
        "model": "whisper_asr",
        "file": ("call.flac", calls.call("office", "bank")),
        "response_format": "diarized_json",
        "chunking_strategy": "auto",
    }
    answer = client.audio.transcriptions.create(**asked)
    first, second = answer.segments
    assert (first.speaker, second.speaker) == ("A", "B")
    assert first.text[:5] == calls.said("office")[:5]
    assert answer.text == first.text + second.text
    assert first.start < first.end <= second.start < second.end <= answer.duration
    assert first.id != second.id
    voice = base64.b64encode((calls.SAMPLES / "bank.flac").read_bytes()).decode()
    answer = client.audio.transcriptions.create(
        **asked,
        known_speaker_names=["Li Na"],
        known_speaker_references=[f"data:audio/flac;base64,{voice}"],
    )
    assert [one.speaker for one in answer.segments] == ["A", "Li Na"]


@pytest.mark.parametrize("body", [b"", b"--x\r\nnothing", b"model=whisper_asr"])
def test_what_is_no_form_is_refused(pages_url: str, body: bytes) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    response = HTTP.post(
        f"{pages_url}/v1/audio/transcriptions", content=body, headers=headers, timeout=30
    )
    assert response.status_code == 400
    assert response.json()["error"]["type"] == "invalid_request_error"
