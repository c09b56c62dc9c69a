"""Reads CoNLL columns: a token and its tag in each line, an empty line after each sentence."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from hanlp_ner.training.formats import AnnotatedRow, DataError
from hanlp_ner.training.tags import tags_to_entities

DOCUMENT = "-DOCSTART-"
# Scripts that put no space between words: Thai, Lao, Burmese, Khmer, Chinese and Japanese.
UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u9fff\uf900-\ufaff\ufe30-\ufe4f\uff00-\uffef"
    "\U00020000-\U0003ffff]"
)


@dataclass
class _Sentence:
    line: int
    document: int
    tokens: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)


def read_conll(lines: Iterator[tuple[int, str]], weibo: bool = False) -> Iterator[AnnotatedRow]:
    """Read sentences, and the documents that `-DOCSTART-` begins.

    Tokens of a script with spaces are joined by a space, as people write; those of Chinese are not.

    Args:
        lines: Each line with its number.
        weibo: Whether a digit follows each character, as in Weibo's files.

    Raises:
        DataError: A line is broken; the message begins with its number.
    """
    sentences = list(_sentences(lines, weibo))
    spaces = _spaces(sentences)
    for sentence in sentences:
        text, starts = "", list[int]()
        for token in sentence.tokens:
            if text and spaces and _apart(text[-1], token[0], spaces):
                text += " "
            starts.append(len(text))
            text += token
        entities = [
            (starts[start], starts[end - 1] + len(sentence.tokens[end - 1]), label)
            for start, end, label in tags_to_entities(sentence.tags)
        ]
        place = f"line {sentence.line}"
        yield AnnotatedRow(place, text, entities, document=sentence.document)


def _sentences(lines: Iterator[tuple[int, str]], weibo: bool) -> Iterator[_Sentence]:
    sentence, document = _Sentence(0, 0), 0
    for number, line in lines:
        begins = line.startswith(DOCUMENT)
        if begins or not line.strip():
            if sentence.tokens:
                yield sentence
            document += begins
            sentence = _Sentence(0, document)
            continue
        try:
            token, tag = _token_and_tag(line)
            tags_to_entities([tag])
        except ValueError as error:
            raise DataError(f"line {number}: {error}") from error
        if weibo and len(token) > 1 and token[-1].isdigit():
            token = token[:-1]
        sentence.line = sentence.line or number
        sentence.tokens.append(token)
        sentence.tags.append(tag)
    if sentence.tokens:
        yield sentence


def _token_and_tag(line: str) -> tuple[str, str]:
    """Return the first and the last column, between tabs, or where there is none, spaces.

    The token of a line that starts with a space is a space; it may be one of several columns when
    a second space parts it from the next. After one space only, they could as well be indented.
    """
    if "\t" in line:
        fields = line.split("\t")
    else:
        fields = [field for field in line.split(" ") if field]
        if line.startswith(" "):
            if len(fields) > 1 and line[1] != " ":
                raise ValueError("expected a character and a tag, found a space before them")
            fields.insert(0, " ")
    token, tag = fields[0], fields[-1].strip()
    if len(fields) < 2 or not token or not tag:
        raise ValueError("expected a character and a tag")
    return token, tag


def _spaces(sentences: Sequence[_Sentence]) -> str:
    """Tell where a file's text had spaces that its columns don't have.

    Returns:
        "" where it had none, as in a file of characters; "words" between Latin words and numbers
        only, as in Chinese; "all" between all tokens, as in English.
    """
    pairs = several = closed = 0
    for sentence in sentences:
        tokens = sentence.tokens
        if any(token.isspace() for token in tokens):
            return ""  # the columns have the spaces
        closed += sum(bool(UNSPACED.match(token)) for token in tokens)
        for left, right in pairwise(tokens):
            if _apart(left[-1], right[0], "words"):
                pairs += 1
                several += len(left) > 1 or len(right) > 1
    if several * 2 <= pairs:
        return ""
    return "words" if closed * 2 > sum(len(sentence.tokens) for sentence in sentences) else "all"


def _apart(left: str, right: str, spaces: str) -> bool:
    """Whether there is a space between two tokens, by the characters that meet."""
    if UNSPACED.match(left) or UNSPACED.match(right):
        return False
    return spaces == "all" or (left.isalnum() and right.isalnum())
