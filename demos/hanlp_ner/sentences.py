"""Generates annotated sentences from templates with slots: what the demo checkpoint learnt from.

python -m demos.hanlp_ner.sentences --names-from NEWS.jsonl --gazetteer demo/gazetteer.txt \\
    --templates demo/templates.txt --generate 8000 -o generated.jsonl
"""

import argparse
import random
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from hanlp_ner.training.augment import mark_dates
from hanlp_ner.training.corpora import Entity, Example, describe, read_source, write_examples
from hanlp_ner.training.names import Names
from zoo.building import packaging

DIGITS = "〇一二三四五六七八九"
DEICTIC = ("去年", "今年", "明年", "前年", "今天", "昨天", "明天", "昨日", "今日", "明日")


class MadeUpNames(Names):
    """Names of any kind, made up where none is listed."""

    def japanese(self, rng: random.Random) -> str:
        """Returns a made-up Japanese name."""
        return rng.choice(self.lists["japanese"]) + rng.choice(self.lists["japanese_given"])

    def person(self, rng: random.Random) -> str:
        """Returns a made-up name of any origin."""
        make = rng.choices([self.chinese, self.foreign, self.japanese], [8, 4, 1])[0]
        return make(rng)

    def place(self, rng: random.Random) -> str:
        """Returns a place: a listed one, or one that the sentences name."""
        kind = rng.choice(self.PLACES)
        return rng.choice(self.lists[kind] if rng.random() < 0.8 else self.mined["LOCATION"])

    def organization(self, rng: random.Random) -> str:
        """Returns a listed organization, a place with a suffix, or a made-up brand."""
        draw = rng.random()
        if draw < 0.35:
            return rng.choice(self.mined["ORGANIZATION"])
        if draw < 0.7:
            kind = rng.choice(["country", "province", "city", "county", "foreign"])
            return rng.choice(self.lists[kind]) + rng.choice(self.lists["orgsuffix"])
        brand = "".join(
            rng.choices(self.lists["given"] + self.lists["translit"], k=rng.choice([2, 2, 3]))
        )
        return brand + (rng.choice(self.lists["orgsuffix"]) if draw < 0.85 else "")


def random_date(rng: random.Random) -> str:
    """Returns a made-up date that `mark_dates` would mark, in digits or Chinese numerals."""
    if rng.random() < 0.12:
        return rng.choice(DEICTIC)
    year, month, day = rng.randint(1900, 2030), rng.randint(1, 12), rng.randint(1, 28)
    forms = {
        f"{year}年": 6,
        f"{year}年{month}月": 2,
        f"{year}年{month}月{day}日": 3,
        f"{month}月{day}日": 3,
        f"{month}月": 1,
    }
    date = rng.choices(list(forms), list(forms.values()))[0]
    return date if rng.random() < 0.75 else re.sub("[0-9]+", _in_chinese, date)


def _in_chinese(match: re.Match[str]) -> str:
    number = match.group()
    if len(number) == 4:  # a year, digit by digit
        return "".join(DIGITS[int(d)] for d in number)
    tens, ones = divmod(int(number), 10)
    return DIGITS[tens] * (tens > 1) + "十" * (tens > 0) + DIGITS[ones] * (ones > 0)


def fill(template: str, names: MadeUpNames, rng: random.Random) -> Example:
    """Fills the slots of a template.

    {D} is a date, {O} an organization, {B} a company of today, {L} a place, {C} a country, {A} the
    one character that stands for a place, {P} a person; [新华社|ORGANIZATION] is annotated as it
    stands.
    """
    makers: dict[str, tuple[str, Callable[[], str]]] = {
        "D": ("DATE", lambda: random_date(rng)),
        "O": ("ORGANIZATION", lambda: names.organization(rng)),
        "L": ("LOCATION", lambda: names.place(rng)),
        "C": ("LOCATION", lambda: rng.choice(names.lists["country"])),
        "A": ("LOCATION", lambda: rng.choice(names.lists["abbr"])),
        "P": ("PERSON", lambda: names.person(rng)),
        "B": ("ORGANIZATION", lambda: rng.choice(names.lists["company"])),
    }
    text, entities = "", list[Entity]()
    for piece in re.split(r"(\{[A-Z]\}|\[[^\]]+\])", template):
        label = ""
        if piece.startswith("{"):
            label, make = makers[piece[1]]
            piece = make()
        elif piece.startswith("["):
            piece, _, label = piece[1:-1].partition("|")
        if label:
            entities.append((len(text), len(text) + len(piece), label))
        text += piece
    return text, entities


def generate(
    templates: Sequence[str], names: MadeUpNames, count: int, rng: random.Random
) -> list[Example]:
    """Returns `count` sentences made from templates, dates in their words marked too."""
    made = [fill(rng.choice(templates), names, rng) for _ in range(count)]
    return [(text, mark_dates(text, entities)) for text, entities in made]


def read_templates(path: Path, held_out: bool) -> list[str]:
    """Reads sentence templates: all but every fifth, or those only."""
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line[:1] != "#"]
    return [line for i, line in enumerate(lines) if line and (i % 5 == 4) == held_out]


def main(argv: list[str] | None = None) -> None:
    """Runs the command line."""
    cli = argparse.ArgumentParser(description="Generate annotated sentences from templates.")
    cli.add_argument("-o", "--output", type=Path, required=True, help="the JSON lines to write")
    cli.add_argument("--templates", type=Path, nargs="+", required=True, help="slots to fill")
    cli.add_argument("--generate", type=int, required=True, help="how many sentences")
    cli.add_argument("--gazetteer", type=Path, required=True, help="lists of names")
    cli.add_argument("--names-from", action="append", default=[], metavar="[PROFILE=]PATH",
                     help="annotated sentences to take names from")  # fmt: skip
    cli.add_argument("--test-templates", action="store_true",
                     help="generate from the templates kept for testing")  # fmt: skip
    cli.add_argument("--seed", type=int, default=1)
    args = cli.parse_args(argv)
    mined = [row for source in args.names_from for row in read_source(source)]
    names = MadeUpNames.read(args.gazetteer, mined)
    templates = [
        line for path in args.templates for line in read_templates(path, args.test_templates)
    ]
    made = generate(templates, names, args.generate, random.Random(args.seed))
    write_examples(args.output, made)
    print(f"{args.output}: {describe(made)}")


if __name__ == "__main__":
    packaging.run(main)
