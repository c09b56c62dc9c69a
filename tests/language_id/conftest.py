"""A corpus of tones that stands for three languages, and what trains on it in seconds."""

from pathlib import Path

import pytest

from language_id import finetune
from tests.zoo.corpora import save, tone, write_table

PITCHES = {"en": 200.0, "th": 700.0, "zh": 1500.0}  # Hz
NETWORK = "--width 16 --layers 1 --heads 2 --channels 8 8 8 8 8 8 8 --projection 8"
METHOD = "--seconds 0.6 0.9 --examples 16 --batch-size 4 --accumulate 2 --lr 3e-3 --vary 0.3"
STEPS = "--epochs 3 --warmup-steps 2 --save-every 2 --eval-every 3 --label-smoothing 0"


@pytest.fixture(scope="session")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """36 tones of six speakers: four train, one is for dev, one for the test."""
    folder, rows = tmp_path_factory.mktemp("languages"), []
    for language, pitch in PITCHES.items():
        for number in range(12):
            speaker = number // 2
            split = {4: "dev", 5: "test"}.get(speaker, "train")
            path = f"{language}_{number}.wav"
            save(folder / path, tone(0.5 + 0.05 * number, pitch + 15 * speaker))
            rows.append((path, language, f"s{speaker}", "tones", split))
    header = ("path", "language", "speaker", "source", "split")
    return write_table(folder / "manifest.tsv", header, rows)


@pytest.fixture(scope="session")
def tiny(manifest: Path) -> list[str]:
    """Arguments of a training run of a few seconds, but for its output."""
    data = ["network", "--manifest", str(manifest), "--from-scratch"]
    return [*data, *f"{NETWORK} {METHOD} {STEPS}".split()]


@pytest.fixture(scope="session")
def whole(tiny: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of the whole network."""
    output = tmp_path_factory.mktemp("network") / "run"
    finetune.main([*tiny, "--output", str(output), "--tracking-uri", ""])
    return output
