"""Checkpoints of every layout, converted: PyTorch's logits and Transformers' text, or a refusal."""

import json
import pickle
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoProcessor, Wav2Vec2ForCTC, pipeline

from tests.wav2vec2_asr.checkpoints import THAI, write_checkpoint
from wav2vec2_asr import build, ctc
from wav2vec2_asr.convert import convert
from wav2vec2_asr.engine import Acoustic
from zoo import packaging
from zoo.audio import SAMPLE_RATE, decode
from zoo.errors import CheckpointError
from zoo.packaging import ROOT

FOLDER = ROOT / "mlflow_models" / "wav2vec2_asr"
SAMPLES = [decode(path) for path in sorted((FOLDER / "samples").glob("*.flac"))]
KINDS: dict[str, dict[str, Any]] = {
    "xlsr": {"feat_extract_norm": "layer"},
    "base": {"feat_extract_norm": "group"},
    "from scratch": {"feat_extract_norm": "group", "do_stable_layer_norm": True},
}


@dataclass
class Pair:
    checkpoint: Path
    ours: Acoustic
    theirs: Any
    processor: Any

    def expected(self, wave: np.ndarray) -> np.ndarray:
        """PyTorch's logits."""
        made = self.processor(wave, sampling_rate=SAMPLE_RATE, return_tensors="pt")
        with torch.inference_mode():
            logits: np.ndarray = self.theirs(**made).logits[0].numpy()
        return logits


def converted(checkpoint: Path, output: Path, precision: str = "fp32") -> Acoustic:
    output.mkdir()
    convert(checkpoint, output, precision)
    return Acoustic(output)


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("convert")


@pytest.fixture(scope="module")
def pairs(work: Path) -> dict[str, Pair]:
    """The engine and PyTorch on the same weights, of every kind."""
    found = {}
    for kind, changes in KINDS.items():
        checkpoint = write_checkpoint(work / kind, **changes)
        model = Wav2Vec2ForCTC.from_pretrained(checkpoint).eval()
        ours = converted(checkpoint, work / f"{kind} converted")
        processor = AutoProcessor.from_pretrained(checkpoint)
        found[kind] = Pair(checkpoint, ours, model, processor)
    return found


@pytest.fixture(params=KINDS)
def pair(request: pytest.FixtureRequest, pairs: dict[str, Pair]) -> Pair:
    return pairs[request.param]


def noise(samples: int, level: float = 0.1) -> np.ndarray:
    return np.random.default_rng(1).normal(0, level, samples).astype(np.float32)


SOUNDS = {
    **{f"{n} samples": noise(n) for n in (400, 401, 719, 720, 721, 16_000, 160_000)},
    "speech": SAMPLES[0],
    "silence": np.zeros(16_000, np.float32),
    "one click": np.eye(1, 16_000, 8000, dtype=np.float32)[0],
    "constant": np.full(16_000, 0.25, np.float32),
    "loud": np.clip(noise(16_000, 10.0), -1, 1),
    "beyond full scale": noise(16_000, 1000.0),
    "next to nothing": noise(16_000, 1e-5),
}


@pytest.mark.parametrize("name", SOUNDS)
def test_the_logits_are_pytorchs(pair: Pair, name: str) -> None:
    (found,) = pair.ours([SOUNDS[name]])
    expected = pair.expected(SOUNDS[name])
    assert found.shape == expected.shape == (pair.ours.frames(len(SOUNDS[name])), len(THAI) + 3)
    assert found.dtype == np.float32
    assert np.abs(found - expected).max() < 1e-3
    assert np.array_equal(found.argmax(axis=1), expected.argmax(axis=1))


@pytest.mark.parametrize("samples", [0, 1, 399])
def test_what_is_shorter_than_a_frame_has_none(pair: Pair, samples: int) -> None:
    (found,) = pair.ours([noise(samples)])
    assert found.shape == (0, len(THAI) + 3)
    assert ctc.characters(ctc.greedy(found), ctc.log_softmax(found), pair.ours.labels) == []


def test_several_recordings_are_answered_as_each_alone(pair: Pair) -> None:
    waves = [SAMPLES[0], noise(0), noise(16_000), SAMPLES[1], noise(400)]
    together = pair.ours(waves)
    for wave, found in zip(waves, together, strict=True):
        (alone,) = pair.ours([wave])
        assert np.array_equal(alone, found)
    assert pair.ours([]) == []


def text(engine: Acoustic, wave: np.ndarray) -> str:
    (logits,) = engine([wave])
    heard = ctc.characters(ctc.greedy(logits), ctc.log_softmax(logits), engine.labels)
    return ctc.text_of(heard)


def test_the_text_is_the_pipelines(pair: Pair) -> None:
    """But for what the tokenizer has no character for, which the pipeline writes as `[UNK]`."""
    theirs = pipeline(
        "automatic-speech-recognition",
        model=pair.theirs,
        tokenizer=pair.processor.tokenizer,
        feature_extractor=pair.processor.feature_extractor,
    )
    for wave in [*SAMPLES, noise(80_000)]:
        said = theirs({"raw": wave, "sampling_rate": SAMPLE_RATE})["text"]
        assert text(pair.ours, wave) == said.replace("[UNK]", "").strip()
        assert len(text(pair.ours, wave)) > 10


def test_int8_says_nearly_the_same(pairs: dict[str, Pair], work: Path) -> None:
    """On random weights, whose labels are next to each other: most frames, and the same order of
    likelihood. How much a trained model's CER changes, evaluate.py says."""
    pair = pairs["xlsr"]
    int8 = converted(pair.checkpoint, work / "int8", "int8")
    sizes = [(work / name / "model.onnx").stat().st_size for name in ("int8", "xlsr converted")]
    assert sizes[0] < 0.8 * sizes[1]
    for wave in SAMPLES:
        ((ours,), (full,)) = int8([wave]), pair.ours([wave])
        assert ours.shape == full.shape
        assert (ours.argmax(axis=1) == full.argmax(axis=1)).mean() > 0.8
        assert np.corrcoef(ours.ravel(), full.ravel())[0, 1] > 0.97


def copied(checkpoint: Path, directory: Path, *names: str) -> Path:
    """Files of a checkpoint; all of them, if none is named."""
    directory.mkdir()
    for path in checkpoint.iterdir():
        if not names or path.name in names:
            shutil.copy(path, directory)
    return directory


def changed(directory: Path, name: str, **changes: Any) -> Path:
    """Changes fields of a JSON file."""
    content = json.loads((directory / name).read_text(encoding="utf-8"))
    (directory / name).write_text(json.dumps({**content, **changes}), encoding="utf-8")
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
    copied(checkpoint, directory)
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
    make: Callable[[Path, Path], Path], pairs: dict[str, Pair], tmp_path: Path
) -> None:
    pair = pairs["xlsr"]
    engine = converted(make(pair.checkpoint, tmp_path / "checkpoint"), tmp_path / "converted")
    assert engine.labels == pair.ours.labels
    ((found,), (expected,)) = engine([SAMPLES[0]]), pair.ours([SAMPLES[0]])
    assert np.abs(found - expected).max() < 1e-4


def test_weights_in_half_precision_are_taken(pairs: dict[str, Pair], tmp_path: Path) -> None:
    pair = pairs["base"]
    directory = copied(pair.checkpoint, tmp_path / "half", *OTHERS)
    Wav2Vec2ForCTC.from_pretrained(pair.checkpoint).half().save_pretrained(directory)
    assert json.loads((directory / "config.json").read_text())["dtype"] == "float16"
    ((found,), (expected,)) = (
        converted(directory, tmp_path / "c")([SAMPLES[0]]),
        pair.ours([SAMPLES[0]]),
    )
    assert (found.argmax(axis=1) == expected.argmax(axis=1)).mean() > 0.95


def test_the_english_vocabulary_and_unnormalised_sound(tmp_path: Path) -> None:
    """As facebook/wav2vec2-base-960h: capitals, <pad> first, <s> and </s> of its head; heard as it
    is, not normalised."""
    checkpoint = write_checkpoint(
        tmp_path / "english", "'ABCDEFGHIJKLMNOPQRSTUVWXYZ</", feat_extract_norm="group"
    )
    names = ["<pad>", "<s>", "</s>", "<unk>", "|", *"ETAOINHSRDLUMWCFGYPBVK'XJQZ"]
    labels = {name: index for index, name in enumerate(names)}
    (checkpoint / "vocab.json").write_text(json.dumps(labels))
    special = {"pad_token": "<pad>", "unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>"}
    changed(checkpoint, "tokenizer_config.json", **special)
    changed(checkpoint, "special_tokens_map.json", **special)
    changed(checkpoint, "preprocessor_config.json", do_normalize=False)
    changed(checkpoint, "config.json", pad_token_id=0)
    processor = AutoProcessor.from_pretrained(checkpoint)
    engine = converted(checkpoint, tmp_path / "converted")
    pair = Pair(checkpoint, engine, Wav2Vec2ForCTC.from_pretrained(checkpoint).eval(), processor)
    for wave in (SAMPLES[0], noise(80_000, 2.0)):
        expected = pair.expected(wave)
        (found,) = engine([wave])
        assert np.abs(found - expected).max() < 1e-3
        said = processor.decode(expected.argmax(axis=1))
        for name in ("<s>", "</s>", "<unk>"):
            said = said.replace(name, "")
        assert text(engine, wave) == said.strip()
        assert text(engine, wave).isupper()


class Runs:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return (Path.touch, (self.path,))


def remove_weights(directory: Path) -> None:
    (directory / "model.safetensors").unlink()


def cut_weights(directory: Path) -> None:
    content = (directory / "model.safetensors").read_bytes()
    (directory / "model.safetensors").write_bytes(content[: len(content) // 2])


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
    "no head": (lose_the_head, "lacks the weights 'lm_head.*isn't fine-tuned with CTC"),
    "a layer too few": (lose_a_layer, "lacks the weights"),
    "a head of another size": (grow_the_head, "can't be loaded"),
    "no configuration": (lambda d: (d / "config.json").unlink(), "config.json' is missing"),
    "half a configuration": (lambda d: (d / "config.json").write_text("{"), "config.json'"),
    "another kind": (
        lambda d: changed(d, "config.json", model_type="hubert"),
        "of the kind 'hubert', not 'wav2vec2'",
    ),
    "no vocabulary": (lambda d: (d / "vocab.json").unlink(), "vocab.json' is missing"),
    "an empty vocabulary": (lambda d: (d / "vocab.json").write_text("{}"), "has 0 labels"),
    "a label too few": (lose_a_label, f"has {len(THAI) + 2} labels, but the model has"),
    "8 kHz": (
        lambda d: changed(d, "preprocessor_config.json", sampling_rate=8000),
        "hears 8000 Hz, not 16000 Hz",
    ),
    "an activation of its own": (
        lambda d: changed(d, "config.json", hidden_act="relu"),
        "activation is .* not 'gelu'",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_checkpoint_is_refused_in_one_sentence(
    name: str, pairs: dict[str, Pair], tmp_path: Path
) -> None:
    spoil, sentence = BROKEN[name]
    directory = copied(pairs["xlsr"].checkpoint, tmp_path / "checkpoint")
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
    pairs: dict[str, Pair], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = copied(pairs["xlsr"].checkpoint, tmp_path / "checkpoint")
    remove_weights(directory)
    options = ["--checkpoint", str(directory), "--output", str(tmp_path / "model")]
    monkeypatch.setattr("sys.argv", ["build.py", *options])
    with pytest.raises(SystemExit) as end:
        packaging.run(build.main)
    assert re.fullmatch("error: .* can't be loaded .*\\.", str(end.value))
    assert not (tmp_path / "model").exists()
