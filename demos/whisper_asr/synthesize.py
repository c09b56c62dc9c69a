"""Speaks Mandarin sentences of a grammar: the corpus that the demo checkpoint learnt from.

The voice is `cmn-latn-pinyin`, since espeak-ng 1.51's `cmn` reads the pinyin of its own dictionary
as English.
"""

import argparse
import random
from pathlib import Path

from demos import speech as synthesize
from demos.whisper_asr.sentences import Grammar
from zoo.building import packaging
from zoo.building.packaging import ROOT

FOLDER = ROOT / "mlflow_models" / "whisper_asr"
VOICE = "cmn-latn-pinyin"


def sentences(args: argparse.Namespace) -> list[str]:
    """Makes different sentences, none of them in the manifests that are excluded."""
    seen = synthesize.excluded(args)
    rng, grammar = random.Random(args.seed), Grammar.read(args.sentences)
    made: dict[str, None] = {}
    for _ in range(100 * args.count):
        if len(made) == args.count:
            break
        mixed = rng.random() < args.mixed
        text = grammar.mixture(rng) if mixed else grammar.sentence(rng, args.kept)
        if text not in seen:
            made[text] = None
    return list(made)


def main(argv: list[str] | None = None) -> None:
    """Runs the command line."""
    cli = synthesize.parser("Speak Mandarin sentences with espeak-ng.")
    cli.add_argument("--sentences", type=Path, default=FOLDER / "demo" / "sentences.txt")
    cli.add_argument("--count", type=int, default=1000, help="different sentences")
    cli.add_argument("--kept", action="store_true", help="of the templates kept for testing")
    cli.add_argument("--mixed", type=float, default=0.0, help="share made of sentences' pieces")
    args = cli.parse_args(argv)
    synthesize.make(sentences(args), VOICE, args)


if __name__ == "__main__":
    packaging.run(main)
