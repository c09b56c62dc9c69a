"""What a person sees of a `prepare` run: a page beside the output, and one line on the terminal."""

import unicodedata
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hanlp_ner.training.corpora import Corpus, Example, counted, some
from hanlp_ner.training.formats import Entity
from hanlp_ner.training.held_out import Repeats, repeats
from hanlp_ner.training.tags import flat
from zoo.data.outputs import write_text
from zoo.training.page import PageSample, ReportPage, Section, draw, verdict

ENDS_CHARACTERS = (10, 20, 50, 100, 200, 510)  # of bands of length; the model reads 510 at once
MANY_REPEATS_SHARE = 0.05  # of the sentences
RARE_ENTITIES = 10  # a label with fewer is hardly learnt
SHOWN = 20  # rows of a table of pairs, characters of a kind
KINDS = {"L": "other letters", "M": "marks", "N": "digits", "P": "punctuation", "S": "symbols",
         "Z": "spaces", "C": "control characters"}  # fmt: skip


@dataclass(frozen=True)
class Prepared:
    """What a run read and wrote.

    Attributes:
        sources: Each source, dates and places marked.
        whole: All of them, joined.
        held: The rows of `whole` that are held out.
        train: The sentences that were written to train on, copies among them.
        equal_copies: How many copies were left out because they equal a sentence that is held out.
        held_size: How many sentences were to be held out.
    """

    sources: Sequence[Corpus]
    whole: Corpus
    held: set[int]
    train: Sequence[Example]
    equal_copies: int
    held_size: int

    @property
    def copies(self) -> int:
        """How many sentences are copies with other mentions."""
        return len(self.train) - (len(self.whole.examples) - len(self.held))

    @property
    def overlapping(self) -> list[str]:
        """The places of the entities that overlap another one."""
        rows = zip(self.whole.examples, self.whole.places, strict=True)
        return [place for (_, own), place in rows for _ in range(len(own) - len(flat(own)))]


def write_report(prepared: Prepared, output: Path) -> None:
    """Write `OUTPUT.report.html`, and print what isn't used and the verdict."""
    again = repeats(prepared.whole.examples)
    problems = _problems(prepared, again)
    ready = f"{counted(prepared.train, 'sentence')} to train on, {len(prepared.held)} held out"
    line = verdict(problems, ready)
    path = output.with_suffix(".report.html")
    sections = [
        Section("Counts", header=("what", "sentences", "entities"), rows=_counts(prepared)),
        Section("Not used", "\n".join(prepared.whole.said()) or "All is used."),
        Section(
            "Ten sentences, drawn at random",
            samples=[
                PageSample(place, marked(*example))
                for example, place in draw(
                    list(zip(prepared.whole.examples, prepared.whole.places, strict=True))
                )
            ],
        ),
        Section("Labels", header=("label", "train", "held out", "often"), rows=_labels(prepared)),
        Section("Lengths", header=("characters", "sentences"), rows=_lengths(prepared.whole)),
        Section(
            "Characters",
            header=("kind", "times", "different", "often"),
            rows=_characters(text for text, _ in prepared.whole.examples),
        ),
        _repeated(prepared, again),
    ]
    write_text(path, ReportPage(f"Prepared: {output.name}", line, sections).html())
    print("\n".join([*prepared.whole.said(), f"{path}: the report", line]))


def marked(text: str, entities: Iterable[Entity]) -> str:
    """Return a sentence with its entities in brackets: 我爱[中国 LOCATION]."""
    own = list(entities)
    kept, done, said = flat(own), 0, ""
    for start, end, label in kept:
        said += f"{text[done:start]}[{text[start:end]} {label}]"
        done = end
    rest = [
        f"{text[start:end]} {label}" for start, end, label in own if (start, end, label) not in kept
    ]
    return said + text[done:] + (f" (overlapping: {', '.join(rest)})" if rest else "")


def _problems(prepared: Prepared, again: Repeats) -> list[str]:
    whole = prepared.whole
    problems = [
        f"'{some(one.names)}' has no entities" for one in prepared.sources if not one.entities
    ]
    problems += [f"{why}: {counted(at, 'row')} left out" for why, at in whole.left_out.items()]
    if again.contradictory:
        one, other = again.contradictory[0]
        problems.append(
            f"equal sentences with different entities: {len(again.contradictory)} "
            f"({whole.places[one]} and {whole.places[other]})"
        )
    if len(again.equal) > MANY_REPEATS_SHARE * len(whole.examples):
        problems.append(f"sentences that equal an earlier one: {len(again.equal)}")
    if at := prepared.overlapping:
        problems.append(
            f"entities that overlap another and can't be learnt: {len(at)} ({some(at)})"
        )
    counts = _by_label(prepared.train)
    rare = [f"{label} ({count})" for label, count in counts.items() if count < RARE_ENTITIES]
    if rare:
        problems.append(f"few entities to learn from: {', '.join(sorted(rare))}")
    if prepared.held and len(prepared.held) < prepared.held_size:
        problems.append(f"only {counted(prepared.held, 'sentence')} held out: groups stay together")
    alone = _by_label(_held(prepared)).keys() - counts.keys()
    if alone:
        problems.append(f"labels that are only held out: {', '.join(sorted(alone))}")
    return problems


def _held(prepared: Prepared) -> list[Example]:
    return [prepared.whole.examples[row] for row in sorted(prepared.held)]


def _by_label(examples: Iterable[Example]) -> Counter[str]:
    return Counter(label for _, entities in examples for _, _, label in entities)


def _counts(prepared: Prepared) -> list[tuple[str, int, int]]:
    rows = [(f"read from {some(one.names)}", one.rows, one.entities) for one in prepared.sources]
    rows += [(f"left out: {why}", len(at), 0) for why, at in prepared.whole.left_out.items()]
    if prepared.held:
        held = _held(prepared)
        rows.append(("held out", len(held), _by_label(held).total()))
    if prepared.copies or prepared.equal_copies:
        rows.append(("copies with other mentions", prepared.copies, 0))
        rows.append(("copies left out: equal to one that is held out", prepared.equal_copies, 0))
    rows.append(("to train on", len(prepared.train), _by_label(prepared.train).total()))
    return rows


def _labels(prepared: Prepared) -> list[tuple[str, int, int, str]]:
    train, held = _by_label(prepared.train), _by_label(_held(prepared))
    often: dict[str, Counter[str]] = {}
    for text, entities in prepared.train:
        for start, end, label in entities:
            often.setdefault(label, Counter())[text[start:end]] += 1
    shown = {label: [name for name, _ in names.most_common(5)] for label, names in often.items()}
    return [
        (label, train[label], held[label], ", ".join(shown.get(label, [])))
        for label, _ in (train + held).most_common()
    ]


def _lengths(corpus: Corpus) -> list[tuple[str, int]]:
    names = [*(f"up to {end}" for end in ENDS_CHARACTERS), f"over {ENDS_CHARACTERS[-1]}"]
    counts = Counter(bisect_left(ENDS_CHARACTERS, len(text)) for text, _ in corpus.examples)
    return [(name, counts[place]) for place, name in enumerate(names)]


def _characters(texts: Iterable[str]) -> list[tuple[str, int, int, str]]:
    """Count characters by kind: letters by the script in their name, the others by category."""
    kinds: dict[str, Counter[str]] = {}
    for character, count in Counter(c for text in texts for c in text).items():
        category = unicodedata.category(character)[0]
        script = unicodedata.name(character, "").partition(" ")[0].title().replace("Cjk", "Chinese")
        kind = f"{script} letters" if category == "L" and script else KINDS[category]
        kinds.setdefault(kind, Counter())[character] += count
    ranked = sorted(kinds.items(), key=lambda item: -item[1].total())
    return [
        (kind, counts.total(), len(counts), " ".join(c for c, _ in counts.most_common(SHOWN)))
        for kind, counts in ranked
    ]


def _repeated(prepared: Prepared, again: Repeats) -> Section:
    """Show the sentences that are there more than once, the contradictory first."""
    parts = [
        "held out" if row in prepared.held else "train"
        for row in range(len(prepared.whole.examples))
    ]
    odd = set(again.contradictory)
    pairs = sorted(again.equal, key=lambda pair: pair not in odd)
    leaks = sum(parts[one] != parts[other] for one, other in pairs)
    rows = [
        (prepared.whole.places[one], prepared.whole.places[other], parts[other],
         "different" if (one, other) in odd else "equal", prepared.whole.examples[other][0])
        for one, other in pairs[:SHOWN]
    ]  # fmt: skip
    text = (
        f"Sentences that equal an earlier one but for case, punctuation and spaces: {len(pairs)}. "
        f"In another part than the earlier one: {leaks}. With other entities: {len(odd)}."
    )
    header = ("first", "again", "part", "entities", "text")
    return Section("The same sentence again", text, header if rows else (), rows)
