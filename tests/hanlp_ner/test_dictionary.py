"""Dictionaries: a request's on top of a packed one, their limits, and files that are none."""

import functools
import json
import random
import shutil
import timeit
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlflow.exceptions import MlflowException

from hanlp_ner.text.dictionary import (
    MAX_DICTIONARY_CHARACTERS,
    MAX_DICTIONARY_WORDS,
    Dictionary,
    read_file,
)
from zoo.errors import CheckpointError

TEXTS = pd.DataFrame({"text": ["米哈游成立于2011年", "我爱中国"]})


def random_words(count: int, seed: int = 3) -> dict[str, str]:
    """Chinese words of two to eight characters that no text here has."""
    source = random.Random(seed)
    characters = [chr(code) for code in range(0x5E00, 0x6A00)]
    words: dict[str, str] = {}
    while len(words) < count:
        words["".join(source.choices(characters, k=source.randint(2, 8)))] = "THING"
    return words


def load(ner_model: Path, packed: dict[str, str], target: Path) -> Any:
    """The saved model with another dictionary in it."""
    shutil.copytree(ner_model, target)
    (path,) = target.glob("artifacts/**/dictionary.json")
    path.write_text(json.dumps(packed, ensure_ascii=False), encoding="utf-8")
    return mlflow.pyfunc.load_model(str(target))


def words(type_: str) -> st.SearchStrategy[dict[str, str]]:
    """Dictionaries in which words are often equal, overlap, or begin another one."""
    return st.dictionaries(st.text("ab中", min_size=1, max_size=4), st.just(type_), max_size=6)


@given(words("PACKED"), words("OWN"), st.text("ab中c", max_size=24))
def test_two_dictionaries_match_as_one_that_has_all_words(
    packed: dict[str, str], own: dict[str, str], text: str
) -> None:
    together = Dictionary({**packed, **own}).matches(text)
    assert Dictionary(own, Dictionary(packed)).matches(text) == together


@pytest.mark.parametrize(
    ("packed", "own", "expected"),
    [
        ({"米哈游": "GAME"}, {"米哈游": "COMPANY"}, [("米哈游", "COMPANY")]),
        ({"米哈游公司": "COMPANY"}, {"米哈游": "GAME"}, [("米哈游公司", "COMPANY")]),
        ({"米哈游": "GAME"}, {"米哈游公司": "COMPANY"}, [("米哈游公司", "COMPANY")]),
        ({"游公司": "WRONG"}, {"米哈游": "GAME"}, [("米哈游", "GAME")]),
        ({"公司": "KIND"}, {"米哈游": "GAME"}, [("米哈游", "GAME"), ("公司", "KIND")]),
    ],
    ids=["the request's type wins", "longer packed", "longer own", "overlap", "both"],
)
def test_a_requests_words_come_on_top_of_the_packed_ones(
    packed: dict[str, str],
    own: dict[str, str],
    expected: list[tuple[str, str]],
    ner_model: Path,
    tmp_path: Path,
) -> None:
    model = load(ner_model, packed, tmp_path / "model")
    (record,) = model.predict(
        pd.DataFrame({"text": ["米哈游公司"]}), params={"dictionary": json.dumps(own)}
    )
    assert [(entity["text"], entity["type"]) for entity in record["entities"]] == expected


def test_a_large_packed_dictionary_costs_a_request_nothing(ner_model: Path, tmp_path: Path) -> None:
    many = random_words(200_000)
    small = load(ner_model, {"米哈游": "COMPANY"}, tmp_path / "small")
    large = load(ner_model, {**many, "米哈游": "COMPANY"}, tmp_path / "large")
    assert large.predict(TEXTS) == small.predict(TEXTS)
    first, second = (
        min(timeit.repeat(functools.partial(model.predict, TEXTS), number=3))
        for model in (small, large)
    )
    assert second < 10 * first  # it was 500 times as slow when each request built it anew


def test_a_request_may_not_bring_a_large_dictionary(ner_model: Path) -> None:
    model = mlflow.pyfunc.load_model(str(ner_model))
    most = random_words(MAX_DICTIONARY_WORDS)
    assert len(model.predict(TEXTS, params={"dictionary": json.dumps(most)})) == 2

    more = json.dumps({**most, "米哈游": "COMPANY"})
    with pytest.raises(MlflowException) as refused:
        model.predict(TEXTS, params={"dictionary": more})
    assert refused.value.message == (
        "Parameter 'dictionary': has 10,001 words; at most 10,000 are taken, and build.py "
        "--dictionary packs more."
    )
    longer = "{}" + " " * (MAX_DICTIONARY_CHARACTERS - 1)
    with pytest.raises(MlflowException, match=r"has 1,000,001 characters of JSON; at most 1,000,0"):
        model.predict(TEXTS, params={"dictionary": longer})


def test_a_file_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    (tmp_path / "words.json").write_text('{"米哈游": "COMPANY"}', encoding="utf-8-sig")
    assert read_file(tmp_path / "words.json") == {"米哈游": "COMPANY"}


def test_a_file_to_pack_may_be_large(tmp_path: Path) -> None:
    many = random_words(MAX_DICTIONARY_WORDS + 1)
    (tmp_path / "words.json").write_text(json.dumps(many), encoding="utf-8")
    assert read_file(tmp_path / "words.json") == many


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b'{"a": "X",\n}', "line 2, column 1"),
        (b"", "line 1, column 1"),
        (b"[" * 100_000, "nesting"),
        (b'["a"]', "JSON object"),
        (b'{"a\xff": "X"}', "byte 3"),
        (b'{"": "X"}', "empty word"),
        (b'{"a": 1}', "type"),
    ],
    ids=["comma", "empty", "nested", "list", "latin", "no word", "no type"],
)
def test_what_is_no_dictionary_is_refused_in_one_sentence(
    content: bytes, reason: str, tmp_path: Path
) -> None:
    path = tmp_path / "words.json"
    path.write_bytes(content)
    with pytest.raises(CheckpointError) as refused:
        read_file(path)
    assert f"'{path}'" in str(refused.value)
    assert reason in str(refused.value)
