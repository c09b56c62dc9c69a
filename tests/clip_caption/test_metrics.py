"""The scores of captions, against plain statements of the metrics; words, facts, intervals."""

import numpy as np
import pytest

from clip_caption.evaluating import words
from clip_caption.evaluating.metrics import CaptionScores, score
from clip_caption.evaluating.naming import names, names_all, shares
from clip_caption.evaluating.results import CaptionResult, compare
from tests.clip_caption.plain_metrics import bleu, cider_d, rouge_l
from tests.clip_caption.scored import REFERENCES, SAID, scores_of
from zoo.data.tables import listed
from zoo.errors import ZooError


def test_the_scores_are_those_of_the_papers() -> None:
    found = scores_of(REFERENCES, SAID)
    references, said = [[r.split() for r in refs] for refs in REFERENCES], [s.split() for s in SAID]
    for n in range(1, 5):
        expected = 100 * bleu(references, said, n)
        assert found.corpus[f"BLEU-{n}"] == pytest.approx(expected, rel=1e-6)
    lengths = [rouge_l(refs, one) for refs, one in zip(references, said, strict=True)]
    assert found.each["ROUGE-L"] == pytest.approx([100 * one for one in lengths])
    assert found.each["CIDEr"] == pytest.approx([100 * one for one in cider_d(references, said)])
    for name in ("ROUGE-L", "CIDEr"):
        assert found.corpus[name] == pytest.approx(found.each[name].mean())


@pytest.mark.skipif(not words.has_java(), reason="METEOR needs Java")
def test_meteor_knows_stems_and_synonyms() -> None:
    said = ["a big car", "a large automobile", "", "two trees have fallen", "|||", "a dog"]
    refs = ["a large automobile", "a large automobile", "a flood", "a fallen tree", "a | dog", "x"]
    found = score([[ref] for ref in refs], said, "ptb").each["METEOR"]
    assert found[1] == pytest.approx(100)
    assert found[0] > 60
    assert 0 < found[3] < found[0]
    assert list(found[[2, 4, 5]]) == [0, 0, 0]


def test_a_corpus_of_one_has_no_cider_and_says_so() -> None:
    found = scores_of([["a flood near a temple"]], ["a flood near a temple"])
    assert found.corpus["CIDEr"] == 0
    assert found.corpus["BLEU-4"] == pytest.approx(100)
    assert any("One image is too few for CIDEr" in note for note in found.notes)
    with pytest.raises(ZooError, match="no caption to score"):
        scores_of([], [])


def test_an_empty_prediction_is_the_worst() -> None:
    found = scores_of(REFERENCES, [*SAID[:3], ""])
    assert all(values[3] == pytest.approx(0, abs=1e-6) for values in found.each.values())
    whole = scores_of(REFERENCES, SAID)
    assert found.corpus["CIDEr"] < whole.corpus["CIDEr"]
    nothing = scores_of(REFERENCES, ["", "", "", ""])
    assert all(value == pytest.approx(0, abs=1e-6) for value in nothing.corpus.values())


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("ptb", 'A man, riding (fast): "don\'t"!\u2028Second\r line.', "a man riding -lrb- fast"
         " -rrb- do n't second line"),
        ("ptb", "Café über 5 Straßen ...", "café über 5 straßen"),
        ("plain", "A man, riding (fast): don't! Cafe\u0301", "a man riding fast don't café"),
        ("newmm", "น้ำท่วมถนนหน้าตลาด near the Big C, soi 5!",
         "น้ำท่วม ถนน หน้า ตลาด near the big c soi 5"),
        ("newmm", "ขยะ🗑️เต็มถนน \t", "ขยะ เต็ม ถนน"),
        ("spaces", "As it  is .", "As it is ."),
    ],
)  # fmt: skip
def test_words_are_where_they_are_said_to_be(name: str, text: str, expected: str) -> None:
    if name == "ptb" and not words.has_java():
        pytest.skip("needs Java")
    assert words.tokenize(["", text, "..." if name != "spaces" else "", "a"], name) == [
        "", expected, "", "a"]  # fmt: skip


def test_the_tokenizer_follows_the_language() -> None:
    assert words.choose("auto", ["a flood", "ขยะ"]) == "newmm"
    assert words.choose("auto", ["a flood"]) == ("ptb" if words.has_java() else "plain")
    assert words.choose("plain", ["ขยะ"]) == "plain"


def test_captions_are_asked_for_the_facts() -> None:
    assert names("Two broken lamps near a School.", "broken_lamp")
    assert names("Three boxes", "box")
    assert not names("A lamp, broken", "broken lamp")
    assert not names("A flooded street", "flood")
    assert not names("", "flood")
    assert not names("A flood", "")
    assert names_all("A flood on a road", listed("{flood,road}"))
    assert not names_all("A flood", listed('["flood", "road"]'))
    assert not names_all("A flood", [])
    values = [{"type": "flood", "place": "temple"}, {"type": "pothole", "place": "shop"}]
    found, right = shares(["A flood by a temple.", "A pothole."], values, ["type", "place"])
    assert found == {"type": 100, "place": 50, "all": 50}
    assert right == [True, False]


def test_the_interval_of_a_difference_is_paired() -> None:
    chance = np.random.default_rng(1)
    values = chance.uniform(0, 100, 200)

    def result(each: np.ndarray) -> CaptionResult:
        scores = CaptionScores({}, {"CIDEr": each, "ROUGE-L": each, "BLEU-1": each})
        return CaptionResult([], [], scores)

    same = compare(result(values), result(values))
    assert set(same) == {"CIDEr", "ROUGE-L"}
    assert vars(same["CIDEr"]) == {"difference": 0, "low": 0, "high": 0}
    better = compare(result(values), result(values + chance.uniform(0, 2, 200)))["CIDEr"]
    # far narrower than the spread of the values, which an unpaired one would have
    assert 0.8 < better.low < better.difference < better.high < 1.2
