"""Training: it resumes, adapts, exports what every reader takes, and refuses what it can't do."""

import json
from pathlib import Path

import pytest

from tests.zoo.corpora import write_manifest
from tests.zoo.training import assert_left_alone, losses, resumed
from whisper_asr import finetune, prepare
from zoo.errors import CheckpointError, ZooError


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Arguments of a training run of a few seconds, but for its output."""
    folder = tmp_path_factory.mktemp("tiny")
    for name, count in (("train", 16), ("dev", 4)):
        table = write_manifest(folder / name, count)
        prepare.main([str(table), "-o", str(folder / "data" / name)])
    shape = "--width 16 --encoder-layers 1 --decoder-layers 1 --heads 2 --dropout 0.1"
    method = "--window longest --window-seconds 3 --ctc-weight 0.3 --narrow-softmax --lr 1e-3"
    method += " --flat-start 4 --margin 0.2"
    shares = "--noise 0.5 --timestamps 0.5 --silence 0.1 --join 0.3 --prompt 0.2 --spec-augment"
    steps = "--epochs 2 --batch-size 2 --accumulate 2 --save-every 2 --eval-every 6"
    return [
        *("--train", str(folder / "data" / "train"), "--dev", str(folder / "data" / "dev")),
        *("--from-scratch", *shape.split(), *method.split(), *shares.split(), *steps.split()),
    ]


@pytest.fixture(scope="session")
def whole(tiny: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run."""
    output = tmp_path_factory.mktemp("whole") / "run"
    finetune.main([*tiny, "--output", str(output), "--tracking-uri", ""])
    return output


def from_model(tiny: list[str], model: Path | str, **changed: str) -> list[str]:
    """The arguments of `tiny`, starting from a checkpoint, without its method's options."""
    rest = tiny[: tiny.index("--from-scratch")] + tiny[tiny.index("--epochs") :]
    options = [part for name, value in changed.items() for part in (f"--{name}", value)]
    window = ["--window-seconds", "3", "--window", "longest"]
    return [*rest, *window, *options, "--model", str(model), "--tracking-uri", ""]


@pytest.mark.thorough
def test_a_killed_run_goes_on_with_the_same_losses(
    tiny: list[str], whole: Path, tmp_path: Path, registry: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run, files = resumed(finetune, tiny, whole, tmp_path / "killed", registry)
    assert len(losses(whole)) == 8
    assert run.data.params["width"] == "16"
    assert {"loss", "eval_cer", "learning_rate"} <= set(run.data.metrics)
    assert files == {"predictions.tsv", "steps.csv"}


def test_a_finished_run_is_left_alone(
    tiny: list[str], whole: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert_left_alone(finetune, tiny, whole, capsys)


def test_the_checkpoint_is_in_the_published_format(whole: Path) -> None:
    from transformers import AutoProcessor, WhisperForConditionalGeneration

    best = whole / "best"
    assert {path.name for path in best.iterdir()} == {
        "config.json",
        "ctc_head.safetensors",  # for the next phase of training
        "generation_config.json",
        "model.safetensors",
        "preprocessor_config.json",
        "tokenizer.json",
        "tokenizer_config.json",
    }
    config = json.loads((best / "config.json").read_text(encoding="utf-8"))
    assert config["architectures"] == ["WhisperForConditionalGeneration"]
    assert config["max_source_positions"] == 1500
    assert config["vocab_size"] == 51865
    generation = json.loads((best / "generation_config.json").read_text(encoding="utf-8"))
    assert generation["is_multilingual"]
    assert (generation["language"], generation["task"]) == ("zh", "transcribe")
    assert generation["no_timestamps_token_id"] == 50363
    assert len(generation["suppress_tokens"]) == 88
    loaded, info = WhisperForConditionalGeneration.from_pretrained(best, output_loading_info=True)
    assert not any(info[problem] for problem in ("missing_keys", "unexpected_keys"))
    assert str(loaded.dtype) == "torch.float16"
    assert len(AutoProcessor.from_pretrained(best).tokenizer) == 51865


def test_ctranslate2_converts_the_checkpoint(whole: Path, tmp_path: Path) -> None:
    import numpy as np
    from ctranslate2.converters import TransformersConverter
    from faster_whisper import WhisperModel

    files = ["tokenizer.json", "preprocessor_config.json"]
    TransformersConverter(str(whole / "best"), copy_files=files).convert(str(tmp_path / "ct2"))
    model = WhisperModel(str(tmp_path / "ct2"), device="cpu", compute_type="int8")
    segments, info = model.transcribe(np.zeros(16_000, np.float32), language="zh", max_new_tokens=9)
    assert info.language == "zh"
    assert all(0 <= segment.start <= segment.end <= 30 for segment in segments)


def test_an_adapter_of_what_is_not_frozen_is_merged_into_the_checkpoint(
    tiny: list[str], whole: Path, tmp_path: Path
) -> None:
    from safetensors.torch import load_file

    arguments = from_model(tiny, whole / "best", lr="1e-2", epochs="1")
    options = ["--lora", "4", "--freeze-decoder", "--export-dtype", "float32"]
    finetune.main([*arguments, *options, "--output", str(tmp_path / "run")])
    before = load_file(whole / "best" / "model.safetensors")
    after = load_file(tmp_path / "run" / "last" / "model.safetensors")
    assert before.keys() == after.keys()
    changed = {name for name in after if not after[name].equal(before[name].float())}
    layers = {name for name in after if ".encoder.layers." in name and after[name].ndim == 2}
    assert changed == layers  # attention and feed-forward network of each


def test_a_checkpoint_may_take_a_share_of_an_adapter(whole: Path, tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file

    from whisper_asr.training import export

    tokenizer, extractor = export.open_parts(whole / "best", 80)
    model = finetune.add_lora(export.open_model(whole / "best", None, 0.0), 4)
    for name, weight in model.named_parameters():
        if "lora_B" in name:  # which begins with zeros
            torch.nn.init.normal_(weight, std=0.1)
    taken = []
    for share in (0.0, 0.5, 1.0):
        export.export(model, tokenizer, extractor, tmp_path / str(share), "float32", share)
        taken.append(load_file(tmp_path / str(share) / "model.safetensors"))
    none, half, full = taken
    assert any(not full[name].equal(none[name]) for name in full)
    for name, weight in half.items():
        assert weight.allclose((none[name] + full[name]) / 2, atol=1e-5)


def test_the_encoder_may_be_frozen(tiny: list[str], whole: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file

    arguments = from_model(tiny, whole / "best", lr="1e-2", epochs="1")
    options = ["--freeze-encoder", "--export-dtype", "float32", "--patience", "1"]
    finetune.main([*arguments, *options, "--output", str(tmp_path / "run")])
    before = load_file(whole / "best" / "model.safetensors")
    after = load_file(tmp_path / "run" / "last" / "model.safetensors")
    for name, weight in after.items():
        assert weight.equal(before[name].float()) == name.startswith("model.encoder."), name


def test_a_short_window_is_the_beginning_of_a_long_one(whole: Path) -> None:
    import torch

    from whisper_asr.training.export import open_model

    model = open_model(whole / "best", None, 0.0).eval()
    sound = torch.randn(1, 80, 300, generator=torch.Generator().manual_seed(1))
    model.set_window(300)
    encoder = model.model.encoder
    short = encoder(sound).last_hidden_state
    assert short.shape == (1, 150, 16)
    model.set_window(3000)
    encoder.embed_positions.weight.data[150:] = 1e4  # not used by the short window
    model.set_window(300)
    assert encoder(sound).last_hidden_state.equal(short)


def test_what_cannot_be_trained_is_refused(tiny: list[str], whole: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for model, said in (
        (tmp_path / "empty", "is no Whisper checkpoint"),
        ("someone/some-whisper", "'someone/some-whisper' not found"),
    ):
        with pytest.raises(CheckpointError, match=said):
            finetune.main([*from_model(tiny, model), "--output", str(tmp_path / "run")])
    broken = from_model(tiny, whole / "best", train=str(tmp_path / "empty"))
    with pytest.raises(ZooError, match="is not a data set"):
        finetune.main([*broken, "--output", str(tmp_path / "other")])
