"""The entities of what is said, and transcripts without what a mask takes out."""

import json
from pathlib import Path
from typing import Any

import pytest

from test_models.answers import Entities, Entity, MaskedCopy, NormalForm, Replacement
from test_models.arguments import parsed
from test_models.spoken import spoken
from tests.test_models.servers import Flaky, nobody, serving
from tests.test_models.test_command import run
from transcripts.answers import Segment, Speaker, SpokenTurn, Transcript, Word
from transcripts.formats import FORMATS

SECRETS = ("王小明", "小明", "1380", "0138000", "李娜")
TEXT = "😀我叫王小明，电话13800138000。Call me 明天"
HEARD = Transcript(
    text=TEXT,
    duration=9.0,
    segments=[
        Segment(id=0, start=0.0, end=2.0, text="😀我叫王小明，", speaker="S1", words=[
            Word(text="😀我", start=0.0, end=0.4), Word(text="叫", start=0.4, end=0.6),
            Word(text="王", start=0.6, end=0.8), Word(text="小", start=0.8, end=1.0),
            Word(text="明", start=1.0, end=1.2)]),
        Segment(id=1, start=3.0, end=4.0, text="电话1380", speaker="S1"),
        Segment(id=2, start=4.5, end=6.0, text="0138000。", speaker="S1"),
        Segment(id=3, start=7.0, end=9.0, text="Call me 明天", speaker="S2", words=[
            Word(text="Call", start=7.0, end=7.2), Word(text=" me", start=7.2, end=7.4),
            Word(text="明天", start=8.0, end=8.6)], heard="李娜"),
    ],
    speakers=[Speaker(speaker="S1", name="王小明"), Speaker(speaker="S2", name="李娜")],
    turns=[SpokenTurn(start=0.0, end=6.0, speaker="S1"), SpokenTurn(start=7, end=9, speaker="S2")],
    voices="李娜",
)  # fmt: skip


def of(text: str, kind: str, **more: Any) -> Entity:
    """An entity of the text."""
    start = TEXT.index(text)
    return Entity(text=text, type=kind, start=start, end=start + len(text), **more)


DAY = NormalForm(kind="date", value="2026-01-02")
FOUND = [of("王小明", "PERSON", confidence=0.9), of("明天", "DATE", normalized=DAY)]


def masked(*replaced: tuple[str, str, str]) -> MaskedCopy:
    """The text with some of its words replaced, in order: word, kind, replacement."""
    text, spans, at = "", [], 0
    for word, kind, put in replaced:
        start = TEXT.index(word, at)
        text += TEXT[at:start]
        at = start + len(word)
        spans.append(Replacement(kind=kind, start=start, end=at, masked_start=len(text),
                                masked_end=len(text) + len(put)))  # fmt: skip
        text += put
    return MaskedCopy(text=text + TEXT[at:], spans=spans)


MASKED = masked(("王小明", "PERSON", "[PERSON]"), ("13800138000", "PHONE", "***"))


def test_an_entity_has_the_times_of_its_words() -> None:
    phone = of("13800138000", "PHONE")
    found = spoken(HEARD, Entities(entities=[FOUND[0], phone, FOUND[1]]))
    times = [(one.text, one.segment, one.start_seconds, one.end_seconds) for one in found.entities]
    assert times == [("王小明", 0, 0.6, 1.2), ("13800138000", 1, 3.0, 6.0), ("明天", 3, 8.0, 8.6)]
    assert found.text == TEXT
    assert found.segments == HEARD.segments
    bare = spoken(Transcript(text=TEXT), Entities(entities=FOUND))  # text without segments
    assert [(one.start, one.segment) for one in bare.entities] == [(3, None), (29, None)]


def test_a_masked_transcript_has_nothing_of_what_was_there() -> None:
    found = spoken(HEARD, Entities(entities=FOUND, masked=MASKED))
    assert found.text == "😀我叫[PERSON]，电话***。Call me 明天"
    assert [one.text for one in found.segments] == [
        "😀我叫[PERSON]，",
        "电话***",
        "。",
        "Call me 明天",
    ]
    words = [(one.text, one.start, one.end) for one in found.segments[0].words or []]
    assert words == [("😀我", 0.0, 0.4), ("叫", 0.4, 0.6), ("[PERSON]，", 0.6, 1.2)]
    assert [one.speaker for one in found.segments] == ["S1", "S1", "S1", "S2"]
    person, day = found.entities
    assert (person.text, person.type, person.start_seconds) == ("[PERSON]", "PERSON", 0.6)
    assert (day.text, day.normalized, day.end_seconds) == ("明天", DAY, 8.6)
    assert all(found.text[one.start : one.end] == one.text for one in found.entities)
    assert [(one.kind, found.text[one.start : one.end]) for one in found.masked or []] == [
        ("PERSON", "[PERSON]"),
        ("PHONE", "***"),
    ]
    for form, written in FORMATS.items():
        content = written(found, "call")
        assert form == "rttm" or "[PERSON]" in content
        assert not [one for one in SECRETS if one in content], form


def serving_both(found: dict[str, Any]) -> tuple[Flaky, Flaky]:
    """A model that hears, and one of entities."""

    def entities(body: bytes) -> bytes:
        given = json.loads(body)
        ((text,),) = given["dataframe_split"]["data"]
        plain = {"entities": [], "masked": {"text": text, "spans": []}}
        return json.dumps({"predictions": [found if text == TEXT else plain]}).encode()

    heard = json.dumps({"predictions": [HEARD.model_dump()]}).encode()
    return Flaky(lambda _: heard, []), Flaky(entities, [])


def transcribed(file: Path, found: dict[str, Any], *options: str) -> Any:
    """A finished `transcribe --entities` in front of two such models."""
    speech, ner = serving_both(found)
    with serving(speech) as url, serving(ner) as other:
        return run("transcribe", file, "--url", url, "--entities", other, *options)


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """A short file."""
    (file := tmp_path / "call.wav").write_bytes(b"RIFF")
    return file


def test_a_command_hears_and_finds(recording: Path, tmp_path: Path) -> None:
    plain = Entities(entities=FOUND).model_dump()
    done = transcribed(recording, plain, "--format", "json", "--reference-date", "2026-01-01")
    record = json.loads(done.stdout)
    assert record["text"] == TEXT
    assert record["entities"][1] == {
        "text": "明天", "type": "DATE", "start": 29, "end": 31, "segment": 3,
        "start_seconds": 8.0, "end_seconds": 8.6,
        "normalized": {"kind": "date", "value": "2026-01-02"},
    }  # fmt: skip
    whole = Entities(entities=FOUND, masked=MASKED).model_dump()
    options = ("--mask", "label", "--format", "vtt", "--param", "speakers=2")
    done = transcribed(recording, whole, *options, "--rename", "S2=Agent", "-o", str(tmp_path))
    assert done.returncode == 0, done.stderr
    written = (tmp_path / "call.vtt").read_text(encoding="utf-8")
    assert "<v S1>😀我叫[PERSON]，" in written
    assert "<v Agent>Call me 明天" in written
    assert not [one for one in SECRETS if one in written]


def test_what_is_not_masked_does_not_leave(recording: Path) -> None:
    done = transcribed(recording, Entities(entities=FOUND).model_dump(), "--mask", "label")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert not [one for one in SECRETS if one in done.stdout + done.stderr]


def test_nobody_listens_where_the_entities_cannot_be_found(recording: Path) -> None:
    speech, _ = serving_both({})
    with serving(speech) as url, nobody() as gone:
        done = run("transcribe", recording, "--url", url, "--entities", gone.url)
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert gone.url in done.stderr
    assert speech.sizes == []


@pytest.mark.parametrize("options", [("--mask", "hash"), ("--entities", "/ner", "--format", "srt")])
def test_what_would_not_be_seen_is_refused(
    options: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["test_models", "transcribe", "call.wav", *options])
    with pytest.raises(SystemExit) as ended:
        parsed("")
    assert ended.value.code == 2
    assert "--mask" in capsys.readouterr().err.splitlines()[-1]
