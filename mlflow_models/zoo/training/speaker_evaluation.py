"""What `evaluate.py --rttm` does: asks a saved model who speaks when, and scores its answers."""

import argparse
import functools
import operator
import sys
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from zoo.building import saved
from zoo.data.outputs import write_text
from zoo.data.tables import write_table
from zoo.errors import ZooError
from zoo.training import asked, evaluation
from zoo.training.corpora import AUDIO
from zoo.training.diarization import (
    DiarizationCounts,
    SpeakerTurn,
    diarization_errors,
    heard,
    read_references,
    rttm,
    speaker_errors,
)
from zoo.training.error_rates import ErrorCounts, total

GIVEN, FOUND = "given", "found"  # whether the model is told how many people speak
NAMED = 3  # files that a sentence names
PARTS = ("missed", "false_alarm", "confusion")
HEADER = (
    "| the number of speakers is | DER % | missed | false alarm | confusion | right number |",
    "| --- | ---: | ---: | ---: | ---: | ---: |",
)


@dataclass(frozen=True)
class SpeakersHeard:
    """What a model makes of one recording, and how wrong it is.

    Attributes:
        name: The recording's.
        speakers: How many people speak.
        turns: Who speaks when, as the model says.
        errors: Seconds.
        characters: Wrong ones; None where the reference has no words.
    """

    name: str
    speakers: int
    turns: list[SpeakerTurn] = field(repr=False)
    errors: DiarizationCounts
    characters: ErrorCounts | None

    @property
    def found(self) -> int:
        """How many speakers the model tells apart."""
        return len({turn.speaker for turn in self.turns})


def add_option(cli: "argparse._ActionsContainer") -> None:
    """Add the option that asks for `evaluate`."""
    cli.add_argument("--rttm", type=Path, metavar="FILE", help="score who speaks when: an .rttm, "
                     "an .stm, which has the words, too, or a directory of them; DATA is then the "
                     "directory of the recordings, and MODEL a saved model")  # fmt: skip


def evaluate(
    args: argparse.Namespace, parameters: Mapping[str, Any], spell: Callable[[str], str]
) -> None:
    """Score a saved model, told how many people speak, and not told; print and keep the scores.

    Args:
        args: The command's options; `model`, `data`, `rttm` and those of `evaluation.add_options`.
        parameters: Of the requests.
        spell: Brings a text to the spelling in which characters are compared.

    Raises:
        ZooError: The model isn't a saved one or tells no speakers apart, or a file is missing.
    """
    if not saved.is_saved(args.model):
        raise ZooError(
            f"--rttm scores a saved model, and '{args.model}' isn't one; build.py --speakers "
            "writes one that tells speakers apart."
        )
    references = read_references(args.rttm)
    paths = recordings(args.data, references)
    results = {
        how: ask(args, parameters, spell, references, paths, how == GIVEN) for how in (GIVEN, FOUND)
    }
    text = describe(results, args.worst)
    figures = {how: _figures(ones) for how, ones in results.items()}
    evaluation.finish(args, args.model, text, figures, lambda folder: record(results, folder, text))


def recordings(folder: Path, references: Mapping[str, Sequence[SpeakerTurn]]) -> dict[str, Path]:
    """Find the recording of each reference by its name; say how many recordings have none.

    Raises:
        ZooError: The directory, or a recording, is missing.
    """
    if not folder.is_dir():
        raise ZooError(f"'{folder}' is not a directory of recordings.")
    found = {path.stem: path for path in sorted(folder.iterdir()) if path.suffix.lower() in AUDIO}
    missing = [name for name in references if name not in found]
    if missing:
        named = ", ".join(missing[:NAMED]) + (", ..." if len(missing) > NAMED else "")
        raise ZooError(f"'{folder}' has no recording of {len(missing)} references: {named}.")
    if left := len(found) - len(references):
        print(f"{left} of {len(found)} recordings have no reference.", file=sys.stderr)
    return {name: found[name] for name in references}


def ask(
    args: argparse.Namespace,
    parameters: Mapping[str, Any],
    spell: Callable[[str], str],
    references: Mapping[str, Sequence[SpeakerTurn]],
    paths: Mapping[str, Path],
    given: bool,
) -> list[SpeakersHeard]:
    """Ask the model about each recording, and score what it says."""
    alike: dict[str, list[str]] = defaultdict(list)
    for name, turns in references.items():
        alike[str(_count(turns)) if given else "auto"].append(name)
    found: dict[str, SpeakersHeard] = {}
    for speakers, names in alike.items():
        sounds = (paths[name].read_bytes() for name in names)
        asking = {**parameters, "speakers": speakers}
        records = [*asked.answers(args.model, args.tracking_uri, "audio", sounds, names, asking)]
        if all(one.get("error") for one in records):
            raise ZooError(f"{args.model} refuses all: {records[0]['error']}")
        for name, one in zip(names, records, strict=True):
            found[name] = scored(name, references[name], one, spell)
    return [found[name] for name in references]


def scored(
    name: str,
    reference: Sequence[SpeakerTurn],
    record: Mapping[str, Any],
    spell: Callable[[str], str],
) -> SpeakersHeard:
    """Score what a model says of a recording; one that it refuses is missed."""
    turns, texts = heard(record)
    end = max(one.end for one in reference)
    errors = diarization_errors(reference, turns, record.get("duration") or end)
    worded = any(one.text for one in reference)
    characters = speaker_errors(reference, texts, spell) if worded else None
    return SpeakersHeard(name, _count(reference), turns, errors, characters)


def describe(results: Mapping[str, Sequence[SpeakersHeard]], worst: int) -> str:
    """Give the scores for a person, as Markdown."""
    worded = any(one.characters for ones in results.values() for one in ones)
    titles, rule = HEADER
    lines = [titles + " cpCER % |" if worded else titles, rule + " ---: |" if worded else rule]
    for how, ones in results.items():
        scores = _figures(ones)
        right = sum(one.found == one.speakers for one in ones)
        cells = [how, *(f"{scores[name]:.1f}" for name in ("der", *PARTS)),
                 f"{right} of {len(ones)}"]  # fmt: skip
        cells += [f"{scores['cpcer']:.1f}"] if worded else []
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", "No collar; where several speak at once, all count."]
    by_rate = sorted(results[FOUND], key=lambda one: -one.errors.rate)[:worst]
    if by_rate:
        lines += ["", "| number found, worst first | DER % | speakers | found |"]
        lines += ["| --- | ---: | ---: | ---: |"]
        lines += [f"| {one.name} | {one.errors.rate:.1f} | {one.speakers} | {one.found} |"
                  for one in by_rate]  # fmt: skip
    return "\n".join(lines)


def record(results: Mapping[str, Sequence[SpeakersHeard]], folder: Path, text: str) -> None:
    """Write the scores of each recording, and who speaks when as the model says, as RTTM."""
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / "scores.md", text + "\n")
    header = ["number", "name", "speakers", "found", "seconds", "der", *PARTS, "cpcer"]
    write_table(folder / "speakers.csv", header, [
        [how, one.name, str(one.speakers), str(one.found), f"{one.errors.seconds:.2f}",
         f"{one.errors.rate:.2f}", *(f"{one.errors.rates[part]:.2f}" for part in PARTS),
         f"{one.characters.rate:.2f}" if one.characters else ""]
        for how, ones in results.items() for one in ones
    ])  # fmt: skip
    for how, ones in results.items():
        turns = "".join(rttm(one.name, one.turns) for one in ones)
        write_text(folder / f"number_{how}.rttm", turns)


def _count(turns: Sequence[SpeakerTurn]) -> int:
    return len({turn.speaker for turn in turns})


def _figures(ones: Sequence[SpeakersHeard]) -> dict[str, float]:
    """Give the scores of a whole test set; percents, but for the number of speakers."""
    errors = functools.reduce(operator.add, (one.errors for one in ones))
    right = sum(one.found == one.speakers for one in ones)
    found = {"der": errors.rate, **errors.rates, "right_number": 100 * right / len(ones)}
    worded = [one.characters for one in ones if one.characters]
    return {**found, **({"cpcer": total(worded).rate} if worded else {})}
