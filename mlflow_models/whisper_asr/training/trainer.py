"""Transformers' Seq2SeqTrainer for Whisper, and its evaluation by generated text."""

from collections.abc import Sequence
from typing import Any

from transformers import Seq2SeqTrainer

from whisper_asr.training.error_rates import character_errors
from whisper_asr.training.examples import IGNORED
from whisper_asr.training.normalizer import Normalizer
from zoo.training.error_rates import total
from zoo.training.trainer import SpeechTrainer


def plain(model: Any) -> Any:
    """The Whisper within a peft model, or the model itself."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model


class WhisperTrainer(SpeechTrainer, Seq2SeqTrainer):
    """The trainer, whose evaluation generates text.

    Args:
        references: the whole text of each example of the dev set.
    """

    def __init__(self, *args: Any, references: Sequence[str], **kwargs: Any) -> None:
        super().__init__(*args, compute_metrics=self.score, **kwargs)
        self.references = references

    def network(self) -> Any:
        return plain(super().network())

    def prediction_step(
        self, model: Any, inputs: dict[str, Any], prediction_loss_only: bool, *rest: Any, **kw: Any
    ) -> Any:
        """Generates, at the window of the batch."""
        self.network().set_window(inputs["input_features"].shape[-1])
        inputs = {k: v for k, v in inputs.items() if k not in ("text_ids", "frame_ids")}
        return super().prediction_step(model, inputs, prediction_loss_only, *rest, **kw)

    def score(self, prediction: Any) -> dict[str, float]:
        """Returns the character error rate of what was generated, in percent."""
        ids = [[i for i in row if i != IGNORED] for row in prediction.predictions.tolist()]
        heard = self.processing_class.batch_decode(ids, skip_special_tokens=True)
        self.transcripts = list(zip(self.references, heard, strict=True))
        errors = [character_errors(*pair, Normalizer()) for pair in self.transcripts]
        return {"cer": total(errors).rate}
