"""Names to put in place of others: listed by hand, mined from annotated sentences, or made up."""

import random
import re
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Self

from hanlp_ner.training.corpora import Example
from hanlp_ner.training.formats import DataError
from zoo.data.texts import read_text


class Names:
    """A source of names to put in place of others: hand-written lists and mined mentions.

    Args:
        lists: entries by kind (country, city, surname, org, orgsuffix, ...; see the demo's
            gazetteer.txt).
        examples: annotated sentences to mine mentions from.
    """

    PLACES = ("country", "region", "nature", "province", "city", "county", "foreign", "place")

    def __init__(self, lists: dict[str, list[str]], examples: Iterable[Example] = ()) -> None:
        self.lists = lists
        self.kinds = {name: kind for kind in self.PLACES for name in lists.get(kind, [])}
        self.mined: dict[str, list[str]] = defaultdict(list)
        self.by_suffix: dict[tuple[str, str], list[str]] = defaultdict(list)
        self.translit = set(lists.get("translit", []))
        self.surnames = set(lists.get("surname", []))
        for text, entities in examples:
            for start, end, label in entities:
                self._add(text[start:end], label)
        for name in self.kinds:
            self._add(name, "LOCATION")
        for kind, label in (("org", "ORGANIZATION"), ("person", "PERSON")):
            for name in lists.get(kind, []):
                self._add(name, label)

    def _add(self, name: str, label: str) -> None:
        if label != "DATE" and len(name) > 1:
            self.mined[label].append(name)
            self.by_suffix[label, name[-1]].append(name)

    @classmethod
    def read(cls, path: Path | None, examples: Iterable[Example] = ()) -> Self:
        """Reads lists of names: a kind, a tab, entries between spaces; # starts a comment.

        Raises:
            DataError: a line has no tab; the message has its number.
        """
        lists: dict[str, list[str]] = defaultdict(list)
        lines = read_text(path, DataError).splitlines() if path else []
        for number, line in enumerate(lines, 1):
            if line.strip() and not line.startswith("#"):
                kind, tab, entries = line.partition("\t")
                if not tab:
                    raise DataError(f"'{path}', line {number}: expected a kind, a tab and names.")
                lists[kind].extend(entries.split())
        return cls(dict(lists), examples)

    def like(self, name: str, label: str, rng: random.Random) -> str:
        """Returns another name of the same label, and where that can be told of the same kind."""
        if label == "DATE":
            return _other_date(name, rng)
        if label == "PERSON":
            return self._person(name, rng)
        if label == "ORGANIZATION":
            return self._organization(name, rng)
        if label != "LOCATION":
            same = self.by_suffix[label, name[-1]]
            return rng.choice(same if len(same) > 3 else self.mined[label] or [name])
        if len(name) == 1:
            abbreviations = self.lists.get("abbr", [])
            return rng.choice(abbreviations) if name in abbreviations else name
        if name in self.kinds and rng.random() < 0.7:
            return rng.choice(self.lists[self.kinds[name]])
        same = self.by_suffix["LOCATION", name[-1]]
        return rng.choice(same if len(same) > 3 else self.mined["LOCATION"] or [name])

    def _person(self, name: str, rng: random.Random) -> str:
        if not self.translit or len(name) == 1 or rng.random() < 0.4:
            return rng.choice(self.mined["PERSON"] or [name])
        if "·" in name:
            return "·".join(self.foreign(rng) for _ in name.split("·"))
        if len(name) > 2 and self.translit.issuperset(name):
            return self.foreign(rng)
        if name[0] in self.surnames and len(name) <= 3 and self.lists.get("given"):
            return self.chinese(rng)
        return rng.choice(self.mined["PERSON"] or [name])

    def chinese(self, rng: random.Random) -> str:
        """Returns a made-up Chinese name: a surname and one or two characters."""
        given = rng.choices(self.lists["given"], k=1 if rng.random() < 0.25 else 2)
        return rng.choice(self.lists["surname"]) + "".join(given)

    def foreign(self, rng: random.Random) -> str:
        """Returns a made-up transliteration of two to five characters."""
        return "".join(rng.choices(self.lists["translit"], k=rng.choice([2, 2, 3, 3, 3, 4, 4, 5])))

    def _organization(self, name: str, rng: random.Random) -> str:
        if rng.random() < 0.6:
            for length in range(min(len(name) - 1, 6), 1, -1):
                for start in range(len(name) - length):
                    kind = self.kinds.get(name[start : start + length])
                    if kind:
                        place = rng.choice(self.lists[kind])
                        return name[:start] + place + name[start + length :]
        same = self.by_suffix["ORGANIZATION", name[-1]]
        return rng.choice(same if len(same) > 3 else self.mined["ORGANIZATION"] or [name])


def _other_date(name: str, rng: random.Random) -> str:
    """Changes the last digit of each number, so that most dates stay dates."""
    name = re.sub(r"(?<=[0-9])[0-9]年", lambda _: f"{rng.randrange(10)}年", name)
    name = re.sub(r"(?<![0-9])[1-9](?=[月日号])", lambda _: str(rng.randint(1, 9)), name)
    return re.sub(r"(?<![0-9])[12][0-9](?=[日号])", lambda _: str(rng.randint(10, 29)), name)
