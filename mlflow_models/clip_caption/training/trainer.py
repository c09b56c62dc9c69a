"""Transformers' Trainer for the mapper and GPT-2."""

import os
from typing import Any

import torch
from torch.nn import functional
from transformers import Trainer

from clip_caption.building.network import CaptionModel
from clip_caption.training.examples import (
    IGNORED,
    STOP,
    CaptionExamples,
    collate,
)
from clip_caption.training.words import Words
from clip_caption.vocabulary import tidy
from zoo.training.trainer import EpochTrainer

WEIGHTS = "weights.pt"


class TrainedCaptioner(torch.nn.Module):
    """The model, and the loss that it is trained by.

    Args:
        model: mapper and GPT-2.
        mapper_only: GPT-2 stays as it is, its dropout switched off (the paper's ClipCaptionPrefix).
    """

    def __init__(self, model: CaptionModel, mapper_only: bool) -> None:
        super().__init__()
        self.model, self.mapper_only = model, mapper_only
        if mapper_only:
            model.gpt.requires_grad_(False)

    def train(self, mode: bool = True) -> "TrainedCaptioner":
        super().train(mode)
        if self.mapper_only:
            self.model.gpt.eval()
        return self

    def forward(
        self,
        features: torch.Tensor,
        tokens: torch.Tensor,
        labels: torch.Tensor,
        num_items_in_batch: torch.Tensor | int | None = None,
        **_: Any,
    ) -> dict[str, torch.Tensor]:
        """Returns the mean cross-entropy over the captions' tokens, the stop token among them.

        Args:
            features: CLIP's, float32 (batch, clip_width).
            tokens: int64 (batch, length), filled up at the end.
            labels: int64 (batch, length), the tokens, or -100 in the filling.
            num_items_in_batch: labels in all batches of the step, which the sum is divided by.
        """
        logits = self.model(features, tokens)[:, :-1]
        flat = logits.reshape(-1, logits.shape[-1]).float()
        total = functional.cross_entropy(
            flat, labels.reshape(-1), ignore_index=IGNORED, reduction="sum"
        )
        count = num_items_in_batch if num_items_in_batch is not None else (labels != IGNORED).sum()
        return {"loss": total / count}


@torch.inference_mode()
def write_captions(
    model: CaptionModel, features: torch.Tensor, vocabulary: Words, longest: int
) -> list[str]:
    """Greedy captions, to look at while training.

    Args:
        model: mapper and GPT-2.
        features: CLIP's, float32 (images, clip_width).
        vocabulary: of GPT-2.
        longest: tokens of a caption.
    """
    embedded, cache = model.prefixes(features), None
    rows: list[list[int]] = [[] for _ in features]
    for _ in range(longest):
        step = model.gpt(inputs_embeds=embedded, past_key_values=cache, use_cache=True)
        cache, tokens = step.past_key_values, step.logits[:, -1].argmax(-1)
        for row, token in zip(rows, tokens.tolist(), strict=True):
            if STOP not in row:
                row.append(token)
        if all(STOP in row for row in rows):
            break
        embedded = model.gpt.transformer.wte(tokens)[:, None]
    return [tidy(vocabulary.decode(row)) for row in rows]


class CaptionTrainer(EpochTrainer, Trainer):
    """The trainer.

    Args:
        vocabulary: what the samples are written with.
        longest: tokens of a sample.
        samples: of the dev set's images, how many are captioned at each evaluation.
    """

    def __init__(
        self, *args: Any, vocabulary: Words, longest: int, samples: int, **kwargs: Any
    ) -> None:
        super().__init__(*args, data_collator=collate, **kwargs)
        self.vocabulary, self.longest, self.samples = vocabulary, longest, samples

    def prediction_step(self, model: Any, inputs: dict[str, Any], *_: Any, **__: Any) -> Any:
        """The loss; captions are written apart."""
        inputs = self._prepare_inputs(inputs)
        with torch.inference_mode():
            loss = model(**inputs)["loss"].detach()
        tokens = (inputs["labels"] != IGNORED).sum()
        self._evaluated += torch.stack([loss.double() * tokens, tokens.double()])
        return loss, None, None

    def evaluation_loop(self, *args: Any, **kwargs: Any) -> Any:
        """Writes the samples, and has the loss computed."""
        data: CaptionExamples = self.eval_dataset
        network = self.network().eval()
        features = data.features[: self.samples].to(self.args.device)
        found = write_captions(network.model, features, self.vocabulary, self.longest)
        references = (texts[0] for texts in data.captions)
        self.transcripts = list(zip(references, found, strict=False))
        self._evaluated = torch.zeros(2, dtype=torch.float64, device=self.args.device)
        output = super().evaluation_loop(*args, **kwargs)
        # by tokens, whatever the batches: the Trainer takes the mean of their means
        loss, tokens = self.accelerator.reduce(self._evaluated).tolist()
        output.metrics[f"{kwargs.get('metric_key_prefix', 'eval')}_loss"] = loss / tokens
        return output

    # The token embedding is GPT-2's output layer, too; safetensors, which the Trainer would take,
    # refuses two names for one tensor.
    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        directory = output_dir or str(self.args.output_dir)
        os.makedirs(directory, exist_ok=True)
        weights = state_dict or self.network().state_dict()
        torch.save(weights, os.path.join(directory, WEIGHTS))

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        weights = torch.load(os.path.join(resume_from_checkpoint, WEIGHTS), weights_only=True)
        self.accelerator.unwrap_model(model or self.model).load_state_dict(weights)
