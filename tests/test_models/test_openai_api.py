"""The official `openai` client, unchanged, against models' own servers and the pages' address."""

import asyncio
import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import openai
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from test_models import openai_api
from test_models.client import Client
from test_models.services import Service, Services
from tests.test_models import calls
from tests.test_models.servers import Flaky, serving
from tests.zoo.helpers import HTTP
from tests.zoo.sounds import encoded
from tests.zoo.talk import talk
from zoo.building.packaging import ROOT
from zoo.data.audio import SAMPLE_RATE, decode

CHINESE = ROOT / "mlflow_models" / "whisper_asr" / "samples" / "doctor.flac"
THAI = ROOT / "mlflow_models" / "wav2vec2_asr" / "samples" / "coffee.flac"
SPEECH = "automatic-speech-recognition"


def at(url: str, **options: Any) -> openai.OpenAI:
    """The client as a program has it: an address and a key."""
    return openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0, **options)


@pytest.fixture
def whisper(whisper_url: str) -> openai.OpenAI:
    """At whisper_asr's own server."""
    return at(whisper_url)


@pytest.fixture
def thai(wav2vec2_url: str) -> openai.OpenAI:
    """At wav2vec2_asr's own server."""
    return at(wav2vec2_url)


@pytest.fixture
def pages(pages_url: str) -> openai.OpenAI:
    """At the pages' address."""
    return at(pages_url)


def said(file: Path) -> str:
    """What a sample says."""
    return file.with_suffix(".txt").read_text(encoding="utf-8").strip()


@pytest.mark.build
@pytest.mark.parametrize(
    ("place", "model", "file"),
    [
        ("whisper", "whisper_asr", CHINESE),
        ("whisper", "whisper-1", CHINESE),  # many tools know no other name
        ("thai", "wav2vec2_asr", THAI),
        pytest.param("pages", "whisper_asr", CHINESE, marks=pytest.mark.server),
        pytest.param("pages", "wav2vec2_asr", THAI, marks=pytest.mark.server),
    ],
)
def test_a_recording_is_transcribed(
    place: str, model: str, file: Path, request: pytest.FixtureRequest
) -> None:
    client: openai.OpenAI = request.getfixturevalue(place)
    with file.open("rb") as audio:
        answer = client.audio.transcriptions.create(model=model, file=audio, temperature=0)
    assert answer.text == said(file)
    assert answer.usage
    assert answer.usage.type == "duration"


@pytest.mark.build
@pytest.mark.parametrize("place", ["thai", pytest.param("pages", marks=pytest.mark.server)])
def test_a_text_flows(place: str, request: pytest.FixtureRequest) -> None:
    client: openai.OpenAI = request.getfixturevalue(place)
    once, pause = decode(THAI.read_bytes()), np.zeros(SAMPLE_RATE, np.float32)
    twice = encoded(np.concatenate([once, pause, once]), kind="FLAC", subtype="PCM_16")
    *deltas, done = client.audio.transcriptions.create(
        model="wav2vec2_asr", file=("twice.flac", twice), stream=True
    )
    assert [one.type for one in deltas] == ["transcript.text.delta"] * 2
    assert done.type == "transcript.text.done"
    texts = [getattr(one, "delta", "") for one in deltas]
    assert "".join(texts) == getattr(done, "text", "") == f"{said(THAI)} {said(THAI)}"


def test_a_program_that_waits_for_nothing_has_the_same_text(whisper_url: str) -> None:
    async def asked() -> tuple[str, str]:
        async with openai.AsyncOpenAI(base_url=f"{whisper_url}/v1", api_key="none") as client:
            ask = client.audio.transcriptions.create
            flowing = await ask(model="whisper_asr", file=CHINESE, stream=True)
            text = "".join([getattr(one, "delta", "") async for one in flowing])
            return text, (await ask(model="whisper_asr", file=CHINESE)).text

    assert asyncio.run(asked()) == (said(CHINESE), said(CHINESE))


def test_a_prompt_and_keywords_arrive(whisper: openai.OpenAI, whisper_url: str) -> None:
    ask = whisper.audio.transcriptions.create
    with Client(whisper_url, http={"trust_env": False}) as model:
        usual = model.transcribe(CHINESE).text
        prompted = model.transcribe(CHINESE, initial_prompt="医院").text
        expected = model.transcribe(CHINESE, hotwords="医院").text
    assert usual != prompted
    assert ask(model="whisper_asr", file=CHINESE, prompt="医院").text == prompted
    assert ask(model="whisper_asr", file=CHINESE, keywords=["医院"]).text == expected


def test_words_and_segments_have_times(whisper: openai.OpenAI) -> None:
    answer = whisper.audio.transcriptions.create(
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


def test_a_ctc_model_has_the_same_fields(thai: openai.OpenAI) -> None:
    answer = thai.audio.transcriptions.create(
        model="wav2vec2_asr", file=THAI, response_format="verbose_json", prompt="กาแฟ"
    )
    assert answer.segments
    assert -1 < answer.segments[0].avg_logprob < 0
    assert answer.words is None
    assert answer.language == "thai"


def test_it_comes_as_text_and_subtitles(whisper: openai.OpenAI) -> None:
    found = {
        shape: whisper.audio.transcriptions.create(
            model="whisper_asr", file=CHINESE, response_format=shape
        )
        for shape in ("text", "srt", "vtt")
    }
    text = found["text"].strip()
    assert found["srt"].startswith("1\n00:00:00,000 --> 00:00:0")
    assert found["vtt"].startswith("WEBVTT\n\n00:00:00.000 --> 00:00:0")
    assert text in found["srt"]
    assert text in found["vtt"]


def test_it_is_translated_where_the_model_can(
    whisper: openai.OpenAI, thai: openai.OpenAI, pages: openai.OpenAI
) -> None:
    asked: dict[str, Any] = {"file": CHINESE, "response_format": "verbose_json"}
    for client in (whisper, pages):
        answer = client.post(
            "/audio/translations",
            body={"model": "whisper_asr", "response_format": "verbose_json"},
            files={"file": CHINESE},
            options={"headers": {"Content-Type": "multipart/form-data"}},
            cast_to=openai.types.audio.TranslationVerbose,
        )
        assert (answer.language, bool(answer.text)) == ("english", True)
    with pytest.raises(openai.NotFoundError, match="doesn't translate"):
        thai.audio.translations.create(model="wav2vec2_asr", **asked)


def test_the_models_are_listed(
    whisper: openai.OpenAI, thai: openai.OpenAI, pages: openai.OpenAI
) -> None:
    assert [one.id for one in whisper.models.list()] == ["whisper_asr", "whisper-1"]
    assert [one.id for one in thai.models.list()] == ["wav2vec2_asr"]
    assert {"whisper_asr", "wav2vec2_asr"} <= {one.id for one in pages.models.list()}
    for client in (whisper, pages):
        assert client.models.retrieve("whisper_asr").id == "whisper_asr"
        with pytest.raises(openai.NotFoundError):
            client.models.retrieve("gpt-4o-transcribe")


@pytest.mark.parametrize(
    ("options", "kind", "field"),
    [
        ({"model": "gpt-4o-transcribe"}, openai.NotFoundError, "model"),
        ({"file": ("a.wav", b"nothing")}, openai.BadRequestError, "file"),
        ({"file": ("a.wav", b"nothing"), "stream": True}, openai.BadRequestError, "file"),
        ({"file": ("a.wav", b"")}, openai.BadRequestError, "file"),
        ({"language": "xx"}, openai.BadRequestError, "language"),
        ({"temperature": 2}, openai.BadRequestError, "temperature"),
        ({"prompt": "字" * 9_000}, openai.BadRequestError, "prompt"),
        ({"response_format": "diarized"}, openai.BadRequestError, "response_format"),
        ({"response_format": "diarized_json"}, openai.BadRequestError, "response_format"),
        ({"response_format": "srt", "stream": True}, openai.BadRequestError, "stream"),
        ({"include": ["logprobs"]}, openai.BadRequestError, "include"),
        ({"known_speaker_names": ["Li"]}, openai.BadRequestError, "known_speaker_references"),
        (
            {"known_speaker_names": ["Li"], "known_speaker_references": ["http://x/li.wav"]},
            openai.BadRequestError,
            "known_speaker_references",
        ),
        ({"chunking_strategy": {"type": "words"}}, openai.BadRequestError, "chunking_strategy"),
        (
            {"chunking_strategy": {"type": "server_vad", "threshold": 9}},
            openai.BadRequestError,
            "chunking_strategy",
        ),
        (
            {"timestamp_granularities": ["word"]},
            openai.BadRequestError,
            "timestamp_granularities",
        ),
        ({"extra_body": {"volume": 11}}, openai.BadRequestError, "volume"),
    ],
)
def test_a_refusal_names_the_field(
    whisper: openai.OpenAI, options: dict[str, Any], kind: type[openai.APIStatusError], field: str
) -> None:
    with pytest.raises(kind) as refused:
        whisper.audio.transcriptions.create(**{"model": "whisper_asr", "file": CHINESE, **options})
    assert refused.value.param == field
    assert refused.value.type == "invalid_request_error"
    assert refused.value.request_id
    assert refused.value.message.count("\n") == 0


@pytest.mark.parametrize(
    ("options", "kind", "sentence"),
    [
        ({"model": "x"}, openai.NotFoundError, "Model 'x' not found; available: whisper_asr"),
        ({"model": "gone-asr"}, openai.InternalServerError, "can't be reached"),
        ({"file": ("a.wav", bytes(25_000_000))}, openai.APIStatusError, "is larger"),
        ({"file": ("a.wav", b"nothing")}, openai.BadRequestError, "is not audio"),
        ({"temperature": 2}, openai.BadRequestError, "temperature"),
    ],
)
def test_the_pages_refuse_what_no_model_takes(
    pages: openai.OpenAI, options: dict[str, Any], kind: type[openai.APIStatusError], sentence: str
) -> None:
    with pytest.raises(kind, match=sentence):
        pages.audio.transcriptions.create(**{"model": "whisper_asr", "file": CHINESE, **options})


@pytest.mark.parametrize("body", [b"", b"--x\r\nnothing", b"model=whisper_asr"])
def test_what_is_no_form_is_refused(pages_url: str, whisper_url: str, body: bytes) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    for url in (pages_url, whisper_url):
        place = f"{url}/v1/audio/transcriptions"
        response = HTTP.post(place, content=body, headers=headers, timeout=30)
        assert response.status_code == 400
        assert response.json()["error"]["type"] == "invalid_request_error"


def test_a_body_of_another_kind_is_refused(pages_url: str, whisper_url: str) -> None:
    for url in (pages_url, whisper_url):
        response = HTTP.post(f"{url}/v1/audio/transcriptions", json={"model": "x"}, timeout=30)
        assert response.status_code == 415
        assert response.json()["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize(
    ("method", "path", "status", "allowed"),
    [
        ("GET", "/v1/audio/transcriptions", 405, "POST"),
        ("POST", "/v1/models/", 405, "GET, HEAD"),
        ("POST", "/v1/chat/completions", 404, None),
    ],
)
def test_another_path_is_refused_in_the_same_form(
    whisper_url: str, method: str, path: str, status: int, allowed: str | None
) -> None:
    response = HTTP.request(method, whisper_url + path, timeout=30)
    assert response.status_code == status
    assert response.headers.get("Allow") == allowed
    assert "/v1/audio/translations" in response.json()["error"]["message"]


def passing(*services: Service) -> Iterator[openai.OpenAI]:
    """The client at an app that only passes requests on."""
    app = FastAPI()
    app.include_router(openai_api.router(Services(services), 1_000_000))
    with TestClient(app) as http:
        yield openai.OpenAI(
            base_url="http://testserver/v1", api_key="mine", max_retries=0, http_client=http
        )


def test_a_server_without_the_api_is_told(echo_url: str) -> None:
    for client in passing(Service("old", echo_url, task=SPEECH)):
        with pytest.raises(openai.APIStatusError, match=r"has no OpenAI API at .*/v1") as refused:
            client.audio.transcriptions.create(model="old", file=CHINESE)
        assert refused.value.status_code == 502


@pytest.mark.parametrize(("own", "sent"), [(None, "mine"), ("the-gateway's", "the-gateway's")])
def test_a_key_goes_on_to_the_gateway(own: str | None, sent: str) -> None:
    flaky = Flaky(lambda _: b'{"text": "hello"}', [])
    with serving(flaky) as url:
        for client in passing(Service("asr", url, own, SPEECH)):
            client.audio.transcriptions.create(model="asr", file=("a.wav", b"sound"))
    assert {name.lower(): one for name, one in flaky.headers.items()}["apikey"] == sent
    assert flaky.paths == ["/v1/audio/transcriptions?model=asr"]


def test_who_says_what_and_a_voice_that_is_known(telling: str) -> None:
    ask = at(telling).audio.transcriptions.create
    asked: dict[str, Any] = {
        "model": "whisper_asr",
        "file": ("call.flac", calls.call("office", "bank")),
        "response_format": "diarized_json",
        "chunking_strategy": "auto",
    }
    answer = ask(**asked)
    first, second = answer.segments
    assert (first.speaker, second.speaker) == ("A", "B")
    assert first.text[:5] == calls.said("office")[:5]
    assert answer.text == first.text + second.text
    assert first.start < first.end <= second.start < second.end <= answer.duration
    voice = base64.b64encode((calls.SAMPLES / "bank.flac").read_bytes()).decode()
    *segments, done = ask(
        **asked,
        stream=True,
        known_speaker_names=["Li Na"],
        known_speaker_references=[f"data:audio/flac;base64,{voice}"],
    )
    assert [(one.speaker, one.text) for one in segments] == [
        ("A", first.text),
        ("Li Na", second.text),
    ]
    assert done.text == answer.text


def test_live_speech_goes_on_to_the_model_that_is_named(pages_url: str) -> None:
    host = pages_url.removeprefix("http://")
    sound = (decode(CHINESE.read_bytes()) * 32_767).astype("<i2").tobytes()
    asked = "intent=transcription&model=whisper_asr"
    with talk(host, asked, origin=pages_url) as stream:
        stream.update(format={"type": "audio/pcm", "rate": 16_000}, turn_detection=None)
        stream.append(sound)
        stream.say("input_audio_buffer.commit")
        *_, completed = stream.until("transcription.completed")
        assert completed["transcript"][:3] == said(CHINESE)[:3]
    with talk(host, "intent=transcription&model=x") as stream:
        assert "available: whisper_asr" in stream.first["error"]["message"]
        assert stream.first["error"]["code"] == "model_not_found"
    with (
        pytest.raises(Exception, match="403"),
        talk(host, asked, origin="https://elsewhere.example"),
    ):
        pass
