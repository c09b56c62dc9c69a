"""What a training run leaves behind: losses, curves, sample predictions, the best checkpoint."""

import argparse
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from transformers import EarlyStoppingCallback, TrainerCallback, set_seed

from zoo.building import tracking
from zoo.data.fingerprints import changed, fingerprints
from zoo.data.outputs import make_directory, write_json
from zoo.data.tables import write_table
from zoo.data.texts import read_json, read_object
from zoo.errors import CheckpointError, ZooError
from zoo.training.steps import Steps

if TYPE_CHECKING:
    from zoo.training.trainer import EpochTrainer

STATE = "trainer_state.json"  # the Trainer writes it last


class Records(TrainerCallback):
    """Writes `steps.csv` (every step's loss, exact), `predictions.tsv` of the last evaluation, and
    the best checkpoint; logs all of it to MLflow's active run, where there is one.

    Args:
        output: the run's directory.
        tracked: whether there is an MLflow run.
        export: writes the checkpoint to a directory.
        metric: what the best checkpoint has the lowest of.
    """

    def __init__(
        self,
        output: Path,
        tracked: bool,
        export: Callable[[Path], None],
        metric: str = "eval_cer",
    ) -> None:
        self.output, self.tracked, self.export, self.metric = output, tracked, export, metric
        self.steps = Steps(output / "steps.csv")
        self.trainer: EpochTrainer

    def on_train_begin(self, _args: Any, state: Any, _control: Any, **_: Any) -> None:
        if state.is_world_process_zero:
            self.steps.resume(state.global_step)

    def on_step_end(self, _args: Any, state: Any, _control: Any, **_: Any) -> None:
        losses, self.trainer.losses = self.trainer.losses, []
        if state.is_world_process_zero:
            self.steps.add(state.global_step, sum(losses))

    def on_log(self, _args: Any, state: Any, _control: Any, logs: Any = None, **_: Any) -> None:
        if self.tracked and state.is_world_process_zero:
            import mlflow

            numbers = {k: float(v) for k, v in logs.items() if isinstance(v, int | float)}
            mlflow.log_metrics(numbers, step=state.global_step)

    def on_evaluate(
        self, _args: Any, state: Any, _control: Any, metrics: Any = None, **_: Any
    ) -> None:
        if not state.is_world_process_zero:
            return
        path = self.output / "predictions.tsv"
        write_table(path, ["reference", "hypothesis"], self.trainer.transcripts)
        if state.best_metric is None or metrics[self.metric] < state.best_metric:
            self.export(self.output / "best")
        if self.tracked:
            import mlflow

            mlflow.log_artifact(str(path))
            mlflow.log_artifact(str(self.steps.path))


Build = Callable[[argparse.Namespace, bool], tuple[Any, Records]]


def run(
    args: argparse.Namespace,
    free: Sequence[str],
    build: Build,
    data: Sequence[str] = ("train", "dev", "model"),
) -> None:
    """Trains to the end, from where an earlier start was stopped; in an MLflow run, if asked for.

    Args:
        args: the command's options; `output`, `tracking_uri` and `experiment` are among them.
        free: names of options that may differ from one start to the next.
        build: from the options, and whether there is an MLflow run, to the trainer and its records.
        data: names of the options that name what the run is made of: paths, or lists of paths.

    Raises:
        ZooError: the earlier start had other options or other data, or memory doesn't suffice.
    """
    make_directory(args.output)
    settings = {name: str(value) for name, value in vars(args).items() if name not in free}
    contents = fingerprints(_paths(args, data))
    earlier = open_run(args.output, settings, contents)
    if earlier and (args.output / "last").is_dir():
        print(f"'{args.output}' is finished; choose a new --output for another run.")
        return
    if not args.tracking_uri or os.environ.get("RANK", "0") != "0":
        _train(args, settings, contents, earlier.get("run_id", ""), build, False)
        return
    import mlflow

    tracking.set_experiment(args.experiment, args.tracking_uri)
    with mlflow.start_run(run_id=earlier.get("run_id") or None) as tracked:
        if not earlier:
            mlflow.log_params(settings)
        _train(args, settings, contents, tracked.info.run_id, build, True)


def _paths(args: argparse.Namespace, names: Sequence[str]) -> list[Path]:
    """The files and directories that options name; what is no path here is left out (an id)."""
    given = [getattr(args, name, None) for name in names]
    values = [one for value in given for one in (value if isinstance(value, list) else [value])]
    return [Path(value) for value in values if value and Path(value).exists()]


def _train(
    args: argparse.Namespace,
    settings: dict[str, str],
    contents: dict[str, str],
    run_id: str,
    build: Build,
    tracked: bool,
) -> None:
    torch.set_num_threads(args.threads)
    set_seed(args.seed)
    trainer, records = build(args, tracked)
    records.trainer = trainer
    if args.patience:
        trainer.add_callback(EarlyStoppingCallback(args.patience))
    if trainer.is_world_process_zero():
        save_run(args.output, settings, contents, run_id)
    checkpoint = last_checkpoint(args.output)
    if checkpoint:
        print(f"resumes from {checkpoint}", flush=True)
    try:
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    except (RuntimeError, MemoryError) as error:  # torch's OutOfMemoryError is the former
        said = ("out of memory", "can't allocate memory")
        if isinstance(error, RuntimeError) and not any(words in str(error) for words in said):
            raise
        raise ZooError(
            "There isn't enough memory: take a smaller --batch-size with a larger --accumulate, or "
            "shorter examples, and give the same command with a new --output."
        ) from error
    logged = trainer.state.log_history
    scores = [logs[records.metric] for logs in logged if records.metric in logs]
    if trainer.is_world_process_zero():
        records.export(args.output / "last")
        if scores:
            name = records.metric.removeprefix("eval_").upper()
            print(f"{args.output / 'last'}: {name} {scores[-1]:.2f}; "
                  f"{args.output / 'best'}: {min(scores):.2f}")  # fmt: skip
    trainer.accelerator.wait_for_everyone()  # a process that ends before the others aborts
    trainer.accelerator.end_training()


def last_checkpoint(output: Path) -> Path | None:
    """The last complete checkpoint to resume from; what a kill left incomplete is removed."""
    found: dict[int, Path] = {}
    for path in output.glob("checkpoint-*"):
        try:
            read_json(path / STATE)
            found[int(path.name.rpartition("-")[2])] = path
        except ZooError:
            shutil.rmtree(path)
    return found[max(found)] if found else None


def open_run(output: Path, settings: dict[str, str], contents: dict[str, str]) -> dict[str, str]:
    """Returns what `run.json` of an earlier start has (MLflow's run id), or an empty dict.

    Args:
        output: The run's directory.
        settings: The options of this start.
        contents: The fingerprints of what this start reads.

    Raises:
        CheckpointError: that start had other settings, or its data had another content.
    """
    path = output / "run.json"
    if not path.exists():
        return {}
    earlier = read_object(path, CheckpointError)
    then = earlier["settings"]
    if names := [name for name in settings if settings[name] != then.get(name)]:
        raise CheckpointError(
            f"'{output}' is of a run with another {names[0]}; choose a new --output."
        )
    if said := changed(earlier.get("contents", contents), contents):
        raise CheckpointError(
            f"'{output}' was trained on other data: {said}; choose a new --output to begin anew."
        )
    return {"run_id": str(earlier["run_id"])}


def save_run(output: Path, settings: dict[str, str], contents: dict[str, str], run_id: str) -> None:
    """Writes `run.json`."""
    write_json(output / "run.json", {"settings": settings, "contents": contents, "run_id": run_id})
