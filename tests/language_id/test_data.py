"""What a language identifier learns from: manifests, conditions, draws, scores."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from language_id.training.conditions import MU, mu_law, telephone, vary
from language_id.training.examples import Draws, cropped
from language_id.training.linear import fit, weights_of
from language_id.training.manifest import TaggedClip, languages_of, read_manifest, read_split
from language_id.training.scoring import LanguageScores, as_text
from tests.zoo.corpora import tone, write_table
from zoo.errors import ZooError

RATE = 16_000


def test_a_manifest_without_splits_is_divided_by_speaker(tmp_path: Path) -> None:
    rows = [(f"{n}.wav", "th" if n % 2 else "zh", f"s{n // 10}") for n in range(400)]
    table = write_table(tmp_path / "manifest.tsv", ("path", "language", "speaker"), rows)
    found = read_manifest(table, dev_share=0.25)
    splits = {one.speaker: {other.split for other in found if other.speaker == one.speaker}
              for one in found}  # fmt: skip
    assert all(len(names) == 1 for names in splits.values())
    assert 0.05 < np.mean([one.split == "dev" for one in found]) < 0.5
    assert languages_of(read_split([table], "train")) == ["th", "zh"]


@pytest.mark.parametrize(
    ("header", "row", "message"),
    [
        (("path", "text"), ("a.wav", "hi"), "'language'"),
        (("path", "language"), ("a.wav", ""), "no language in line 2"),
        (("path", "language", "split"), ("a.wav", "th", "all"), "unknown split in line 2"),
    ],
)
def test_a_wrong_manifest_is_refused(
    tmp_path: Path, header: tuple[str, ...], row: tuple[str, ...], message: str
) -> None:
    table = write_table(tmp_path / "manifest.tsv", header, [row])
    with pytest.raises(ZooError, match=message):
        read_manifest(table)


def test_draws_are_balanced_and_the_same_after_a_restart(manifest: Path) -> None:
    recordings = read_split([manifest], "train")
    few = [one for one in recordings if one.language != "th"] + [
        one for one in recordings if one.language == "th"
    ][:1]
    draws = Draws(few, ["en", "th", "zh"], 300, 4, (0.6, 0.9), 0.5, seed=1)
    counts = Counter(draws[index]["label"] for index in range(len(draws)))
    assert min(counts.values()) > 70
    batch = [len(draws[index]["wave"]) for index in range(4)]
    assert len(set(batch)) == 1
    first = draws[7]["wave"]
    draws.set_epoch(1)
    assert not np.array_equal(first, draws[7]["wave"])
    draws.set_epoch(0)
    np.testing.assert_array_equal(first, draws[7]["wave"])


def test_conditions_keep_length_and_input() -> None:
    wave = tone(1.0, 440)
    before = wave.copy()
    for seed in range(20):
        varied = vary(wave, 1.0, np.random.default_rng(seed))
        assert varied.dtype == np.float32
        assert 0.8 < len(varied) / len(wave) < 1.25
        assert np.isfinite(varied).all()
    np.testing.assert_array_equal(wave, before)
    assert vary(wave, 0.0, np.random.default_rng(1)) is wave


def test_a_telephone_passes_300_to_3400_hertz() -> None:
    kept, low, high = (telephone(tone(1.0, pitch)) for pitch in (1000, 100, 5000))
    power = float(np.mean(np.square(tone(1.0, 1000))))
    assert 0.7 < np.mean(np.square(kept)) / power < 1.3
    assert np.mean(np.square(low)) < 0.05 * power
    assert np.mean(np.square(high)) < 0.05 * power
    assert len(np.unique(mu_law(tone(1.0)))) <= MU


def test_a_short_wave_is_set_into_silence() -> None:
    made = cropped(np.ones(10, np.float32), 30, np.random.default_rng(1))
    assert len(made) == 30
    assert made.sum() == 10


def test_the_classifier_counts_sources_alike() -> None:
    rows = [("zh", "a")] * 8 + [("zh", "b")] * 2 + [("en", "a")] * 5
    made = [TaggedClip(Path("x"), lang, "s", source, "train") for lang, source in rows]
    weights = weights_of(made)
    assert weights[:8].sum() == pytest.approx(weights[8:10].sum())
    assert weights[:10].sum() == pytest.approx(weights[10:].sum())
    assert weights.mean() == pytest.approx(1)


@pytest.mark.parametrize("languages", [2, 3])
def test_the_classifier_takes_features_as_they_are(languages: int) -> None:
    rng = np.random.default_rng(1)
    labels = np.arange(90) % languages
    values = rng.normal(5, 3, (90, 4)) + 4 * np.eye(4)[labels]
    classifier = fit(values, labels, np.ones(90), 1.0)
    assert classifier.weight.shape == (languages, 4)
    assert np.mean(classifier(values).argmax(axis=1) == labels) > 0.7


def test_scores_of_counts_known_beforehand() -> None:
    truth, answers = np.array([0, 0, 0, 0, 1, 1]), np.array([0, 0, 0, 1, 1, 0])
    scores = LanguageScores(["th", "zh", "en"], truth, answers, ["a", "a", "b", "b", "a", "a"])
    assert scores.confusion.tolist() == [[3, 1, 0], [1, 1, 0], [0, 0, 0]]
    assert scores.recall == {"th": 75.0, "zh": 50.0}
    assert scores.balanced_error == pytest.approx(100 * (0.25 + 0.5) / 2)
    low, high = scores.interval()
    assert (round(low, 1), round(high, 1)) == (30.0, 90.3)
    assert "| th | 4 | 75.0 % | 3 | 1 | 0 |" in as_text(scores)
