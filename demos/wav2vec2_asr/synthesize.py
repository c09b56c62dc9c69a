"""Speaks Thai with espeak-ng: the corpus that the demo checkpoint learnt from.

Sentences come from text files, cleaned as prepare.py does, and from rows of words that belong to no
sentence, which teach what letters sound like rather than what usually follows.
"""

import random
import re
from collections.abc import Iterable
from pathlib import Path

from demos import speech as synthesize
from wav2vec2_asr.training.numerals import say_number
from wav2vec2_asr.training.texts import CharacterNormalizer, read_texts
from zoo.building import packaging

VOICE = "th"
THAI = re.compile("[\u0e01-\u0e3a\u0e40-\u0e4e]{2,}")


def frequent_words(count: int) -> list[str]:
    """The commonest words of the Thai National Corpus, by PyThaiNLP."""
    from pythainlp.corpus import tnc

    ranked = sorted(tnc.word_freqs(), key=lambda pair: (-pair[1], pair[0]))
    return [word for word, _ in ranked if THAI.fullmatch(word)][:count]


def rows_of_words(count: int, words: int, longest: int, rng: random.Random) -> Iterable[str]:
    """Rows of two words and more, here and there with a number."""
    known = frequent_words(words)
    for _ in range(count):
        row = rng.choices(known, k=rng.randint(2, longest))
        if rng.random() < 0.3:
            row.insert(
                rng.randrange(len(row)), say_number(str(rng.randint(0, 10 ** rng.randint(1, 6))))
            )
        yield "".join(row)


def main(argv: list[str] | None = None) -> None:
    """Runs the command line."""
    cli = synthesize.parser("Speak Thai sentences and rows of words with espeak-ng.")
    cli.add_argument("--text", type=Path, nargs="*", default=[], help="text files, or tables")
    cli.add_argument("--column", default="sentence", help="of tables")
    cli.add_argument("--first", type=int, default=0, help="skip so many sentences")
    cli.add_argument("--count", type=int, help="and take so many (default: all that are left)")
    cli.add_argument("--times", type=int, default=1, help="speak each sentence so many times")
    cli.add_argument("--rows", type=int, default=0, help="rows of words besides")
    cli.add_argument("--words", type=int, default=3000, help="how many words these rows draw on")
    cli.add_argument("--longest", type=int, default=7, help="words in a row")
    args = cli.parse_args(argv)
    spelling, rng = CharacterNormalizer("th"), random.Random(args.seed)
    said = {spelling(text).replace("|", " ") for text in read_texts(args.text, args.column)}
    chosen = sorted(text for text in said if THAI.search(text))
    random.Random(1).shuffle(chosen)  # the same for every corpus: what one skips, another takes
    chosen = chosen[args.first :][: args.count] * args.times
    chosen += rows_of_words(args.rows, args.words, args.longest, rng)
    seen = synthesize.excluded(args)
    synthesize.make([text for text in chosen if text not in seen], VOICE, args, " ")


if __name__ == "__main__":
    packaging.run(main)
