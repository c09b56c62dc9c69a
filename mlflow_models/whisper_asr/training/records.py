"""What a training run leaves behind: losses, curves, sample predictions, the best checkpoint."""

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transformers import TrainerCallback

from zoo.errors import CheckpointError

if TYPE_CHECKING:
    from whisper_asr.training.trainer import WhisperTrainer

STATE = "trainer_state.json"  # the Trainer writes it last


class Records(TrainerCallback):
    """Writes `steps.csv` (every step's loss, exact), `predictions.tsv` of the last evaluation, and
    the best checkpoint; logs all of it to MLflow's active run, where there is one.

    Args:
        output: the run's directory.
        tracked: whether there is an MLflow run.
        export: writes the checkpoint to a directory.
    """

    def __init__(self, output: Path, tracked: bool, export: Callable[[Path], None]) -> None:
        self.output, self.tracked, self.export = output, tracked, export
        self.trainer: WhisperTrainer

    def on_train_begin(self, _args: Any, state: Any, _control: Any, **_: Any) -> None:
        path = self.output / "steps.csv"
        if not state.is_world_process_zero:
            return
        kept = []
        if path.exists():
            with path.open(encoding="utf-8", newline="") as file:
                rows = [row for row in csv.reader(file) if row[0].isdigit()]
            kept = [row for row in rows if int(row[0]) <= state.global_step]
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([["step", "loss"], *kept])

    def on_step_end(self, _args: Any, state: Any, _control: Any, **_: Any) -> None:
        losses, self.trainer.losses = self.trainer.losses, []
        if state.is_world_process_zero:
            with (self.output / "steps.csv").open("a", encoding="utf-8", newline="") as file:
                csv.writer(file).writerow([state.global_step, repr(sum(losses))])

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
        with path.open("w", encoding="utf-8", newline="") as file:
            table = csv.writer(file, delimiter="\t")
            table.writerows([("reference", "hypothesis"), *self.trainer.transcripts])
        if state.best_metric is None or metrics["eval_cer"] < state.best_metric:
            self.export(self.output / "best")
        if self.tracked:
            import mlflow

            mlflow.log_artifact(str(path))
            mlflow.log_artifact(str(self.output / "steps.csv"))


def last_checkpoint(output: Path) -> Path | None:
    """The last complete checkpoint to resume from; what a kill left incomplete is removed."""
    found: dict[int, Path] = {}
    for path in output.glob("checkpoint-*"):
        if (path / STATE).is_file() and _is_json(path / STATE):
            found[int(path.name.rpartition("-")[2])] = path
        else:
            shutil.rmtree(path)
    return found[max(found)] if found else None


def _is_json(path: Path) -> bool:
    try:
        json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return False
    return True


def open_run(output: Path, settings: dict[str, str]) -> dict[str, str]:
    """Returns what `run.json` of an earlier start has (MLflow's run id), or an empty dict.

    Raises:
        CheckpointError: that start had other settings.
    """
    path = output / "run.json"
    if not path.exists():
        return {}
    earlier: dict[str, dict[str, str]] = json.loads(path.read_text(encoding="utf-8"))
    then = earlier["settings"]
    if changed := [name for name in settings if settings[name] != then.get(name)]:
        raise CheckpointError(
            f"'{output}' is of a run with another {changed[0]}; choose a new --output."
        )
    return {name: str(value) for name, value in earlier.items() if name != "settings"}


def save_run(output: Path, settings: dict[str, str], run_id: str) -> None:
    """Writes `run.json`."""
    text = json.dumps({"settings": settings, "run_id": run_id}, ensure_ascii=False, indent=1)
    (output / "run.json").write_text(text, encoding="utf-8")
