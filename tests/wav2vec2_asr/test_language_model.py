"""The beam search: held to sums over all paths, with and without a model, and to real Thai."""

import itertools
import json
import math
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from tests.wav2vec2_asr.language import (
    BLANK,
    SENTENCES,
    UNKNOWN,
    Arpa,
    collapsed,
    labels_of,
    sound_of,
)
from wav2vec2_asr import language_model, ngram
from wav2vec2_asr.language_model import BeamSearch, LanguageModelSettings
from zoo.errors import CheckpointError
from zoo.training.error_rates import count_errors, total

LABELS = labels_of(SENTENCES)
DEVELOPMENT = "data/text/th_common_voice_dev.tsv"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of the sentences."""
    folder = tmp_path_factory.mktemp("ngram")
    text = folder / "text.txt"
    text.write_text("\n".join(SENTENCES), encoding="utf-8")
    ngram.main(["build", str(text), "-o", str(folder / "model.arpa"), "--estimator", "own"])
    return folder / "model.arpa"


def noise(frames: int, labels: int, seed: int, sharpness: float = 1.0) -> np.ndarray:
    """Log-probabilities (frames, labels) of nothing in particular."""
    logits = np.random.default_rng(seed).normal(0, sharpness, (frames, labels))
    logs: np.ndarray = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    return logs.astype(np.float32)


def sums(log_probs: np.ndarray, labels: list[str], bonus: float = 0.0) -> dict[str, float]:
    """The log-probability of each text, over all its paths; `bonus` for each frame not blank."""
    found: dict[str, float] = {}
    for path in itertools.product(range(len(labels)), repeat=len(log_probs)):
        score = sum(float(log_probs[n, label]) for n, label in enumerate(path))
        score += bonus * sum(labels[label] != BLANK for label in path)
        text = collapsed(np.array(path), labels)
        found[text] = np.logaddexp(found.get(text, -math.inf), score)
    return found


@pytest.mark.parametrize("seed", range(12))
def test_without_a_model_the_likeliest_text_over_all_its_paths_is_found(seed: int) -> None:
    labels = ["ก", "ข", "|", BLANK]
    log_probs = noise(6, 4, seed)
    expected = sums(log_probs, labels)
    found = collapsed(BeamSearch(labels, 3, beam_size=500)(log_probs), labels)
    assert expected[found] == pytest.approx(max(expected.values()), abs=1e-4)


def test_the_best_path_is_not_the_best_text() -> None:
    labels = ["ก", BLANK]
    log_probs = np.log(np.array([[0.4, 0.6], [0.4, 0.6]], dtype=np.float32))
    assert collapsed(log_probs.argmax(axis=1), labels) == ""  # 0.36, the best single path
    assert collapsed(BeamSearch(labels, 1)(log_probs), labels) == "ก"  # 0.64, three paths


@pytest.mark.parametrize(("weight", "bonus"), [(0.3, 0.0), (1.0, 0.0), (1.0, 1.5), (2.0, -1.0)])
def test_with_a_model_the_sum_of_both_scores_is_the_highest(
    weight: float, bonus: float, tmp_path: Path
) -> None:
    (tmp_path / "text").write_text("กขก\nกข ขก\nขข\nกขกข\nก\n", encoding="utf-8")
    path = tmp_path / "model.arpa"
    ngram.main(["build", str(tmp_path / "text"), "-o", str(path), "--order", "3"])
    labels, arpa = ["ก", "ข", "|", BLANK], Arpa(path)
    search = BeamSearch(labels, 3, path, weight, bonus, beam_size=500)
    changed = 0
    for seed in range(8):
        log_probs = noise(6, 4, seed)
        scores = {
            text: score + weight * arpa.sentence(text.replace(" ", "|"))
            for text, score in sums(log_probs, labels, bonus).items()
        }
        found = collapsed(search(log_probs), labels)
        assert scores[found] == pytest.approx(max(scores.values()), abs=1e-4)
        changed += found != collapsed(BeamSearch(labels, 3)(log_probs), labels)
    assert changed  # the model has a say


@pytest.mark.parametrize("wrong", [0.01, 1e-6])
def test_the_path_is_where_the_characters_are(wrong: float) -> None:
    labels = ["ก", "า", "|", BLANK]
    # A letter after itself is two letters with a blank between them, however sure that is.
    expected = np.array([3, 0, 0, 3, 3, 1, 3, 0, 3, 0, 1, 1, 3, 2, 3, 3, 3, 2, 0, 3, 3])
    log_probs = np.full((len(expected), 4), np.log(wrong), dtype=np.float32)
    log_probs[np.arange(len(expected)), expected] = np.log(1 - 3 * wrong)
    assert (BeamSearch(labels, 3)(log_probs) == expected).all()


def test_labels_that_are_never_spoken_are_never_heard(model: Path) -> None:
    log_probs = noise(40, len(LABELS), 1)
    log_probs[:, LABELS.index(UNKNOWN)] = -1e-6
    for search in (BeamSearch(LABELS, len(LABELS) - 1), BeamSearch(LABELS, len(LABELS) - 1, model)):
        heard = collapsed(search(log_probs), LABELS)
        assert heard
        assert UNKNOWN not in heard
    other = BeamSearch(LABELS, len(LABELS) - 1, special={0, len(LABELS) - 1})
    assert 0 not in other(np.roll(log_probs, 2, axis=1))


def test_nothing_one_frame_and_broken_numbers_are_answered(model: Path) -> None:
    blank = len(LABELS) - 1
    for search in (BeamSearch(LABELS, blank), BeamSearch(LABELS, blank, model)):
        assert search(np.empty((0, len(LABELS)), np.float32)).shape == (0,)
        one = np.full((1, len(LABELS)), -9.0, np.float32)
        one[0, 4] = -0.01
        assert search(one).tolist() == [4]
        broken = noise(30, len(LABELS), 1)
        broken[3], broken[7, 5], broken[9] = np.nan, -np.inf, -np.inf
        assert search(broken).shape == (30,)
        assert search(broken.astype(np.float64)[::-1]).shape == (30,)  # another type and layout


def test_pauses_and_length_change_nothing(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blank = len(LABELS) - 1
    pause = np.full((120, len(LABELS)), -14.0, np.float32)
    pause[:, blank] = -1e-4
    spoken = [sound_of(text, LABELS, seed) for seed, text in enumerate(SENTENCES)]
    log_probs = np.concatenate([part for one in spoken for part in (one, pause)])
    search = BeamSearch(LABELS, blank, model, beam_size=16)
    path = search(log_probs)
    assert path.shape == (len(log_probs),)
    monkeypatch.setattr(
        language_model, "LOOK_BACK_FRAMES", 10**9
    )  # all of it is kept until the end
    assert (search(log_probs) == path).all()
    monkeypatch.setattr(language_model, "SURE", 1.0)  # every frame is searched
    assert (search(log_probs) == path).all()


def mistakes(search: BeamSearch | None, texts: list[str]) -> float:
    """The character error rate of the sound of texts; by greedy search where there is no other."""
    errors = []
    for seed, text in enumerate(texts):
        log_probs = sound_of(text, LABELS, seed)
        path = log_probs.argmax(axis=1) if search is None else search(log_probs)
        errors.append(count_errors(text, collapsed(path, LABELS)))
    return total(errors).rate


def test_the_model_spells_what_the_ear_cannot_tell_apart(model: Path) -> None:
    search = BeamSearch(LABELS, len(LABELS) - 1, model, weight=0.5)
    texts = SENTENCES[::2]
    greedy, alone = mistakes(None, texts), mistakes(search.tuned(0, 0, 64), texts)
    assert greedy > 5
    assert alone == pytest.approx(greedy, abs=1)  # it isn't the search that repairs
    assert mistakes(search, texts) < 0.1 * greedy


def test_a_model_of_other_sentences_repairs_unseen_ones(shared: Path, tmp_path: Path) -> None:
    lines = (shared / DEVELOPMENT).read_text(encoding="utf-8").split("\n")[1:-1]
    texts = [" ".join(line.split("\t")[1].split()) for line in lines]
    known = set(LABELS) | {" "}
    unseen = [text for text in texts[::100] if set(text) <= known]
    (tmp_path / "text").write_text("\n".join(set(texts) - set(unseen)), encoding="utf-8")
    path = tmp_path / "model.arpa"
    ngram.main(["build", str(tmp_path / "text"), "-o", str(path), "--language", ""])
    greedy = mistakes(None, unseen)
    assert greedy > 5
    assert mistakes(BeamSearch(LABELS, len(LABELS) - 1, path, weight=0.5), unseen) < 0.5 * greedy


def test_what_the_model_never_saw_can_still_be_heard(model: Path) -> None:
    labels = [*LABELS[:-2], "q", "ฮ", *LABELS[-2:]]
    said = "ฮqฮ"
    heard = BeamSearch(labels, len(labels) - 1, model)(sound_of(said, labels, 1, wrong=0))
    assert collapsed(heard, labels) == said


def test_a_space_is_a_space_by_any_label(model: Path) -> None:
    other = [" " if label == "|" else label for label in LABELS]
    blank = len(LABELS) - 1
    for seed, text in enumerate(SENTENCES[20:24]):
        log_probs = sound_of(text, LABELS, seed)
        path = BeamSearch(LABELS, blank, model)(log_probs)
        assert (BeamSearch(other, blank, model)(log_probs) == path).all()


def test_threads_share_one_search(model: Path) -> None:
    search = BeamSearch(LABELS, len(LABELS) - 1, model)
    sounds = [sound_of(text, LABELS, seed) for seed, text in enumerate(SENTENCES[:16])]
    expected = [search(sound).tolist() for sound in sounds]
    with ThreadPoolExecutor(8) as pool:
        assert [path.tolist() for path in pool.map(search, sounds)] == expected


def test_a_wider_beam_finds_what_a_narrow_one_loses(model: Path) -> None:
    search = BeamSearch(LABELS, len(LABELS) - 1, model, weight=1.0, beam_size=1)
    sounds = [sound_of(text, LABELS, seed) for seed, text in enumerate(SENTENCES)]
    narrow, wide = (
        sum(
            collapsed(search(sound, size), LABELS) == text
            for sound, text in zip(sounds, SENTENCES, strict=True)
        )
        for size in (1, 32)
    )
    assert narrow < wide


ARPA = """\\data\\
ngram 1=5
ngram 2=1

\\1-grams:
-1\t<unk>
0\t<s>\t-0.3
-0.7\t</s>\t0
-0.5\t{first}\t-0.3
-0.5\t|\t-0.3

\\2-grams:
-0.1\t<s> {first}

\\end\\
"""


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (ARPA.format(first="สวัสดี"), "is a model of words (1 unigrams"),
        (ARPA.format(first="ก").replace("-0.7\t</s>\t0\n", "").replace("1=5", "1=4"), "no </s>"),
        (ARPA.format(first="ก").replace("\\end\\\n", ""), "KenLM can't read"),
        (ARPA.format(first="ก").replace("1=5", "1=9"), "KenLM can't read"),
        (ARPA.format(first="ק").replace("-0.5\t|\t-0.3\n", "").replace("1=5", "1=4"), "knows none"),
        (ARPA.format(first="ก").replace("2=1", "2=1\n" + "\n".join(
            f"ngram {n}=0" for n in range(3, 9))), "has order 8; KenLM reads 2 to 6"),
        ("", "KenLM can't read"),
        ("\x1f\x8b\x08 no model", "KenLM can't read"),
    ],
)  # fmt: skip
def test_what_is_no_model_of_these_characters_is_refused(
    content: str, part: str, tmp_path: Path
) -> None:
    path = tmp_path / "model.arpa"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(CheckpointError) as refused:
        BeamSearch(LABELS, len(LABELS) - 1, path)
    assert part in str(refused.value)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_small_model_by_hand_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "model.arpa"
    path.write_text(ARPA.format(first="ก"), encoding="utf-8")
    found = BeamSearch(LABELS, len(LABELS) - 1, path)(sound_of("ก", LABELS, 1))
    assert collapsed(found, LABELS) == "ก"


def test_settings_are_read_beside_the_model(model: Path, tmp_path: Path) -> None:
    content = {"file": "m.arpa", "order": 5, "weight": 0.75, "bonus": 1, "beam_size": 16}
    path = tmp_path / "language_model.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    assert LanguageModelSettings.read(path) == LanguageModelSettings(
        tmp_path / "m.arpa", 0.75, 1.0, 16
    )
    assert LanguageModelSettings.read(model) == LanguageModelSettings(model)
    for broken in ("", "[]", "null", '{"file": "m.arpa"}', json.dumps({**content, "weight": []})):
        path.write_text(broken, encoding="utf-8")
        with pytest.raises(CheckpointError, match=r"language_model\.json"):
            LanguageModelSettings.read(path)
    with pytest.raises(CheckpointError, match=r"missing\.arpa"):
        BeamSearch(LABELS, len(LABELS) - 1, tmp_path / "missing.arpa")
