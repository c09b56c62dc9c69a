"""ARPA files that were made elsewhere or edited by hand: puts back what KenLM needs.

KenLM refuses a model without </s>. The usual remedy, to copy the line of <s>, makes a sentence end
anywhere at no cost and leaves the header's count one short, so that KenLM takes the next section's
heading for an n-gram. Here </s> gets the uniform probability, and the header its count.
"""

import math
import re
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path

from zoo.data.outputs import whole_file
from zoo.data.texts import open_text
from zoo.errors import ZooError

COUNT = re.compile(r"ngram 1 *= *(\d+)")


def repair(path: Path, output: Path) -> list[str]:
    """Write a file anew, with </s> and the right count of unigrams.

    Args:
        path: the file.
        output: the new one; may be the same.

    Returns:
        What was changed, a phrase each.

    Raises:
        ZooError: the file can't be read, or KenLM finds other damage in it.
    """
    lines = _lines(path)
    head = list(takewhile(lambda line: not line.startswith("\\1-grams:"), lines))
    unigrams = list(takewhile(lambda line: not line.startswith("\\"), lines))
    declared = next((int(found[1]) for line in head if (found := COUNT.fullmatch(line))), None)
    symbols = [line.split()[1:2] for line in unigrams if line]
    adds = ["</s>"] not in symbols
    count = len(symbols) + adds
    # An added line that wasn't counted is mended; any other difference is n-grams that were lost.
    if declared is None or abs(declared - count) > 1:
        raise ZooError(f"The header of '{path}' says {declared} unigrams; there are {count}.")
    with whole_file(output) as fresh:
        with fresh.open("w", encoding="utf-8", newline="\n") as file:
            for line in _lines(path):
                file.write(f"ngram 1={count}\n" if COUNT.fullmatch(line) else f"{line}\n")
                if adds and line.startswith("\\1-grams:"):
                    file.write(f"{-math.log10(count):.7g}\t</s>\t0\n")
        _check(fresh, path)
    counted = f"count of unigrams corrected from {declared:,} to {count:,}"
    return ["</s> added"] * adds + [counted] * (declared != count)


def _lines(path: Path) -> Iterator[str]:
    # Of the characters that end a line, only \n does here: a label may be any of the others.
    with open_text(path, newline="\n") as file:
        yield from (line.rstrip("\r\n") for line in file)


def _check(made: Path, path: Path) -> None:
    """Has KenLM read the file that was made; says what it says of it."""
    from flashlight.lib.text.decoder.kenlm import KenLM
    from flashlight.lib.text.dictionary import Dictionary

    try:
        KenLM(str(made), Dictionary(["<unk>"]))
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1]
        raise ZooError(f"KenLM refuses '{path}' also as repaired: {reason}") from error
