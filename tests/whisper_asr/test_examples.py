"""What Whisper is shown and asked for: tokens in OpenAI's format, windows, pauses, silence."""

import numpy as np
import pytest
from datasets import Dataset
from transformers import WhisperTokenizer

from tests.zoo.corpora import TEXTS, assert_drawn_by_seed_and_epoch, prepared
from tests.zoo.sounds import RATE
from whisper_asr.building import vocabulary
from whisper_asr.training.examples import Seq2SeqCollator, Seq2SeqExamples, WhisperMixture

IGNORED = -100


@pytest.fixture(scope="module")
def tokenizer() -> WhisperTokenizer:
    return vocabulary.tokenizer()


@pytest.fixture(scope="module")
def data() -> Dataset:
    return prepared(TEXTS * 6)


def spelt(tokenizer: WhisperTokenizer, ids: list[int]) -> str:
    """Tokens as Whisper's paper writes them; what the loss skips is `_`."""
    return "".join("_" if i == IGNORED else tokenizer.decode([i], decode_with_timestamps=True)
                   if i < 50257 else tokenizer.convert_ids_to_tokens(i) for i in ids)  # fmt: skip


def test_an_utterance_is_predicted_after_language_and_task(
    data: Dataset, tokenizer: WhisperTokenizer
) -> None:
    examples = Seq2SeqExamples(data, tokenizer, WhisperMixture())
    assert len(examples) == len(data)
    for index in range(len(examples)):
        example = examples[index]
        ((utterance, start),), length = examples.plan[index]
        text = "".join(f"{tokenizer.decode([i])}" for i in examples.ids[utterance])
        assert start == 0
        assert length == pytest.approx(data[utterance]["duration"])
        begin = [50258, 50260, 50359, 50363]
        assert example["decoder_input_ids"] == [*begin, *examples.ids[utterance]]
        assert example["labels"] == [*begin[1:], *examples.ids[utterance], 50257]
        assert text.count("\ufffd") or text == data[utterance]["text"]
        assert example["wave"].dtype == np.float32


def test_joined_utterances_have_a_pair_of_timestamps_each(
    data: Dataset, tokenizer: WhisperTokenizer
) -> None:
    mixture = WhisperMixture(window=12.0, timestamps=1.0, join=1.0)
    examples = Seq2SeqExamples(data, tokenizer, mixture)
    assert sum(len(parts) for parts, _ in examples.plan) == len(data)
    assert max(len(parts) for parts, _ in examples.plan) > 2
    for index, (parts, length) in enumerate(examples.plan):
        example = examples[index]
        assert len(example["wave"]) == round(length * RATE)
        assert length <= 12.0
        times = [(i - 50364) * 0.02 for i in example["labels"] if i >= 50364]
        assert len(times) == 2 * len(parts)
        assert times == sorted(times)
        wave = np.abs(example["wave"])
        for (utterance, start), begin, end in zip(parts, times[::2], times[1::2], strict=True):
            assert begin == pytest.approx(start, abs=0.011)
            assert end - begin == pytest.approx(data[utterance]["duration"], abs=0.021)
            inside = wave[round(begin * RATE) : round(end * RATE)]
            assert inside.max() > 0.2
        for end, begin in zip(times[1:-1:2], times[2::2], strict=True):
            assert wave[round((end + 0.02) * RATE) : round((begin - 0.02) * RATE)].max() == 0


def test_silence_is_answered_by_no_speech_and_by_nothing(
    data: Dataset, tokenizer: WhisperTokenizer
) -> None:
    examples = Seq2SeqExamples(data, tokenizer, WhisperMixture(window=3.0, silence=0.5))
    quiet = [i for i, (parts, _) in enumerate(examples.plan) if not parts]
    assert len(quiet) == 12
    for index in quiet:
        example = examples[index]
        assert spelt(tokenizer, example["decoder_input_ids"]) == (
            "<|startoftranscript|><|zh|><|transcribe|><|notimestamps|>"
        )
        assert spelt(tokenizer, example["labels"]) == ("<|nospeech|>_<|notimestamps|><|endoftext|>")
        assert example["segments"] == []
        assert np.abs(example["wave"]).max() < 1


def test_a_prompt_goes_before_and_is_not_learnt(data: Dataset, tokenizer: WhisperTokenizer) -> None:
    examples = Seq2SeqExamples(data, tokenizer, WhisperMixture(prompt=1.0))
    for index in range(len(examples)):
        ids, labels = examples[index]["decoder_input_ids"], examples[index]["labels"]
        assert len(ids) == len(labels) <= vocabulary.CONTEXT
        start = ids.index(50258)
        assert ids[0] == 50361
        assert start > 1
        assert labels[:start] == [IGNORED] * start
        assert labels[start:-1] == ids[start + 1 :]


def test_examples_depend_on_seed_and_epoch_alone(
    data: Dataset, tokenizer: WhisperTokenizer
) -> None:
    def make(seed: int) -> Seq2SeqExamples:
        return Seq2SeqExamples(
            data, tokenizer, WhisperMixture(window=4.0, noise=1.0, join=0.5, seed=seed)
        )

    assert_drawn_by_seed_and_epoch(make)


def test_a_batch_is_padded_as_engines_do(data: Dataset, tokenizer: WhisperTokenizer) -> None:
    from transformers import WhisperFeatureExtractor

    examples = Seq2SeqExamples(data, tokenizer, WhisperMixture())
    chosen = sorted([examples[i] for i in range(8)], key=lambda e: len(e["wave"]))
    extractor = WhisperFeatureExtractor()
    longest, window = (
        Seq2SeqCollator(extractor, name, 30.0, None, 50257)(chosen)["input_features"]
        for name in ("longest", "full")
    )
    assert window.shape == (8, 80, 3000)
    assert longest.shape == (8, 80, 300)  # 2.5 s, in whole seconds
    assert str(longest.dtype) == "torch.float32"
    blank = [example["blank"] for example in chosen]
    assert len(set(blank)) == 2  # both of the ways in which engines fill a window
    for row, example in enumerate(chosen):
        frames = len(example["wave"]) // 160
        assert longest[row, :, : frames - 2].allclose(window[row, :, : frames - 2], atol=1e-4)
        assert bool((window[row, :, frames + 2 :] == 0).all()) == example["blank"]


def test_a_batch_is_padded_as_it_is_served(data: Dataset, tokenizer: WhisperTokenizer) -> None:
    from faster_whisper.audio import pad_or_trim
    from faster_whisper.feature_extractor import FeatureExtractor
    from transformers import WhisperFeatureExtractor

    served, collator = FeatureExtractor(), Seq2SeqCollator(
        WhisperFeatureExtractor(), "auto", 30.0, None, 50257
    )  # fmt: skip
    for seconds, padded in ((2.5, 10), (8.1, 12), (29.5, 30)):
        examples = Seq2SeqExamples(data, tokenizer, WhisperMixture(window=seconds, join=1.0))
        chosen = [dict(examples[0]), dict(examples[1], blank=True)]
        chosen[0]["wave"] = np.resize(chosen[0]["wave"], round(seconds * RATE))
        features = collator(chosen)["input_features"]
        assert features.shape == (2, 80, 100 * padded)
        for row, example in zip(features, chosen, strict=True):
            sound = pad_or_trim(example["wave"], padded * RATE)  # as the engine's decoder does it
            assert np.allclose(row, served(sound)[:, :-1], atol=1e-3)


def test_the_ctc_head_gets_texts_and_a_linear_alignment(
    data: Dataset, tokenizer: WhisperTokenizer
) -> None:
    from transformers import WhisperFeatureExtractor

    examples = Seq2SeqExamples(data, tokenizer, WhisperMixture(window=8.0, join=1.0, silence=0.2))
    tokens = sorted({token for ids in examples.ids for token in ids})
    compact = {token: place for place, token in enumerate(tokens)}
    blank = len(tokens)
    chosen = [examples[i] for i in range(len(examples))]
    batch = Seq2SeqCollator(WhisperFeatureExtractor(), "full", 8.0, compact, 50257)(chosen)
    assert batch["frame_ids"].shape == (len(chosen), 400)
    for row, frames, example in zip(
        batch["text_ids"].tolist(), batch["frame_ids"].tolist(), chosen, strict=True
    ):
        texts = [[compact[i] for i in ids] for _, _, ids in example["segments"]]
        assert [i for i in row if i != IGNORED] == [i for ids in texts for i in ids]
        covered = 0
        for (start, end, _), ids in zip(example["segments"], texts, strict=True):
            said = frames[round(start * 50) : round(end * 50)]
            assert said == sorted(said, key=ids.index)
            assert set(said) == set(ids)
            covered += len(said)
        assert frames.count(blank) == 400 - covered
