"""Captions and search words in other languages: translated, or refused with the reason."""

import argparse
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
from mlflow.exceptions import MlflowException

from clip_caption import explore
from clip_caption.building import translators
from clip_caption.building.translators import Given
from clip_caption.engine import Engine
from clip_caption.evaluating.translate import translate
from clip_caption.options import DECLARATION
from clip_caption.translating.languages import language_of
from clip_caption.translating.translators import Languages, Translator
from tests.clip_caption.serving import FILES
from tests.clip_caption.translator import PAIRS, write_many_languages, write_translator
from zoo.building.packaging import ROOT
from zoo.errors import CheckpointError, ZooError
from zoo.serving.model import ZooModel

CHINESE = "洪水"
FORKED = """
import os, sys
from pathlib import Path
from clip_caption.translating.translators import Languages
languages = Languages(["en"], Path(sys.argv[1]))
for _ in range(2):
    if not os.fork():
        os._exit(languages.to_read(sys.argv[2]) != sys.argv[3])
statuses = [os.wait()[1] for _ in range(2)]
assert languages.to_read(sys.argv[2]) == sys.argv[3]
found = {"torch", "transformers", "mlflow"} & set(sys.modules)
sys.exit(any(statuses) or bool(found))
"""


@pytest.fixture(scope="module")
def to_thai(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of Marian that translates into Thai."""
    directory = tmp_path_factory.mktemp("marian") / "opus-mt-en-th"
    return write_translator(directory, {english: thai for thai, english in PAIRS.items()})


@pytest.fixture(scope="module")
def packed(
    clip_model: Path, translator: Path, to_thai: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The demo with both translators."""
    directory = tmp_path_factory.mktemp("translated") / "model"
    directory.mkdir()
    for path in (clip_model / "artifacts" / "model").iterdir():
        (directory / path.name).symlink_to(path)
    pins = translators.pack([Given(str(translator), ()), Given(str(to_thai), ())], directory)
    assert [pin.partition("==")[0] for pin in pins] == ["ctranslate2", "sentencepiece"]
    return directory


def opened(directory: Path) -> ZooModel:
    model = ZooModel(DECLARATION, Engine)
    model.load_context(SimpleNamespace(artifacts={"model": str(directory)}))
    return model


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("a flood, 7-11 ☔ €5", "en"),
        ("inondation à côté du marché, ½ µm", "en"),
        ("น้ำท่วม in front of a 7-11", "th"),
        ("street sign 出口", "zh"),
        ("臺北的洪水", "zh"),
        ("ถนน 路", "th"),
        ("洪水です、たすけて", "other"),
        ("наводнение", "other"),
        ("홍수 洪", "other"),
        ("", "en"),
        ("😀 12", "en"),
    ],
)
def test_letters_tell_the_language(text: str, language: str) -> None:
    assert language_of(text) == language


def test_captions_and_words_are_translated(packed: Path) -> None:
    model = opened(packed)
    assert model.engine.languages == ("en", "th")
    photos = pd.DataFrame({"image": [*FILES.values()][:2]})
    asked = {"num_captions": 2, "beam_size": 2}
    english = [record["captions"] for record in model.predict(None, photos, asked)]
    written = model.predict(None, photos, {**asked, "language": "th"})
    for own, record in zip(english, written, strict=True):
        assert [one["english"] for one in record["captions"]] == [one["text"] for one in own]
        assert [one["score"] for one in record["captions"]] == [one["score"] for one in own]
        assert {language_of(one["text"]) for one in record["captions"]} == {"th"}
    for thai, text in PAIRS.items():
        both = [
            model.predict(None, photos, {"num_captions": 0, "match_text": one})
            for one in (thai, text)
        ]
        assert both[0] == both[1]
    with pytest.raises(MlflowException, match="'language'"):
        model.predict(None, photos, {"language": "zh"})


def test_what_nothing_reads_is_refused(packed: Path, clip_model: Path) -> None:
    plain, thai = opened(clip_model / "artifacts" / "model"), next(iter(PAIRS))
    photos = pd.DataFrame({"image": [*FILES.values()][:1]})
    for model, text, why in ((plain, thai, "Thai"), (opened(packed), CHINESE, "Chinese")):
        for name, value in (("match_text", text), ("labels", ["flood", text])):
            with pytest.raises(MlflowException, match=f"'{name}': is in {why}"):
                model.predict(None, photos, {name: value, "num_captions": 0})
        rows = pd.DataFrame({"search_text": ["a flood", text]})
        with pytest.raises(MlflowException, match=f"Row 1, column 'search_text': is in {why}"):
            model.predict(None, rows, {"embedding": "clip"})
        good, bad = model.predict(None, rows, {"on_error": "report", "embedding": "clip"})
        assert good["error"] is None
        assert why in bad["error"]
    with pytest.raises(MlflowException, match="'language'"):
        plain.predict(None, photos, {"language": "th"})


def test_words_are_found_by_their_translation(packed: Path) -> None:
    rows = pd.DataFrame({"search_text": [*PAIRS, *PAIRS.values()]})
    found = opened(packed).predict(None, rows, {"embedding": "clip"})
    assert found[: len(PAIRS)] == found[len(PAIRS) :]


def test_translations_are_transformers_s(
    packed: Path, translator: Path, to_thai: Path, tmp_path: Path
) -> None:
    """Of Marian, and of NLLB, which has its languages named."""
    nllb = write_many_languages(tmp_path / "nllb")
    translators.convert(Given(str(nllb), (("th", "en"),)), tmp_path / "packed")
    languages = Languages(["en"], packed)
    thai, english = [*PAIRS], [*PAIRS.values()]
    assert [languages.to_read(one) for one in thai] == translate(thai, str(translator))
    assert languages.to_write(english, "th") == translate(english, str(to_thai))
    many = Translator(tmp_path / "packed")
    wanted = translate([*thai, ""], str(nllb), "tha_Thai", "eng_Latn")
    assert many([*thai, ""], ("th", "en")) == wanted


def test_a_translator_is_opened_after_the_fork(packed: Path) -> None:
    """Each worker opens its own; none of them loads what training needs."""
    thai, english = next(iter(PAIRS.items()))
    code = {**os.environ, "PYTHONPATH": str(ROOT / "mlflow_models")}
    command = [sys.executable, "-c", FORKED, str(packed), thai, english]
    assert subprocess.run(command, env=code, timeout=120).returncode == 0


def test_what_cannot_be_packed_is_refused(
    translator: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    unnamed = tmp_path / "marian"
    unnamed.symlink_to(translator)
    with pytest.raises(CheckpointError, match="doesn't tell which languages"):
        translators.pack([Given(str(unnamed), ())], tmp_path / "a")
    twice = [Given(str(translator), ()), Given(str(unnamed), (("th", "en"),))]
    with pytest.raises(CheckpointError, match="both translate th-en"):
        translators.pack(twice, tmp_path / "b")
    with pytest.raises(CheckpointError, match="not a checkpoint that translates"):
        translators.pack([Given(str(tmp_path), ())], tmp_path / "c")
    cli = argparse.ArgumentParser()
    translators.add_option(cli)
    for value in ("x=th", "x=th-zh", "x=en-en", "x=en-fr"):
        with pytest.raises(SystemExit):
            cli.parse_args(["--translator", value])
    given = cli.parse_args(["--translator", "nllb=en-th,th-en", "--translator", "b"]).translator
    assert given == [Given("nllb", (("en", "th"), ("th", "en"))), Given("b", ())]
    assert "not one of" not in capsys.readouterr().out


def test_comments_are_translated_for_a_clip_that_reads_another_language(
    embedded: Path, translator: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    thai = {"flood": 0, "rubbish": 1, "fallen tree": 2, "broken lamp": 3}
    table = pd.read_parquet(embedded)[["path", "type"]]
    table = table[table["type"].isin([*thai])]
    table["said"] = [[*PAIRS][thai[kind]] for kind in table["type"]]
    table.to_csv(tmp_path / "claims.csv", index=False)
    claims = str(tmp_path / "claims")
    explore.main(["embed", str(tmp_path / "claims.csv"), "-o", claims, "--checkpoint",
                  str(embedded)])  # fmt: skip
    output = tmp_path / "match.csv"
    match = ["match", claims, "--text", "said", "-o", str(output)]
    with pytest.raises(ZooError, match="Thai"):
        explore.main(match)
    explore.main([*match, "--translate", str(translator)])
    read = pd.read_csv(output)
    assert list(read["translation"]) == list(read["said"].map(PAIRS))
    assert read["better_than"].mean() > 0.75

    words = ["find", claims, "--json", "--words", next(iter(PAIRS))]
    with pytest.raises(ZooError, match=r"--words .* Thai"):
        explore.main(words)
    capsys.readouterr()
    explore.main([*words, "--translate", str(translator)])
    translated = capsys.readouterr().out
    explore.main([*words[:-1], PAIRS[words[-1]]])
    assert capsys.readouterr().out == translated
