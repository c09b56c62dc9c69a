"""What the outputs of a checkpoint stand for: every published layout, or one sentence."""

import json
from pathlib import Path
from typing import Any

import pytest

from wav2vec2_asr.labels import Labels
from zoo.errors import CheckpointError

ENGLISH = ["<pad>", "<s>", "</s>", "<unk>", "|", *"ETAOINHSRDLUMWCFGYPBVK'XJQZ"]  # base-960h's


def write(directory: Path, vocabulary: Any, **files: Any) -> Path:
    """A directory with `vocab.json`, and other JSON files by their names."""
    for name, content in {"vocab": vocabulary, **files}.items():
        text = json.dumps(content, ensure_ascii=False)
        (directory / f"{name}.json").write_text(text, encoding="utf-8")
    return directory


def numbered(names: list[str]) -> dict[str, int]:
    return {name: index for index, name in enumerate(names)}


def test_the_english_vocabulary_as_it_is_published(tmp_path: Path) -> None:
    settings = {"pad_token": "<pad>", "unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>"}
    found = Labels.read(write(tmp_path, numbered(ENGLISH), tokenizer_config=settings), len(ENGLISH))
    assert list(found.texts) == ENGLISH
    assert (found.blank, found.space) == (0, 4)
    assert found.special == {0, 1, 2, 3}
    assert [found.spoken(index) for index in (4, 5)] == [" ", "E"]


def test_the_thai_vocabulary_has_start_and_end_that_no_output_stands_for(tmp_path: Path) -> None:
    names = [*"กขค|", "[UNK]", "[PAD]"]
    added = {"<s>": 6, "</s>": 7}
    tokens = {str(index): {"content": name, "special": True} for name, index in [*added.items()]}
    settings = {"pad_token": "[PAD]", "added_tokens_decoder": tokens}
    for files in ({"added_tokens": added}, {"tokenizer_config": settings}):
        found = Labels.read(write(tmp_path, numbered(names), **files), 6)
        assert list(found.texts) == names
        assert (found.blank, found.space, found.special) == (5, 3, {4, 5})
        assert len(Labels.read(tmp_path, 8)) == 8  # a head that was made to know them


def test_special_tokens_may_be_named_anyhow(tmp_path: Path) -> None:
    settings = {
        "pad_token": {"content": "<blank>", "lstrip": False},
        "unk_token": "?",
        "word_delimiter_token": "_",
    }
    names = ["<blank>", "?", "_", "a", "|"]
    found = Labels.read(write(tmp_path, numbered(names), tokenizer_config=settings))
    assert (found.blank, found.space, found.special) == (0, 2, {0, 1})
    assert found.spoken(4) == "|"


def test_a_vocabulary_without_a_space_is_read(tmp_path: Path) -> None:
    found = Labels.read(write(tmp_path, numbered(["[PAD]", "ก", "ข"])))
    assert found.space is None


def test_letters_are_written_in_the_case_that_the_tokenizer_says(tmp_path: Path) -> None:
    """A tokenizer that lowers has capitals in its vocabulary, and small letters in its texts."""
    from transformers import Wav2Vec2CTCTokenizer

    write(tmp_path, numbered(ENGLISH))
    tokenizer = Wav2Vec2CTCTokenizer(str(tmp_path / "vocab.json"), do_lower_case=True)
    tokenizer.save_pretrained(tmp_path)
    found = Labels.read(tmp_path, len(ENGLISH))
    ids = [ENGLISH.index(name) for name in "HI|YOU"]
    assert "".join(map(found.spoken, ids)) == tokenizer.decode(ids) == "hi you"
    assert found.texts[0] == "<pad>"


BAD = {
    "no file": (None, "vocab.json' not found"),
    "no JSON": (b"{", "line 1: not valid JSON"),
    "no UTF-8": (b'{"\xff": 0}', "is not UTF-8"),
    "a list": (b'["a", "b"]', "is not a JSON object"),
    "empty": (b"{}", "vocabulary"),
    "a hole": (b'{"[PAD]": 0, "a": 2}', "vocabulary"),
    "two of one index": (b'{"[PAD]": 0, "a": 1, "b": 1}', "vocabulary"),
    "negative": (b'{"[PAD]": -1, "a": 0}', "vocabulary"),
    "texts for indices": (b'{"[PAD]": 0, "a": "1"}', "vocabulary"),
    "lists for indices": (b'{"[PAD]": [0], "a": [1]}', "vocabulary"),
    "one vocabulary per language": (b'{"tha": {"[PAD]": 0}, "eng": {"[PAD]": 0}}', "vocabulary"),
    "no blank": (b'{"a": 0, "b": 1}', "has no blank"),
}


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("outputs", [None, 2])
def test_what_is_no_vocabulary_is_refused(tmp_path: Path, name: str, outputs: int | None) -> None:
    content, sentence = BAD[name]
    if content is not None:
        (tmp_path / "vocab.json").write_bytes(content)
    if outputs and name in ("empty", "two of one index"):
        sentence = "the model has 2 outputs"
    with pytest.raises(CheckpointError, match=sentence) as error:
        Labels.read(tmp_path, outputs)
    assert str(error.value).count(". ") == 0


@pytest.mark.parametrize(
    "files",
    [
        {"tokenizer_config": {"added_tokens_decoder": {"last": {"content": "x"}}}},
        {"tokenizer_config": {"added_tokens_decoder": ["x"]}},
        {"tokenizer_config": ["pad_token"]},
        {"tokenizer_config": {"target_lang": ["tha"]}},
        {"added_tokens": {"<s>": None}},
    ],
)
def test_damaged_settings_of_a_tokenizer_are_refused(tmp_path: Path, files: Any) -> None:
    with pytest.raises(CheckpointError, match=str(tmp_path)):
        Labels.read(write(tmp_path, numbered(["[PAD]", "a"]), **files), 2)


def test_a_head_of_another_size_is_refused(tmp_path: Path) -> None:
    write(tmp_path, numbered(["a", "b", "[UNK]", "[PAD]"]))
    for outputs in (3, 5, 40):
        with pytest.raises(CheckpointError, match=f"4 labels, but the model has {outputs} outputs"):
            Labels.read(tmp_path, outputs)
