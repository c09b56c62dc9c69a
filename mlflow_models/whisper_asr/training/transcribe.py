"""Transcribes recordings with a checkpoint: the one place where evaluation meets an engine."""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from whisper_asr.building.vocabulary import CONTEXT
from whisper_asr.training.examples import HEARD_SECONDS
from zoo.training.augment import SAMPLE_RATE

Wave = np.ndarray  # (samples,) float32 at 16 kHz
SEED = 1  # of what the engine draws at a temperature above 0


@dataclass(frozen=True)
class Decoding:
    """How a checkpoint is run.

    Args:
        language: Whisper's code.
        beam_size: 1 is greedy; None: greedy in Transformers, and the engine's default if served.
        batch_size: recordings at a time.
        device: as torch names it; the engine takes a GPU where there is one.
    """

    language: str = "zh"
    beam_size: int | None = None
    batch_size: int = 8
    device: str = "cpu"

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters of a request to the model; the others have their defaults."""
        given = {"language": self.language, "batch_size": self.batch_size}
        return {**given, "beam_size": self.beam_size} if self.beam_size else given


def unheard(durations: Sequence[float]) -> str:
    """Say how many recordings are longer than what is heard of them; empty if none is."""
    long = sum(seconds > HEARD_SECONDS for seconds in durations)
    return (
        f"{long} of {len(durations)} recordings are longer than {HEARD_SECONDS:g} s: what is said "
        "after that isn't heard, and counts as mistakes."
        if long
        else ""
    )


def transcribe(
    directory: Path,
    load: Callable[[int], Wave],
    durations: Sequence[float],
    decoding: Decoding,
) -> list[str]:
    """Transcribes recordings, of which 30 s are heard, the long ones together and first.

    Args:
        directory: a checkpoint in Hugging Face's format.
        load: returns the recording of an index, float32 (samples,) at 16 kHz.
        durations: seconds of each.
        decoding: how to.

    Returns:
        The text of each, in the order of the indices.
    """
    import torch
    import transformers
    from tqdm import tqdm

    from whisper_asr.training.export import open_model, open_parts

    transformers.logging.set_verbosity_error()  # it warns of what Whisper always does
    tokenizer, extractor = open_parts(directory, mels=80)
    model = open_model(directory, None, 0.0).eval().to(decoding.device)
    order = sorted(range(len(durations)), key=lambda index: -durations[index])
    texts = [""] * len(order)
    for first in tqdm(range(0, len(order), decoding.batch_size), desc=directory.name):
        batch = order[first : first + decoding.batch_size]
        made = extractor([load(i) for i in batch], sampling_rate=SAMPLE_RATE, return_tensors="pt")
        with torch.inference_mode():
            ids = model.generate(
                made.input_features.to(decoding.device),
                language=decoding.language,
                task="transcribe",
                num_beams=decoding.beam_size or 1,
                max_length=CONTEXT,
            )
        for index, text in zip(
            batch, tokenizer.batch_decode(ids, skip_special_tokens=True), strict=True
        ):
            texts[index] = text
    return texts


def transcribe_served(
    directory: Path, load: Callable[[int], Wave], count: int, decoding: Decoding
) -> list[str]:
    """Transcribes recordings as they are served: packed by build.py, and heard by the engine.

    Args:
        directory: a checkpoint in Hugging Face's format.
        load: returns the recording of an index, float32 (samples,) at 16 kHz, of any length.
        count: how many recordings there are.
        decoding: how to; the other parameters have their defaults.

    Returns:
        The text of each.
    """
    from ctranslate2 import set_random_seed
    from tqdm import tqdm

    from whisper_asr.building.convert import convert
    from whisper_asr.engine import Engine
    from whisper_asr.options import Options

    texts: list[str] = []
    with tempfile.TemporaryDirectory() as work:
        convert(directory, "", Path(work), "auto")
        engine = Engine(Path(work))
        set_random_seed(SEED)
        size = decoding.batch_size * engine.threads
        for first in tqdm(range(0, count, size), desc=f"{directory.name}, served"):
            waves = [load(index) for index in range(first, min(first + size, count))]
            for found in engine(waves, Options(**decoding.parameters)):
                if isinstance(found, Exception):
                    raise found
                texts.append(found.text)
    return texts
