"""Shows at every evaluation how the CTC path of one utterance has come along."""

from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback

from wav2vec2_asr.labels import Labels
from wav2vec2_asr.training import path
from zoo.training.mixture import RATE

MIN_SAMPLES = 400  # samples that a frame hears; less than one can't be computed


class Paths(TrainerCallback):
    """Appends to `ctc_path.txt`, draws `ctc_path.svg`, and logs both to MLflow's run, if any.

    Args:
        output: the run's directory.
        tracked: whether there is an MLflow run.
        labels: of the checkpoint.
        example: the utterance, as `Examples` gives it.
        extractor: what the model hears by.
    """

    def __init__(
        self, output: Path, tracked: bool, labels: Labels, example: dict[str, Any], extractor: Any
    ) -> None:
        self.output, self.tracked, self.labels = output, tracked, labels
        self.wave, self.extractor = example["wave"], extractor
        self.reference = "".join(labels.spoken(index) for index in example["labels"])

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
        line = path.written(log_probs.argmax(axis=1), self.labels)
        text, drawing = self.output / "ctc_path.txt", self.output / "ctc_path.svg"
        with text.open("a", encoding="utf-8") as file:
            file.write(f"step {state.global_step}, said: {self.reference}\n{line}\n")
        path.plot(log_probs, self.labels, self.reference, drawing)
        if self.tracked:
            import mlflow

            mlflow.log_artifact(str(text))
            mlflow.log_artifact(str(drawing))
