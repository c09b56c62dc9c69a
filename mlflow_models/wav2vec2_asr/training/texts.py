"""Text to learn a language model from, in the one form that its characters and the labels share."""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from wav2vec2_asr.labels import Labels
from wav2vec2_asr.training.profiles import PROFILES, text_of
from zoo.data.tables import TABBED, open_table
from zoo.data.texts import open_text
from zoo.training.cleaning import spell
from zoo.training.stored import open_data


class CharacterNormalizer:
    """Brings a text to characters of a model: `|` for the space, what has no label left out.

    Training and tuning must agree on it: a model that never saw the labels' form is of no use.

    Args:
        language: whose rules of `prepare.py` clean the text; empty: none.
        labels: of a checkpoint; None: every character stays.
    """

    def __init__(self, language: str = "th", labels: Labels | None = None) -> None:
        self._text = text_of(PROFILES[language], frozenset(), {}) if language else None
        self._known = None
        self.dropped: Counter[str] = Counter()
        if labels is not None:
            spoken = (i for i in range(len(labels)) if i not in labels.special)
            self._known = {labels.spoken(index) for index in spoken} | {" "}

    def __call__(self, text: str) -> str:
        """The text as the labels have it."""
        if self._text is not None:
            text = spell(text, self._text).text
        text = unicodedata.normalize("NFC", text).replace("|", " ")
        # Control characters are no labels, and the counts have two of them for <s> and </s>.
        text = "".join(c for c in " ".join(text.split()) if unicodedata.category(c)[0] != "C")
        if self._known is not None:
            text = " ".join("".join(map(self._fit, text)).split())
        return text.replace(" ", "|")

    def _fit(self, character: str) -> str:
        """A character, else in its other case, else nothing."""
        assert self._known is not None
        for form in (character, character.lower(), character.upper()):
            if form in self._known:
                return form
        self.dropped[character] += 1
        return ""


def read_texts(paths: Sequence[Path], column: str = "") -> Iterator[str]:
    """Reads sentences: lines of text files, a column of tables, transcripts of data sets.

    Args:
        paths: text (UTF-8, also .gz), .csv and .tsv where there is a column, and directories that
            `prepare.py` wrote.
        column: of the tables.

    Raises:
        ZooError: a file is missing or can't be read, has no such column, or a row of it has too few
            or too many cells.
    """
    for path in paths:
        if path.is_dir():
            column = column or "text"
            yield from open_data(path, [column])[column]
        elif column and path.name.removesuffix(".gz").endswith((".csv", TABBED)):
            table = open_table(path, quoted=TABBED not in path.suffixes)
            table.column(column)
            yield from (cells[column] for _, cells in table.strict_rows())
        else:
            with open_text(path, newline="\n") as file:
                yield from file


def sentences(texts: Iterable[str], spelling: CharacterNormalizer) -> Iterator[str]:
    """Spells texts; leaves out those that nothing is left of."""
    return filter(None, map(spelling, texts))
