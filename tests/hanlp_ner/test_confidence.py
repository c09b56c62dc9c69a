"""Confidences, held equal to sums over all sequences of tags."""

import itertools
import json
import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from hanlp_ner.building.convert import convert
from hanlp_ner.engine import Engine
from hanlp_ner.network.confidence import Confidence
from hanlp_ner.network.decode import Crf, Span, TagSet
from hanlp_ner.network.tagger import best
from hanlp_ner.training.calibration import calibrate, reliability
from hanlp_ner.training.corpora import Corpus
from hanlp_ner.training.formats import DataError
from hanlp_ner.training.reliability import Reliability, Sure
from hanlp_ner.training.span_scores import Spans
from tests.hanlp_ner.checkpoints import random_component
from tests.hanlp_ner.test_engine import entities, texts

SCHEMES = {
    "BIO": ["O", "B-A", "I-A", "B-B", "I-B"],
    "BIOES": ["O", "B-A", "I-A", "E-A", "S-A"],
    "BMES": ["O", "B-A", "M-A", "E-A", "S-B"],
}


def random_crf(source: np.random.Generator, tags: int, spread: float) -> Crf:
    start, moves, end = ((tags,), (tags, tags), (tags,))
    return Crf(*(source.normal(0, spread, size).astype(np.float32) for size in (start, moves, end)))


def tagged(
    scores: NDArray[np.float32], lengths: list[int], tags: TagSet, crf: Crf | None
) -> tuple[list[NDArray[np.int64]], list[list[Span]]]:
    paths = best(scores, lengths, crf)
    return paths, [[Span(*span) for span in tags.spans(path)] for path in paths]


def enumerated(
    scores: NDArray[np.float32], path: NDArray[np.int64], span: Span, tags: TagSet, crf: Crf
) -> float:
    """The share of all sequences of tags that have the span, and the path's tags in it."""
    within, total = 0.0, 0.0
    for other in itertools.product(range(len(tags.tags)), repeat=len(scores)):
        score = crf.start[other[0]] + crf.end[other[-1]]
        score += sum(row[tag] for row, tag in zip(scores, other, strict=True))
        score += sum(crf.transitions[pair] for pair in itertools.pairwise(other))
        weight = np.exp(float(score))
        total += weight
        own = other[span.start : span.end] == tuple(path[span.start : span.end])
        if own and span[:3] in tags.spans(np.array(other)):
            within += weight
    return within / total


@pytest.mark.parametrize("scheme", SCHEMES)
@given(st.integers(0, 2**32), st.sampled_from([0.3, 1.0, 3.0]), st.booleans())
@settings(max_examples=15, deadline=None)
def test_marginals_equal_an_enumeration(
    scheme: str, seed: int, temperature: float, softmax: bool
) -> None:
    source, tags = np.random.default_rng(seed), TagSet(SCHEMES[scheme])
    crf = random_crf(source, 5, 0.0 if softmax else 1.5)
    lengths = [4, 1, 3]
    scores = source.normal(0, 2.0, (3, 4, 5)).astype(np.float32)
    used = None if softmax else crf
    paths, spans = tagged(scores, lengths, tags, used)
    found = Confidence(tags, used, temperature)(scores, paths, spans)
    cooled = Crf(*(one / np.float32(temperature) for one in (crf.start, crf.transitions, crf.end)))
    for row, length in enumerate(lengths):
        own = scores[row, :length] / np.float32(temperature)
        assert [span[:3] for span in found[row]] == [span[:3] for span in spans[row]]
        for span in found[row]:
            expected = enumerated(own, paths[row], span, tags, cooled)
            assert span.confidence == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("crf", [True, False])
def test_a_batch_of_long_sequences_is_each_alone(crf: bool) -> None:
    """Scores of hundreds, and forbidden transitions, neither over- nor underflow."""
    source, tags = np.random.default_rng(1), TagSet(SCHEMES["BIO"])
    field = random_crf(source, 5, 5.0) if crf else None
    if field:
        field.transitions[0, [2, 4]] = -10_000
    lengths = [500, 3, 1, 120]
    scores = source.normal(0, 100, (4, 500, 5)).astype(np.float32)
    paths, spans = tagged(scores, lengths, tags, field)
    sure = Confidence(tags, field)
    together = sure(scores, paths, spans)
    assert sum(map(len, together)) > 50
    for row, length in enumerate(lengths):
        (alone,) = sure(scores[row : row + 1, :length], paths[row : row + 1], spans[row : row + 1])
        assert [one.confidence for one in alone] == pytest.approx(
            [one.confidence for one in together[row]], abs=1e-4
        )
        assert all(0 <= one.confidence <= 1 for one in alone)


def test_a_temperature_is_fitted_and_packed(tmp_path: Path) -> None:
    """Of an untrained network's entities few are called right, so that they are too sure."""
    served, source = tmp_path / "served", random.Random(1)
    served.mkdir()
    convert(random_component(tmp_path / "checkpoint", crf=True), served)
    assert {path.name for path in served.iterdir()} == {"config.json", "model.onnx", "tables.npz"}
    engine, some = Engine(served), texts()[:30]
    found = entities(engine, some)
    gold = [[span for span in spans if source.random() < 0.05] for spans in found]
    corpus = Corpus(names=["dev.jsonl"], examples=list(zip(some, gold, strict=True)))
    few = Corpus(examples=[one for one in corpus.examples if one[1]][:1])
    with pytest.raises(DataError, match="at least 50"):
        calibrate(served, few)
    calibrate(served, corpus)
    kept = json.loads((served / "calibration.json").read_text(encoding="utf-8"))
    assert kept["fitted_to"] == ["dev.jsonl"]
    before, after = (
        reliability(engine, corpus, temperature) for temperature in (1.0, kept["temperature"])
    )
    assert kept["error"] == pytest.approx(after.error, abs=1e-3)
    assert after.loss < before.loss
    assert after.error < before.error
    packed, fitted = reliability(Engine(served), corpus), reliability(engine, corpus)
    assert packed.confidence == pytest.approx(fitted.confidence, abs=1e-4)


def test_reliability_on_a_known_case(tmp_path: Path) -> None:
    gold: list[Spans] = [{(0, 2, "A"), (3, 5, "B")}, {(0, 1, "A")}]
    found: list[Sure] = [
        {(0, 2, "A"): 0.92, (3, 5, "A"): 0.98, (3, 5, "B"): None},
        {(0, 1, "A"): 0.5},
    ]
    one = Reliability.of(gold, found)
    assert one.error == pytest.approx((2 * abs(0.95 - 0.5) + abs(0.5 - 1)) / 3)
    assert one.loss == pytest.approx(-np.log([0.92, 0.02, 0.5]).mean())
    assert [count for _, count, _, _ in one.bins()] == [0, 0, 0, 0, 0, 1, 0, 0, 0, 2]
    rows = {bound: row for bound, *row in one.thresholds()}
    assert rows[0.0] == pytest.approx([200 / 3, 200 / 3, 200 / 3, 3])
    assert rows[0.95] == [0, 0, 0, 1]
    assert Reliability.of(gold, found, {"B"}).gold == 1
    assert not Reliability.of(gold, found, {"B"})
    one.write(tmp_path)
    assert (tmp_path / "reliability.png").read_bytes().startswith(b"\x89PNG")
    lines = (tmp_path / "reliability.csv").read_text(encoding="utf-8").splitlines()
    assert lines[-1] == "0.9,2,0.95,0.5"
