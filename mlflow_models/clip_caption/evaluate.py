"""Scores captions: BLEU-1 to 4, ROUGE-L, METEOR and CIDEr, of checkpoints or of given predictions.

What counts depends on where words are (evaluating/words.py): that is printed and logged with the
scores. References in another language are translated first. Where the test set says what is to be
seen (its type and place, say), captions are counted that name it. Two checkpoints are compared on
the same images, with an interval of confidence for the difference.
"""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from clip_caption.building.checkpoint import add_normalize_option, find
from clip_caption.evaluating import labelling, naming, words
from clip_caption.evaluating.examples import (
    Example,
    ReferenceColumns,
    TestSet,
    read_coco,
    read_table,
    read_test_set,
)
from clip_caption.evaluating.metrics import score
from clip_caption.evaluating.results import (
    CaptionResult,
    changes,
    compare,
    markdown,
    record,
    summary,
    worst_lines,
)
from clip_caption.evaluating.translate import add_options, translate
from zoo.building import packaging, saved, tracking
from zoo.errors import BadParameter, ZooError
from zoo.training import evaluation

if TYPE_CHECKING:
    from clip_caption.options import Options

USAGE = """evaluate.py MODEL DATA [options]
       evaluate.py --predictions FILE.csv [options]
       evaluate.py --annotations CAPTIONS.json --results RESULTS.json [options]"""
EPILOG = """DATA is a directory that prepare.py wrote, a table of images and references, or COCO's
captions (.json). In a table, several references are in several rows or columns, or in one column
`captions` with | between them; equal ones of an image are all kept, as by COCO. The scores are
those of pycocoevalcap (COCO's own code), times 100; its CIDEr is CIDEr-D."""


def parser() -> argparse.ArgumentParser:
    """Builds the command line."""
    cli = argparse.ArgumentParser(
        usage=USAGE,
        description="Score captions of a checkpoint, or predictions.",
        epilog=EPILOG,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    cli.add_argument("model", nargs="?", help="demo, a directory, or a .pt file; or a "
                     "saved model: its directory, models:/NAME@ALIAS")  # fmt: skip
    cli.add_argument("data", nargs="?", type=Path)
    cli.add_argument("--compare", metavar="MODEL", help="another checkpoint, on the same data")
    _add_data(cli.add_argument_group("the test set"))
    _add_counting(cli.add_argument_group("what counts"))
    _add_running(cli.add_argument_group("how a checkpoint is run"))
    labelling.add_options(cli.add_argument_group("labels"))
    evaluation.add_options(cli, "clip_caption", worst=5)
    return cli


def _add_data(group: argparse._ArgumentGroup) -> None:
    for name, form, text in (
        ("predictions", "FILE.csv", "score this; no model is needed"),
        ("annotations", "FILE.json", "COCO's captions"),
        ("results", "FILE.json", "predictions for them, in COCO's format"),
        ("images", "FOLDER", "COCO's images; without, beside the annotations"),
    ):
        group.add_argument(f"--{name}", type=Path, metavar=form, help=text)
    group.add_argument("--image-column", metavar="COLUMN", help="of the CSV (usual: image, file)")
    group.add_argument("--references", nargs="+", default=[], metavar="COLUMN", help="of captions "
                       "by people (usual: captions, reference, comment)")  # fmt: skip
    group.add_argument("--separator", help="between several references in one cell")
    group.add_argument("--columns", nargs="+", default=["prediction"], metavar="COLUMN",
                       help="of predictions; further ones are compared with the first")  # fmt: skip
    group.add_argument("--limit", type=int, help="take the first so many images")


def _add_counting(group: argparse._ArgumentGroup) -> None:
    tokenizers = "; ".join(f"{name}: {what}" for name, what in words.TOKENIZERS.items())
    group.add_argument("--words", choices=list(words.TOKENIZERS), default="auto", help=tokenizers)
    group.add_argument("--meteor", action=argparse.BooleanOptionalAction, default=True,
                       help="needs Java, and some ten seconds to start")  # fmt: skip
    group.add_argument("--expect", nargs="+", default=[], metavar="COLUMN", help="of what each "
                       "caption should name, such as type place")  # fmt: skip
    add_options(group, "the references")
    group.add_argument("--translated", metavar="COLUMN", help="has the references' translation")


def _add_running(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--clip", help="CLIP of a .pt checkpoint (default: by its width)")
    add_normalize_option(group)
    group.add_argument("--mode", choices=["beam", "greedy", "nucleus"], default="beam")
    group.add_argument("--beam-size", type=int, default=5)
    group.add_argument("--max-tokens", type=int, default=67)
    group.add_argument("--seed", type=int, default=0, help="of nucleus sampling")
    group.add_argument("--batch-size", type=int, default=16, help="images at a time")
    group.add_argument("--threads", type=int, default=1)
    group.add_argument("--loss", action="store_true", help="the references' loss, too, which "
                       "finetune.py chooses checkpoints by")  # fmt: skip


def read(args: argparse.Namespace) -> TestSet:
    """Reads the test set, and the predictions where they are given."""
    expect = tuple(args.expect)
    columns = ReferenceColumns(
        args.image_column, tuple(args.references), args.separator, args.translated, (), expect
    )
    if args.predictions:
        found = read_table(args.predictions, replace(columns, predictions=tuple(args.columns)))
    elif args.results:
        found = read_coco(args.annotations, args.results, args.images)
    else:
        found = read_test_set(args.data, columns, args.images)
    if expect and not found.examples[0].values:
        raise ZooError("--expect needs a table with these columns; COCO's JSON has none.")
    few = slice(args.limit)
    predictions = {name: texts[few] for name, texts in found.predictions.items()}
    return TestSet(found.examples[few], predictions, found.notes)


def options_of(args: argparse.Namespace) -> "Options":
    """How captions are searched for.

    Raises:
        ZooError: an option is out of its bounds.
    """
    from clip_caption.options import Options
    from zoo.serving.declaration import read as checked

    names = ("mode", "beam_size", "max_tokens", "seed")
    try:
        return checked(Options, {name: getattr(args, name) for name in names})
    except BadParameter as error:
        raise ZooError(f"--{error.name.replace('_', '-')} {error.reason}.") from None


def check(args: argparse.Namespace) -> None:
    """Refuses options that make no sense, before anything is read.

    Raises:
        ZooError: one of them is out of its bounds.
    """
    options_of(args)
    if args.loss and (not args.model or saved.is_saved(args.model)):
        raise ZooError("--loss needs a checkpoint: predictions and saved models have none.")
    for model in (args.model, args.compare):
        if model and Path(model).exists() and not (args.labels or saved.is_saved(model)):
            find(model)
    if args.output and args.output.is_file():
        raise ZooError(f"--output '{args.output}' is a file; give a directory.")
    for name, least in {"limit": 1, "batch_size": 1, "threads": 1, "worst": 0}.items():
        value = getattr(args, name)
        if value is not None and value < least:
            raise ZooError(f"--{name.replace('_', '-')} must be at least {least}.")


def translated(examples: Sequence[Example], args: argparse.Namespace) -> list[Example]:
    """The examples with their references translated."""
    texts = [text for example in examples for text in example.references]
    found = iter(translate(texts, args.translate, args.from_language, args.to_language))
    return [replace(e, references=tuple(next(found) for _ in e.references)) for e in examples]


def captioned(found: TestSet, args: argparse.Namespace) -> TestSet:
    """Captions the test set with the checkpoints; less what can't be read."""
    from clip_caption.evaluating.captioning import caption_all, caption_saved

    options = options_of(args)
    predictions: dict[str, list[str | None]] = {}
    losses: dict[str, float] = {}
    failed: dict[str, str] = {}
    for model in dict.fromkeys([args.model, *([args.compare] if args.compare else [])]):
        if saved.is_saved(model):
            predictions[model], failed = caption_saved(
                model, args.tracking_uri, found.examples, options
            )
            continue
        predictions[model], failed, loss = caption_all(
            model, args.clip, found.examples, options, args.batch_size, args.threads,
            args.normalize_prefix, args.loss,
        )  # fmt: skip
        if loss is not None:
            losses[model] = loss
    notes = list(found.notes)
    for model, texts in predictions.items():
        if cut := sum(text is not None and not text.endswith(".") for text in texts):
            notes.append(
                f"{cut} captions of {model} were cut at {args.max_tokens} tokens, before their end "
                "(--max-tokens)."
            )
    if failed:
        # In the test set's order: threads read ahead, and fail in any.
        name, reason = next(
            (one.name, failed[one.name]) for one in found.examples if one.name in failed
        )
        notes.append(f"{len(failed)} images can't be read and aren't scored: '{name}' {reason}.")
    if len(failed) == len(found.examples):
        raise ZooError(f"None of the images can be read: '{name}' {reason}.")
    keep = [i for i, text in enumerate(next(iter(predictions.values()))) if text is not None]
    return TestSet(
        [found.examples[i] for i in keep],
        {name: [texts[i] or "" for i in keep] for name, texts in predictions.items()},
        notes,
        losses,
    )


def scored(
    found: TestSet, args: argparse.Namespace
) -> tuple[dict[str, CaptionResult], str, list[str]]:
    """Scores each system's captions; also returns how words were cut, and notes."""
    said = [text for texts in found.predictions.values() for text in texts]
    everything = [text for example in found.examples for text in example.references] + said
    tokenizer = words.choose(args.words, everything)
    cut = dict(zip(everything, words.tokenize(everything, tokenizer), strict=True))
    references = [[cut[t] for t in e.references if cut[t]] for e in found.examples]
    keep = [index for index, texts in enumerate(references) if texts]
    notes = list(found.notes)
    if len(keep) < len(references):
        notes.append(f"{len(references) - len(keep)} images have references without a word; "
                     "they aren't scored.")  # fmt: skip
    examples, results = [found.examples[i] for i in keep], {}
    for name, texts in found.predictions.items():
        chosen = [texts[i] for i in keep]
        scores = score(
            [references[i] for i in keep], [cut[t] for t in chosen], tokenizer, args.meteor
        )
        named = naming.shares(chosen, [e.values for e in examples], args.expect)
        results[name] = CaptionResult(examples, chosen, scores, *named)
        notes += scores.notes
        if empty := sum(not cut[text] for text in chosen):
            notes.append(f"{empty} captions of {name} are empty, and are scored 0.")
    return results, words.describe(tokenizer), list(dict.fromkeys(notes))


def main(argv: list[str] | None = None) -> None:
    """Runs the command line."""
    cli = parser()
    args = cli.parse_args(argv)
    given = bool(args.model and args.data), bool(args.predictions), bool(args.results)
    if sum(given) != 1 or bool(args.results) != bool(args.annotations):
        cli.error("give MODEL and DATA, or --predictions, or --annotations and --results")
    check(args)
    tracking.reach(args.tracking_uri)
    if args.labels:
        labelling.run(args)
        return
    found = read(args)
    if args.translate:
        found = replace(found, examples=translated(found.examples, args))
        found.notes.append(f"The references were translated by {args.translate}.")
    if args.model:
        found = captioned(found, args)
    results, convention, notes = scored(found, args)
    first, *rest = results.items()
    differences = {name: compare(first[1], other) for name, other in rest}
    parts = [convention, *notes, markdown(results, differences)]
    parts += [f"## {name}\n\n{lines}" for name, result in results.items()
              if (lines := worst_lines(result, args.worst))]  # fmt: skip
    parts += [f"loss of the references by {name}: {loss:.4f} nats per token"
              for name, loss in found.losses.items()]  # fmt: skip
    text, figures = "\n\n".join(parts), summary(results, differences)
    figures |= dict(zip(("loss", "other_loss"), found.losses.values(), strict=False))
    evaluation.finish(
        args,
        args.model or (args.predictions or args.results).name,
        text,
        figures,
        lambda folder: record(results, folder, text),
        {"words": convention},
        changes(results, differences),
    )


if __name__ == "__main__":
    packaging.run(main)
