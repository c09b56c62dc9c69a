"""Reads annotated rows in JSON: tidy, CLUENER, doccano, Label Studio, Prodigy, and what we serve.

A row's format is told by its shape. A row without a field of annotations that is known here is an
error: it is never taken for a sentence without entities.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from zoo.errors import ZooError

Entity = tuple[int, int, str]  # start, end (exclusive), label; offsets in characters
Mention = tuple[Any, Any, Any, Any]  # start, end, label, and the text between, if it is there too

FIELDS = ("entities", "labels", "label", "spans", "annotations")  # what holds a row's entities
STARTS, ENDS = ("start_offset", "start"), ("end_offset", "end")
NAMES = ("label", "labels", "type")
REGION = (STARTS, ENDS, NAMES)  # an entity's object has one key of each
ANSWERED = ("answer", "annotator", "annotation_id")  # of a row that a person saw: may have no field
NEITHER = {"reject": "rejected in Prodigy", "ignore": "ignored in Prodigy"}
LONE_SURROGATE = re.compile("[\ud800-\udfff]")
BETWEEN = re.compile(r"[\s,]*")  # what is between two values of a file


class DataError(ZooError):
    """Data that can't be used; says the file, the line and what is wrong with it."""

    status = 400
    code = "BAD_DATA"


class _WrongRow(ValueError):
    """What is wrong with a row, in our words."""


@dataclass(frozen=True)
class AnnotatedRow:
    """A sentence as a person annotated it.

    Attributes:
        place: Where it is in its file, as in "line 3".
        text: The sentence.
        entities: Its entities, in order; one may overlap another.
        left_out: Why it isn't used, as in "rejected in Prodigy"; empty if it is.
        notes: What of it isn't used although the rest is.
        document: The number of its document; 0 if the format has none.
    """

    place: str
    text: str
    entities: list[Entity] = field(default_factory=list)
    left_out: str = ""
    notes: tuple[str, ...] = ()
    document: int = 0


def read_json(text: str) -> Iterator[AnnotatedRow]:
    """Read the rows of JSON lines, or of one JSON list.

    Raises:
        DataError: A row is broken; the message begins with its place.
    """
    for place, value in _values(text):
        try:
            yield _row(place, value)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            said = str(error) if isinstance(error, _WrongRow) else "its shape is unknown here"
            raise DataError(f"{place}: {said}") from error


def _values(text: str) -> Iterator[tuple[str, Any]]:
    """Yield each JSON value of a file with its place."""
    decoder = json.JSONDecoder()
    at = len(text) - len(text.lstrip())
    listed = text.startswith("[", at)
    at += listed
    line, counted, number = 1, 0, 0
    while (at := BETWEEN.match(text, at).end()) < len(text):  # type: ignore[union-attr]
        if listed and text[at] == "]":
            return
        line, counted, number = line + text.count("\n", counted, at), at, number + 1
        place = f"row {number} (line {line})" if listed else f"line {line}"
        try:
            value, at = decoder.raw_decode(text, at)
        except (json.JSONDecodeError, RecursionError) as error:
            raise DataError(f"{place}: not valid JSON") from error
        yield place, value
    if listed:
        raise DataError(f"line {line}: the list has no end; the file is cut off")


def _row(place: str, value: Any) -> AnnotatedRow:
    if not isinstance(value, dict):
        raise _WrongRow('expected an object with "text" and its entities')
    if isinstance(value.get("data"), dict):
        return _task(place, value)
    text = value.get("text", value.get("data"))
    if not isinstance(text, str):
        raise _WrongRow('expected an object with a string "text"')
    if reason := NEITHER.get(str(value.get("answer"))):
        return AnnotatedRow(place, text, left_out=reason)
    given = {
        name: _mentions(content)
        for name, content in value.items()
        if isinstance(content, list | dict) and (name in FIELDS or _has_regions(content))
    }
    filled = {name: mentions for name, mentions in given.items() if mentions}
    if len(filled) > 1:
        raise _WrongRow(f"entities in more than one field ({', '.join(filled)}); keep one")
    answered = any(name in value for name in ANSWERED) and not isinstance(value.get("label"), str)
    if not given and not answered:
        raise _WrongRow(
            f"no annotations found (its fields: {', '.join(value)}; known: "
            f'{", ".join(FIELDS)}, each with offsets); write "entities": [] where there are none'
        )
    return AnnotatedRow(place, text, _checked(text, next(iter(filled.values()), [])))


def _has_regions(content: Any) -> bool:
    """Tell entities in a field of any name: in Label Studio's JSON-MIN a person chooses it."""
    return isinstance(content, list) and any(
        isinstance(one, dict) and all(any(key in one for key in keys) for keys in REGION)
        for one in content
    )


def _mentions(content: list[Any] | dict[str, Any]) -> list[Mention]:
    """Return the entities of a field: a list, or CLUENER's object."""
    if isinstance(content, dict):  # {"name": {"叶老桂": [[9, 11]]}}, the end inclusive
        return [
            (start, last + 1 if type(last) is int else last, label, mention)
            for label, mentions in content.items()
            for mention, offsets in mentions.items()
            for start, last in offsets
        ]
    return [mention for one in content for mention in _mention(one)]


def _mention(one: Any) -> list[Mention]:
    if isinstance(one, list) and len(one) == 3:
        return [(*one, None)]
    if isinstance(one, dict):
        ends = [next((one[key] for key in keys if key in one), None) for keys in (STARTS, ENDS)]
        labels = next((one[key] for key in NAMES if key in one), None)
        if None not in ends and labels not in (None, "", []):
            several = labels if isinstance(labels, list) else [labels]
            return [(ends[0], ends[1], label, one.get("text")) for label in several]
        raise _WrongRow("an entity without a start, an end or a label")
    if isinstance(one, str):
        raise _WrongRow("labels without offsets; export the spans, not the document's categories")
    raise _WrongRow("an entity is not [start, end, label]")


def _checked(text: str, mentions: list[Mention]) -> list[Entity]:
    """Check the offsets and the labels of a row's entities, and sort them."""
    found = set()
    if LONE_SURROGATE.search(text):
        raise _WrongRow("half a character (a lone surrogate) in the text; export the data again")
    for start, end, label, mention in mentions:
        if type(start) is not int or type(end) is not int:
            wrong = end if type(start) is int else start
            raise _WrongRow(f"the offset {wrong!r} is not an integer; write whole numbers")
        if not 0 <= start < end <= len(text):
            raise _WrongRow(f"entity [{start}, {end}) is outside of the text")
        if not isinstance(label, str):
            raise _WrongRow(f"the label {label!r} is not a name; export the labels' names")
        if not label.strip() or LONE_SURROGATE.search(label):
            raise _WrongRow("a label is empty, or has half a character")
        if isinstance(mention, str) and _bare(mention) != _bare(text[start:end]):
            raise _WrongRow(
                f"the text at [{start}, {end}) is not the entity's own text; offsets must "
                "count characters"
            )
        found.add((start, end, label.strip()))
    return sorted(found, key=lambda entity: (entity[0], -entity[1], entity[2]))


def _bare(text: str) -> str:
    """Leave out white space; Label Studio writes a line break as two characters."""
    return "".join(text.replace("\\n", "\n").split())


def _task(place: str, task: dict[str, Any]) -> AnnotatedRow:
    """Read a task of Label Studio's JSON: one annotation of it, the ground truth if there is."""
    texts = {name: one for name, one in task["data"].items() if isinstance(one, str)}
    text = texts.get("text") or (next(iter(texts.values())) if len(texts) == 1 else None)
    if text is None:
        raise _WrongRow(f"its data has no 'text' (it has: {', '.join(task['data']) or 'nothing'})")
    annotations = task.get("annotations", task.get("completions"))
    if not isinstance(annotations, list):
        raise _WrongRow("a task without annotations; export JSON, not the tasks")
    if not annotations:
        return AnnotatedRow(place, text, left_out="not annotated in Label Studio")
    done = [one for one in annotations if not (one.get("was_cancelled") or one.get("skipped"))]
    if not done:
        return AnnotatedRow(place, text, left_out="skipped in Label Studio")
    chosen = next((one for one in done if one.get("ground_truth")), done[0])
    mentions: list[Mention] = []
    for result in chosen["result"]:
        kind = result.get("type", "")
        if kind == "labels":
            mentions += _mention(result["value"])
        elif kind.endswith("labels"):
            raise _WrongRow(f"labels of the kind '{kind}' have no offsets in a text")
    notes = ("other annotations of a sentence",) * (len(done) - 1)
    return AnnotatedRow(place, text, _checked(text, mentions), notes=notes)
