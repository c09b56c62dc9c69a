"""Lets LAC teach the demo checkpoint: its words, its names, and what two models agree on.

python -m demos.hanlp_ner.teach names jieba/dict.txt --known demo/gazetteer.txt -o names.txt
python -m demos.hanlp_ner.teach words news.jsonl others.jsonl -o words.jsonl
python -m demos.hanlp_ner.teach encoder words/best -o encoder
python -m demos.hanlp_ner.teach agree others.jsonl --checkpoint earlier/best -o agreed.jsonl
python -m demos.hanlp_ner.teach score peoples_daily=test.conll
"""

import argparse
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

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


def run_score(args: argparse.Namespace) -> None:
    """Prints a table of what LAC itself scores on the labels that it shares with the demo."""
    from hanlp_ner.training.span_scores import markdown, span_scores

    examples, shared = _read(args.sources), set(LABELS.values())
    gold = [{one for one in entities if one[2] in shared} for _, entities in examples]
    found = [
        {(word.start, word.end, LABELS[word.tag]) for word in words(text) if word.tag in LABELS}
        for text, _ in examples
    ]
    print(markdown(span_scores(gold, found)))


def run_names(args: argparse.Namespace) -> None:
    """Writes the names as lists of a gazetteer."""
    known = {name for kind in Names.read(args.known).lists.values() for name in kind}
    names = confirmed(read_text(args.source).splitlines(), known)
    write_text(args.output, "".join(f"{kind}\t{' '.join(names[kind])}\n" for kind in names))
    print(f"{args.output}: " + ", ".join(f"{kind} {len(names[kind])}" for kind in names))


def run_words(args: argparse.Namespace) -> None:
    """Writes the sentences with all their words as entities."""
    _write(args.output, [(text, all_words(text)) for text, _ in _read(args.sources)])


def run_agree(args: argparse.Namespace) -> None:
    """Writes the sentences with what LAC and the checkpoint agree on."""
    _write(args.output, agree(_read(args.sources), args.checkpoint))


def run_encoder(args: argparse.Namespace) -> None:
    """Writes a checkpoint's transformer as transformers does: what `--transformer` starts from."""
    from hanlp_ner.network.component import load

    component = load(args.checkpoint)
    component.model.encoder.transformer.save_pretrained(args.output)
    component.transformer_tokenizer.save_pretrained(args.output)
    print(f"{args.output}: the transformer of {args.checkpoint}")


def _read(sources: Iterable[str]) -> list[Example]:
    return [row for source in sources for row in read_source(source)]


def _write(path: Path, examples: list[Example]) -> None:
    write_examples(path, examples)
    print(f"{path}: {describe(examples)}")


def parser() -> argparse.ArgumentParser:
    """Builds the command line."""
    cli = argparse.ArgumentParser(description="Let LAC teach the demo checkpoint.")
    commands = cli.add_subparsers(dest="command", required=True)

    def command(name: str, run: Callable[[argparse.Namespace], None], does: str) -> Any:
        one = commands.add_parser(name, help=does)
        one.set_defaults(run=run)
        return one

    names = command("names", run_names, "jieba's names that LAC confirms, as a gazetteer")
    names.add_argument("source", type=Path, help="jieba's dict.txt")
    names.add_argument("--known", type=Path, help="a gazetteer whose names are left out")
    words_ = command("words", run_words, "sentences with all their words as entities")
    encoder = command("encoder", run_encoder, "the transformer of a checkpoint")
    encoder.add_argument("checkpoint", type=Path)
    agree_ = command("agree", run_agree, "sentences with what LAC and a checkpoint agree on")
    agree_.add_argument("--checkpoint", type=Path, required=True)
    for one in (names, words_, encoder, agree_):
        one.add_argument("-o", "--output", type=Path, required=True)
    score_ = command("score", run_score, "what LAC itself scores")
    for one in (words_, agree_, score_):
        one.add_argument("sources", nargs="+", metavar="[PROFILE=]PATH", help="annotated sentences")
    return cli


def main(argv: list[str] | None = None) -> None:
    """Runs the command line."""
    args = parser().parse_args(argv)
    args.run(args)


if __name__ == "__main__":
    packaging.run(main)
