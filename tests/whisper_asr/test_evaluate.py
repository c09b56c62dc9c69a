"""Scores: by hand, under every switch of the normaliser, by group, and of the demo checkpoint."""

import csv
import json
import shutil
from pathlib import Path

import pytest

import whisper_asr
from tests.zoo.helpers import logged
from whisper_asr import evaluate, prepare
from whisper_asr.training.error_rates import character_errors, mixed_errors, scored
from whisper_asr.training.normalizer import Normalizer
from zoo.training.error_rates import ErrorCounts, bootstrap, total
from zoo.training.results import Utterance, markdown

FOLDER = Path(whisper_asr.__file__).parent
RAW = Normalizer("as_is", width=False, case=False, numerals=False, punctuation=False)


@pytest.mark.parametrize(
    ("reference", "hypothesis", "mistakes", "length"),
    [
        ("今天天气很好", "今天天气很好", 0, 6),
        ("今天天气很好", "今天天汽很好", 1, 6),  # substituted
        ("今天天气很好", "今天天气好", 1, 6),  # deleted
        ("今天天气很好", "今天的天气很好啊", 2, 6),  # inserted
        ("今天天气很好", "", 6, 6),
        ("", "字幕", 2, 0),
        ("", "", 0, 0),
        ("我用 GPU", "我用GPS", 1, 5),
    ],
)
def test_the_character_error_rate_is_what_one_counts(
    reference: str, hypothesis: str, mistakes: int, length: int
) -> None:
    found = character_errors(reference, hypothesis, RAW)
    assert found == ErrorCounts(mistakes, length)
    rate = 100 * mistakes / length if length else 100.0 * bool(mistakes)
    assert found.rate == pytest.approx(rate)


def test_the_mixed_error_rate_counts_words_of_other_scripts() -> None:
    assert mixed_errors("我用 new GPU 训练", "我用 GPS 训练", RAW) == ErrorCounts(2, 6)
    assert total([ErrorCounts(1, 4), ErrorCounts(0, 6)]).rate == pytest.approx(10)


@pytest.mark.parametrize(
    ("switch", "one", "other"),
    [
        ({"script": "simplified"}, "我們", "我们"),
        ({"script": "traditional"}, "我們", "我们"),
        ({"width": True}, "ＡＢ１", "AB1"),
        ({"case": True}, "GPU", "gpu"),
        ({"numerals": True}, "2026年3月5日涨了20%", "二零二六年三月五日涨了百分之二十"),
        ({"punctuation": True}, "你好，世界。", "你好世界"),
    ],
)
def test_each_choice_of_the_normaliser_is_a_switch(
    switch: dict[str, bool], one: str, other: str
) -> None:
    assert character_errors(one, other, Normalizer(**{**vars(RAW), **switch})).mistakes == 0
    without = {name: not on if isinstance(on, bool) else "as_is" for name, on in switch.items()}
    assert character_errors(one, other, Normalizer(**{**vars(Normalizer()), **without})).mistakes


def test_the_normaliser_leaves_words_apart() -> None:
    normalize = Normalizer()
    assert normalize("我 在 用 Hello,  World 程序。") == "我在用hello world程序"
    assert normalize("  ") == ""


def test_results_are_grouped_and_the_worst_come_first() -> None:
    utterances = [
        Utterance("a", "今天天气很好", "今天天气很好", 1.5, None),
        Utterance("b", "今天天气很好", "今天天汽很好", 3.0, 10.0),
        Utterance("c", "今天", "", 4.0, 0.0),
        Utterance("d", "今天天气", "", 31.0, -5.0),
    ]
    result = scored(utterances, RAW)
    assert result.rate("CER") == pytest.approx(100 * 7 / 18)
    groups = result.groups()
    assert {band: found[0] for band, found in groups["duration"].items()} == {
        "up to 2 s": 1,
        "2 to 5 s": 2,
        "over 30 s": 1,
    }
    assert list(groups["SNR"]) == ["up to 0 dB", "5 to 10 dB", "clean"]
    assert [utterance.name for utterance, _ in result.worst(3)] == ["d", "c", "b"]
    assert "| 2 to 5 s | 2 | 8 | 37.50 |" in markdown(result)


def test_the_interval_of_a_difference_is_paired() -> None:
    first = [ErrorCounts(i % 3, 10) for i in range(300)]
    same = bootstrap(first, first)
    assert (same.difference, same.low, same.high) == (0, 0, 0)
    better = [ErrorCounts(max(0, e.mistakes - 1), 10) for e in first]
    found = bootstrap(first, better)
    assert found.difference == pytest.approx(-100 * 200 / 3000)
    assert -8 < found.low < found.difference < found.high < -5
    assert bootstrap(first, better) == found


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The card's samples of the voices that the demo checkpoint knows, as a data set."""
    folder = tmp_path_factory.mktemp("samples")
    (folder / "corpus").mkdir()
    for path in (FOLDER / "samples").glob("*.*"):
        shutil.copy(path, folder / "corpus")
    prepare.main([str(folder / "corpus"), "-o", str(folder / "data")])
    return folder / "data"


def test_the_demo_checkpoint_hears_its_samples(
    samples: Path, tmp_path: Path, registry: str, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--tracking-uri", registry, "--experiment", "samples", "--output", str(tmp_path)]
    evaluate.main(["demo", str(samples), *options, "--compare", str(FOLDER / "demo"), "--json"])
    scores = json.loads(capsys.readouterr().out)
    assert scores["cer"] < 15
    assert {scores[f"demo_cer_{name}"] for name in ("difference", "low", "high")} == {0}
    with (tmp_path / "utterances1.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert {Path(row["name"]).suffix for row in rows} == {".flac"}
    assert (tmp_path / "cer.png").read_bytes().startswith(b"\x89PNG")
    assert "paired bootstrap" in (tmp_path / "scores.md").read_text(encoding="utf-8")
    run, files = logged(registry, "samples")
    assert run.data.metrics["cer"] == pytest.approx(scores["cer"])
    assert run.data.params["numerals"] == "True"
    assert files == {
        "cer.png",
        "differences.tsv",
        "scores.md",
        "utterances1.tsv",
        "utterances2.tsv",
    }


def test_the_demo_checkpoint_hears_its_samples_as_it_is_served(
    samples: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evaluate.main(["demo", str(samples), "--served", "--json", "--tracking-uri", ""])
    assert json.loads(capsys.readouterr().out)["cer"] < 15
