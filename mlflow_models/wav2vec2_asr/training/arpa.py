"""ARPA files: checks them line by line, and mends what goes wrong when they are edited by hand.

KenLM refuses a model without </s>. The usual remedy, to copy the line of <s>, makes a sentence end
anywhere at no cost and leaves the header's count one short, so that KenLM takes the next section's
heading for an n-gram. Here </s> gets the uniform probability, and the header its count.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from zoo.data.outputs import whole_file
from zoo.errors import ZooError

SECTION = re.compile(r"\\(\d+)-grams:")
COUNT = re.compile(r"ngram (\d+) *= *(\d+)")


@dataclass(frozen=True)
class Survey:
    """What an ARPA file says and has.

    Args:
        declared: n-grams by order, from 1 on, as the header has them.
        found: likewise, as there are.
        unigrams: the symbols.
    """

    declared: list[int]
    found: list[int]
    unigrams: frozenset[str]


class ArpaError(ZooError):
    """An ARPA file that is damaged. The message names file and line."""


def survey(path: Path) -> Survey:
    """Reads a file and checks every line of it, but not its counts against each other.

    Raises:
        ArpaError: there is damage that can't be mended.
    """
    try:
        with _opened(path) as file:
            return _Reader(path, file).read()
    except OSError as error:
        raise ZooError(f"'{path}' can't be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise ArpaError(f"'{path}' is not UTF-8 text, as ARPA files are.") from error


def repair(path: Path, output: Path) -> list[str]:
    """Writes a file anew, with </s> and the right count of unigrams.

    Args:
        path: the file.
        output: the new one; may be the same.

    Returns:
        What was changed, a phrase each.

    Raises:
        ArpaError: there is other damage.
    """
    if not output.parent.is_dir():
        raise ZooError(f"The directory '{output.parent}' doesn't exist.")
    seen = survey(path)
    declared, found, adds = seen.declared[0], seen.found[0], "</s>" not in seen.unigrams
    count = found + adds
    # An added line that wasn't counted is mended; any other difference is n-grams that were lost.
    if declared not in (found, found + 1 if adds else found - 1):
        _refuse_counts(path, 1, seen)
    changes = ["</s> added"] if adds else []
    if declared != count:
        changes.append(f"count of unigrams corrected from {declared:,} to {count:,}")
    for order in range(2, len(seen.found) + 1):
        if seen.declared[order - 1] != seen.found[order - 1]:
            _refuse_counts(path, order, seen)
    with (
        whole_file(output) as fresh,
        _opened(path) as old,
        fresh.open("w", encoding="utf-8", newline="\n") as new,
    ):
        _copy(old, new, count, adds)
    return changes


def _opened(path: Path) -> TextIO:
    # Of the characters that end a line, only \n does here: a label may be any of the others.
    return path.open(encoding="utf-8-sig", newline="\n")


def _refuse_counts(path: Path, order: int, seen: Survey) -> None:
    raise ArpaError(
        f"'{path}', line {order + 1}: the header says {seen.declared[order - 1]:,} {order}-grams, "
        f"but there are {seen.found[order - 1]:,}."
    )


def _copy(file: TextIO, fresh: TextIO, count: int, adds: bool) -> None:
    end = f"{-math.log10(count):.7g}\t</s>\t0\n"
    for line in file:
        line = line.rstrip("\r\n") + "\n"
        if (match := COUNT.match(line)) and int(match[1]) == 1:
            line = f"ngram 1={count}\n"
        fresh.write(line)
        if adds and line.startswith("\\1-grams:"):
            fresh.write(end)


class _Reader:
    """Goes through a file once; knows the line that it is at."""

    def __init__(self, path: Path, file: TextIO) -> None:
        self._path, self._number = path, 0
        self._lines = self._numbered(file)

    def _numbered(self, file: TextIO) -> Iterator[str]:
        for self._number, line in enumerate(file, 1):
            if stripped := line.strip(" \t\r\n"):
                yield stripped

    def _refuse(self, reason: str) -> ArpaError:
        return ArpaError(f"'{self._path}', line {self._number}: {reason}.")

    def read(self) -> Survey:
        line = next(self._lines, "")
        if line != "\\data\\":
            raise self._refuse("an ARPA file begins with \\data\\")
        declared: list[int] = []
        for line in self._lines:
            if not (match := COUNT.fullmatch(line)):
                break
            if int(match[1]) != len(declared) + 1:
                raise self._refuse(f"the count of {len(declared) + 1}-grams is missing")
            declared.append(int(match[2]))
        if not declared:
            raise self._refuse("the header has no counts (ngram 1=...)")
        found, unigrams = [], set[str]()
        for order in range(1, len(declared) + 1):
            if not (match := SECTION.fullmatch(line)) or int(match[1]) != order:
                raise self._refuse(f"\\{order}-grams: is missing")
            size = 0
            for line in self._lines:
                if line.startswith("\\") and (line == "\\end\\" or SECTION.fullmatch(line)):
                    break
                self._check(line, order, len(declared), unigrams)
                size += 1
            else:
                raise self._refuse("the file ends without \\end\\")
            found.append(size)
        if line != "\\end\\":
            raise self._refuse("\\end\\ is missing")
        return Survey(declared, found, frozenset(unigrams))

    def _check(self, line: str, order: int, highest: int, unigrams: set[str]) -> None:
        fields = line.replace("\t", " ").split(" ")
        if not order + 1 <= len(fields) <= order + 1 + (order < highest):
            raise self._refuse(f"not a {order}-gram with its probability")
        try:
            probability = float(fields[0])
            backoff = float(fields[order + 1]) if len(fields) > order + 1 else 0.0
        except ValueError:
            raise self._refuse("a probability or a backoff is no number") from None
        if not (probability <= 0 and math.isfinite(probability) and math.isfinite(backoff)):
            raise self._refuse("a probability isn't the logarithm of one")
        if order == 1:
            if fields[1] in unigrams:
                raise self._refuse("this unigram occurs twice")
            unigrams.add(fields[1])
