"""The client against real models, and against servers that fail."""

import asyncio
import json
from pathlib import Path

import pytest

from test_models.async_client import AsyncClient
from test_models.calls import Busy, Refused, RowFailed, ServiceError, Unavailable
from test_models.client import Client
from tests.test_models import calls
from tests.test_models.servers import HANG_UP, Flaky, awaited, serving
from zoo.building.local_server import free_port
from zoo.building.packaging import ROOT

SPEECH = ROOT / "mlflow_models" / "whisper_asr" / "samples"
PHOTOS = ROOT / "mlflow_models" / "clip_caption" / "samples"
DIRECT = {"trust_env": False}  # this machine itself, whatever proxy the environment names


def entities_of(body: bytes) -> bytes:
    """A model that finds the whole text, and no text in what is empty."""
    texts = [row[0] for row in json.loads(body)["dataframe_split"]["data"]]
    records = [
        {"entities": [{"text": text, "type": "ALL", "start": 0, "end": len(text)}], "error": None}
        if text
        else {"entities": None, "error": "Column 'text': is empty."}
        for text in texts
    ]
    return json.dumps({"predictions": records}).encode()


def test_a_recording_is_transcribed(whisper_url: str) -> None:
    said = (SPEECH / "doctor.txt").read_text(encoding="utf-8").strip()
    with Client(whisper_url, http=DIRECT) as model:
        model.ready()
        found = model.transcribe(SPEECH / "doctor.flac", word_timestamps=True)
    assert found.text == said
    assert found.language == "zh"
    words = [word for segment in found.segments for word in segment.words or []]
    assert "".join(word.text for word in words) in said
    assert all(0 <= word.start <= word.end <= found.duration for word in words)


def test_a_voice_is_known_again(telling: str) -> None:
    recording = calls.call("office", "bank")
    with Client(telling, http=DIRECT) as model:
        first = model.transcribe(
            recording, channels="separate", speakers="auto", return_voices=True
        )
        assert [(one.speaker, one.channel) for one in first.speakers or []] == [
            ("S1", 1),
            ("S2", 2),
        ]
        gallery = json.loads(first.voices or "")
        gallery["voices"] = {"Li Na": gallery["voices"]["S2"]}
        again = model.transcribe(recording, speakers=2, voices=json.dumps(gallery))
    assert [one.name for one in again.speakers or []] == [None, "Li Na"]
    assert [one.speaker for one in again.segments] == ["S1", "S2"]


def test_entities_and_captions_are_typed(zoo_url: str, clip_url: str) -> None:
    with Client(zoo_url, http=DIRECT) as model:
        first, second = model.entities(["我爱中国", "原神很好"], dictionary='{"原神": "GAME"}')
    assert [(one.text, one.type, one.start) for one in first.entities] == [("中国", "LOCATION", 2)]
    assert [(one.text, one.type, one.end) for one in second.entities] == [("原神", "GAME", 2)]
    with Client(clip_url, http=DIRECT) as model:
        (photo,) = model.caption([PHOTOS / "flood.jpg"], num_captions=2, embedding="clip")
    assert len(photo.captions) == 2
    assert "flood" in photo.captions[0].text
    assert (photo.captions[0].score or 0) > (photo.captions[1].score or 0)
    assert len(photo.embedding or []) > 100


def test_a_bad_row_is_raised_or_reported(whisper_url: str) -> None:
    recordings = [(SPEECH / "doctor.flac").read_bytes(), b"no sound"]
    with Client(whisper_url, http=DIRECT) as model:
        with pytest.raises(RowFailed, match="Item 1: ") as failed:
            model.transcribe_all(recordings)
        good, bad = model.transcribe_all(recordings, on_error="report")
    assert failed.value.row == 1
    assert good.text
    assert good.error is None
    assert bad.error
    assert bad.text == ""


def test_many_texts_go_in_batches_and_come_in_order() -> None:
    texts = [f"第{number}句" for number in range(1000)]
    steps: list[int] = []
    flaky = Flaky(entities_of, [])
    with serving(flaky) as url, Client(url, http=DIRECT, concurrency=3) as model:
        found = model.entities(iter(texts), progress=steps.append)
    assert [one.entities[0].text for one in found] == texts
    assert len(flaky.sizes) == len(steps) == 4
    assert sum(steps) == 1000


def test_a_busy_server_is_asked_again_and_only_a_busy_one() -> None:
    flaky = Flaky(entities_of, [503, 429])
    with serving(flaky) as url, Client(url, http=DIRECT) as model:
        assert len(model.entities(["a"])) == 1
    assert len(flaky.sizes) == 3
    for failure, kind in (
        (500, Unavailable),
        (502, Unavailable),
        (404, Refused),
        (HANG_UP, Unavailable),
    ):
        flaky = Flaky(entities_of, [failure])
        with serving(flaky) as url, Client(url, http=DIRECT) as model, pytest.raises(kind):
            model.entities(["a"])
        assert len(flaky.sizes) == 1
    with serving(Flaky(entities_of, [429] * 9)) as url:
        patient = Client(url, http=DIRECT, attempts=2)
        with patient as model, pytest.raises(Busy):
            model.entities(["a"])


def test_a_failure_ends_the_rest() -> None:
    flaky = Flaky(entities_of, [])
    with serving(flaky) as url, Client(url, http=DIRECT, concurrency=1) as model:
        texts = ["", *["a"] * 5000]
        with pytest.raises(RowFailed, match="Item 0: Column 'text': is empty"):
            model.entities(texts)
    assert len(flaky.sizes) <= 2


def test_a_key_goes_along() -> None:
    flaky = Flaky(entities_of, [])
    with serving(flaky) as url, Client(url, key="secret", http=DIRECT) as model:
        model.entities(["a"])
    assert flaky.headers["apikey"] == "secret"


def test_it_works_within_a_loop_and_for_several_at_once() -> None:
    async def ask(url: str) -> None:
        with Client(url, http=DIRECT) as model:  # as in a notebook
            assert len(model.entities(["a"])) == 1
        async with AsyncClient(url, http=DIRECT) as client:
            found = await asyncio.gather(*(client.entities([text]) for text in "abc"))
        assert [one.entities[0].text for (one,) in found] == ["a", "b", "c"]

    with serving(Flaky(entities_of, [])) as url:
        awaited(ask(url))


@pytest.mark.parametrize(
    "content",
    [b"hello", b"[]", b'{"predictions": {}}', b'{"predictions": []}', b'{"predictions": [7]}',
     b'{"predictions": [{"entities": [{"text": "a"}]}]}'],
)  # fmt: skip
def test_what_is_no_answer_is_told(content: bytes) -> None:
    with (
        serving(Flaky(lambda _: content, [])) as url,
        Client(url, http=DIRECT) as model,
        pytest.raises(ServiceError, match="The server"),
    ):
        model.entities(["a"])


def test_what_cant_be_reached_is_told(tmp_path: Path) -> None:
    with Client(f"http://127.0.0.1:{free_port()}", http=DIRECT) as model:
        with pytest.raises(Unavailable, match="can't be reached"):
            model.ready()
        with pytest.raises(ServiceError, match="can't be read: No such file"):
            model.transcribe(tmp_path / "missing.wav")


def test_a_stock_server_is_up_too(ner_url: str, zoo_url: str) -> None:
    for url in (ner_url, zoo_url):
        with Client(url, http=DIRECT) as model:
            model.ready()
        with Client(f"{url}/elsewhere", http=DIRECT) as model, pytest.raises(Refused):
            model.ready()
