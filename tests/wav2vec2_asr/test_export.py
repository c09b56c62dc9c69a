"""What `export.py` writes for phones: files that give the checkpoint's own text, however long the
clip is. ExecuTorch's part runs where it is installed; `exports.sh` does that."""

import importlib.util
import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import Wav2Vec2ForCTC, Wav2Vec2Processor

from tests.wav2vec2_asr.checkpoints import write_checkpoint
from tests.zoo.sounds import encoded, tone
from wav2vec2_asr.export import main
from wav2vec2_asr.exports import phone
from zoo.data.audio import decode
from zoo.errors import ZooError

SAMPLES = 24_000  # of `--seconds 1.5`
executorch = pytest.mark.skipif(
    importlib.util.find_spec("executorch") is None, reason="ExecuTorch isn't installed"
)
Run = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def export(*options: object) -> None:
    main([*map(str, options), "--seconds", "1.5"])


@pytest.fixture(scope="module")
def xlsr(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("xlsr"), num_hidden_layers=1)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Normalises over time, and has <pad> and upper case as the English ones."""
    directory = tmp_path_factory.mktemp("base")
    return write_checkpoint(directory, feat_extract_norm="group", num_hidden_layers=1)


def speech() -> dict[str, np.ndarray]:
    """Clips: as long as can be, shorter, of one frame; quiet and off centre, as a phone's are."""
    words = "สวัสดีครับ วันนี้อากาศดีมาก"
    file = subprocess.run(["espeak-ng", "-v", "th", "--stdout", words], capture_output=True)
    sound = 0.1 * decode(file.stdout) + np.float32(0.02)
    return {
        "the longest": sound[:SAMPLES],
        "shorter": sound[: SAMPLES // 2 + 7],
        "one frame": sound[5_000:5_400],
    }


def heard_by_app(directory: Path, run: Run, sound: np.ndarray) -> str:
    """As the README's lines of Kotlin have it, with the numbers of `model.json`."""
    about = json.loads((directory / "model.json").read_text())
    labels = (directory / "labels.txt").read_text(encoding="utf-8").split("\n")
    waves = torch.zeros(1, about["samples"])
    waves[0, : len(sound)] = torch.from_numpy(sound)
    logits = run(waves, torch.tensor([len(sound)]))[0]
    assert logits.shape == (about["frames"], about["labels"])
    text, last = "", -1
    for frame in range((len(sound) - about["window"]) // about["hop"] + 1):
        label = int(logits[frame].argmax())
        if label != last and label not in about["special"]:
            text += " " if label == about["space"] else labels[label]
        last = label
    return text.strip()


def heard_by_transformers(checkpoint: Path, sound: np.ndarray) -> str:
    processor: Any = Wav2Vec2Processor.from_pretrained(checkpoint)
    model: Any = Wav2Vec2ForCTC.from_pretrained(checkpoint)
    values = processor(sound, sampling_rate=16_000, return_tensors="pt").input_values
    with torch.no_grad():
        return str(processor.batch_decode(model(values).logits.argmax(-1))[0])


def assert_same_text(checkpoint: Path, directory: Path, run: Run) -> None:
    texts = []
    for name, sound in speech().items():
        texts.append(heard_by_app(directory, run, sound))
        assert texts[-1] == heard_by_transformers(checkpoint, sound), name
    assert len(texts[0]) > 5  # random weights, but not nothing


@executorch
@pytest.mark.parametrize("kind", ["xlsr", "base"])
def test_executorch_hears_what_the_checkpoint_hears(
    kind: str,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from executorch.runtime import Runtime  # type: ignore

    checkpoint = request.getfixturevalue(kind)
    export("--to", "executorch", "--checkpoint", checkpoint, "-o", tmp_path / "app")
    assert "same label in 100.00%" in capsys.readouterr().out
    method = Runtime.get().load_program(tmp_path / "app" / "model.pte").load_method("forward")
    assert method is not None
    assert_same_text(checkpoint, tmp_path / "app", lambda *inputs: method.execute(inputs)[0])
    assert "executorch-android" in (tmp_path / "app" / "README.md").read_text()


@executorch
def test_int8_is_smaller_and_says_how_near_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wide = write_checkpoint(
        tmp_path / "wide", num_hidden_layers=1, hidden_size=256, intermediate_size=1024
    )
    (tmp_path / "clip.wav").write_bytes(encoded(tone(1)))
    export(
        *("--to", "executorch", "--precision", "int8", "--checkpoint", wide),
        *("--audio", tmp_path / "clip.wav", "-o", tmp_path / "app"),
    )
    size, full = (tmp_path / one for one in ("app/model.pte", "wide/model.safetensors"))
    assert size.stat().st_size < 0.5 * full.stat().st_size
    check = json.loads((tmp_path / "app" / "model.json").read_text())["check"]
    assert 0.9 < check["agreement"] < 1
    assert f"{check['agreement']:.2%} of {check['frames']} frames" in capsys.readouterr().out


@pytest.mark.parametrize("kind", ["xlsr", "base"])
def test_the_network_hears_what_the_checkpoint_hears(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """What any runtime computes, without one."""
    checkpoint = request.getfixturevalue(kind)
    _, labels, network = phone.open_network(checkpoint, SAMPLES / 16_000)
    phone.describe(tmp_path, network, labels, phone.Check(0, 1, 1), "1.0")
    program = torch.export.export(network, network.example(), strict=False)
    with torch.no_grad():
        assert_same_text(checkpoint, tmp_path, program.module())
    readme = (tmp_path / "README.md").read_text()
    assert "executorch-android:1.0" in readme
    assert "$" not in readme


def test_a_failed_export_leaves_nothing_and_a_finished_one_alone(
    xlsr: Path, tmp_path: Path
) -> None:
    (tmp_path / "text.wav").write_text("no sound")
    (tmp_path / "damaged").mkdir()
    for path in xlsr.iterdir():
        (tmp_path / "damaged" / path.name).write_bytes(path.read_bytes()[:1000])
    (tmp_path / "there").mkdir()
    to, new = ("--to", "executorch"), tmp_path / "new"
    refused = {
        "text.wav' is not audio": (*to, "--checkpoint", xlsr, "--audio", tmp_path / "text.wav"),
        "nowhere.wav' can't be read": (*to, "--checkpoint", xlsr, "--audio", "nowhere.wav"),
        "damaged": ("--to", "triton", "--checkpoint", tmp_path / "damaged"),
        "there' exists": (*to, "--checkpoint", xlsr, "-o", tmp_path / "there"),
    }
    before = sorted(path.name for path in tmp_path.iterdir())
    for sentence, options in refused.items():
        with pytest.raises(ZooError, match=re.escape(sentence)):
            main([str(one) for one in ("-o", new, *options)])
    with pytest.raises(ZooError, match=r"--seconds 0\.01 is too short"):
        phone.open_network(xlsr, 0.01)
    assert sorted(path.name for path in tmp_path.iterdir()) == before
