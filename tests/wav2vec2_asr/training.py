"""Training runs of a few seconds, on tones."""

from pathlib import Path
from typing import Any

import numpy as np

from tests.zoo.corpora import tone
from wav2vec2_asr import finetune
from zoo.training.dataset import features

TEXTS = ["ดีมาก ๆ", "ไปไหนมา", "กินข้าว", "นอน"]
NETWORK = "--width 16 --layers 2 --heads 2 --channels 16 16 16 16 16 16 16 --layerdrop 0.2"
METHOD = "--lr 1e-3 --flat-start 3 --margin 0.2 --noise 0.5 --silence 0.1 --join 0.2"
STEPS = "--max-seconds 3 --words spaces --batch-size 2 --accumulate 2 --epochs 2 --warmup-steps 2"
STEPS += " --save-every 2 --eval-every 5"


def stored(directory: Path, texts: list[str], seconds: float = 0.6) -> Path:
    """A data set in prepare.py's format with what prepare.py would leave out."""
    from datasets import Dataset

    waves = [(tone(seconds, 200) * 32767).astype(np.int16) for _ in texts]
    names = [str(number) for number in range(len(texts))]
    table = {"audio": waves, "text": texts, "duration": [seconds] * len(texts), "name": names}
    Dataset.from_dict(table, features=features(())).save_to_disk(directory)
    return directory


def train(tones: Path, output: Path, *options: str, **sets: Path) -> dict[str, Any]:
    """A run of a step or two; returns the last weights."""
    from safetensors.torch import load_file

    train, dev = sets.get("train", tones / "train"), sets.get("dev", tones / "test")
    usual = "--words spaces --batch-size 4 --max-steps 2 --warmup-steps 0 --eval-every 2".split()
    given = ["--train", str(train), "--dev", str(dev), "--output", str(output)]
    finetune.main([*given, "--tracking-uri", "", *usual, *options])
    weights: dict[str, Any] = load_file(output / "last" / "model.safetensors")
    return weights
