"""A checkpoint's own rules, held equal to HanLP's for any tags, words and dictionaries."""

import copy
import json
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from hanlp_ner.building.settings import rules
from hanlp_ner.network.decode import Span, TagSet
from hanlp_ner.network.rules import Rules

TAGS = ["O", *(f"{place}-{type_}" for type_ in "XY" for place in "BIMES")]
WORDS = ["a", "b", "ab", "中", ""]  # a transform can leave nothing of a token
KEYS = st.lists(st.sampled_from(WORDS[:-1]), min_size=1, max_size=3).map(tuple)
TOKENS = st.lists(st.tuples(st.sampled_from(WORDS), st.sampled_from(TAGS)), min_size=1, max_size=9)


def dictionaries(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """HanLP's dictionaries of both kinds, as it reads them from a file; or none."""
    from hanlp_common.configurable import Configurable
    from hanlp_trie.dictionary import TrieDict, TupleTrieDict

    def reloaded(kind: Any, entries: Any) -> Any:
        return Configurable.from_config(json.loads(json.dumps(kind(entries).config)))

    entries = st.dictionaries(KEYS, values, min_size=1, max_size=4)
    kinds = st.sampled_from([TrieDict, TupleTrieDict])
    return st.none() | st.builds(reloaded, kinds, entries)


def spans_of(tags: list[str]) -> list[Span]:
    return [Span(*span, 0.5) for span in TagSet(tags).spans(np.arange(len(tags)))]


@given(
    TOKENS,
    dictionaries(st.sampled_from("XZ")),
    dictionaries(st.just(True)),
    st.sets(st.sampled_from("XYZ")),
    st.sampled_from(["", " "]),
)
@settings(max_examples=150, deadline=None)
def test_entities_equal_hanlps(
    tagged: list[tuple[str, str]], white: Any, black: Any, merged: set[str], delimiter: str
) -> None:
    from hanlp.components.ner.transformer_ner import TransformerNamedEntityRecognizer

    tokens, tags = [token for token, _ in tagged], [tag for _, tag in tagged]
    component = TransformerNamedEntityRecognizer()
    component.config.update(
        token_key="token",
        dict_whitelist=white,
        dict_blacklist=black,
        merge_types=sorted(merged),
        delimiter_in_entity=delimiter,
    )
    (expected,) = component.tag_to_span([copy.copy(tags)], {"token": [tokens]})
    ours = Rules(rules(component.config, "it", "entities")).entities(tags, spans_of(tags), tokens)
    assert [(type_, start, end) for start, end, type_, _ in ours] == expected
    assert {span.confidence for span in ours} <= ({0.5, 1.0} if white else {0.5})


@given(TOKENS, st.dictionaries(KEYS, st.sampled_from(TAGS), min_size=1, max_size=4))
@settings(max_examples=100, deadline=None)
def test_tags_equal_hanlps(tagged: list[tuple[str, str]], own: dict[tuple[str, ...], str]) -> None:
    from hanlp.components.taggers.transformers.transformer_tagger import TransformerTagger

    tokens, tags = [token for token, _ in tagged], [tag for _, tag in tagged]
    component = TransformerTagger()
    component.config["token_key"] = "token"
    component.dict_tags = own
    ids = [[TAGS.index(tag) for tag in tags]]
    (expected,) = component.prediction_to_human(ids, TAGS, {"token": [tokens]})
    assert Rules(rules(component.config, "it", "tags")).tags(tags, tokens) == expected
