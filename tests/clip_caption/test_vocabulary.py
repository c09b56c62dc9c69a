"""Tokens to text and back are those of the libraries that need torch or a network."""

from pathlib import Path

import numpy as np
import pytest

from clip_caption.vocabulary import ClipTokenizer, Vocabulary, gpt2_ids, write_clip_tokenizer
from zoo.errors import CheckpointError

TEXTS = [
    "a flooded road",
    "A  Flood,  isn't it?  (3 cars & 12 bikes)",
    "น้ำท่วมถนน",
    "“curly” quotes, déjà vu, naïve café, ﬁne",
    "&amp;lt;b&amp;gt; entities",
    "😀👍🏽 emoji",
    "they're we've I'll he'd",
    "under_scores and-hyphens ... !!!",
    "",
    "   ",
    "flood " * 100,
    "x" * 3000,
]


@pytest.fixture(scope="module")
def gpt2() -> Vocabulary:
    return Vocabulary(gpt2_ids())


def test_gpt2_says_what_tiktoken_says(gpt2: Vocabulary) -> None:
    from whisper.tokenizer import get_encoding

    encoding = get_encoding("gpt2")
    for text in TEXTS:
        assert gpt2.decode(encoding.encode(text)) == text
    for tokens in np.random.default_rng(0).integers(0, 50257, (200, 20)).tolist():
        assert gpt2.decode(tokens) == encoding.decode(tokens)  # much of it is no valid UTF-8


def test_gpt2_has_its_period(gpt2: Vocabulary, tmp_path: Path) -> None:
    gpt2.check(tmp_path, 50257)
    assert gpt2.decode([13]) == "."
    assert gpt2.decode([50256]) == "<|endoftext|>"


@pytest.mark.parametrize(
    ("ids", "words", "what"),
    [
        ({".": 12, "a": 13}, 2, "another token 13"),
        ({**{chr(97 + n): n for n in range(13)}, ".": 13}, 5, "14 tokens, its network 5"),
        ({".": 13}, 14, "1 tokens"),
    ],
)
def test_another_vocabulary_is_refused(ids: dict[str, int], words: int, what: str) -> None:
    with pytest.raises(CheckpointError, match=what):
        Vocabulary(ids).check(Path("checkpoint"), words)


@pytest.mark.parametrize("content", ["", "[1]", '{"a": "b"}', "{"])
def test_a_damaged_file_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "vocab.json").write_text(content)
    with pytest.raises(CheckpointError, match="missing or damaged"):
        Vocabulary.read(tmp_path / "vocab.json")
    with pytest.raises(CheckpointError, match="missing or damaged"):
        Vocabulary.read(tmp_path / "none.json")


@pytest.mark.parametrize("length", [77, 16])
def test_search_words_are_open_clip_s(tmp_path: Path, length: int) -> None:
    from open_clip.tokenizer import SimpleTokenizer

    write_clip_tokenizer(tmp_path / "tokenizer.json")
    ours = ClipTokenizer(tmp_path / "tokenizer.json", length)(TEXTS)
    theirs = SimpleTokenizer(context_length=length)(TEXTS).numpy()
    assert ours.dtype == np.int64
    for text, one, other in zip(TEXTS, ours.tolist(), theirs.tolist(), strict=True):
        assert one == other, text
