"""From paths to characters, words and times: held to Transformers' tokenizer, label by label."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import Wav2Vec2CTCTokenizer

from tests.wav2vec2_asr.checkpoints import vocabulary
from wav2vec2_asr import ctc
from wav2vec2_asr.ctc import Character, split
from wav2vec2_asr.labels import Labels


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tokenizer")


@pytest.fixture(scope="module")
def tokenizer(folder: Path) -> Wav2Vec2CTCTokenizer:
    text = json.dumps(vocabulary(), ensure_ascii=False)
    (folder / "vocab.json").write_text(text, encoding="utf-8")
    names = {"unk_token": "[UNK]", "pad_token": "[PAD]", "bos_token": None, "eos_token": None}
    made = Wav2Vec2CTCTokenizer(
        str(folder / "vocab.json"), clean_up_tokenization_spaces=False, **names
    )
    made.save_pretrained(folder)
    return made


@pytest.fixture(scope="module")
def labels(folder: Path, tokenizer: Wav2Vec2CTCTokenizer) -> Labels:  # noqa: ARG001
    return Labels.read(folder)


def path_of(kind: str, labels: Labels, seed: int) -> np.ndarray:
    """Labels of frames, in runs; `unknown` is left out, for Transformers writes it down."""
    rng = np.random.default_rng(seed)
    usual = [i for i in range(len(labels)) if i == labels.blank or i not in labels.special]
    few = [labels.blank, int(labels.space or 0), 1]
    chosen = rng.choice(few if kind == "repeats" else usual, 300)
    if kind == "blanks":
        chosen[rng.random(300) < 0.6] = labels.blank
    if kind == "spaces":
        chosen[[0, 1, 100, 101, 298, 299]] = labels.space
    return np.repeat(chosen, rng.integers(1, 5, 300))


def certain(path: np.ndarray, labels: Labels) -> np.ndarray:
    """Log-probabilities by which each frame's label has all of it."""
    logits = np.zeros((len(path), len(labels)), np.float32)
    logits[np.arange(len(path)), path] = 50
    return ctc.log_softmax(logits)


@pytest.mark.parametrize("kind", ["any", "blanks", "repeats", "spaces"])
@pytest.mark.parametrize("seed", range(3))
def test_characters_and_their_frames_are_transformers(
    kind: str, seed: int, labels: Labels, tokenizer: Wav2Vec2CTCTokenizer
) -> None:
    path = path_of(kind, labels, seed)
    heard = ctc.characters(path, certain(path, labels), labels)
    expected = tokenizer.decode(path, output_char_offsets=True)
    assert ctc.text_of(heard) == expected.text
    assert [(one.text, one.start, one.end) for one in heard] == [
        (one["char"], one["start_offset"], one["end_offset"]) for one in expected.char_offsets
    ]
    assert all(one.probability == pytest.approx(1.0) for one in heard)


@pytest.mark.parametrize("seed", range(3))
def test_words_apart_by_spaces_have_transformers_frames(
    seed: int, labels: Labels, tokenizer: Wav2Vec2CTCTokenizer
) -> None:
    rng = np.random.default_rng(seed)
    latin = [labels.texts.index(letter) for letter in "abcdefgh"]
    path = np.repeat(
        rng.choice([*latin, labels.blank, int(labels.space or 0)], 400), rng.integers(1, 4, 400)
    )
    found = ctc.words(ctc.characters(path, certain(path, labels), labels), split)
    expected = tokenizer.decode(path, output_word_offsets=True).word_offsets
    assert [("".join(c.text for c in word), word[0].start, word[-1].end) for word in found] == [
        (one["word"], one["start_offset"], one["end_offset"]) for one in expected
    ]


def test_a_repeated_letter_needs_a_blank_between_and_unknown_parts_too(labels: Labels) -> None:
    a, unknown = labels.texts.index("a"), labels.texts.index("[UNK]")
    for between, text in ((labels.blank, "aa"), (unknown, "aa"), (a, "a")):
        path = np.array([a, between, a])
        heard = ctc.characters(path, certain(path, labels), labels)
        assert ctc.text_of(heard) == text


def test_nothing_is_heard_in_no_frames_and_in_blanks(labels: Labels) -> None:
    for frames in (0, 1, 500):
        path = np.full(frames, labels.blank)
        assert ctc.characters(path, certain(path, labels), labels) == []
    assert ctc.words([], split) == []
    assert ctc.text_of([]) == ""


def test_a_characters_probability_is_the_mean_over_its_frames(labels: Labels) -> None:
    probabilities = np.full((3, len(labels)), 0.1 / (len(labels) - 1), np.float32)
    probabilities[:, 2] = 0.9
    probabilities[1] = 0.5 / (len(labels) - 1)
    probabilities[1, 2] = 0.5
    (one,) = ctc.characters(np.full(3, 2), np.log(probabilities), labels)
    assert one.probability == pytest.approx((0.9 + 0.5 + 0.9) / 3)


@pytest.mark.parametrize("scale", [1.0, 100.0, 1e4])
def test_log_probabilities_are_torchs(scale: float) -> None:
    logits = np.random.default_rng(1).normal(0, scale, (200, 80)).astype(np.float32)
    expected = torch.from_numpy(logits).double().log_softmax(dim=1).numpy()
    assert ctc.log_softmax(logits) == pytest.approx(expected, rel=1e-5, abs=1e-5)
    assert ctc.log_softmax(logits[:0]).shape == (0, 80)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        ("   ", []),
        ("วันนี้อากาศดีมาก", ["วันนี้", "อากาศ", "ดีมาก"]),
        ("ผมใช้ google ทุกวัน", ["ผม", "ใช้", "google", "ทุกวัน"]),
        ("ใช้googleบ่อย", ["ใช้", "google", "บ่อย"]),
        ("hello  world", ["hello", "world"]),
        ("่้๊", ["่้๊"]),  # tones without a letter below, as an untrained model says them
    ],
)
def test_words_are_found_in_any_script(text: str, words: list[str]) -> None:
    heard = [Character(c, place, place + 1, 1.0) for place, c in enumerate(text)]
    found = ctc.words(heard, split)
    assert ["".join(c.text for c in word) for word in found] == words
    assert [c.start for word in found for c in word] == [
        place for place, c in enumerate(text) if c != " "
    ]


def test_labels_may_have_several_letters() -> None:
    """As those of phonemes do, and of syllables."""
    texts = ["ng", "a", " ", "th", "i", "ng", " ", "วัน", "นี้", "ดี", "มาก"]
    heard = [Character(text, place, place + 1, 1.0) for place, text in enumerate(texts)]
    found = ["".join(c.text for c in word) for word in ctc.words(heard, split)]
    assert found == ["nga", "thing", "วันนี้", "ดีมาก"]


def test_half_a_minute_of_nonsense_is_cut_into_words_in_no_time() -> None:
    """Words that can be cut in many ways are what a longest match may take for ever over."""
    for text in ("ตากลม" * 300, "ก" * 1500, "เแโใไ" * 300, "มานอนตากลมหนาว" * 100):
        assert "".join(split(text)) == text
