"""Makes of an annotated corpus what doccano exports: a person's sentences with labels of their own.

python -m demos.hanlp_ner.doccano cluener/train.json --labels book game position \\
    --sentences 500 -o export.jsonl --others test.jsonl
"""

import argparse
import json
import random
from collections.abc import Collection, Iterable
from pathlib import Path

from hanlp_ner.training.corpora import Example, describe, read_source
from zoo.building import packaging
from zoo.data.outputs import write_text
from zoo.errors import ZooError
from zoo.training import options

SEED = 1


def chosen(examples: Iterable[Example], labels: Collection[str]) -> list[Example]:
    """Keep the sentences that have one of the labels, each once, with these labels in capitals."""
    kept: dict[str, Example] = {}
    for text, entities in examples:
        own = [(start, end, name.upper()) for start, end, name in entities if name in labels]
        if own:
            kept.setdefault(text, (text, own))
    return list(kept.values())


def write(path: Path, examples: Iterable[Example]) -> None:
    """Write what doccano's export of sequence labelling has: JSON lines."""
    rows = (
        {"id": number, "text": text, "label": entities, "Comments": []}
        for number, (text, entities) in enumerate(examples, 1)
    )
    write_text(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def main(argv: list[str] | None = None) -> None:
    """Run the command line."""
    cli = argparse.ArgumentParser(description="Make of a corpus what doccano exports.")
    cli.add_argument("source", metavar="[PROFILE=]PATH", help="the corpus")
    cli.add_argument("--labels", nargs="+", required=True, help="those that are annotated")
    cli.add_argument("--sentences", type=options.whole, default=500, help="of each file")
    cli.add_argument("-o", "--output", type=Path, required=True, help="the export")
    cli.add_argument("--others", type=Path, required=True, help="as many other sentences")
    args = cli.parse_args(argv)
    found = chosen(read_source(args.source), args.labels)
    if len(found) < 2 * args.sentences:
        raise ZooError(
            f"'{args.source}' has {len(found)} sentences with these labels, of "
            f"{2 * args.sentences} that are needed; give fewer --sentences."
        )
    random.Random(SEED).shuffle(found)
    parts = found[: args.sentences], found[args.sentences : 2 * args.sentences]
    for path, part in zip((args.output, args.others), parts, strict=True):
        write(path, part)
        print(f"{path}: {describe(part)}")


if __name__ == "__main__":
    packaging.run(main)
