"""Whisper with the losses that it is trained by; a checkpoint of it is a plain Whisper."""

from typing import Any

import torch
from torch import nn
from torch.nn import functional
from transformers import WhisperConfig, WhisperForConditionalGeneration
from transformers.modeling_outputs import Seq2SeqLMOutput

from whisper_asr.training.examples import IGNORED

FLAT_WEIGHT = 30.0  # of the linear alignment's loss against CTC's, which is large at first


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
        self.text_tokens = text_tokens = text_tokens or []
        self.ctc_head = nn.Linear(config.d_model, len(text_tokens) + 1) if ctc_weight else None
        self.positions = config.max_source_positions
        self.flat_start = False
        kept = [*text_tokens, *range(config.eos_token_id, config.vocab_size)]
        cpu = torch.device("cpu")  # a checkpoint is loaded over a model on no device
        columns = torch.full((config.vocab_size,), -1, device=cpu)
        columns[kept] = torch.arange(len(kept), device=cpu)
        self.kept = torch.tensor(kept, device=cpu) if narrow else None
        self.columns = columns

    def initialize(self) -> None:
        """Gives a small model a good start, where there is no checkpoint to start from.

        The encoder's attention begins as looking at what is near, since sinusoids are most like
        those beside them (Trockman and Kolter 2023, "Mimetic Initialization of Self-Attention
        Layers"); its convolutions are large enough for the positions not to drown the sound. The
        decoder's attention to the encoder begins along the diagonal: five tokens a second.
        """
        encoder, decoder = self.model.encoder, self.model.decoder
        with torch.no_grad():
            for convolution in (encoder.conv1, encoder.conv2):
                nn.init.normal_(convolution.weight, std=0.12)
            near = [layer.self_attn for layer in encoder.layers]
            for attention in near + [layer.encoder_attn for layer in decoder.layers]:
                for projection in (attention.q_proj, attention.k_proj):
                    projection.weight += 1.1 * torch.eye(len(projection.weight))
            places = 10 * torch.arange(len(decoder.embed_positions.weight)) - 20
            places = places.clamp(0, self.positions - 1)
            decoder.embed_positions.weight.copy_(0.1 * encoder.embed_positions.weight[places])

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
        frame_ids: torch.Tensor | None = None,
        num_items_in_batch: torch.Tensor | int | None = None,
        **kwargs: Any,
    ) -> Any:
        """Returns the loss where there are labels, and what Whisper returns where there are none.

        Args:
            input_features: log-mel, float32 (batch, mels, frames), a frame each 10 ms.
            labels: int64 (batch, tokens), what follows each of `decoder_input_ids`, or -100.
            text_ids: int64 (batch, tokens) of the CTC head, padded with -100.
            frame_ids: int64 (batch, frames / 2) of the CTC head, a linear alignment.
            num_items_in_batch: labels in all batches of the step, which the sum is divided by.
        """
        if labels is None:
            return super().forward(input_features=input_features, **kwargs)
        assert input_features is not None
        self.set_window(input_features.shape[-1])
        count = num_items_in_batch or (labels != IGNORED).sum()
        if self.ctc_weight == 1:
            encoded = self.model.encoder(input_features).last_hidden_state
            loss = encoded.new_zeros(())
        else:
            output = self.model(input_features, use_cache=False, **kwargs)
            encoded = output.encoder_last_hidden_state
            loss = (1 - self.ctc_weight) * self._decoder_loss(output.last_hidden_state, labels)
        if self.ctc_head is not None and text_ids is not None and frame_ids is not None:
            scores = self.ctc_head(encoded).float()
            loss = loss + self.ctc_weight * _ctc_loss(scores, text_ids)
            if self.flat_start:
                said = functional.cross_entropy(scores.flatten(0, 1), frame_ids.flatten())
                loss = loss + FLAT_WEIGHT * said * (labels != IGNORED).sum()
        return Seq2SeqLMOutput(loss=loss / count)

    def _decoder_loss(self, hidden: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """The cross entropy of the tokens to predict, summed."""
        counted = labels != IGNORED
        wanted, weight = labels[counted], self.proj_out.weight
        if self.kept is not None and self.training:
            weight = weight[self.kept.to(weight.device)]
            wanted = self.columns.to(wanted.device)[wanted]
        scores = functional.linear(hidden[counted], weight).float()
        return functional.cross_entropy(scores, wanted, reduction="sum")


def _ctc_loss(scores: torch.Tensor, text_ids: torch.Tensor) -> torch.Tensor:
    """The CTC loss, summed; the last of the scores (batch, frames, tokens + 1) is the blank's."""
    lengths = (text_ids != IGNORED).sum(dim=1)
    return functional.ctc_loss(
        functional.log_softmax(scores, dim=-1).transpose(0, 1),
        text_ids.clamp(min=0),
        torch.full_like(lengths, scores.shape[1]),
        lengths,
        blank=scores.shape[2] - 1,
        reduction="sum",
        zero_infinity=True,
    )
