"""Test sets that a person drops: what is read, and what is refused."""

import base64
import io
import zipfile

import pytest

from test_models.calls import ServiceError
from test_models.evaluate.cases import MOST, Case, read

LIMIT = 1000  # bytes


def zipped(files: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", compression) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return content.getvalue()


def loaded(case: Case) -> bytes:
    assert case.load is not None
    return case.load()


def test_pairs_of_recordings_and_texts() -> None:
    files = {
        "set/a.wav": b"A", "set/a.txt": "你好\n世界".encode("gb18030"), "set/b.flac": b"B",
        "__MACOSX/set/._a.wav": b"", ".DS_Store": b"",
    }  # fmt: skip
    first, second = read("x.zip", zipped(files), "asr", LIMIT)
    assert (first.name, first.references, loaded(first)) == ("set/a.wav", ("你好 世界",), b"A")
    assert "no reference in a b.txt" in second.error
    assert not second.scored


def test_a_table_names_files_and_references() -> None:
    rows = "file,caption,caption 2\na.jpg,A cat.,A tom|A pet.\nb.jpg,x,\na.jpg,One more,\n"
    files = {"set/list.csv": rows.encode(), "set/a.jpg": b"A"}
    first, second = read("x.zip", zipped(files), "caption", LIMIT)
    assert first.references == ("A cat.", "A tom", "A pet.", "One more")
    assert loaded(first) == b"A"
    assert second.error == "The ZIP has no such file."
    assert second.scored  # it counts as not answered


def test_names_in_gbk_are_found() -> None:
    rows = "file,reference\n录音.wav,好\n".encode()
    made = zipped({"list.csv": rows, "luyi.wav": b"A"}, zipfile.ZIP_STORED)
    # as Windows in China writes it: the bytes of GBK, and nothing that says so
    (case,) = read("x.zip", made.replace(b"luyi.wav", "录音.wav".encode("gbk")), "asr", LIMIT)
    assert (case.name, loaded(case)) == ("录音.wav", b"A")


def test_recordings_within_a_table() -> None:
    rows = f"audio,text\n{base64.b64encode(b'A').decode()},好\nwhere.wav,好\n"
    first, second = read("x.csv", rows.encode(), "asr", LIMIT)
    assert (first.name, loaded(first), first.references) == ("row 1", b"A", ("好",))
    assert "no ZIP" in second.error


def test_entities_in_lines_and_in_a_table() -> None:
    saved = '{"text": "王小明", "entities": [{"start": 0, "end": 3, "type": "NAME"}]}'
    lines = '{"text": "😀王小明", "entities": [[1, 4, "PERSON"]]}\n\n{"text": 1}\n{"text": "a", '
    answered, first, second, third = read("x.jsonl", f"{saved}\n{lines}".encode(), "ner", LIMIT)
    assert answered.spans == frozenset({(0, 3, "NAME")})  # as the page of entities saves them
    assert (first.text, first.spans) == ("😀王小明", frozenset({(1, 4, "PERSON")}))
    assert second.name == "line 4"
    assert "isn't JSON" in second.error
    assert "isn't JSON" in third.error
    rows = 'text,entities\n中国,"[[0, 2, ""LOCATION""]]"\n好,\n好,"[[0, 2, ""X""]]"\n好,[1]\n'
    found = read("x.csv", rows.encode(), "ner", LIMIT)
    assert [one.spans for one in found[:2]] == [frozenset({(0, 2, "LOCATION")}), frozenset()]
    assert found[2].error == "The entity [0, 2, 'X'] isn't in the text."
    assert "no JSON list" in found[3].error


@pytest.mark.parametrize("name", ["../x.wav", "/etc/x.wav", "a/../../x.wav", "..\\x.wav"])
def test_a_path_out_of_a_zip_is_refused(name: str) -> None:
    with pytest.raises(ServiceError, match="a path out of it"):
        read("x.zip", zipped({name: b"A"}), "asr", LIMIT)


def test_a_zip_that_unpacks_to_too_much_is_refused() -> None:
    bomb = zipped({f"{number}.wav": bytes(LIMIT) for number in range(21)})
    assert len(bomb) < 5 * LIMIT
    with pytest.raises(ServiceError, match="more than 20 times"):
        read("x.zip", bomb, "asr", LIMIT)


def test_a_large_or_broken_file_of_a_zip_is_an_error_of_its_own() -> None:
    files = {"a.wav": bytes(LIMIT + 1), "a.txt": b"a", "b.wav": b"recorded", "b.txt": b"b"}
    raw = zipped(files, zipfile.ZIP_STORED).replace(b"recorded", b"rewinded")
    first, second = read("x.zip", raw, "asr", LIMIT)
    with pytest.raises(ServiceError, match="larger than"):
        loaded(first)
    with pytest.raises(ServiceError, match="can't be unpacked"):
        loaded(second)


@pytest.mark.parametrize(
    ("name", "content", "task", "reason"),
    [
        ("x.zip", b"PK nonsense", "asr", "can't be read"),
        ("x.zip", zipped({"a.doc": b""}), "asr", "neither a table nor files"),
        ("x.zip", zipped({"a.csv": b"", "b.tsv": b""}), "asr", "2 tables"),
        ("x.zip", zipped({}), "ner", "CSV file or as JSON lines"),
        ("x.csv", b"a,b\n1,2\n", "asr", "the columns a, b"),
        ("x.pdf", b"", "ner", "no CSV or ZIP file, nor JSON lines"),
        ("x.jsonl", b"\n", "ner", "nothing to score"),
        ("x.jsonl", b"{}\n" * (MOST + 1), "ner", "5,001 cases"),
    ],
)
def test_what_is_no_test_set_is_refused(name: str, content: bytes, task: str, reason: str) -> None:
    with pytest.raises(ServiceError, match=reason):
        read(name, content, task, LIMIT)  # type: ignore[arg-type]
