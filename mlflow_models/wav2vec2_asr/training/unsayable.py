"""What of a data set's texts a checkpoint can't say: each such character is a sure mistake."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from wav2vec2_asr.labels import Labels
from wav2vec2_asr.training.words import Convention
from zoo.errors import ZooError

SHOWN = 10  # characters
NAMED = 3  # rows


@dataclass(frozen=True)
class Unsayable:
    """The characters that the vocabulary of a checkpoint lacks.

    Args:
        characters: How often each one occurs, the most frequent first.
        rows: The names of the texts that have one.
        texts: How many texts there are.
        total: How many characters they have, without spaces.
    """

    characters: dict[str, int]
    rows: list[str]
    texts: int
    total: int

    @property
    def share(self) -> float:
        """Of all characters, 0 to 1."""
        return sum(self.characters.values()) / max(1, self.total)

    def __str__(self) -> str:
        most = list(self.characters.items())[:SHOWN]
        often = ", ".join(f"{character} {number}" for character, number in most)
        more = ", ..." if len(self.characters) > SHOWN else ""
        named = ", ".join(self.rows[:NAMED]) + (", ..." if len(self.rows) > NAMED else "")
        return (
            f"{sum(self.characters.values())} of {self.total} characters ({100 * self.share:.1f} "
            f"%) aren't in the checkpoint's vocabulary, and count as mistakes: {often}{more} (in "
            f"{len(self.rows)} of {self.texts} texts: {named})"
        )


def unsayable(
    texts: Sequence[str], names: Sequence[str], labels: Labels, convention: Convention
) -> Unsayable:
    """Count what the labels of a checkpoint can't say of texts.

    Args:
        texts: References.
        names: Of the rows that they are in.
        labels: The checkpoint's.
        convention: What counts as a mistake; with `lower` the case of a letter doesn't.
    """
    spoken = [text for index, text in enumerate(labels.texts)
              if index not in labels.special and index != labels.space]  # fmt: skip
    known = {character for text in spoken for character in convention.spell(text)}
    found: Counter[str] = Counter()
    rows, total = [], 0
    for name, text in zip(names, texts, strict=True):
        characters = "".join(convention.spell(text).split())
        lacking = [character for character in characters if character not in known]
        total += len(characters)
        found.update(lacking)
        if lacking:
            rows.append(name)
    return Unsayable(dict(found.most_common()), rows, len(texts), total)


def check(
    where: str, texts: Sequence[str], names: Sequence[str], labels: Labels,
    convention: Convention, most: float,
) -> str:  # fmt: skip
    """Say what the labels of a checkpoint can't say of a data set; empty if they can say all.

    Args:
        where: The data set, for the message.
        texts: Its references.
        names: Of its rows.
        labels: The checkpoint's.
        convention: What counts as a mistake.
        most: The share of the characters, 0 to 1, above which the data set is refused.

    Raises:
        ZooError: More of its characters can't be said.
    """
    found = unsayable(texts, names, labels, convention)
    if found.share > most:
        small = unsayable(texts, names, labels, Convention("spaces", lower=True))
        case = "--lower takes upper and lower case as one; " if small.share <= most else ""
        raise ZooError(
            f"'{where}': {found}; {case}--new-vocabulary learns the characters of the training "
            "texts, and --max-unknown 1 trains nevertheless."
        )
    return f"{where}: {found}" if found.characters else ""
