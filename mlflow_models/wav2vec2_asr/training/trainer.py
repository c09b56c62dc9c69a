"""Transformers' Trainer for Wav2Vec2 with CTC: a flat start, and WER and CER in evaluation."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch.nn import functional
from transformers import Trainer

from wav2vec2_asr.labels import Labels
from wav2vec2_asr.training.examples import IGNORED
from wav2vec2_asr.training.words import Convention, score
from zoo.training.error_rates import total
from zoo.training.trainer import SpeechTrainer


class CTCTrainer(SpeechTrainer, Trainer):
    """The trainer.

    Args:
        labels: of the checkpoint.
        convention: how references and predictions are compared.
        references: the whole text of each example of the dev set, whatever the labels can say.
    """

    def __init__(
        self,
        *args: Any,
        labels: Labels,
        convention: Convention,
        references: Sequence[str],
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, compute_metrics=self.score, **kwargs)
        self.labels, self.convention, self.references = labels, convention, references

    def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, **_: Any) -> Any:
        """CTC's loss; at a flat start, also that of the linear alignment.

        An alignment that is wrong in each place is still right on the average, and spares a model
        from scratch the plateau on which it says nothing but blanks.
        """
        frames = inputs.pop("frame_ids", None)
        outputs = model(**inputs)
        loss = outputs.loss
        if frames is not None and self.network().flat_start:
            logits = outputs.logits
            wanted = frames[:, : logits.shape[1]]
            loss = loss + functional.cross_entropy(logits.flatten(0, 1).float(), wanted.flatten())
        return (loss, outputs) if return_outputs else loss

    def prediction_step(
        self, model: Any, inputs: Any, _loss_only: bool, ignore_keys: Any = None
    ) -> Any:
        """The loss, the path of the likeliest labels (batch, frames), and the references."""
        del ignore_keys
        inputs = self._prepare_inputs(inputs)
        inputs.pop("frame_ids", None)
        with torch.no_grad(), self.compute_loss_context_manager():
            outputs = model(**inputs)
        path = outputs.logits.argmax(dim=-1)
        if (mask := inputs.get("attention_mask")) is not None:
            lengths = self.network()._get_feat_extract_output_lengths(mask.sum(dim=1))
            beyond = torch.arange(path.shape[1], device=path.device) >= lengths[:, None]
            path = path.masked_fill(beyond, self.labels.blank)
        return outputs.loss.detach(), path, inputs["labels"]

    def score(self, prediction: Any) -> dict[str, float]:
        """Returns word and character error rates, in percent."""
        heard = map(self._spell, prediction.predictions)
        self.transcripts = list(zip(self.references, heard, strict=True))
        words, characters = score(self.transcripts, self.convention)
        return {"wer": total(words).rate, "cer": total(characters).rate}

    def _spell(self, path: np.ndarray) -> str:
        """Text of the labels of frames, int64 (frames,); repeated ones are one."""
        ids = path[path != IGNORED]
        if len(ids):
            ids = ids[np.r_[True, np.diff(ids) != 0]]
        spoken = (self.labels.spoken(i) for i in ids.tolist() if i not in self.labels.special)
        return "".join(spoken).strip()
