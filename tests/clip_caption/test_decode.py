"""Captions are those of the reference's decoding, one image at a time, on the same weights."""

import stat
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from clip_caption import captioner as captioning
from clip_caption.building.convert import convert
from clip_caption.building.network import CaptionModel
from clip_caption.captioner import Caption, Captioner
from clip_caption.options import Options
from clip_caption.vocabulary import Vocabulary, gpt2_ids
from tests.clip_caption.checkpoints import CLIP_WIDTH, LAYOUTS, SMALL, make_model, write_directory
from tests.clip_caption.reference import generate2, generate_beam, say

IMAGES = 4
WORDS = Vocabulary(gpt2_ids())
Pair = tuple[CaptionModel, Captioner]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Pair]:
    """A model, and the engine that was made from its checkpoint; of each layout one."""
    made: dict[str, Pair] = {}

    def make(layout: str) -> Pair:
        if layout not in made:
            work, model = tmp_path_factory.mktemp(layout), make_model(layout, SMALL)
            convert(write_directory(model, work / "checkpoint"), work / "model")
            made[layout] = model, Captioner(work / "model")
        return made[layout]

    return make


@pytest.fixture(scope="module")
def features() -> np.ndarray:
    """Of images: GPT-2 says much about some of them, little about others."""
    return np.random.default_rng(1).normal(size=(IMAGES, CLIP_WIDTH)).astype(np.float32)


def prefixes_of(model: CaptionModel, features: np.ndarray) -> list[torch.Tensor]:
    """What GPT-2 is given of each image, (1, prefix_length, width)."""
    with torch.no_grad():
        return list(model.prefixes(torch.from_numpy(features)).split(1))


def same(found: list[list[Caption]], expected: list[list[tuple[list[int], float]]]) -> None:
    """Asserts that captions are the reference's, and their scores nearly."""
    assert [[one.text for one in image] for image in found] == [
        [say(tokens) for tokens, _ in image] for image in expected
    ]
    scores = [one.score for image in found for one in image]
    assert scores == pytest.approx([score for image in expected for _, score in image], abs=2e-5)


@pytest.mark.parametrize("layout", LAYOUTS)
@torch.no_grad()
def test_beams_are_the_reference(
    pair: Callable[[str], Pair], features: np.ndarray, layout: str
) -> None:
    """All five, in its order; some end long before others, some never."""
    model, captioner = pair(layout)
    expected = [generate_beam(model, prefix) for prefix in prefixes_of(model, features)]
    assert len({len(tokens) for image in expected for tokens, _ in image}) > 3
    same(captioner.caption(features, Options(num_captions=5)), expected)


@pytest.mark.parametrize("layout", LAYOUTS)
@torch.no_grad()
def test_greedy_is_the_reference(
    pair: Callable[[str], Pair], features: np.ndarray, layout: str
) -> None:
    """Whose top-p and temperature change nothing."""
    model, captioner = pair(layout)
    expected = [
        [generate2(model, prefix, top_p=0.3, temperature=1.7)]
        for prefix in prefixes_of(model, features)
    ]
    options = Options(mode="greedy", top_p=0.9, temperature=0.5)
    same(captioner.caption(features, options), expected)
    alone = [captioner.caption(row[None], options)[0] for row in features]  # with a draft's guesses
    same(alone, expected)


@torch.no_grad()
def test_wrong_guesses_change_no_caption(
    pair: Callable[[str], Pair], features: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of another GPT-2, for captions of every length."""
    model, captioner = pair("mlp")
    monkeypatch.setattr(captioner._decoder, "draft", pair("linear")[1]._decoder)
    for longest in (1, 2, 6, 20):
        expected = [[generate2(model, one, longest)] for one in prefixes_of(model, features)]
        options = Options(mode="greedy", max_tokens=longest)
        same([captioner.caption(row[None], options)[0] for row in features], expected)


@torch.no_grad()
def test_other_beams(pair: Callable[[str], Pair], features: np.ndarray) -> None:
    """Another number of beams, another temperature, another length."""
    model, captioner = pair("mlp")
    expected = [generate_beam(model, one, 3, 12, 0.6) for one in prefixes_of(model, features)]
    options = Options(beam_size=3, max_tokens=12, temperature=0.6, num_captions=3)
    same(captioner.caption(features, options), expected)
    best = captioner.caption(features, Options(beam_size=3, max_tokens=12, temperature=0.6))
    assert [len(image) for image in best] == [1] * IMAGES
    same(best, [image[:1] for image in expected])


@torch.no_grad()
def test_one_beam_is_greedy(pair: Callable[[str], Pair], features: np.ndarray) -> None:
    """A search that keeps one candidate takes the likeliest token."""
    _, captioner = pair("linear")
    beam = captioner.caption(features, Options(beam_size=1))
    greedy = captioner.caption(features, Options(mode="greedy"))
    assert [image[0].text for image in beam] == [image[0].text for image in greedy]


@torch.no_grad()
def test_a_caption_of_one_token(pair: Callable[[str], Pair], features: np.ndarray) -> None:
    """A period at once, on which the reference's notebook fails."""
    model, captioner = pair("linear")
    lengths = [len(generate2(model, one)[0]) for one in prefixes_of(model, features)]
    assert 1 in lengths
    row = lengths.index(1)
    for mode in ("greedy", "nucleus"):
        options = Options(mode=mode, top_p=0.01)
        assert captioner.caption(features[row : row + 1], options)[0][0].text == "."
    beams = captioner.caption(features[row : row + 1], Options(num_captions=5))[0]
    assert "." in [one.text for one in beams]


@pytest.mark.parametrize("mode", ["beam", "greedy", "nucleus"])
def test_a_batch_is_its_images(
    pair: Callable[[str], Pair], features: np.ndarray, mode: str
) -> None:
    """Captions of any length leave the batch without a trace in the others."""
    _, captioner = pair("mlp")
    options = Options(mode=mode, num_captions=1 if mode == "greedy" else 3)
    together = captioner.caption(features, options)
    alone = [captioner.caption(row[None], options)[0] for row in features]
    backwards = captioner.caption(features[::-1], options)[::-1]
    for other in (alone, backwards):
        assert [[c.text for c in image] for image in together] == [
            [c.text for c in image] for image in other
        ]
    assert len({len(image[0].text) for image in together}) > 2


@torch.no_grad()
def test_int8_bears_inputs_far_from_zero(tmp_path: Path, features: np.ndarray) -> None:
    """As layer norms with large offsets make them; and each row by its own scale."""
    model = make_model("mlp", SMALL)
    for name, bias in model.gpt.transformer.named_parameters():
        if name.endswith(("ln_1.bias", "ln_2.bias")):
            bias += 5
    path = write_directory(model, tmp_path / "checkpoint")
    engines = []
    for precision in ("fp32", "int8"):
        convert(path, tmp_path / precision, precision=precision)
        engines.append(Captioner(tmp_path / precision))
    mixed = features * np.array([[1], [10], [0.01], [1]], np.float32)
    options = Options(mode="greedy", max_tokens=1)
    full, int8 = ([one[0] for one in engine.caption(mixed, options)] for engine in engines)
    assert [one.text for one in int8] == [one.text for one in full]
    assert [one.score for one in int8] == pytest.approx([one.score for one in full], abs=0.1)
    alone = [engines[1].caption(row[None], options)[0][0].score for row in mixed]
    assert alone == pytest.approx([one.score for one in int8], abs=1e-5)


def test_a_server_can_read_what_was_converted(tmp_path: Path) -> None:
    """It runs as nobody, so what only its owner may read is lost to it."""
    convert(write_directory(make_model("mlp", SMALL), tmp_path / "checkpoint"), tmp_path / "model")
    for path in (tmp_path / "model").iterdir():
        assert path.stat().st_mode & stat.S_IROTH, path.name


def test_a_small_memory_splits_the_batch(
    pair: Callable[[str], Pair], features: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What there is no room for at once is captioned in turn."""
    _, captioner = pair("mlp")
    whole = captioner.caption(features, Options())
    for budget in (1, 20 << 20):
        monkeypatch.setattr(captioning, "BUDGET_BYTES", budget)
        assert [image[0].text for image in captioner.caption(features, Options())] == [
            image[0].text for image in whole
        ]


def test_nucleus_is_reproducible(pair: Callable[[str], Pair], features: np.ndarray) -> None:
    """By its seed; draws differ from one another and are sorted by their score."""
    _, captioner = pair("mlp")
    first = captioner.caption(features, Options(mode="nucleus", num_captions=4, seed=5))
    again = captioner.caption(features, Options(mode="nucleus", num_captions=4, seed=5))
    other = captioner.caption(features, Options(mode="nucleus", num_captions=4, seed=6))
    assert first == again
    assert first != other
    for image in first:
        assert len({one.text for one in image}) > 1
        assert [one.score for one in image] == sorted((one.score for one in image), reverse=True)


@torch.no_grad()
@pytest.mark.parametrize("top_p", [0.6, 1.0])
def test_nucleus_draws_what_is_probable(pair: Callable[[str], Pair], top_p: float) -> None:
    """First tokens come as often as the filtered distribution says, at a temperature."""
    model, captioner = pair("mlp")
    # images of which GPT-2 thinks alike, each with draws of its own
    row = np.random.default_rng(2).normal(size=(1, CLIP_WIDTH)).astype(np.float32)
    (prefix,) = prefixes_of(model, row)
    logits = model.gpt(inputs_embeds=prefix).logits[0, -1] / 0.8
    ordered, places = logits.softmax(-1).sort(descending=True)
    ordered[1:][ordered.cumsum(0)[:-1] > top_p] = 0
    expected = {WORDS.decode([int(t)]).strip(): 0.0 for t in places}
    for share, token in zip(ordered / ordered.sum(), places, strict=True):
        expected[WORDS.decode([int(token)]).strip()] += float(share)
    options = Options.model_construct(  # more draws than a request may ask for
        mode="nucleus", max_tokens=1, num_captions=3000, top_p=top_p, temperature=0.8
    )
    counts = Counter(one.text for one in captioner.caption(row, options)[0])
    for text, share in expected.items():
        spread = 5 * (share * (1 - share) / 3000) ** 0.5
        rare = 3 / 3000 if share else 0  # what comes less than once in 3000 may come
        assert abs(counts[text] / 3000 - share) <= spread + rare, text
    assert sum(counts.values()) == 3000
