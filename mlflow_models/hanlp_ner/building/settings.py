"""What a checkpoint's configuration asks for: what is converted, and what is refused by name.

The model's card lists every key that HanLP 2.1.5 reads. What changes an answer is converted, or the
checkpoint is refused; so is what HanLP itself fails on, because nothing says what is right.
"""

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

from zoo.errors import CheckpointError

NOTES = {"classpath", "create_time", "hanlp_version", "task_names", "training"}
# HanLP reads these, with no argument for them.
LATER = {"delimiter", "output_spans", "root_rel_id", "tagging_scheme"}
DICTIONARIES = {"dict_whitelist", "dict_blacklist", "dict_tags", "dict_force", "dict_combine"}
ENTITIES = {"dict_tags": "tags", "dict_whitelist": "whitelist"}
TRIES: dict[str, dict[str, str]] = {  # by kind of task: a dictionary's key, and its rule's name
    "characters": ENTITIES,
    "entities": ENTITIES,
    "tags": {"dict_tags": "tags"},
    "words": {"dict_combine": "combine"},
}
# Each has a value that says nothing; with another, HanLP 2.1.5 raises an exception.
FAILING = ("scalar_mix", "ret_raw_hidden_states")


def refusal(key: str, owner: str, why: str) -> CheckpointError:
    """Say in one sentence which setting can't be served, whose it is, and why."""
    return CheckpointError(f"'{key}' of {owner} {why}.")


def check_single(config: Mapping[str, Any], owner: str) -> None:
    """Refuse what a single-task recognizer can't be served with.

    Args:
        config: The component's, as HanLP has loaded it.
        owner: Whose it is, for messages.

    Raises:
        CheckpointError: One key can't be served.
    """
    for key in FAILING:
        if config.get(key) not in (None, False):
            raise refusal(key, owner, "is set, and HanLP itself can't predict with it")
    if config.get("extra_embeddings"):
        raise refusal("extra_embeddings", owner, "are vectors of words, which aren't converted")
    if not isinstance(config.get("token_key"), str):
        raise refusal("token_key", owner, "is not a text, and HanLP itself can't predict without")


def check_encoder(encoder: Any, mixes: Mapping[str, Any], owner: str) -> None:
    """Refuse what a multi-task checkpoint's encoder can't be served with.

    Args:
        encoder: HanLP's ContextualWordEmbedding.
        mixes: The tasks' own mixes of layers.
        owner: Whose it is, for messages.

    Raises:
        CheckpointError: One key can't be served.
    """
    fails = "and HanLP itself can't predict with it"
    if encoder.scalar_mix not in (None, False) or mixes:
        raise refusal("scalar_mix", owner, f"is set, {fails}")
    if not encoder.average_subwords:
        raise refusal("average_subwords", owner, f"is not true, {fails}")
    if not isinstance(encoder.max_sequence_length, int):
        raise refusal("max_sequence_length", owner, f"is not a number, {fails}")
    if encoder.field != "token":
        raise refusal("field", owner, f"is not 'token', {fails}")


def why_not(name: str, task: Any, gives: str) -> str | None:
    """Tell why a task of sequence labeling isn't converted, if a setting of its own forbids it.

    Args:
        name: The task's.
        task: HanLP's.
        gives: `words`, `tags` or `entities`.
    """
    config, words = task.config, gives == "words"
    for key in ("cls_is_bos", "sep_is_eos"):
        if bool(getattr(task, key)) != words:
            return f"'{key}' is {bool(getattr(task, key))}".lower()
    if task.use_raw_hidden_states:
        return "'use_raw_hidden_states' is true"
    if config.get("token_key", "token") != "token":
        return "'token_key' is not 'token'"
    if words and not name.startswith("tok"):
        return "the name of a task that finds words must begin with 'tok'"
    if words and config.get("dict_force"):
        return "'dict_force' cuts a text before the network reads it"
    return None


def unknown(config: Mapping[str, Any], reader: type, method: str) -> list[str]:
    """List the keys that nothing in HanLP reads, and that change no answer there or here.

    Args:
        config: A component's or a task's.
        reader: Its class.
        method: What takes the configuration as its arguments: `fit` or `__init__`.
    """
    known = NOTES | LATER | DICTIONARIES
    for one in reader.__mro__:
        if method in vars(one) and one is not object:
            known |= set(inspect.signature(vars(one)[method]).parameters)
    return sorted(set(config) - known)


def rules(config: Mapping[str, Any], owner: str, kind: str) -> dict[str, Any]:
    """Convert a checkpoint's own dictionaries and merged types for `hanlp_ner.network.rules`.

    Args:
        config: A component's or a task's, as HanLP has loaded it.
        owner: Whose it is, for messages.
        kind: What it tags: `characters`, for entities; or what it gives, as `why_not` has it.

    Raises:
        CheckpointError: A dictionary isn't one that HanLP can use.
    """
    found: dict[str, Any] = {}
    for key, name in TRIES[kind].items():
        if trie := config.get(key):
            found[name] = table = _table(trie, key, owner)
            _check(table, key, owner, kind == "characters")
    if kind not in ("characters", "entities"):
        return found
    found["delimiter"] = config.get("delimiter_in_entity", " ")
    if not isinstance(found["delimiter"], str):
        why = 'is not a text, and HanLP itself can\'t predict with it; for Chinese, write ""'
        raise refusal("delimiter_in_entity", owner, why)
    if words := config.get("dict_blacklist"):
        found["blacklist"] = sorted(_texts(words, owner))
    if types := config.get("merge_types"):
        if not isinstance(types, list | tuple) or not all(isinstance(one, str) for one in types):
            raise refusal("merge_types", owner, "is not a list of types")
        found["merge_types"] = list(types)
    return found


def _table(trie: Any, key: str, owner: str) -> dict[str, Any]:
    """Write HanLP's trie as a table of `hanlp_ner.network.rules.Trie`."""
    from hanlp_trie import TrieDict
    from hanlp_trie.dictionary import TupleTrieDict

    if not isinstance(trie, TrieDict):
        why = "is not a TrieDict, and HanLP itself can't predict; set it on the component and save"
        raise refusal(key, owner, why)
    by_token = isinstance(trie, TupleTrieDict)
    pairs = [[list(units) if by_token else "".join(units), value] for units, value in _pairs(trie)]
    return {"by_token": by_token, "entries": pairs}


def _pairs(node: Any, units: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield the keys of a trie, as characters or tokens, with their values."""
    for unit, child in node._children.items():
        if child._value is not None:
            yield (*units, unit), child._value
        yield from _pairs(child, (*units, unit))


def _check(table: dict[str, Any], key: str, owner: str, characters: bool) -> None:
    """Refuse values that HanLP can't write as tags."""
    for units, value in table["entries"]:
        word = "".join(units)
        if key == "dict_whitelist" and not (isinstance(value, str) and value):
            raise refusal(key, owner, f"has no entity type for '{word}', but {value!r}")
        if key == "dict_tags" and not (
            (table["by_token"] or characters)
            and isinstance(value, list | tuple)
            and len(value) == len(units)
            and all(isinstance(tag, str) and tag for tag in value)
        ):
            raise refusal(key, owner, f"has not a tag for each token of '{word}', but {value!r}")


def _texts(words: Any, owner: str) -> set[str]:
    """List the texts that are in a blacklist; HanLP looks a text up by its characters."""
    from hanlp_trie import TrieDict

    if isinstance(words, TrieDict):
        keys = (units for units, _ in _pairs(words))
        return {"".join(units) for units in keys if all(len(unit) == 1 for unit in units)}
    if isinstance(words, list | dict):
        return {word for word in words if isinstance(word, str)}
    raise refusal("dict_blacklist", owner, "is neither a TrieDict nor a list of words")
