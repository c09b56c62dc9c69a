"""Generates annotated sentences from templates with slots: what the demo checkpoint learnt from.

python -m demos.hanlp_ner.sentences --names-from NEWS.jsonl --gazetteer demo/gazetteer.txt \\
    --templates demo/templates.txt --generate 8000 -o generated.jsonl
"""

import argparse
import random
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from hanlp_ner.training.augment import mark_dates, vary_width
from hanlp_ner.training.corpora import Entity, Example, describe, read_source, write_examples
from hanlp_ner.training.names import Names
from zoo.building import packaging

DIGITS = "〇一二三四五六七八九"
DEICTIC = ("去年", "今年", "明年", "前年", "今天", "昨天", "明天", "昨日", "今日", "明日")
ERAS = ("民国", "民国", "民国", "康熙", "乾隆", "光绪", "昭和", "万历")


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
    date = rng.choices(
        [
            f"{year}年",
            f"{year}年{month}月",
            f"{year}年{month}月{day}日",
            f"{month}月{day}{rng.choice('日日号')}",
            f"{month}月",
            f"{rng.choice(DEICTIC[:4])}{month}月{rng.choice([f'{day}日', ''])}",
            f"{rng.choice(ERAS)}{rng.randint(2, 60)}年{rng.choice(['', f'{month}月{day}日'])}",
            f"{rng.choice('上下本这')}{rng.choice(['周', '星期'])}{rng.choice('一二三四五六日')}",
        ],
        [6, 2, 3, 3, 1, 1, 1, 1],
    )[0]
    draw = rng.random()
    if draw < 0.2:
        return re.sub("[0-9]+", _in_chinese, date)
    if draw < 0.3:
        dash = rng.choice("---//.")
        shape = rng.choice(["02", "02", ""])
        return f"{year}{dash}{month:{shape}}{dash}{day:{shape}}"
    if draw < 0.36:
        return re.sub("(?<=[0-9])(?=[年月日号])|(?<=[年月])(?=[0-9])", " ", date)
    return date


def random_number(rng: random.Random) -> str:
    """Returns a made-up expression of numbers that is no date: a time, a version and the like."""
    hour, minute = rng.randint(0, 23), rng.randint(0, 59)
    few, many = rng.randint(1, 12), rng.randint(13, 2100)
    return rng.choice(
        [
            f"{hour}:{minute:02}",
            f"{hour:02}：{minute:02}",
            f"{hour:02}:{minute:02}:{many % 60:02}",
            f"{hour:02}:00-{minute % 24:02}:30",
            f"{rng.choice(['上午', '下午', '晚上', '凌晨'])}{few}{rng.choice('点时')}",
            f"{few}点{minute}分",
            f"{few}.{minute}.{hour}",
            f"192.168.{few}.{minute}",
            f"1{rng.randint(30, 99)}{rng.randint(10**7, 10**8 - 1)}",
            f"0{rng.randint(10, 999)}-{rng.randint(10**6, 10**8 - 1)}",
            f"{few}:{minute % 10}",
            f"{few}/{many}",
            f"{many}.{minute}",
            f"{many}-{many + few}",
            f"{few}年",
            f"{few}个月",
            f"{minute}天",
            f"{many}元",
            f"{minute}%",
            f"{rng.choice(DIGITS[2:])}年",
        ]
    )


def _in_chinese(match: re.Match[str]) -> str:
    number = match.group()
    if len(number) == 4:  # a year, digit by digit
        return "".join(DIGITS[int(d)] for d in number)
    tens, ones = divmod(int(number), 10)
    return DIGITS[tens] * (tens > 1) + "十" * (tens > 0) + DIGITS[ones] * (ones > 0)


def fill(template: str, names: MadeUpNames, rng: random.Random) -> Example:
    """Fills the slots of a template.

    {D} is a date, {O} an organization, {B} a company of today, {L} a place, {C} a country, {K} its
    team, {A} the one character that stands for a place, {P} a person, {N} a number that is no date;
    [新华社|ORGANIZATION] is annotated as it stands.
    """
    makers: dict[str, tuple[str, Callable[[], str]]] = {
        "D": ("DATE", lambda: random_date(rng)),
        "O": ("ORGANIZATION", lambda: names.organization(rng)),
        "L": ("LOCATION", lambda: names.place(rng)),
        "C": ("LOCATION", lambda: rng.choice(names.lists["country"])),
        "A": ("LOCATION", lambda: rng.choice(names.lists["abbr"])),
        "P": ("PERSON", lambda: names.person(rng)),
        "K": ("ORGANIZATION", lambda: rng.choice(names.lists["country"]) + "队"),
        "N": ("", lambda: random_number(rng)),
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
    return [vary_width((text, mark_dates(text, own)), rng) for text, own in made]


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
