"""Lets LAC teach the demo checkpoint: its words, its names, and what two models agree on.

python -m demos.hanlp_ner.teach names jieba/dict.txt --known demo/gazetteer.txt -o names.txt
python -m demos.hanlp_ner.teach words news.jsonl others.jsonl -o words.jsonl
python -m demos.hanlp_ner.teach encoder words/last -o encoder
python -m demos.hanlp_ner.teach agree others.jsonl --checkpoint run/best -o others.agreed.jsonl
"""

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path

from demos.hanlp_ner.lac import LABELS, words
from hanlp_ner.training.corpora import Example, describe, read_source, write_examples
from hanlp_ner.training.formats import Entity
from hanlp_ner.training.names import Names
from zoo.building import packaging
from zoo.data.outputs import write_text
from zoo.data.texts import read_text

# The kinds of names in jieba's dictionary, and the tag that LAC must give a word of them.
JIEBA = {"ns": "LOC", "nt": "ORG", "nr": "PER", "nrt": "PER", "nrfg": "PER"}
LISTS = {"LOC": "place", "ORG": "org", "PER": "person"}  # kinds of a gazetteer
NAME_CHARACTERS = range(2, 13)
# LAC's finer kinds of words are one to the network that learns them.
COARSER = {"vd": "v", "vn": "v", "ad": "a", "an": "a", "xc": "u"}
PUNCTUATION = "w"


def confirmed(lines: Iterable[str], known: set[str]) -> dict[str, list[str]]:
    """Returns the names of jieba's dictionary that LAC, reading each alone, takes for the same.

    Args:
        lines: a word, how often it occurs and its kind.
        known: names to leave out.

    Returns:
        Names by the kind of a gazetteer.
    """
    names: dict[str, list[str]] = {kind: [] for kind in LISTS.values()}
    for line in lines:
        name, _, kind = line.split(" ")
        tag = JIEBA.get(kind, "")
        if not tag or name in known or len(name) not in NAME_CHARACTERS:
            continue
        read = words(name)
        if len(read) == 1 and read[0].tag == tag:
            names[LISTS[tag]].append(name)
    return names


def all_words(text: str) -> list[Entity]:
    """Returns each word as an entity, whose label is its kind: what a network is trained on before
    it sees entities."""
    return [(*word[:2], COARSER.get(word.tag, word.tag)) for word in words(text)
            if word.tag != PUNCTUATION]  # fmt: skip


def agreed(example: Example, found: Iterable[Entity]) -> Example:
    """Adds to a sentence the entities that LAC and another model find where none is annotated.

    Args:
        example: the sentence; every annotation keeps its place.
        found: what the other model finds.
    """
    text, entities = example
    taken = {i for start, end, _ in entities for i in range(start, end)}
    lac = {(word.start, word.end, LABELS.get(word.tag)) for word in words(text)}
    new = [one for one in found if one in lac and taken.isdisjoint(range(*one[:2]))]
    return text, sorted([*entities, *new])


def agree(examples: Sequence[Example], checkpoint: Path) -> list[Example]:
    """Returns the examples with what LAC and a checkpoint agree on."""
    from hanlp_ner.network.component import load
    from hanlp_ner.training.span_scores import predict_spans

    found = predict_spans(load(checkpoint), [text for text, _ in examples])
    return [agreed(one, spans) for one, spans in zip(examples, found, strict=True)]


def save_encoder(checkpoint: Path, output: Path) -> None:
    """Writes a checkpoint's transformer as transformers does: what `--transformer` starts from."""
    from hanlp_ner.network.component import load

    component = load(checkpoint)
    component.model.encoder.transformer.save_pretrained(output)
    component.transformer_tokenizer.save_pretrained(output)


def parser() -> argparse.ArgumentParser:
    """Builds the command line."""
    cli = argparse.ArgumentParser(description="Teach the demo checkpoint by what LAC knows.")
    commands = cli.add_subparsers(dest="command", required=True)
    names = commands.add_parser("names", help="jieba's names that LAC confirms, as a gazetteer")
    names.add_argument("source", type=Path, help="jieba's dict.txt")
    names.add_argument("--known", type=Path, help="a gazetteer whose names are left out")
    sets = {
        "words": "sentences with all their words as entities",
        "agree": "sentences with what LAC and a checkpoint agree on",
    }
    for command, does in sets.items():
        sub = commands.add_parser(command, help=does)
        sub.add_argument("sources", nargs="+", metavar="[PROFILE=]PATH", help="annotated sentences")
    commands.choices["agree"].add_argument("--checkpoint", type=Path, required=True)
    encoder = commands.add_parser("encoder", help="the transformer of a checkpoint")
    encoder.add_argument("checkpoint", type=Path)
    for sub in commands.choices.values():
        sub.add_argument("-o", "--output", type=Path, required=True)
    return cli


def main(argv: list[str] | None = None) -> None:
    """Runs the command line."""
    args = parser().parse_args(argv)
    if args.command == "names":
        lists = Names.read(args.known).lists
        known = {name for kind in lists.values() for name in kind}
        lines = read_text(args.source).splitlines()
        names = confirmed(lines, known)
        written = [f"{kind}\t{' '.join(found)}\n" for kind, found in names.items()]
        write_text(args.output, "".join(written))
        print(f"{args.output}: " + ", ".join(f"{kind} {len(names[kind])}" for kind in names))
        return
    if args.command == "encoder":
        save_encoder(args.checkpoint, args.output)
        print(f"{args.output}: the transformer of {args.checkpoint}")
        return
    examples = [row for source in args.sources for row in read_source(source)]
    if args.command == "words":
        taught = [(text, all_words(text)) for text, _ in examples]
    else:
        taught = agree(examples, args.checkpoint)
    write_examples(args.output, taught)
    print(f"{args.output}: {describe(taught)}")


if __name__ == "__main__":
    packaging.run(main)
