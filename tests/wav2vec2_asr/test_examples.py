"""What Wav2Vec2 is shown and asked for: labels of texts, joined utterances, padded batches."""

import itertools

import numpy as np
import pytest
from datasets import Dataset
from transformers import Wav2Vec2FeatureExtractor

from tests.zoo.corpora import assert_drawn_by_seed_and_epoch, prepared
from tests.zoo.sounds import RATE
from wav2vec2_asr.labels import Labels
from wav2vec2_asr.training.examples import IGNORED, CTCCollator, CTCExamples, vocabulary
from wav2vec2_asr.training.export import write_vocabulary
from zoo.training.augment import change_speed
from zoo.training.mixture import Mixture

TEXTS = ["ดีมาก ครับ", "ไป", "ใช้ google", ""]
HOP = 320


@pytest.fixture(scope="module")
def labels(tmp_path_factory: pytest.TempPathFactory) -> Labels:
    folder = tmp_path_factory.mktemp("labels")
    write_vocabulary(vocabulary(TEXTS), folder)
    return Labels.read(folder)


@pytest.fixture(scope="module")
def data() -> Dataset:
    return prepared(TEXTS * 6)


def spelt(labels: Labels, ids: list[int]) -> str:
    """Labels as text, the special ones by their names."""
    return "".join(map(labels.spoken, ids))


def test_a_vocabulary_is_sorted_and_ends_in_unknown_and_blank() -> None:
    found = vocabulary(["กา ก", "b\ta\u00a0", "|", "๑!"])
    assert list(found) == [*sorted({*"กาba|๑!"}), "[UNK]", "[PAD]"]
    assert list(found.values()) == list(range(len(found)))
    assert list(vocabulary([])) == ["|", "[UNK]", "[PAD]"]


def test_an_utterance_is_asked_for_letter_by_letter(data: Dataset, labels: Labels) -> None:
    examples = CTCExamples(data, labels, Mixture())
    assert len(examples) == len(data)
    for index in range(len(examples)):
        example = examples[index]
        (((utterance, start),), length) = examples.plan[index]
        assert start == 0
        assert spelt(labels, example["labels"]) == data[utterance]["text"]
        assert labels.blank not in example["labels"]
        assert example["wave"].dtype == np.float32
        assert len(example["wave"]) == round(length * RATE)
        expected = np.array(data[utterance]["audio"], np.float32) / 32768
        assert np.array_equal(example["wave"], expected)


def test_letters_are_learnt_in_the_case_that_there_is_and_others_as_unknown(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("capitals")
    write_vocabulary(vocabulary(["ABC กข"]), folder)
    labels = Labels.read(folder)
    texts = ["abC  ก\u00a0ขค 字", "[PAD] a"]
    examples = CTCExamples(prepared(texts), labels, Mixture())
    found = {spelt(labels, ids) for ids in examples.ids}
    assert found == {"ABC ก ข[UNK] [UNK]", "[UNK][UNK]A[UNK][UNK] A"}
    assert not any(labels.blank in ids for ids in examples.ids)


def test_without_unknown_and_space_such_letters_are_left_out() -> None:
    labels = Labels(("[PAD]", "ก", "ข"), 0, None, frozenset({0}))
    examples = CTCExamples(prepared(["ก ขค", "ค"]), labels, Mixture(join=1.0))
    assert sorted(spelt(labels, ids) for ids in examples.ids) == ["", "กข"]
    (example,) = (examples[i] for i in range(len(examples)))
    assert spelt(labels, example["labels"]) == "กข"


def test_joined_utterances_have_a_space_between_and_are_where_they_are_said_to_be(
    data: Dataset, labels: Labels
) -> None:
    examples = CTCExamples(data, labels, Mixture(window=12.0, join=1.0, margin=0.5))
    assert sum(len(parts) for parts, _ in examples.plan) == len(data)
    assert max(len(parts) for parts, _ in examples.plan) > 2
    for index, (parts, length) in enumerate(examples.plan):
        example = examples[index]
        assert len(example["wave"]) == round(length * RATE) <= 12 * RATE
        texts = [data[utterance]["text"] for utterance, _ in parts]
        written = spelt(labels, example["labels"])
        assert written.split() == " ".join(texts).split()
        assert len(example["spans"]) == len(parts)
        loud = np.abs(example["wave"]) > 0.01
        for start, end, _ in example["spans"]:
            assert loud[round(start * RATE) : round(end * RATE)].mean() > 0.8
            loud[round(start * RATE) : round(end * RATE)] = False
        assert not loud.any()


def test_utterances_are_played_faster_and_slower(data: Dataset, labels: Labels) -> None:
    examples = CTCExamples(data, labels, Mixture(window=12.0, join=0.5, speed=0.2))
    factors, lengths = [], {index: len(examples[index]["wave"]) for index in range(len(examples))}
    for epoch in range(3):
        examples.set_epoch(epoch)
        for index, (parts, _) in enumerate(examples.plan):
            example = examples[index]
            assert len(example["wave"]) == lengths[index]
            loud = np.abs(example["wave"]) > 0.01
            for (utterance, _), (start, end, _) in zip(parts, example["spans"], strict=True):
                factors.append(data[utterance]["duration"] / (end - start))
                assert loud[round(start * RATE) : round(end * RATE)].mean() > 0.8
                loud[round(start * RATE) : round(end * RATE)] = False
            assert not loud.any()
    assert 0.79 < min(factors) < 0.85
    assert 1.15 < max(factors) < 1.21
    assert len({round(factor, 4) for factor in factors}) > len(data)


def test_a_tone_played_faster_is_higher() -> None:
    tone = np.sin(2 * np.pi * 400 * np.arange(RATE) / RATE).astype(np.float32)
    faster = change_speed(tone, 1.25)
    assert len(faster) == RATE * 4 // 5
    assert np.abs(np.fft.rfft(faster, RATE)).argmax() == 500


def test_no_space_is_asked_for_where_nothing_is_said(data: Dataset, labels: Labels) -> None:
    """A text that is empty has no words to be apart."""
    examples = CTCExamples(data, labels, Mixture(window=12.0, join=1.0))
    for index in range(len(examples)):
        written = spelt(labels, examples[index]["labels"])
        assert written == " ".join(written.split())


def test_silence_is_answered_by_nothing(data: Dataset, labels: Labels) -> None:
    examples = CTCExamples(data, labels, Mixture(window=3.0, silence=0.5))
    quiet = [i for i, (parts, _) in enumerate(examples.plan) if not parts]
    assert len(quiet) == 12
    for index in quiet:
        example = examples[index]
        assert (example["labels"], example["spans"]) == ([], [])
        assert 1 <= len(example["wave"]) / RATE <= 3
        assert np.abs(example["wave"]).max() <= 1


def test_long_utterances_are_left_out(data: Dataset, labels: Labels) -> None:
    examples = CTCExamples(data, labels, Mixture(window=1.6))
    assert len(examples) == 12
    assert all(len(examples[i]["wave"]) <= 1.6 * RATE for i in range(12))


def test_examples_depend_on_seed_and_epoch_alone(data: Dataset, labels: Labels) -> None:
    def make(seed: int) -> CTCExamples:
        return CTCExamples(data, labels, Mixture(window=4.0, noise=1.0, join=0.5, seed=seed))

    assert_drawn_by_seed_and_epoch(make)


def extractor(masked: bool = True) -> Wav2Vec2FeatureExtractor:
    return Wav2Vec2FeatureExtractor(1, RATE, 0.0, do_normalize=True, return_attention_mask=masked)


def test_a_batch_is_normalised_and_padded(data: Dataset, labels: Labels) -> None:
    examples = CTCExamples(data, labels, Mixture())
    chosen = [examples[i] for i in range(8)]
    batch = CTCCollator(extractor(), labels.blank, HOP, aligned=False)(chosen)
    assert set(batch) == {"input_values", "attention_mask", "labels"}
    longest = max(len(example["wave"]) for example in chosen)
    assert batch["input_values"].shape[0] == 8
    assert longest <= batch["input_values"].shape[1] <= longest + RATE // 2
    for row, example in enumerate(chosen):
        length = len(example["wave"])
        sound = batch["input_values"][row]
        assert sound[:length].mean().item() == pytest.approx(0, abs=1e-3)
        assert sound[:length].std().item() == pytest.approx(1, abs=1e-2)
        assert not sound[length:].any()
        assert batch["attention_mask"][row].sum() == length
        asked = batch["labels"][row]
        assert asked[asked != IGNORED].tolist() == example["labels"]
        assert (asked[len(example["labels"]) :] == IGNORED).all()
    without = CTCCollator(extractor(masked=False), labels.blank, HOP, aligned=False)(chosen)
    assert "attention_mask" not in without


def test_a_batch_in_which_nothing_is_said_has_labels_to_ignore(labels: Labels) -> None:
    examples = CTCExamples(prepared(["", " "]), labels, Mixture())
    batch = CTCCollator(extractor(), labels.blank, HOP, aligned=True)([examples[0], examples[1]])
    assert batch["labels"].tolist() == [[IGNORED], [IGNORED]]
    assert (batch["frame_ids"] == labels.blank).all()


def test_the_linear_alignment_covers_what_is_said_and_no_more(
    data: Dataset, labels: Labels
) -> None:
    examples = CTCExamples(data, labels, Mixture(window=8.0, join=1.0, silence=0.2, margin=1.0))
    chosen = [examples[i] for i in range(len(examples))]
    batch = CTCCollator(extractor(), labels.blank, HOP, aligned=True)(chosen)
    for frames, example in zip(batch["frame_ids"].tolist(), chosen, strict=True):
        covered = 0
        for start, end, ids in example["spans"]:
            said = frames[round(start * 50) : round(end * 50)]
            if not ids:
                assert set(said) == {labels.blank}
                continue
            assert said[0] == ids[0]
            assert said[-1] == ids[-1]
            runs = [said[0]] + [b for a, b in itertools.pairwise(said) if a != b]
            once = [ids[0]] + [b for a, b in itertools.pairwise(ids) if a != b]
            assert runs == once
            covered += len(said)
        assert frames.count(labels.blank) == len(frames) - covered
