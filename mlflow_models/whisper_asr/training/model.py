"""Whisper with the losses that it is trained by; a checkpoint of it is a plain Whisper."""

from typing import Any

import torch
from torch import nn
from torch.nn import functional
from transformers import WhisperConfig, WhisperForConditionalGeneration
from transformers.modeling_outputs import Seq2SeqLMOutput

from whisper_asr.training.examples import IGNORED


class TrainedWhisper(WhisperForConditionalGeneration):
    """Whisper that takes windows of any length and may have a CTC head.

    The encoder's positions are sinusoids, so a window shorter than 30 s uses the first of them, and
    costs accordingly less.

    Args:
        config: the checkpoint's.
        text_tokens: token ids that the training texts have, for the CTC head and the softmax.
        ctc_weight: share of the CTC loss (Graves et al. 2006) on the encoder's output: it teaches
            the encoder what is said when, long before attention finds it out (Kim et al. 2017,
            "Joint CTC-Attention based End-to-End Speech Recognition using Multi-task Learning").
        narrow: the softmax is over `text_tokens` and the special tokens only. Much cheaper for a
            small model, whose embedding is most of it; to be followed by training without.
    """

    def __init__(
        self,
        config: WhisperConfig,
        text_tokens: list[int] | None = None,
        ctc_weight: float = 0.0,
        narrow: bool = False,
    ) -> None:
        super().__init__(config)
        self.ctc_weight = ctc_weight
        self.ctc_head = nn.Linear(config.d_model, len(text_tokens or []) + 1)
        self.positions = config.max_source_positions
        kept = [*(text_tokens or []), *range(config.eos_token_id, config.vocab_size)]
        columns = torch.full((config.vocab_size,), -1)
        columns[kept] = torch.arange(len(kept))
        self.kept = torch.tensor(kept) if narrow else None
        self.columns = columns

    def set_window(self, frames: int) -> None:
        """Makes the encoder take spectrograms of so many frames (10 ms each)."""
        encoder = self.model.encoder
        encoder.config.max_source_positions = frames // 2
        encoder.embed_positions.num_embeddings = frames // 2

    def forward(  # type: ignore[override]
        self,
        input_features: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
        text_ids: torch.Tensor | None = None,
        num_items_in_batch: torch.Tensor | int | None = None,
        **kwargs: Any,
    ) -> Any:
        """Returns the loss where there are labels, and what Whisper returns where there are none.

        Args:
            input_features: (batch, mels, frames).
            labels: (batch, tokens), what follows each of `decoder_input_ids`, or -100.
            text_ids: (batch, tokens) of the CTC head, padded with -100.
            num_items_in_batch: labels in all batches of the step, which the sum is divided by.
        """
        if labels is None:
            return super().forward(input_features=input_features, **kwargs)
        assert input_features is not None
        self.set_window(input_features.shape[-1])
        output = self.model(input_features, use_cache=False, **kwargs)
        counted = labels != IGNORED
        hidden, wanted = output.last_hidden_state[counted], labels[counted]
        weight = self.proj_out.weight
        if self.kept is not None and self.training:
            weight = weight[self.kept.to(weight.device)]
            wanted = self.columns.to(wanted.device)[wanted]
        loss = functional.cross_entropy(
            functional.linear(hidden, weight).float(), wanted, reduction="sum"
        )
        if self.ctc_weight and text_ids is not None:
            ctc = self._ctc(output.encoder_last_hidden_state, text_ids)
            loss = (1 - self.ctc_weight) * loss + self.ctc_weight * ctc
        return Seq2SeqLMOutput(loss=loss / (num_items_in_batch or counted.sum()))

    def _ctc(self, encoded: torch.Tensor, text_ids: torch.Tensor) -> torch.Tensor:
        """The CTC loss, summed; the last output of the head is the blank."""
        scores = functional.log_softmax(self.ctc_head(encoded).float(), dim=-1).transpose(0, 1)
        lengths = (text_ids != IGNORED).sum(dim=1)
        frames = torch.full_like(lengths, scores.shape[0])
        return functional.ctc_loss(
            scores,
            text_ids.clamp(min=0),
            frames,
            lengths,
            blank=self.ctc_head.out_features - 1,
            reduction="sum",
            zero_infinity=True,
        )
