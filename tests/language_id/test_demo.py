"""The demo checkpoint: it is what its sums say, and tells the samples' languages."""

import json
from pathlib import Path

import numpy as np
import pytest

from language_id.training import network
from language_id.training.conditions import telephone
from language_id.training.identify import probabilities
from zoo.building.packaging import ROOT
from zoo.data import audio

SAMPLES = ROOT / "mlflow_models" / "language_id" / "samples"
LANGUAGES = {"english": "en", "mandarin": "zh", "thai": "th"}


@pytest.mark.parametrize("name", LANGUAGES)
@pytest.mark.parametrize("line", ["as it is", "telephone"])
def test_the_samples_are_told_apart(name: str, line: str) -> None:
    directory = network.find("demo")
    model, extractor = network.open_checkpoint(directory), network.open_extractor(directory, False)
    wave = audio.decode(SAMPLES / f"{name}.flac")
    found = probabilities(model, extractor, telephone(wave) if line == "telephone" else wave)
    assert found.sum() == pytest.approx(1, abs=1e-5)
    assert model.config.id2label[int(np.argmax(found))] == LANGUAGES[name]


def test_the_demo_is_small_and_public() -> None:
    files = sorted(path for path in network.DEMO.iterdir() if path.is_file())
    assert sum(path.stat().st_size for path in files) < 20e6
    config = json.loads(Path(network.DEMO / "config.json").read_text(encoding="utf-8"))
    assert config["architectures"] == ["Wav2Vec2ForSequenceClassification"]
    assert not config["use_weighted_layer_sum"]
