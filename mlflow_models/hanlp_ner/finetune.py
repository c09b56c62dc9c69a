"""Trains a HanLP named entity recognizer, from scratch or from a pretrained transformer.

Data in (CoNLL, CLUENER-style or tidy JSON lines), HanLP checkpoint out: OUTPUT/best is the epoch
that scores highest on the dev set, OUTPUT/last the last one. A run that was stopped, however
rudely, goes on when the same command is given again. The loop itself is in `training/trainer.py`.
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hanlp_ner.component import SINGLE_TASK, fetch, load, read_config
from hanlp_ner.training.corpora import (
    DataError,
    Example,
    describe,
    entities_to_tags,
    parse_mapping,
    read_source,
)
from hanlp_ner.training.span_scores import Scores, log_scores, markdown
from zoo.building import checkpoints, packaging, tracking
from zoo.data.texts import read_object
from zoo.errors import CheckpointError
from zoo.training.steps import Steps

if TYPE_CHECKING:
    from hanlp_ner.training.trainer import TaggerTrainer

FOLDER = Path(__file__).parent


def parser() -> argparse.ArgumentParser:
    """Builds the command line."""
    cli = argparse.ArgumentParser(
        description="Train a HanLP named entity recognizer. Interrupted, it resumes when the same "
        "command is given again.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    data = cli.add_argument_group("data: [PROFILE=]PATH, as prepare.py reads them")
    data.add_argument("--train", nargs="+", required=True, metavar="SOURCE")
    data.add_argument("--dev", nargs="+", required=True, metavar="SOURCE", help="chooses the epoch")
    data.add_argument(
        "--finish",
        nargs="+",
        default=[],
        metavar="SOURCE",
        help="what the last epochs train on instead: the target's own kind",
    )
    data.add_argument(
        "--map", action="append", default=[], metavar="OLD=NEW", help="rename a label"
    )
    data.add_argument(
        "--output", type=Path, required=True, help="best/, last/ and state.pt go here"
    )
    start = cli.add_argument_group("where to start").add_mutually_exclusive_group(required=True)
    start.add_argument("--from-scratch", action="store_true", help="a small RoFormer, as below")
    start.add_argument("--transformer", help="a Hugging Face identifier or directory")
    start.add_argument(
        "--checkpoint", help="a recognizer: demo, one that HanLP publishes, or a directory"
    )
    shape = cli.add_argument_group("model")
    shape.add_argument("--layers", type=int, default=3, help="from scratch")
    shape.add_argument("--hidden", type=int, default=160, help="from scratch: width")
    shape.add_argument("--heads", type=int, default=5, help="from scratch")
    shape.add_argument("--feed-forward", type=int, default=480, help="from scratch: inner width")
    shape.add_argument("--dropout", type=float, default=0.1, help="from scratch")
    shape.add_argument(
        "--min-count", type=int, default=2, help="from scratch: rarer ones are [UNK]"
    )
    shape.add_argument("--word-dropout", type=float, default=0.1, help="characters masked")
    shape.add_argument("--crf", action=argparse.BooleanOptionalAction, default=True)
    hyper = cli.add_argument_group("optimization")
    hyper.add_argument("--epochs", type=int, default=10)
    hyper.add_argument("--finish-epochs", type=int, default=0, help="of these, on --finish")
    hyper.add_argument("--batch-characters", type=int, default=1600, help="with padding")
    hyper.add_argument("--lr", type=float, default=1e-3, help="peak; pretrained: try 5e-5")
    hyper.add_argument("--head-lr", type=float, help="of classifier and CRF, where it differs")
    hyper.add_argument("--warmup", type=float, default=0.06, help="share of the steps")
    hyper.add_argument("--weight-decay", type=float, default=0.01)
    hyper.add_argument("--clip", type=float, default=5.0, help="largest norm of the gradient")
    hyper.add_argument("--average", type=float, default=0.998, help="decay of the weights' average")
    hyper.add_argument("--patience", type=int, help="stop after so many epochs without a gain")
    hyper.add_argument("--save-every", type=int, default=200, help="steps between saved states")
    hyper.add_argument("--seed", type=int, default=1)
    hyper.add_argument("--threads", type=int, default=1, help="CPU threads")
    hyper.add_argument("--device", type=int, default=-1, help="GPU number; -1 is the CPU")
    tracking.add_options(cli, "hanlp_ner")
    return cli


def label_set(trained: list[Example], dev: list[Example]) -> list[str]:
    """Returns the labels of what is trained on, sorted.

    Raises:
        DataError: the dev set has others, which nothing would be learnt of.
    """
    labels = {label for _, entities in trained for _, _, label in entities}
    unseen = {label for _, entities in dev for _, _, label in entities} - labels
    if unseen:
        raise DataError(
            f"The dev set has labels that no training set has: {', '.join(sorted(unseen))}; "
            "rename or drop them with --map."
        )
    return sorted(labels)


def open_checkpoint(name: str, trained: list[Example], device: int) -> Any:
    """Loads the recognizer that training starts from.

    Raises:
        CheckpointError: there is none, or it is a multi-task one.
        DataError: it lacks a tag of the training sets.
    """
    directory = checkpoints.resolve(name, FOLDER / "demo", fetch)
    if read_config(directory)["classpath"] != SINGLE_TASK:
        raise CheckpointError(f"'{name}' is a multi-task checkpoint; only single-task ones train.")
    component = load(directory, device)
    tags = {tag for text, entities in trained for tag in entities_to_tags(len(text), entities)}
    if missing := sorted(tags - set(component.vocabs.tag.token_to_idx)):
        raise DataError(
            f"The checkpoint '{name}' doesn't know {', '.join(missing)} of the training set; "
            "rename or drop labels with --map."
        )
    return component


def build_trainer(
    args: argparse.Namespace, train: list[Example], dev: list[Example], finish: list[Example]
) -> "TaggerTrainer":
    """Seeds everything and builds component, batches and trainer."""
    import torch

    from hanlp_ner.training import recognizer, trainer

    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    labels = label_set(train + finish, dev)
    if args.checkpoint:
        component = open_checkpoint(args.checkpoint, train + finish, args.device)
    else:
        transformer = args.transformer
        if args.from_scratch:
            transformer = args.output / "transformer"
            recognizer.write_transformer(transformer, train, args)
        component = recognizer.new_component(transformer, labels, args)
        component.to(args.device)
    batches = trainer.Batches(component, train, finish, args)
    return trainer.TaggerTrainer(component, batches, dev, args.output, args)


def run_epoch(trainer: "TaggerTrainer", steps: Steps, tracked: bool) -> tuple[float, Scores]:
    """Trains and evaluates one epoch; returns its mean loss per sentence and the dev scores."""
    from tqdm import tqdm

    if tracked:
        import mlflow
    losses: list[float] = []
    with (
        tqdm(
            total=len(trainer.batches.plan(trainer.epoch)),
            initial=trainer.offset,
            desc=f"epoch {trainer.epoch + 1}/{trainer.args.epochs}",
        ) as bar,
    ):
        for loss in trainer.epoch_losses():
            losses.append(loss)
            steps.add(trainer.step, loss)
            bar.update()
            bar.set_postfix(loss=f"{sum(losses[-50:]) / len(losses[-50:]):.3f}")
            if tracked and trainer.step % 20 == 0:
                rate = trainer.optimizer.param_groups[0]["lr"]
                mlflow.log_metrics({"loss": loss, "learning_rate": rate}, step=trainer.step)
    scores = trainer.evaluate()
    trainer.save()
    mean = sum(losses) / max(1, len(losses))
    if tracked:
        micro = {f"dev_{name}": scores["micro"][name] for name in ("precision", "recall", "f1")}
        mlflow.log_metrics({"epoch_loss": mean, **micro}, step=trainer.epoch)
    return mean, scores


def train(trainer: "TaggerTrainer", tracked: bool) -> Scores:
    """Runs the epochs that remain and returns the best epoch's dev scores."""
    args = trainer.args
    steps = Steps(args.output / "steps.csv")
    steps.resume(trainer.step)
    while trainer.epoch < args.epochs:
        waited = trainer.epoch - trainer.best["epoch"]
        if args.patience and trainer.best["epoch"] > 0 and waited >= args.patience:
            break
        loss, scores = run_epoch(trainer, steps, tracked)
        micro = scores["micro"]
        print(
            f"epoch {trainer.epoch}: loss {loss:.3f}, dev P {micro['precision']:.2f} "
            f"R {micro['recall']:.2f} F1 {micro['f1']:.2f}, best F1 {trainer.best['f1']:.2f}",
            flush=True,
        )
    best: Scores = read_object(args.output / "scores.json")
    return best


def track(trainer: "TaggerTrainer") -> Scores:
    """Trains within an MLflow run, a new one or that of the resumed training."""
    import mlflow

    args = trainer.args
    tracking.set_experiment(args.experiment, args.tracking_uri)
    with mlflow.start_run(run_id=trainer.run_id or None) as run:
        if not trainer.run_id:
            settings = {k: v for k, v in vars(args).items() if k != "tracking_uri"}
            size = sum(p.numel() for p in trainer.model.parameters())
            mlflow.log_params({**settings, "parameters": size})
            trainer.run_id = run.info.run_id
        scores = train(trainer, tracked=True)
        log_scores(scores, prefix="dev")
        mlflow.log_artifact(str(args.output / "steps.csv"))
    return scores


def main(argv: list[str] | None = None) -> None:
    """Runs the command line."""
    args = parser().parse_args(argv)
    tracking.reach(args.tracking_uri)
    mapping = parse_mapping(args.map)
    sets = [
        [row for source in sources for row in read_source(source, mapping) if row[0]]
        for sources in (args.train, args.dev, args.finish)
    ]
    print(f"train: {describe(sets[0])}\ndev: {describe(sets[1])}", flush=True)
    args.output.mkdir(parents=True, exist_ok=True)
    trainer = build_trainer(args, *sets)
    if trainer.resume():
        print(f"resumed after step {trainer.step} of {trainer.total}", flush=True)
    scores = track(trainer) if args.tracking_uri else train(trainer, tracked=False)
    print(f"\n{markdown(scores)}\n{args.output / 'best'} is from epoch {trainer.best['epoch']}")


if __name__ == "__main__":
    packaging.run(main)
