"""Runs a checkpoint on recordings by PyTorch: the reference that the served model is held to."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from wav2vec2_asr.building.checkpoint import open_model
from wav2vec2_asr.labels import Labels
from wav2vec2_asr.training.examples import at_least_a_frame
from zoo.errors import CheckpointError
from zoo.training.augment import SAMPLE_RATE

Wave = np.ndarray  # (samples,) float32 at 16 kHz


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint that is ready to run.

    Args:
        name: its directory's.
        model: a Wav2Vec2ForCTC.
        extractor: its Wav2Vec2FeatureExtractor.
        labels: what its outputs stand for.
    """

    name: str
    model: Any
    extractor: Any
    labels: Labels


def open_checkpoint(directory: Path, device: str = "cpu") -> Checkpoint:
    """Opens a checkpoint in Hugging Face's format.

    Args:
        directory: where it is.
        device: as torch names it.

    Raises:
        CheckpointError: it isn't one, or its vocabulary isn't its head's.
    """
    from transformers import Wav2Vec2FeatureExtractor

    model = open_model(directory, attn_implementation="eager")
    try:
        extractor = Wav2Vec2FeatureExtractor.from_pretrained(directory)
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"'{directory}' has no preprocessor_config.json that can be read."
        ) from error
    labels = Labels.read(directory, model.config.vocab_size)
    return Checkpoint(directory.name, model.to(device), extractor, labels)


def log_probabilities(
    checkpoint: Checkpoint,
    load: Callable[[int], Wave],
    durations: Sequence[float],
    batch_size: int = 8,
) -> Iterator[tuple[int, np.ndarray]]:
    """Runs a checkpoint, the long recordings first and those of one length together.

    Args:
        checkpoint: what to run.
        load: returns the recording of an index.
        durations: seconds of each.
        batch_size: recordings at a time; where the checkpoint takes no attention mask (the base
            kind) it is 1, since padding would change what it hears.

    Yields:
        Indices and log-probabilities (frames, labels), float32.
    """
    import torch
    from tqdm import tqdm

    model, extractor = checkpoint.model, checkpoint.extractor
    size = batch_size if extractor.return_attention_mask else 1
    order = sorted(range(len(durations)), key=lambda index: -durations[index])
    for first in tqdm(range(0, len(order), size), desc=checkpoint.name):
        batch = order[first : first + size]
        waves = [at_least_a_frame(load(index)) for index in batch]
        made = extractor(waves, sampling_rate=SAMPLE_RATE, padding=True, return_tensors="pt")
        with torch.inference_mode():
            logits = model(**made.to(model.device)).logits.float()
        frames = model._get_feat_extract_output_lengths(torch.tensor([len(w) for w in waves]))
        scores = logits.log_softmax(dim=-1).cpu().numpy()
        for index, score, count in zip(batch, scores, frames.tolist(), strict=True):
            yield index, score[:count]
