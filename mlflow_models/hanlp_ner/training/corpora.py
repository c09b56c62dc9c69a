"""Readers of annotated corpora, and the one tidy format that they are turned into.

The tidy format is JSON lines, `{"text": "我爱中国", "entities": [[2, 4, "LOCATION"]]}`, with
offsets in characters, the end exclusive.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from zoo.data.texts import open_text
from zoo.errors import ZooError

Entity = tuple[int, int, str]  # start, end (exclusive), label; offsets in characters
Example = tuple[str, list[Entity]]

# What each known corpus calls the labels of the demo. What is not listed is not an entity there:
# Weibo's NOM are common nouns (女人), CLUENER's position, game, book and movie have no counterpart.
PROFILES: dict[str, dict[str, str]] = {
    "peoples_daily": {"PER": "PERSON", "LOC": "LOCATION", "ORG": "ORGANIZATION"},
    "weibo": {
        "PER.NAM": "PERSON",
        "LOC.NAM": "LOCATION",
        "GPE.NAM": "LOCATION",
        "ORG.NAM": "ORGANIZATION",
    },
    "cluener": {
        "name": "PERSON",
        "address": "LOCATION",
        "scene": "LOCATION",
        "company": "ORGANIZATION",
        "government": "ORGANIZATION",
        "organization": "ORGANIZATION",
    },
}


class DataError(ZooError):
    """Data that can't be used; says the file, the line and what is wrong with it."""

    status = 400
    code = "BAD_DATA"


def tags_to_entities(tags: list[str]) -> list[Entity]:
    """Decodes BIO, BIOES (also IOBES, BMES, BILOU) tags of characters; raises ValueError."""
    entities: list[Entity] = []
    start, label = 0, ""
    for i, tag in enumerate([*tags, "O"]):
        prefix, _, kind = tag.partition("-")
        if prefix not in "BIOESMLU" or bool(kind) != (prefix != "O"):
            raise ValueError(f"unknown tag {tag!r}")
        if label and (prefix in "BOSU" or kind != label):
            entities.append((start, i, label))
            label = ""
        if prefix != "O" and not label:
            start, label = i, kind
        if label and prefix in "ESLU":
            entities.append((start, i + 1, label))
            label = ""
    return entities


def entities_to_tags(length: int, entities: Iterable[Entity]) -> list[str]:
    """Encodes entities as IOBES tags, one per character."""
    tags = ["O"] * length
    for start, end, label in entities:
        tags[start:end] = [f"I-{label}"] * (end - start)
        tags[start] = f"B-{label}"
        tags[end - 1] = f"E-{label}" if end - start > 1 else f"S-{label}"
    return tags


def _spread(tag: str, length: int) -> list[str]:
    """Returns the tags of a token's characters: only the first begins, only the last ends."""
    if length == 1 or tag == "O":
        return [tag] * length
    first = ("B" if tag[0] in "BSU" else "I") + tag[1:]
    last = ("E" if tag[0] in "ESLU" else "I") + tag[1:]
    return [first, *["I" + tag[1:]] * (length - 2), last]


def _token_and_tag(line: str) -> tuple[str, str]:
    """Returns the first and the last column, between tabs, or where there is none, spaces.

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


def _read_conll(lines: Iterator[tuple[int, str]], weibo: bool) -> Iterator[Example]:
    """Reads a character and its tag per line; in Weibo's files a digit follows the character."""
    text, tags = "", list[str]()
    for _, line in lines:
        if not line.strip():
            if text:
                yield text, tags_to_entities(tags)
            text, tags = "", []
            continue
        token, tag = _token_and_tag(line)
        if weibo and len(token) > 1 and token[-1].isdigit():
            token = token[:-1]
        tags_to_entities([tag])
        text, tags = text + token, tags + _spread(tag, len(token))
    if text:
        yield text, tags_to_entities(tags)


def _read_json(lines: Iterator[tuple[int, str]]) -> Iterator[Example]:
    """Reads tidy or CLUENER-style JSON lines; nested mentions give way to the one around them."""
    for _, line in lines:
        if not line.strip():
            continue
        row = json.loads(line)
        if not isinstance(row, dict) or not isinstance(row.get("text"), str):
            raise ValueError('expected an object with a string "text"')
        text = row["text"]
        if "entities" in row:
            found = [(start, end, label) for start, end, label in row["entities"]]
        else:
            found = [
                (start, last + 1, label)
                for label, mentions in row.get("label", {}).items()
                for offsets in mentions.values()
                for start, last in offsets
            ]
        entities: list[Entity] = []
        for start, end, label in sorted(found, key=lambda entity: (entity[0], -entity[1])):
            if not 0 <= start < end <= len(text):
                raise ValueError(f"entity [{start}, {end}) is outside of the text")
            if not entities or start >= entities[-1][1]:
                entities.append((start, end, label))
        yield text, entities


def read_source(
    source: str, mapping: dict[str, str] | None = None, dropped: str = ""
) -> list[Example]:
    """Reads `[PROFILE=]PATH` into sentences with entities.

    Args:
        source: a .json or .jsonl file (tidy or CLUENER-style), or CoNLL columns in anything else.
            PROFILE (weibo, cluener, peoples_daily) translates the labels of a known corpus and
            drops the others.
        mapping: further labels to rename; an empty new name drops the label.
        dropped: what to call the entities of dropped labels, where they are to stay.

    Raises:
        DataError: a line is broken; the message has the file and the line number.
    """
    profile, separator, name = source.partition("=")
    if not separator or Path(source).exists():
        profile, name = "", source
    elif profile not in PROFILES:
        raise DataError(f"Corpus {profile!r} not found; available: {', '.join(PROFILES)}.")
    path = Path(name)
    number = 0

    def lines() -> Iterator[tuple[int, str]]:
        nonlocal number
        with open_text(path, DataError) as file:
            for number, line in enumerate(file, 1):
                yield number, line.rstrip("\r\n")

    is_json = path.suffix in (".json", ".jsonl")
    rows = _read_json(lines()) if is_json else _read_conll(lines(), profile == "weibo")
    try:
        examples = list(rows)
    except (ValueError, TypeError, AttributeError) as e:
        raise DataError(f"{path}, line {number}: {e}") from e
    known = PROFILES.get(profile)

    def rename(label: str) -> str:
        label = known.get(label, "") if known else label
        return (mapping or {}).get(label, label) or dropped

    return [
        (text, [(start, end, rename(label)) for start, end, label in entities if rename(label)])
        for text, entities in examples
    ]


def write_examples(path: Path, examples: Iterable[Example]) -> None:
    """Writes the tidy format."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as file:
        for text, entities in examples:
            row = {"text": text, "entities": entities}
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


def parse_mapping(options: Iterable[str]) -> dict[str, str]:
    """Parses OLD=NEW options."""
    pairs = [option.partition("=") for option in options]
    if any(not separator for _, separator, _ in pairs):
        raise DataError("--map wants OLD=NEW")
    return {old: new for old, _, new in pairs}


def describe(examples: list[Example]) -> str:
    """Returns one line on the size of a set."""
    labels = Counter(label for _, entities in examples for _, _, label in entities)
    characters = sum(len(text) for text, _ in examples)
    counts = ", ".join(f"{label} {count}" for label, count in labels.most_common())
    return f"{len(examples)} sentences, {characters} characters; {counts}"
