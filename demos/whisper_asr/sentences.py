"""Everyday Mandarin sentences from templates: what the demo's corpus says.

The file has lists of words (`= name: words`) and sentences with slots for them (`{name}`); numbers,
dates and sums of money are written out, as they are spoken. `demo/sentences.txt` is one.
"""

import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from zoo.errors import ZooError

DIGITS = "零一二三四五六七八九"
WEEKDAYS = [f"星期{day}" for day in "一二三四五六日"]
DAYS = ["今天", "明天", "后天", "昨天", "前天", "上周末", "下周末", "下个月", "去年", *WEEKDAYS]


@dataclass
class Grammar:
    """Templates and the words that fill them.

    Args:
        words: each slot's words.
        templates: sentences for training and, apart from them, for testing.
    """

    words: dict[str, list[str]]
    templates: list[str]
    kept: list[str]
    slots: dict[str, Callable[[random.Random], str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, words in self.words.items():
            self.slots[name] = partial(_pick, words)
        self.slots |= {
            "date": _date,
            "day": lambda rng: rng.choice(DAYS),
            "clock": _clock,
            "year": lambda rng: _year(rng) + "年",
            "count": lambda rng: _number(_size(rng)),
            "money": _money,
            "degrees": lambda rng: rng.choice(["", "零下"]) + _number(rng.randint(1, 39)) + "度",
            "phone": lambda rng: _digits(rng, rng.randint(4, 11)),
            "percent": lambda rng: "百分之" + _number(rng.randint(1, 100)),
            "room": lambda rng: _digits(rng, rng.randint(3, 4)),
            "any": lambda rng: rng.choice(rng.choice(list(self.words.values()))),
        }

    @classmethod
    def read(cls, path: Path) -> "Grammar":
        """Reads lists and templates.

        Raises:
            ZooError: a template has a slot that nothing fills.
        """
        grammar = cls({}, [], [])
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith("="):
                name, _, words = line[1:].partition(":")
                grammar.words[name.strip()] = words.split()
            elif line and not line.startswith("#"):
                (grammar.kept if line.startswith("!") else grammar.templates).append(
                    line.removeprefix("!")
                )
        grammar.__post_init__()
        for line in grammar.templates + grammar.kept:
            if unknown := set(re.findall(r"{(\w+)}", line)) - set(grammar.slots):
                raise ZooError(f"'{path}' has a slot that nothing fills: {unknown.pop()}.")
        return grammar

    def sentence(self, rng: random.Random, kept: bool = False) -> str:
        """Makes one sentence, of the templates kept for testing if `kept`."""
        return self._fill(rng.choice(self.kept if kept else self.templates), rng)

    def mixture(self, rng: random.Random) -> str:
        """Makes a row of pieces of different sentences: what it says can only be heard."""
        pieces = []
        for _ in range(rng.randint(2, 5)):
            template = rng.choice(self.templates)
            pieces.append(rng.choice(re.findall(r"{\w+}|[^{}，。？]+", template)))
        return self._fill("".join(pieces) + rng.choice("。。？"), rng)

    def _fill(self, template: str, rng: random.Random) -> str:
        return re.sub(r"{(\w+)}", lambda slot: self.slots[slot[1]](rng), template)


def _pick(words: list[str], rng: random.Random) -> str:
    return rng.choice(words)


def _digits(rng: random.Random, count: int) -> str:
    return "".join(rng.choices(DIGITS, k=count))


def _number(value: int) -> str:
    """A number as it is spoken: 两百零三, but 十二 and not 一十二."""
    import cn2an

    spoken: str = cn2an.an2cn(value)
    return spoken.removeprefix("一") if spoken.startswith("一十") else spoken


def _size(rng: random.Random) -> int:
    return rng.randint(2, 10 ** rng.randint(1, 5))


def _year(rng: random.Random) -> str:
    return "".join(DIGITS[int(digit)] for digit in str(rng.randint(1949, 2035)))


def _date(rng: random.Random) -> str:
    month, day = _number(rng.randint(1, 12)), _number(rng.randint(1, 31))
    year = _year(rng) + "年" if rng.random() < 0.3 else ""
    return f"{year}{month}月{day}日"


def _clock(rng: random.Random) -> str:
    part = rng.choice(["", "", "早上", "上午", "中午", "下午", "晚上"])
    hour = rng.randint(1, 12)
    minutes = rng.choice(["", "", "半", "一刻", _number(rng.randint(11, 59)) + "分"])
    return f"{part}{'两' if hour == 2 else _number(hour)}点{minutes}"


def _money(rng: random.Random) -> str:
    value = _size(rng)
    return f"{'两' if value == 2 else _number(value)}{rng.choice(['块', '元', '块钱'])}"
