"""Settings of a checkpoint that can't be served: each is refused, and the message names it."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hanlp_ner.building.convert import convert
from tests.hanlp_ner.checkpoints import random_component
from tests.hanlp_ner.multitask_checkpoints import random_multitask
from zoo.errors import CheckpointError

NORMAL = "hanlp.common.transform.NormalizeCharacter"
TRIE = "hanlp_trie.dictionary.TrieDict"
TUPLES = "hanlp_trie.dictionary.TupleTrieDict"


def table(mapper: Any, source: str = "token", kind: str = NORMAL) -> dict[str, Any]:
    return {"classpath": kind, "mapper": mapper, "src": source, "dst": "token"}


def trie(words: Any, kind: str = TRIE) -> dict[str, Any]:
    return {"classpath": kind, "dictionary": words}


SINGLE: dict[str, tuple[str, Any]] = {
    "a mix of layers": ("scalar_mix", 1),
    "layers, not their last": ("ret_raw_hidden_states", True),
    "no name for tokens": ("token_key", None),
    "no delimiter": ("delimiter_in_entity", None),
    "a whitelist that isn't a trie": ("dict_whitelist", {"北京": "LOCATION"}),
    "words without a type": ("dict_whitelist", trie({"北京": True})),
    "a blacklist that is a text": ("dict_blacklist", "北京"),
    "types that are a text": ("merge_types", "DATE"),
    "too few tags": ("dict_tags", trie([[["北", "京"], ["O"]]], TUPLES)),
    "a table of another field": ("transform", table({"體": "体"}, "text")),
    "a table of numbers": ("transform", table({"體": 1})),
    "a character of several sub-tokens": ("transform", table({"體": "大学"})),
    "a list of transforms": ("transform", [table({"體": "体"})]),
}


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return random_component(tmp_path_factory.mktemp("checkpoints") / "tiny")


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> Path:
    some = ("tok/fine", "tok/coarse", "ner/msra", "ner/ontonotes")
    return random_multitask(tmp_path_factory.mktemp("checkpoints") / "several", only=some)


def changed(directory: Path, change: Callable[[dict[str, Any]], None], target: Path) -> Path:
    """A copy of a checkpoint whose configuration is changed."""
    copy = Path(shutil.copytree(directory, target / "copy"))
    config = json.loads((copy / "config.json").read_text())
    change(config)
    (copy / "config.json").write_text(json.dumps(config))
    return copy


@pytest.mark.parametrize("what", SINGLE)
def test_a_setting_that_cant_be_served_is_named(
    what: str, checkpoint: Path, tmp_path: Path
) -> None:
    key, value = SINGLE[what]
    copy = changed(checkpoint, lambda config: config.update({key: value}), tmp_path)
    with pytest.raises(CheckpointError, match=f"'{key}' of '{copy}'"):
        convert(copy, tmp_path)


MULTI: dict[str, tuple[str, str, Any]] = {
    "a mix of layers": ("encoder", "scalar_mix", 1),
    "one sub-token of a word": ("encoder", "average_subwords", False),
    "no longest sequence": ("encoder", "max_sequence_length", None),
    "words that are forced": ("tok/fine", "dict_force", trie({"北京": True})),
    "two tables": ("tok/coarse", "transform", None),
    "a table of whole texts": ("tok/fine", "transform", None),
    "entities that begin with [CLS]": ("ner/msra", "cls_is_bos", True),
    "another layer": ("ner/msra", "use_raw_hidden_states", True),
    "words without a type": ("ner/ontonotes", "dict_whitelist", trie({"北京": True})),
}


@pytest.mark.parametrize("what", MULTI)
def test_a_tasks_setting_that_cant_be_served_is_named(
    what: str, several: Path, tmp_path: Path
) -> None:
    part, key, value = MULTI[what]

    def change(config: dict[str, Any]) -> None:
        config[part][key] = value
        if "whole texts" in what:
            for task in ("tok/fine", "tok/coarse"):
                config[task][key] = table({"體": "体"}, kind=NORMAL.replace("Character", "Token"))

    copy = changed(several, change, tmp_path)
    with pytest.raises(CheckpointError, match=f"'{key}'") as refused:
        convert(copy, tmp_path)
    assert str(copy) in str(refused.value)
    assert part == "encoder" or part in str(refused.value)
