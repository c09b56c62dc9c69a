"""Where the words of a text are, and what counts as a mistake: word error rates depend on both.

Thai has no spaces between words, so a tokenizer decides, and its choice moves the rate by several
points: airesearch/wav2vec2-large-xlsr-53-th has a WER of 13.63 % by newmm and of 8.15 % by deepcut,
for the same predictions. The defaults are that publication's: spaces are removed from reference
and prediction, both are cut into words anew, mistakes and lengths are summed over the corpus, and
CER is that of the text without spaces.
"""

import functools
import io
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from importlib.metadata import version
from importlib.util import find_spec
from multiprocessing import get_context

from zoo.errors import ZooError
from zoo.training.error_rates import ErrorCounts, count_errors

TOKENIZERS = {
    "newmm": "PyThaiNLP's longest matching in a dictionary",
    "deepcut": "a neural network, where installed",
    "spaces": "words as the text has them",
    "given": "likewise, with spaces or | between them",
}
PACKAGES = {"newmm": "pythainlp", "deepcut": "deepcut"}
CHUNK = 2000  # pairs that a process gets at a time
REMEMBERED = 50_000  # texts whose words are kept: predictions repeat each other and references

Pair = tuple[str, str]  # reference, prediction


@dataclass(frozen=True)
class Convention:
    """How a reference and a prediction are compared.

    Args:
        words: a key of `TOKENIZERS`.
        spaces: spaces stay, in the text that the tokenizer gets and in the one whose characters
            are counted (runs of them as one, none at the ends).
        lower: letters become lower case.
        normalize: PyThaiNLP's normal form of Thai: the order of vowels and tones, เ เ as แ.
    """

    words: str = "newmm"
    spaces: bool = False
    lower: bool = False
    normalize: bool = False

    def __str__(self) -> str:
        package = PACKAGES.get(self.words)
        by = f"{self.words} ({package} {version(package)})" if package else self.words
        choices = [f"words: {by}", "spaces " + ("kept" if self.spaces else "removed")]
        choices += ["lower case"] if self.lower else ["case kept"]
        return ", ".join(choices + (["Thai normalised"] if self.normalize else []))

    def check(self) -> None:
        """Raises ZooError where the tokenizer isn't installed."""
        package = PACKAGES.get(self.words)
        if package and find_spec(package) is None:
            raise ZooError(
                f"--words {self.words} needs the package {package}: "
                f"uv pip install {package}, or choose another of {', '.join(TOKENIZERS)}."
            )

    def spell(self, text: str) -> str:
        """The text whose characters are counted."""
        if self.words == "given":
            text = text.replace("|", " ")
        if self.lower:
            text = text.lower()
        text = " ".join(text.split())
        if self.normalize:
            from pythainlp.util import normalize

            text = normalize(text)
        return text if self.spaces else text.replace(" ", "")

    def split(self, text: str) -> list[str]:
        """The words of a text."""
        if self.words in ("spaces", "given"):
            return replace(self, spaces=True).spell(text).split()
        # Published scores join words by spaces, so that a space is none of them.
        return " ".join(cut(self.words)(self.spell(text))).split()

    def compare(self, reference: str, prediction: str) -> tuple[ErrorCounts, ErrorCounts]:
        """Mistakes in words and in characters."""
        words = count_errors(_words(self, reference), _words(self, prediction))
        return words, count_errors(self.spell(reference), self.spell(prediction))


@functools.cache
def cut(name: str) -> Callable[[str], list[str]]:
    """A tokenizer of Thai: a text into its words, and the spaces between them."""
    if name == "newmm":
        from pythainlp.tokenize import word_tokenize

        return functools.partial(word_tokenize, engine="newmm")
    import deepcut  # type: ignore[import-not-found]

    def quietly(text: str) -> list[str]:
        with redirect_stdout(io.StringIO()):  # Keras draws a bar for each text
            words: list[str] = deepcut.tokenize(text)
        return words

    return quietly


@functools.lru_cache(REMEMBERED)
def _words(convention: Convention, text: str) -> tuple[str, ...]:
    return tuple(convention.split(text))


def _compare_all(
    convention: Convention, pairs: Sequence[Pair]
) -> list[tuple[ErrorCounts, ErrorCounts]]:
    return [convention.compare(*pair) for pair in pairs]


def score(
    pairs: Sequence[Pair], convention: Convention, jobs: int = 1
) -> tuple[list[ErrorCounts], list[ErrorCounts]]:
    """Counts the mistakes of each pair, in words and in characters.

    Args:
        pairs: references and predictions.
        convention: what counts.
        jobs: processes; a tokenizer takes more time than all the rest.

    Raises:
        ZooError: the tokenizer isn't installed.
    """
    from tqdm import tqdm

    convention.check()
    chunks = [pairs[first : first + CHUNK] for first in range(0, len(pairs), CHUNK)]
    compare = functools.partial(_compare_all, convention)
    shown = functools.partial(tqdm, total=len(chunks), desc="words", disable=len(chunks) < 5)
    if jobs > 1 and len(chunks) > 1:
        with ProcessPoolExecutor(jobs, get_context("spawn")) as pool:
            found = [one for part in shown(pool.map(compare, chunks)) for one in part]
    else:
        found = [one for part in shown(map(compare, chunks)) for one in part]
    return [words for words, _ in found], [characters for _, characters in found]
