"""Annotated corpora: read, renamed, counted, and written in one tidy format.

The tidy format is JSON lines, `{"text": "我爱中国", "entities": [[2, 4, "LOCATION"]]}`, with
offsets in characters, the end exclusive.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence, Sized
from dataclasses import dataclass, field
from pathlib import Path

from hanlp_ner.training.conll import read_conll
from hanlp_ner.training.formats import AnnotatedRow, DataError, Entity, read_json
from zoo.data.outputs import whole_file
from zoo.data.texts import open_text, read_text

Example = tuple[str, list[Entity]]

JSON_SUFFIXES = (".json", ".jsonl")

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


@dataclass
class Corpus:
    """The sentences of one source or of several, and what of them isn't used.

    Attributes:
        names: The files.
        examples: Sentences with entities; an entity may overlap another.
        places: Where each sentence is, as in "'dev.jsonl', line 3".
        documents: The document of each sentence; None where the file has no several documents.
        left_out: The places of rows that aren't used, by reason.
        notes: What isn't used of rows that are, by kind, with its places.
        dropped: How many entities a profile or `--map` drops, by label.
        labels: What `--map` can rename: the labels, once a profile has renamed them.
    """

    names: list[str] = field(default_factory=list)
    examples: list[Example] = field(default_factory=list)
    places: list[str] = field(default_factory=list)
    documents: list[str | None] = field(default_factory=list)
    left_out: dict[str, list[str]] = field(default_factory=dict)
    notes: dict[str, list[str]] = field(default_factory=dict)
    dropped: Counter[str] = field(default_factory=Counter)
    labels: set[str] = field(default_factory=set)

    @property
    def rows(self) -> int:
        """How many rows were read."""
        return len(self.examples) + sum(map(len, self.left_out.values()))

    @property
    def entities(self) -> int:
        """How many entities the sentences have."""
        return sum(len(entities) for _, entities in self.examples)

    def said(self) -> list[str]:
        """Return a line on each thing that isn't used, with where it is."""
        lines = [
            f"{why}: {counted(at, 'row')} left out ({some(at)})"
            for why, at in self.left_out.items()
        ]
        lines += [f"{what}: {len(at)} not used ({some(at)})" for what, at in self.notes.items()]
        if self.dropped:
            counts = ", ".join(f"{label} {count}" for label, count in self.dropped.most_common())
            lines.append(f"entities of dropped labels: {self.dropped.total()} ({counts})")
        return lines


def some(places: Sequence[str], count: int = 3) -> str:
    """List the first places, and say if there are more."""
    return ", ".join(places[:count]) + (", ..." if len(places) > count else "")


def counted(things: Sized, name: str) -> str:
    """Return "1 row", "2 rows"."""
    return f"{len(things)} {name}{'s' * (len(things) != 1)}"


def joined(corpora: Iterable[Corpus]) -> Corpus:
    """Join corpora in their order."""
    whole = Corpus()
    for one in corpora:
        whole.names += one.names
        whole.examples += one.examples
        whole.places += one.places
        whole.documents += one.documents
        whole.dropped += one.dropped
        whole.labels |= one.labels
        for mine, more in ((whole.left_out, one.left_out), (whole.notes, one.notes)):
            for what, places in more.items():
                mine.setdefault(what, []).extend(places)
    return whole


def source_path(source: str) -> tuple[str, Path]:
    """Split `[PROFILE=]PATH` into a profile, which may be empty, and a path.

    Raises:
        DataError: There is no such profile.
    """
    profile, separator, name = source.partition("=")
    if not separator or Path(source).exists():
        return "", Path(source)
    if profile not in PROFILES:
        raise DataError(f"Corpus {profile!r} not found; available: {', '.join(PROFILES)}.")
    return profile, Path(name)


def _rows(path: Path, weibo: bool) -> Iterator[AnnotatedRow]:
    name = path.with_suffix("") if path.suffix == ".gz" else path
    if name.suffix.lower() in JSON_SUFFIXES:
        yield from read_json(read_text(path, DataError))
        return
    with open_text(path, DataError) as file:
        lines = ((number, line.rstrip("\r\n")) for number, line in enumerate(file, 1))
        yield from read_conll(lines, weibo)


def read_corpus(source: str, mapping: Mapping[str, str] | None = None, dropped: str = "") -> Corpus:
    """Read `[PROFILE=]PATH` into sentences with entities.

    Args:
        source: A .json or .jsonl file (see `formats.py`), or CoNLL columns in anything else.
            PROFILE (weibo, cluener, peoples_daily) translates the labels of a known corpus and
            drops the others.
        mapping: Further labels to rename; an empty new name drops the label.
        dropped: What to call the entities of dropped labels, where they are to stay.

    Raises:
        DataError: A line is broken, or the file has none of the profile's labels; the message has
            the file and the line.
    """
    profile, path = source_path(source)
    known, renamed = PROFILES.get(profile), mapping or {}
    corpus, own = Corpus([str(path)]), set[str]()
    try:
        for row in _rows(path, profile == "weibo"):
            place = f"'{path}', {row.place}"
            reason = row.left_out or ("" if row.text.strip() else "without text")
            if reason:
                corpus.left_out.setdefault(reason, []).append(place)
                continue
            entities = []
            for start, end, label in row.entities:
                own.add(label)
                name = known.get(label, "") if known is not None else label
                if name:
                    corpus.labels.add(name)
                    name = renamed.get(name, name)
                if not name:
                    corpus.dropped[label] += 1
                if name or dropped:
                    entities.append((start, end, name or dropped))
            corpus.examples.append((row.text, list(dict.fromkeys(entities))))
            corpus.places.append(place)
            corpus.documents.append(f"{path}/{row.document}" if row.document else None)
            for note in row.notes:
                corpus.notes.setdefault(note, []).append(place)
    except DataError as error:
        said = str(error)
        raise DataError(said if said.startswith("'") else f"'{path}', {said}.") from error
    if len({document for document in corpus.documents if document}) < 2:
        corpus.documents = [None] * len(corpus.examples)
    if known is not None and own and not corpus.labels:
        raise DataError(
            f"'{path}' has none of the labels of '{profile}' ({', '.join(known)}); it has: "
            f"{', '.join(sorted(own))}."
        )
    return corpus


def read_source(
    source: str, mapping: Mapping[str, str] | None = None, dropped: str = ""
) -> list[Example]:
    """Read the sentences of `[PROFILE=]PATH`, with their entities, as `read_corpus` does."""
    return read_corpus(source, mapping, dropped).examples


def read_corpora(
    sources: Sequence[str], mapping: Mapping[str, str] | None = None, dropped: str = ""
) -> list[Corpus]:
    """Read several sources, each as `read_corpus` does."""
    return [read_corpus(source, mapping, dropped) for source in sources]


def read_lines(path: Path) -> Corpus:
    """Read text that nobody has annotated, a sentence a line; blank lines are left out.

    Raises:
        DataError: The file can't be read, or has no text.
    """
    lines = enumerate(read_text(path, DataError).splitlines(), 1)
    kept = [(number, line.strip()) for number, line in lines if line.strip()]
    if not kept:
        raise DataError(f"'{path}' has no text.")
    corpus = Corpus([str(path)], [(line, []) for _, line in kept])
    corpus.places = [f"'{path}', line {number}" for number, _ in kept]
    corpus.documents = [None] * len(kept)
    return corpus


def check_mapping(mapping: Mapping[str, str], corpora: Iterable[Corpus]) -> None:
    """Check that each label of `--map` is in the data.

    Raises:
        DataError: A label is not in the data.
    """
    labels = joined(corpora).labels
    if missing := sorted(set(mapping) - labels):
        raise DataError(
            f"--map: label '{missing[0]}' not found; available: {', '.join(sorted(labels))}."
        )


def check_annotated(corpus: Corpus, kind: str) -> None:
    """Check that there is something to learn, or to score.

    Raises:
        DataError: There is no sentence, or no sentence has an entity.
    """
    if not corpus.entities:
        raise DataError(
            f"The {kind} has no entities ({counted(corpus.examples, 'sentence')} in "
            f"{some([repr(name) for name in corpus.names])}); see that the annotations were "
            "exported, and that no --map or profile drops their labels."
        )


def write_examples(path: Path, examples: Iterable[Example]) -> None:
    """Write the tidy format, whole or not at all."""
    with whole_file(path) as part, part.open("w", encoding="utf-8") as file:
        for text, entities in examples:
            row = {"text": text, "entities": entities}
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


def parse_mapping(options: Iterable[str]) -> dict[str, str]:
    """Parse OLD=NEW options.

    Raises:
        DataError: One has no OLD or no `=`, or renames a label a second time.
    """
    mapping: dict[str, str] = {}
    for option in options:
        old, separator, new = option.partition("=")
        if not separator or not old:
            raise DataError("--map wants OLD=NEW")
        if old in mapping:
            raise DataError(f"--map renames '{old}' twice.")
        mapping[old] = new
    return mapping


def describe(examples: list[Example]) -> str:
    """Return one line on the size of a set."""
    labels = Counter(label for _, entities in examples for _, _, label in entities)
    characters = sum(len(text) for text, _ in examples)
    counts = ", ".join(f"{label} {count}" for label, count in labels.most_common())
    return f"{len(examples)} sentences, {characters} characters; {counts}"
