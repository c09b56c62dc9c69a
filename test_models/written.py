"""Files of transcripts, each written as soon as its recording is answered."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from transcripts.answers import Transcript
from transcripts.formats import FORMATS
from transcripts.speakers import renamed


class WrittenFiles:
    """A file for each recording, which is written as soon as the recording is answered.

    Attributes:
        count: how many files there are.
    """

    def __init__(self, args: argparse.Namespace, names: Sequence[str]) -> None:
        args.output.mkdir(parents=True, exist_ok=True)
        self._args, self._stems = args, _unlike([Path(name).stem for name in names])
        self.count = 0

    def __call__(self, number: int, answer: Transcript) -> None:
        """Writes the answer to the recording of that number, from 0; an error has no file."""
        if answer.error is not None:
            return
        if self._args.rename:
            answer = renamed(answer, dict(self._args.rename))
        stem = self._stems[number]
        file = self._args.output / f"{stem}.{self._args.format}"
        _write_whole(file, FORMATS[self._args.format](answer, stem))
        self.count += 1


def _unlike(stems: Sequence[str]) -> list[str]:
    """Names of files, with a number where one comes again."""
    seen: dict[str, int] = {}
    names = []
    for stem in stems:
        seen[stem] = seen.get(stem, 0) + 1
        names.append(stem if seen[stem] == 1 else f"{stem}-{seen[stem]}")
    return names


def _write_whole(path: Path, content: str) -> None:
    """Writes a file that is there whole or not at all."""
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(content, encoding="utf-8")
    partial.replace(path)
