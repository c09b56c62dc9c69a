"""What several tests of wav2vec2_asr share."""

import json
import shutil
from pathlib import Path

import pytest

from tests.wav2vec2_asr.checkpoints import THAI, write_checkpoint
from tests.wav2vec2_asr.training import METHOD, NETWORK, STEPS, TEXTS
from tests.zoo.corpora import write_manifest
from wav2vec2_asr import finetune, prepare


@pytest.fixture(scope="session")
def tones(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What prepare.py makes of 20 tones."""
    folder = tmp_path_factory.mktemp("ctc")
    table = write_manifest(folder / "recordings", 20, TEXTS)
    options = ["--test-share", "0.2", "--shortest", "0.3"]
    prepare.main([str(table), "-o", str(folder / "data"), *options])
    return folder / "data"


@pytest.fixture(scope="session")
def tiny(tones: Path) -> list[str]:
    """Arguments of a training run of a few seconds, but for its output."""
    sets = ["--train", str(tones / "train"), "--dev", str(tones / "test"), "--from-scratch"]
    return [*sets, *f"{NETWORK} {METHOD} {STEPS}".split()]


@pytest.fixture(scope="session")
def whole(tiny: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run."""
    output = tmp_path_factory.mktemp("ctc whole") / "run"
    finetune.main([*tiny, "--output", str(output), "--tracking-uri", ""])
    return output


@pytest.fixture(scope="session")
def tuned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint with a head, whose tokenizer has labels beyond it, as airesearch's."""
    checkpoint = write_checkpoint(tmp_path_factory.mktemp("tuned") / "checkpoint")
    most = len(THAI) + 3
    added = json.dumps({"<s>": most, "</s>": most + 1})
    (checkpoint / "added_tokens.json").write_text(added, encoding="utf-8")
    return checkpoint


@pytest.fixture(scope="session")
def pretrained(tuned: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint as facebook/wav2vec2-large-xlsr-53: of pretraining, without head and labels."""
    import torch
    from transformers import Wav2Vec2ForCTC, Wav2Vec2ForPreTraining

    directory = tmp_path_factory.mktemp("pretrained") / "checkpoint"
    config = Wav2Vec2ForCTC.from_pretrained(tuned).config
    config.num_codevectors_per_group, config.codevector_dim, config.proj_codevector_dim = 8, 16, 16
    torch.manual_seed(2)
    Wav2Vec2ForPreTraining(config).save_pretrained(directory)
    shutil.copy(tuned / "preprocessor_config.json", directory)
    return directory
