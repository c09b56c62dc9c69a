"""Decoding, held equal to HanLP's own."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hanlp_ner.network.decode import Crf, Span, TagSet
from hanlp_ner.text.dictionary import Dictionary

TAGS = ["O", *(f"{place}-{type_}" for type_ in ("PER", "LOC") for place in "BIEMS")]


@given(st.lists(st.integers(0, len(TAGS) - 1), max_size=12))
def test_spans_equal_hanlps_for_any_sequence(indices: list[int]) -> None:
    from hanlp.metrics.chunking.sequence_labeling import get_entities

    expected = [
        (start, end, type_) for type_, start, end in get_entities([TAGS[i] for i in indices])
    ]
    assert TagSet(TAGS).spans(np.array(indices, dtype=np.int64)) == expected


@pytest.mark.parametrize("batch", [1, 7])
def test_viterbi_equals_hanlps(batch: int) -> None:
    import torch
    from hanlp.layers.crf.crf import CRF

    torch.manual_seed(batch)
    lengths = [9, 1, 4, 9, 2, 7, 3][:batch]
    crf = CRF(5)
    for weight in crf.parameters():
        torch.nn.init.normal_(weight, std=2.0)
    scores = torch.randn(batch, max(lengths), 5)
    mask = torch.arange(max(lengths))[None, :] < torch.tensor(lengths)[:, None]
    expected = crf.decode(scores, mask)
    weights = (crf.start_transitions, crf.transitions, crf.end_transitions)
    ours = Crf(*(weight.detach().numpy() for weight in weights)).decode(scores.numpy(), lengths)
    assert [tags.tolist() for tags in ours] == expected


@given(
    st.dictionaries(st.text("ab中", min_size=1, max_size=4), st.just("X"), max_size=5),
    st.text("ab中c", max_size=20),
)
def test_matches_equal_hanlps_trie(words: dict[str, str], text: str) -> None:
    from hanlp_trie import TrieDict

    found = [span[:3] for span in Dictionary(words).matches(text)]
    assert found == TrieDict(words).parse_longest(text)


def test_a_dictionary_word_wins_over_an_overlapping_entity() -> None:
    spans = [Span(0, 2, "LOC"), Span(3, 6, "ORG")]
    found = Dictionary({"哈游": "GAME"}).apply("北京的米哈游", spans)
    assert found == [Span(0, 2, "LOC"), Span(4, 6, "GAME")]
