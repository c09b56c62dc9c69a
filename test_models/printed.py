"""What a command prints."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from test_models.answers import Captions, Entities, Entity
from test_models.masks import MaskedText
from test_models.spoken import Spoken
from transcripts.answers import Answer, Transcript
from transcripts.formats import FORMATS
from transcripts.speakers import by_name, said


def write(args: argparse.Namespace, names: Sequence[str], answers: Sequence[Answer]) -> None:
    """Prints the answers."""
    if args.format == "table":
        Console().print(_table(names, answers), highlight=False)
    elif args.format == "json":
        for name, answer in zip(names, answers, strict=True):
            record = {"input": name, **answer.model_dump(exclude_none=True)}
            print(json.dumps(record, ensure_ascii=False))
    else:
        between = "" if args.format == "rttm" else "\n"  # an RTTM may be on several recordings
        print(
            between.join(
                _rendered(args, answer, Path(name).stem)
                for name, answer in zip(names, answers, strict=True)
                if answer.error is None
            ),
            end="",
        )


def _rendered(args: argparse.Namespace, answer: Answer, name: str) -> str:
    assert isinstance(answer, Transcript)
    return FORMATS[args.format](answer, name)


def _table(names: Sequence[str], answers: Sequence[Answer]) -> Table:
    """What was found, a line for each segment, entity or caption."""
    view = Table()
    for column in ("input", "", "text"):
        view.add_column(column, overflow="fold")
    for name, answer in zip(names, answers, strict=True):
        found = _lines(answer) or [("", "(nothing found)")]
        for number, (label, text) in enumerate(found):
            view.add_row("" if number else name, label, text)
    return view


def _lines(answer: Answer) -> list[tuple[str, str]]:
    if answer.error is not None:
        return [("error", answer.error)]
    if isinstance(answer, Transcript):
        heard = [
            (f"{one.start:.2f}-{one.end:.2f} s", said(name, one.text))
            for name, one in by_name(answer)
        ]
        return [*heard, *_spoken(answer)] if isinstance(answer, Spoken) else heard
    if isinstance(answer, Entities | MaskedText):
        found = [_line(one, f"{one.start}-{one.end}") for one in answer.entities]
        return [("masked", answer.text), *found] if isinstance(answer, MaskedText) else found
    assert isinstance(answer, Captions)
    found = [("category", answer.category)] if answer.category else []
    found += [("" if one.score is None else f"{one.score:.3f}", one.text)
              for one in answer.captions]  # fmt: skip
    found += [(f"{one.label} {one.probability:.0%}", "") for one in answer.labels or ()]
    for one in answer.neighbours or ():
        facts = (one.id, one.category, one.place, one.date, one.caption)
        found.append((f"{one.similarity:.4f}", "  ".join(part for part in facts if part)))
    return found


def _spoken(answer: Spoken) -> list[tuple[str, str]]:
    """A transcript's entities."""
    if not answer.entities:
        return [("entities", "(none found)")]
    return [
        _line(
            one,
            f"{one.start}-{one.end}"
            if one.start_seconds is None
            else f"{one.start_seconds:.2f}-{one.end_seconds:.2f} s",
        )
        for one in answer.entities
    ]


def _line(entity: Entity, place: str) -> tuple[str, str]:
    """An entity's type, place and confidence; its text, and what that is in a normal form."""
    sure = "" if entity.confidence is None else f" {entity.confidence:.0%}"
    normal = "" if entity.normalized is None else f" = {entity.normalized}"
    return f"{entity.type} {place}{sure}", entity.text + normal
