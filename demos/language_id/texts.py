"""Sentences and short words of Mandarin, Thai and English for a synthesizer to speak.

Training and test sentences are apart: other templates of the grammars, other sentences of the
Thai text.
"""

import csv
import random
import re
from collections.abc import Callable
from pathlib import Path

from demos.whisper_asr.sentences import Grammar
from wav2vec2_asr.training.numerals import say_number
from zoo.building.packaging import ROOT

MANDARIN = ROOT / "mlflow_models" / "whisper_asr" / "demo" / "sentences.txt"
ENGLISH = Path(__file__).parent / "english.txt"
KEPT_SHARE = 0.1  # of the Thai sentences, for testing
WORD = re.compile("[\u0e01-\u0e3a\u0e40-\u0e4e]{2,}")
Say = Callable[[random.Random, bool], str]


class Texts:
    """Texts by language; every method takes the chance and whether the text is for testing.

    Args:
        thai: a TSV file with a column `sentence`.
    """

    def __init__(self, thai: Path) -> None:
        with thai.open(encoding="utf-8", newline="") as file:
            rows = [row["sentence"] for row in csv.DictReader(file, delimiter="\t")]
        said = sorted({text for text in rows if WORD.search(text)})
        random.Random(1).shuffle(said)
        kept = max(1, round(KEPT_SHARE * len(said)))
        self._thai = {True: said[:kept], False: said[kept:]}
        self._mandarin, self._english = Grammar.read(MANDARIN), Grammar.read(ENGLISH)
        self.sentences: dict[str, Say] = {
            "zh": self._mandarin_sentence,
            "th": lambda rng, kept: rng.choice(self._thai[kept]),
            "en": self._english.sentence,
        }
        self.words: dict[str, Say] = {
            "zh": lambda rng, _: self._word("zh", rng),
            "th": self._thai_word,
            "en": lambda rng, _: self._word("en", rng),
        }

    def _mandarin_sentence(self, rng: random.Random, kept: bool) -> str:
        if not kept and rng.random() < 0.3:
            return self._mandarin.mixture(rng)
        return self._mandarin.sentence(rng, kept)

    def _word(self, language: str, rng: random.Random) -> str:
        """A digit half of the time, since people's recordings of words are often digits."""
        grammar, digits = {
            "zh": (self._mandarin, list("零一二三四五六七八九")),
            "en": (self._english, self._english.words["digit"]),
        }[language]
        return rng.choice(
            digits if rng.random() < 0.5 else rng.choice(list(grammar.words.values()))
        )

    def _thai_word(self, rng: random.Random, kept: bool) -> str:
        if rng.random() < 0.5:
            return say_number(str(rng.randint(0, 9)))
        from pythainlp.tokenize import word_tokenize

        words = [w for w in word_tokenize(rng.choice(self._thai[kept])) if WORD.fullmatch(w)]
        return rng.choice(words) if words else say_number(str(rng.randint(0, 9)))
