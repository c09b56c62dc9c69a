"""Shows at every evaluation how the CTC path of one utterance has come along.

The path says which label the model hears in which frame, and how sure it is.
"""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import TrainerCallback

from wav2vec2_asr.labels import Labels
from zoo.training import plots
from zoo.training.mixture import RATE

FRAME_SECONDS = 0.02
MIN_SAMPLES = 400  # that a frame hears; less than one can't be computed


class CTCPath(TrainerCallback):
    """Appends to `ctc_path.txt`, draws `ctc_path.svg`, and logs both to MLflow's run, if any.

    Args:
        output: the run's directory.
        tracked: whether there is an MLflow run.
        labels: of the checkpoint.
        example: the utterance, as `Examples` gives it.
        reference: its whole text.
        extractor: what the model hears by.
    """

    def __init__(
        self,
        output: Path,
        tracked: bool,
        labels: Labels,
        example: dict[str, Any],
        reference: str,
        extractor: Any,
    ) -> None:
        self.output, self.tracked, self.labels = output, tracked, labels
        self.wave, self.reference, self.extractor = example["wave"], reference, extractor

    def on_evaluate(
        self, _args: Any, state: Any, _control: Any, model: Any = None, **_: Any
    ) -> None:
        if not state.is_world_process_zero:
            return
        made = self.extractor(
            self.wave,
            sampling_rate=RATE,
            padding=True,
            pad_to_multiple_of=MIN_SAMPLES,
            return_tensors="pt",
        )
        with torch.no_grad():
            logits = model.eval()(made.input_values.to(model.device)).logits[0]
        log_probs = logits.float().log_softmax(dim=-1).cpu().numpy()
        line = written(log_probs.argmax(axis=1), self.labels)
        text, drawing = self.output / "ctc_path.txt", self.output / "ctc_path.svg"
        with text.open("a", encoding="utf-8") as file:
            file.write(f"step {state.global_step}, said: {self.reference}\n{line}\n")
        plot(log_probs, self.labels, self.reference, drawing)
        if self.tracked:
            import mlflow

            mlflow.log_artifact(str(text))
            mlflow.log_artifact(str(drawing))


def written(path: np.ndarray, labels: Labels) -> str:
    """A path, int64 (frames,), as text: runs of one label as `label×frames`, the blank as `_`."""
    runs = [(int(label), len(list(run))) for label, run in itertools.groupby(path.tolist())]
    names = ("_" if label == labels.blank else labels.texts[label] for label, _ in runs)
    return " ".join(
        f"{name}×{count}" if count > 1 else name
        for name, (_, count) in zip(names, runs, strict=True)
    )


def plot(log_probs: np.ndarray, labels: Labels, reference: str, target: Path) -> None:
    """Draws the probability of the blank and of the likeliest other label over time.

    Args:
        log_probs: float32 (frames, labels), natural logarithm; a frame is 20 ms.
        labels: what they stand for.
        reference: what was said, for the title.
        target: an SVG file, whose viewer has fonts for any script.
    """
    others = log_probs.copy()
    others[:, labels.blank] = -np.inf
    said, likely = others.argmax(axis=1), np.exp(others.max(axis=1))
    seconds = np.arange(len(log_probs)) * FRAME_SECONDS
    with plots.drawing(target, (max(8.0, len(log_probs) / 20), 3)) as figure:
        axes = figure.subplots()
        axes.plot(seconds, np.exp(log_probs[:, labels.blank]), color="0.7", label="blank")
        axes.plot(seconds, likely, label="likeliest character")
        for label, frames in itertools.groupby(
            range(len(said)), key=lambda frame: int(said[frame])
        ):
            best = max(frames, key=lambda frame: float(likely[frame]))
            if likely[best] > 0.3:
                axes.annotate(labels.texts[label], (seconds[best], likely[best]), ha="center",
                              xytext=(0, 4), textcoords="offset points")  # fmt: skip
        axes.set(xlabel="seconds", ylabel="probability", ylim=(0, 1.25), title=reference)
        axes.legend(loc="upper right", ncols=2)
