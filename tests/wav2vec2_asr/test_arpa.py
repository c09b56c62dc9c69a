"""ARPA files that others wrote or edited: mended, or refused."""

import math
from pathlib import Path

import pytest

from tests.wav2vec2_asr.language import BLANK, TEXT, Arpa, built
from wav2vec2_asr import ngram
from wav2vec2_asr.language_model import BeamSearch
from wav2vec2_asr.training import arpa
from zoo.errors import ZooError


def test_the_end_of_the_sentence_is_put_back(tmp_path: Path) -> None:
    good, broken, mended = (tmp_path / f"{name}.arpa" for name in ("good", "broken", "mended"))
    built(TEXT, 3, good)
    lines = good.read_text(encoding="utf-8").split("\n")
    without = [line for line in lines if line.split("\t")[1:2] != ["</s>"]]
    size = int(lines[1].partition("=")[2])
    # Deleted with its count, or the count forgotten; with a BOM and an editor's line ends.
    for text in (
        "\n".join(without).replace(f"1={size}", f"1={size - 1}"),
        "\n".join(without),
        "\ufeff" + "\r\n".join(without),
    ):
        broken.write_text(text, encoding="utf-8", newline="")
        assert arpa.repair(broken, mended)[0] == "</s> added"
        assert mended.read_text(encoding="utf-8").split("\n")[1:4] == lines[1:4]
        now, before = Arpa(mended).grams, Arpa(good).grams
        assert now.keys() == before.keys()
        assert {gram for gram in now if now[gram] != before[gram]} == {("</s>",)}
        log = now[("</s>",)][0]
        assert log == pytest.approx(-math.log10(size), abs=1e-5)  # uniform; as <s> has it: 0
        assert ngram.score(mended, TEXT)["unknown"] == 0  # KenLM reads it


def test_the_known_trap_a_line_added_and_not_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "model.arpa"
    size = len(built(TEXT, 3, path).vocabulary)
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace(f"ngram 1={size}", f"ngram 1={size - 1}"), encoding="utf-8")
    with pytest.raises(ZooError, match="KenLM can't read"):
        BeamSearch(["ก", BLANK], 1, path)
    ngram.main(["repair", str(path), "-o", str(path)])  # in place
    assert f"count of unigrams corrected from {size - 1} to {size}" in capsys.readouterr().out
    assert path.read_text(encoding="utf-8") == text
    BeamSearch(["ก", BLANK], 1, path)
    ngram.main(["repair", str(path), "-o", str(path)])
    assert "nothing to repair" in capsys.readouterr().out
    assert path.read_text(encoding="utf-8") == text


SMALL = """\\data\\
ngram 1=4
ngram 2=2

\\1-grams:
-1\t<unk>\t0
0\t<s>\t-0.3
-0.7\t</s>\t0
-0.5\tก\t-0.3

\\2-grams:
-0.1\t<s> ก
-0.1\tก ก

\\end\\
"""


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("ngram 1=4", "ngram 1=9", "says 9 unigrams; there are 4"),
        ("ngram 1=4\n", "", "says None unigrams; there are 4"),
        ("ngram 2=2", "ngram 2=3", "KenLM refuses '.*' also as repaired: .* 2-gram"),
        ("\\2-grams:", "\\3-grams:", "KenLM refuses '.*' also as repaired: .*2-grams"),
        ("-0.1\tก ก", "-0.1\tก", "KenLM refuses '.*' also as repaired: .* 2-gram"),
        (SMALL, "", "says None unigrams; there are 1"),
    ],
)
def test_other_damage_is_refused(old: str, new: str, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "model.arpa"
    path.write_text(SMALL, encoding="utf-8")
    assert arpa.repair(path, path) == []
    path.write_text(SMALL.replace(old, new), encoding="utf-8")
    with pytest.raises(ZooError, match=reason):
        arpa.repair(path, tmp_path / "new.arpa")
    assert not (tmp_path / "new.arpa").exists()


def test_what_is_no_text_is_not_repaired(tmp_path: Path) -> None:
    path = tmp_path / "model.bin"
    path.write_bytes(b"\\data\\\nmmap lm \xff\xfe\x00")
    for source, reason in ((path, "is not UTF-8"), (tmp_path / "missing.arpa", "not found")):
        with pytest.raises(ZooError, match=reason):
            arpa.repair(source, path)
