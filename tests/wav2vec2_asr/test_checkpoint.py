"""Checkpoints of every layout are converted to the same, or refused in a sentence."""

import json
import pickle
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoProcessor, Wav2Vec2ForCTC

from tests.wav2vec2_asr.checkpoints import THAI, changed, converted, cut_weights, write_checkpoint
from wav2vec2_asr import build
from wav2vec2_asr.acoustic import Acoustic
from zoo.building import packaging
from zoo.building.packaging import ROOT
from zoo.data.audio import decode
from zoo.errors import CheckpointError

SOUND = decode(ROOT / "mlflow_models" / "wav2vec2_asr" / "samples" / "coffee.flac")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("layouts") / "checkpoint")


@pytest.fixture(scope="module")
def ours(checkpoint: Path) -> Acoustic:
    """The engine on it."""
    return converted(checkpoint, checkpoint.parent / "converted")


def copied(checkpoint: Path, directory: Path, *names: str) -> Path:
    """Files of a checkpoint."""
    directory.mkdir()
    for name in names:
        shutil.copy(checkpoint / name, directory)
    return directory


OTHERS = ("config.json", "vocab.json", "tokenizer_config.json", "preprocessor_config.json")


def old_state(checkpoint: Path) -> dict[str, torch.Tensor]:
    """Weights under the names that torch had for weight normalisation until 2023."""
    state = Wav2Vec2ForCTC.from_pretrained(checkpoint).state_dict()
    names = {"parametrizations.weight.original0": "weight_g"}
    names["parametrizations.weight.original1"] = "weight_v"
    for new, old in names.items():
        state = {name.replace(new, old): weight for name, weight in state.items()}
    assert any(name.endswith("conv.weight_g") for name in state)
    return state


def as_published_in_2021(checkpoint: Path, directory: Path) -> Path:
    copied(checkpoint, directory, *OTHERS)
    torch.save(old_state(checkpoint), directory / "pytorch_model.bin")
    return directory


def with_old_names_in_safetensors(checkpoint: Path, directory: Path) -> Path:
    from safetensors.torch import save_file

    copied(checkpoint, directory, *OTHERS)
    state = {name: weight.contiguous() for name, weight in old_state(checkpoint).items()}
    save_file(state, directory / "model.safetensors", {"format": "pt"})
    return directory


def in_shards(checkpoint: Path, directory: Path) -> Path:
    copied(checkpoint, directory, *OTHERS)
    model = Wav2Vec2ForCTC.from_pretrained(checkpoint)
    model.save_pretrained(directory, max_shard_size="60KB")
    assert len(list(directory.glob("*.safetensors"))) > 2
    return directory


def in_pickled_shards(checkpoint: Path, directory: Path) -> Path:
    copied(checkpoint, directory, *OTHERS)
    state = old_state(checkpoint)
    places: dict[str, str] = {}
    for number in (1, 2):
        name = f"pytorch_model-0000{number}-of-00002.bin"
        part = {k: v for k, v in state.items() if ("encoder" in k) == (number == 2)}
        torch.save(part, directory / name)
        places |= dict.fromkeys(part, name)
    index = {"metadata": {"total_size": 1}, "weight_map": places}
    (directory / "pytorch_model.bin.index.json").write_text(json.dumps(index))
    return directory


def as_transformers_5_writes_it(checkpoint: Path, directory: Path) -> Path:
    Wav2Vec2ForCTC.from_pretrained(checkpoint).save_pretrained(directory)
    AutoProcessor.from_pretrained(checkpoint).save_pretrained(directory)
    assert (directory / "processor_config.json").is_file()
    assert not (directory / "preprocessor_config.json").is_file()
    return directory


def with_labels_beyond_its_head(checkpoint: Path, directory: Path) -> Path:
    """As airesearch's Thai one: <s> and </s> were added to the tokenizer, not to the network."""
    shutil.copytree(checkpoint, directory)
    most = len(THAI) + 3
    (directory / "added_tokens.json").write_text(json.dumps({"<s>": most, "</s>": most + 1}))
    return changed(directory, "tokenizer_config.json", bos_token="<s>", eos_token="</s>")


def without_the_tokenizers_settings(checkpoint: Path, directory: Path) -> Path:
    return copied(checkpoint, directory, "config.json", "vocab.json", "model.safetensors")


LAYOUTS = [
    as_published_in_2021,
    with_old_names_in_safetensors,
    in_shards,
    in_pickled_shards,
    as_transformers_5_writes_it,
    with_labels_beyond_its_head,
    without_the_tokenizers_settings,
]


@pytest.mark.parametrize("make", LAYOUTS, ids=lambda make: make.__name__)
def test_every_layout_gives_the_same(
    make: Callable[[Path, Path], Path], checkpoint: Path, ours: Acoustic, tmp_path: Path
) -> None:
    engine = converted(make(checkpoint, tmp_path / "checkpoint"), tmp_path / "converted")
    assert engine.labels == ours.labels
    ((found,), (expected,)) = engine([SOUND]), ours([SOUND])
    assert np.abs(found - expected).max() < 1e-4


def test_weights_in_half_precision_are_taken(tmp_path: Path) -> None:
    checkpoint = write_checkpoint(tmp_path / "base", feat_extract_norm="group")
    directory = copied(checkpoint, tmp_path / "half", *OTHERS)
    Wav2Vec2ForCTC.from_pretrained(checkpoint).half().save_pretrained(directory)
    assert json.loads((directory / "config.json").read_text())["dtype"] == "float16"
    halved, whole = converted(directory, tmp_path / "c"), converted(checkpoint, tmp_path / "d")
    ((found,), (expected,)) = halved([SOUND]), whole([SOUND])
    assert (found.argmax(axis=1) == expected.argmax(axis=1)).mean() > 0.95


class Runs:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return (Path.touch, (self.path,))


def remove_weights(directory: Path) -> None:
    (directory / "model.safetensors").unlink()


def cut_pickle(directory: Path) -> None:
    torch.save(old_state(directory), directory / "pytorch_model.bin")
    remove_weights(directory)
    content = (directory / "pytorch_model.bin").read_bytes()
    (directory / "pytorch_model.bin").write_bytes(content[: len(content) // 2])


def run_code(directory: Path) -> None:
    remove_weights(directory)
    torch.save({"x": Runs(directory / "it ran")}, directory / "pytorch_model.bin")


def run_code_of_old(directory: Path) -> None:
    remove_weights(directory)
    content = pickle.dumps(Runs(directory / "it ran"))
    (directory / "pytorch_model.bin").write_bytes(content)


def lose_the_head(directory: Path) -> None:
    model = Wav2Vec2ForCTC.from_pretrained(directory)
    model.wav2vec2.save_pretrained(directory)
    changed(directory, "config.json", vocab_size=len(THAI) + 3)


def lose_a_layer(directory: Path) -> None:
    changed(directory, "config.json", num_hidden_layers=3)


def grow_the_head(directory: Path) -> None:
    changed(directory, "config.json", vocab_size=99)


def lose_a_label(directory: Path) -> None:
    labels = json.loads((directory / "vocab.json").read_text(encoding="utf-8"))
    labels.pop("a")
    (directory / "vocab.json").write_text(json.dumps(labels), encoding="utf-8")


BROKEN: dict[str, tuple[Callable[[Path], Any], str]] = {
    "no weights": (remove_weights, "weights are missing, incomplete or not safe"),
    "half of the weights": (cut_weights, "weights are missing, incomplete or not safe"),
    "half of a pickle": (cut_pickle, "weights are missing, incomplete or not safe"),
    "code in a pickle": (run_code, "weights are missing, incomplete or not safe"),
    "code in an old pickle": (run_code_of_old, "weights are missing, incomplete or not safe"),
    "no head": (lose_the_head, "lacks the weights 'lm_head"),
    "a layer too few": (lose_a_layer, "lacks the weights"),
    "a head of another size": (grow_the_head, "can't be loaded"),
    "no configuration": (lambda d: (d / "config.json").unlink(), "config.json'"),
    "half a configuration": (lambda d: (d / "config.json").write_text("{"), "config.json'"),
    "another kind": (
        lambda d: changed(d, "config.json", model_type="hubert"),
        "of the kind 'hubert', not 'wav2vec2'",
    ),
    "no vocabulary": (lambda d: (d / "vocab.json").unlink(), "vocab.json' not found"),
    "an empty vocabulary": (lambda d: (d / "vocab.json").write_text("{}"), "has 0 labels"),
    "a label too few": (lose_a_label, f"has {len(THAI) + 2} labels, but the model has"),
    "8 kHz": (
        lambda d: changed(d, "preprocessor_config.json", sampling_rate=8000),
        "8000 Hz",
    ),
    "an activation of its own": (
        lambda d: changed(d, "config.json", hidden_act="relu"),
        "activation is .* not 'gelu'",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_checkpoint_is_refused_in_one_sentence(
    name: str, checkpoint: Path, tmp_path: Path
) -> None:
    spoil, sentence = BROKEN[name]
    directory = shutil.copytree(checkpoint, tmp_path / "checkpoint")
    spoil(directory)
    with pytest.raises(CheckpointError, match=sentence) as error:
        converted(directory, tmp_path / "converted")
    assert "\n" not in str(error.value)
    assert not (directory / "it ran").exists()


@pytest.mark.parametrize("changes", [{"add_adapter": True}, {"adapter_attn_dim": 16}])
def test_adapters_are_refused(changes: dict[str, Any], tmp_path: Path) -> None:
    checkpoint = write_checkpoint(tmp_path / "adapters", **changes)
    with pytest.raises(CheckpointError, match="has adapters"):
        converted(checkpoint, tmp_path / "converted")


def test_the_builder_says_in_one_line_what_is_wrong(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = shutil.copytree(checkpoint, tmp_path / "checkpoint")
    remove_weights(directory)
    options = ["--checkpoint", str(directory), "--output", str(tmp_path / "model")]
    monkeypatch.setattr("sys.argv", ["build.py", *options])
    with pytest.raises(SystemExit) as end:
        packaging.run(build.main)
    assert re.fullmatch("error: .* can't be loaded .*\\.", str(end.value))
    assert not (tmp_path / "model").exists()
