"""A training run from its first epoch, or where it was stopped, to its report."""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from hanlp_ner.training.corpora import read_source
from hanlp_ner.training.curves import EPOCHS, PLOT, Curves
from hanlp_ner.training.pages import training_page
from hanlp_ner.training.span_scores import Scores, log_scores
from hanlp_ner.training.trainer import FOUND, Evaluated
from zoo.building import tracking
from zoo.data.outputs import write_text
from zoo.data.texts import read_object
from zoo.training.page import PAGE
from zoo.training.steps import Steps

if TYPE_CHECKING:
    from hanlp_ner.training.trainer import TaggerTrainer

STEPS = "steps.csv"
LOGGED_EVERY_STEPS = 20  # to MLflow; steps.csv has all


def run_epoch(trainer: "TaggerTrainer", steps: Steps, curves: Curves, tracked: bool) -> Evaluated:
    """Train and evaluate one epoch, write its row, and save the state."""
    from tqdm import tqdm

    if tracked:
        import mlflow
    begin = trainer.step - trainer.offset
    losses = steps.losses(begin)  # those before a kill
    planned = len(trainer.batches.plan(trainer.epoch))
    title = f"epoch {trainer.epoch + 1}/{trainer.args.epochs}"
    with tqdm(total=planned, initial=trainer.offset, desc=title) as bar:
        for loss in trainer.epoch_losses():
            losses.append(loss)
            steps.add(trainer.step, loss)
            bar.update()
            bar.set_postfix(loss=f"{sum(losses[-50:]) / len(losses[-50:]):.3f}")
            if tracked and trainer.step % LOGGED_EVERY_STEPS == 0:
                rate = trainer.optimizer.param_groups[0]["lr"]
                mlflow.log_metrics({"loss": loss, "learning_rate": rate}, step=trainer.step)
    evaluated = trainer.evaluate()
    mean = math.fsum(losses) / len(losses)
    curves.add(trainer.epoch, trainer.step, mean, evaluated)
    trainer.save()
    if tracked:
        figures = {name: value for name, value in curves.rows[-1].items() if value is not None}
        mlflow.log_metrics(figures, step=trainer.epoch)
    return evaluated


def train(trainer: "TaggerTrainer", tracked: bool) -> None:
    """Run the epochs that remain, and say what each has brought."""
    args = trainer.args
    steps = Steps(args.output / STEPS)
    steps.resume(trainer.step)
    curves = open_curves(trainer)
    while not trainer.finished:
        evaluated = run_epoch(trainer, steps, curves, tracked)
        micro, kept = evaluated.scores["micro"], evaluated.kept
        print(
            f"epoch {trainer.epoch}: loss {curves.rows[-1]['epoch_loss']:.3f}, "
            f"dev loss {evaluated.loss:.3f}, dev P {micro['precision']:.2f} "
            f"R {micro['recall']:.2f} F1 {micro['f1']:.2f}, best F1 {trainer.best['f1']:.2f}"
            + (f", F1 of kept labels {kept:.2f}" if kept is not None else ""),
            flush=True,
        )
    if trainer.epoch < args.epochs:
        print(f"stopped early: no gain in {args.patience} epochs (--patience)")


def open_curves(trainer: "TaggerTrainer") -> Curves:
    """Return the curves of what is trained already."""
    labels = sorted({label for _, own in trainer.dev.examples for _, _, label in own})
    curves = Curves(trainer.output, labels)
    curves.resume(trainer.epoch)
    return curves


def report(trainer: "TaggerTrainer") -> Scores:
    """Write the page of a finished run, and return the best epoch's dev scores."""
    scores: Scores = read_object(trainer.output / "scores.json")
    found = [set(own) for _, own in read_source(str(trainer.output / FOUND))]
    page = training_page(trainer, open_curves(trainer), scores, found)
    write_text(trainer.output / PAGE, page.html())
    return scores


def track(trainer: "TaggerTrainer", record: Callable[[str], None], run_id: str) -> Scores:
    """Train within an MLflow run, a new one or that of the resumed training.

    Args:
        trainer: the training.
        record: writes down the MLflow run's id.
        run_id: the id, if there is one.
    """
    import mlflow

    args = trainer.args
    tracking.set_experiment(args.experiment, args.tracking_uri)
    with mlflow.start_run(run_id=run_id or None) as run:
        if not run_id:
            settings = {k: v for k, v in vars(args).items() if k != "tracking_uri"}
            size = sum(p.numel() for p in trainer.model.parameters())
            mlflow.log_params({**settings, "parameters": size})
            record(run.info.run_id)
        train(trainer, tracked=True)
        scores = report(trainer)
        log_scores(scores)
        for name in (STEPS, EPOCHS, PLOT, PAGE):
            mlflow.log_artifact(str(args.output / name))
    return scores
