"""Checkpoints are read in the published formats; what is none is refused in a sentence."""

import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from clip_caption.building import checkpoint
from clip_caption.building.clip import open_clip_model
from clip_caption.building.network import LinearMapper, MlpMapper, TransformerMapper
from tests.clip_caption.checkpoints import (
    CLIP_WIDTH,
    LAYOUTS,
    SMALL,
    make_clip,
    make_model,
    write_clip,
    write_directory,
    write_openai_clip,
    write_published,
)
from zoo.errors import CheckpointError

MAPPERS = dict(zip(LAYOUTS, (MlpMapper, LinearMapper, TransformerMapper), strict=True))
LENGTHS = dict(zip(LAYOUTS, (10, 20, 40), strict=True))
FEATURES = torch.randn(3, CLIP_WIDTH, generator=torch.Generator().manual_seed(1))
TOKENS = torch.tensor([[5, 6, 13], [1, 2, 3], [99, 13, 13]])


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("old", [True, False])
@torch.no_grad()
def test_layout_and_sizes_are_in_the_weights(tmp_path: Path, layout: str, old: bool) -> None:
    model = make_model(layout, SMALL)
    read = checkpoint.open_model(write_published(model, tmp_path / "weights.pt", old), "by-layout")
    assert isinstance(read.clip_project, MAPPERS[layout])
    assert read.prefixes(FEATURES).shape == (3, LENGTHS[layout], SMALL["n_embd"])
    assert torch.allclose(read(FEATURES, TOKENS), model(FEATURES, TOKENS), atol=1e-5)
    # the Transformer was trained on features of length 1, the others on what CLIP gives
    same = torch.allclose(read.prefixes(FEATURES), read.prefixes(7 * FEATURES), atol=1e-5)
    assert same == (layout == "transformer")


@pytest.mark.parametrize("layout", LAYOUTS)
@torch.no_grad()
def test_how_a_published_file_was_trained_is_asked_for_and_kept(
    tmp_path: Path, layout: str
) -> None:
    """CLIP_prefix_caption's --normalize_prefix leaves no trace in the weights."""
    path = write_published(make_model(layout, SMALL), tmp_path / "weights.pt")
    plain, longer = FEATURES / FEATURES.norm(dim=-1, keepdim=True), FEATURES
    raw = checkpoint.open_model(path, "no")
    for asked, other in (("yes", "no"), ("no", "yes")):
        read = checkpoint.open_model(path, asked)
        expected = raw.clip_project(plain if asked == "yes" else longer).view(
            len(FEATURES), -1, 128
        )
        assert torch.allclose(read.prefixes(FEATURES), expected, atol=1e-5)
        checkpoint.save(read, tmp_path / asked)
        again = checkpoint.open_model(tmp_path / asked)
        assert again.normalize == (asked == "yes")
        assert checkpoint.open_model(tmp_path / asked, asked).normalize == again.normalize
        with pytest.raises(
            CheckpointError, match=r"normalized features, as its 'config\.json' says"
        ):
            checkpoint.open_model(tmp_path / asked, other)
    published = checkpoint.open_model(path, "by-layout")
    assert published.normalize == (layout == "transformer")
    with pytest.raises(CheckpointError, match="--normalize-prefix"):
        checkpoint.open_model(path)


def test_logits_foretell_what_follows() -> None:
    model = make_model("mlp", SMALL)
    with torch.no_grad():
        logits = model(FEATURES, TOKENS)
        shorter = model(FEATURES, TOKENS[:, :1])
    assert logits.shape == (3, 4, SMALL["vocab_size"])
    assert torch.allclose(logits[:, :2], shorter, atol=1e-5)


@pytest.mark.parametrize("layout", LAYOUTS)
@torch.no_grad()
def test_what_is_saved_is_read(tmp_path: Path, layout: str) -> None:
    from safetensors import safe_open

    model = make_model(layout, SMALL)
    checkpoint.save(model, tmp_path)
    with safe_open(tmp_path / "model.safetensors", "pt") as weights:
        names = set(weights.keys())
    assert "gpt.lm_head.weight" not in names
    assert "gpt.transformer.wte.weight" in names
    read = checkpoint.open_model(tmp_path)
    assert read.normalize == model.normalize
    assert torch.equal(read(FEATURES, TOKENS), model(FEATURES, TOKENS))
    assert read.gpt.lm_head.weight.data_ptr() == read.gpt.transformer.wte.weight.data_ptr()


def test_half_precision_is_read(tmp_path: Path) -> None:
    state = make_model("mlp", SMALL).half().state_dict()
    torch.save(state, tmp_path / "weights.pt")
    read = checkpoint.open_model(tmp_path / "weights.pt", "no")
    assert {weight.dtype for weight in read.parameters()} == {torch.float32}


Damage = Callable[[dict[str, Any]], object]


@pytest.mark.parametrize(
    ("damage", "what"),
    [
        (lambda state: state.pop("gpt.transformer.ln_f.bias"), "'gpt.transformer.ln_f.bias' is mi"),
        (lambda state: state.pop("gpt.transformer.wte.weight"), "gpt.transformer.wte.weight"),
        (lambda state: state.pop("clip_project.model.2.weight"), "clip_project"),
        (lambda state: state.pop("clip_project.model.0.weight"), "clip_project"),
        (lambda state: state.update(extra=torch.zeros(1)), "'extra'"),
        (
            lambda state: state.update({"gpt.transformer.h.1.ln_1.weight": torch.zeros(5)}),
            r"'gpt.transformer.h.1.ln_1.weight' is \(5,\), not \(128,\)",
        ),
        (
            lambda state: state.update({"gpt.lm_head.weight": torch.zeros(320, 128)}),
            "isn't its token embedding",
        ),
        (lambda state: state.clear(), "not a checkpoint of ClipCap"),
        (lambda state: state.update(epoch=3), "can't be loaded"),
    ],
)
def test_damaged_weights_are_refused(tmp_path: Path, damage: Damage, what: str) -> None:
    state = dict(make_model("mlp", SMALL).state_dict())
    damage(state)
    torch.save(state, tmp_path / "weights.pt")
    with pytest.raises(CheckpointError, match=what) as caught:
        checkpoint.open_model(tmp_path / "weights.pt", "no")
    assert "weights.pt" in str(caught.value)


class Hostile:
    """What a pickle can do."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, tuple[Path]]:
        return Path.touch, (self.trace,)


def test_no_code_is_run(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    torch.save({"gpt": Hostile(trace)}, tmp_path / "weights.pt")
    (tmp_path / "plain.pt").write_bytes(pickle.dumps(Hostile(trace)))
    for name in ("weights.pt", "plain.pt"):
        with pytest.raises(CheckpointError, match="not safe to load"):
            checkpoint.open_model(tmp_path / name)
        with pytest.raises(CheckpointError, match="no CLIP of OpenAI's"):
            open_clip_model(str(tmp_path / name), CLIP_WIDTH)
    assert not trace.exists()


def test_what_is_no_checkpoint_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.pt").write_text("nothing")
    with pytest.raises(CheckpointError, match="can't be loaded"):
        checkpoint.open_model(tmp_path / "text.pt")
    with pytest.raises(CheckpointError, match=r"config\.json"):
        checkpoint.open_model(tmp_path)
    for name in ("nowhere.pt", "coco"):
        with pytest.raises(CheckpointError, match=f"Checkpoint '{name}' not found"):
            checkpoint.find(name)
    assert checkpoint.find(str(tmp_path)) == tmp_path / "text.pt"  # the only one in there


@pytest.mark.parametrize("kind", ["vit", "resnet"])
@torch.no_grad()
def test_openai_s_archive_is_read(tmp_path: Path, kind: str) -> None:
    """In half precision, with the sizes from the weights, and torch's own reader agreeing."""
    path = write_openai_clip(tmp_path / "ViT-B-32.pt", kind)
    clip = open_clip_model(str(path), CLIP_WIDTH)
    model, config = make_clip(kind)
    sizes = clip.config["model_cfg"]
    assert sizes["vision_cfg"] == config["vision_cfg"]
    assert sizes["text_cfg"] == config["text_cfg"]
    loaded = torch.jit.load(str(path)).state_dict()
    for name, weight in clip.model.state_dict().items():
        assert torch.equal(weight, loaded[name].float()), name
    pixels = torch.randn(2, 3, 64, 64)
    expected = model.encode_image(pixels)
    assert torch.allclose(clip.model.encode_image(pixels), expected, atol=0.02)


def test_an_archive_that_lacks_a_weight_is_refused(tmp_path: Path) -> None:
    import zipfile

    path = write_openai_clip(tmp_path / "whole.pt")
    with zipfile.ZipFile(path) as whole, zipfile.ZipFile(tmp_path / "cut.pt", "w") as cut:
        names = whole.namelist()
        gone = next(name for name in names if "/data/" in name)
        for name in names:
            if name != gone:
                cut.writestr(name, whole.read(name))
    with pytest.raises(CheckpointError, match=r"cut\.pt' is no CLIP of OpenAI's"):
        open_clip_model(str(tmp_path / "cut.pt"), CLIP_WIDTH)


@torch.no_grad()
def test_a_directory_carries_its_clip(tmp_path: Path) -> None:
    path = write_directory(make_model("mlp", SMALL), tmp_path / "checkpoint")
    own = checkpoint.clip_of(path, None, CLIP_WIDTH)
    pixels = torch.randn(2, 3, 64, 64)
    expected = make_clip()[0].encode_image(pixels)
    assert torch.allclose(own.model.encode_image(pixels), expected, atol=1e-5)
    other = write_clip(tmp_path / "other", "resnet")
    named = checkpoint.clip_of(path, str(other), CLIP_WIDTH)
    assert not torch.allclose(named.model.encode_image(pixels), expected, atol=1e-2)


def test_a_clip_of_another_width_is_refused(tmp_path: Path) -> None:
    directory = write_clip(tmp_path / "clip", width=32)
    with pytest.raises(CheckpointError, match="of width 32, and the mapper reads 64"):
        open_clip_model(str(directory), 64)


def test_an_incomplete_clip_is_refused(tmp_path: Path) -> None:
    directory = write_clip(tmp_path / "clip")
    weights = directory / "open_clip_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:5000])
    with pytest.raises(CheckpointError, match="can't be loaded"):
        open_clip_model(str(directory), CLIP_WIDTH)
    weights.unlink()
    with pytest.raises(CheckpointError, match=r"'open_clip_model\.safetensors' is missing"):
        open_clip_model(str(directory), CLIP_WIDTH)
    shutil.rmtree(directory)
    directory.mkdir()
    with pytest.raises(CheckpointError, match=r"open_clip_config\.json' not found"):
        open_clip_model(str(directory), CLIP_WIDTH)


def test_the_published_clip_goes_by_the_width(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a network, its name is in the refusal, and what to do."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    for width, name in ((512, "ViT-B-32-quickgelu"), (640, "RN50x4-quickgelu")):
        with pytest.raises(CheckpointError, match=f"'{name}' can't be downloaded .*--clip"):
            open_clip_model(None, width)
    with pytest.raises(CheckpointError, match="width 99"):
        open_clip_model(None, 99)
    with pytest.raises(CheckpointError, match="There is no CLIP 'ViT-X'"):
        open_clip_model("ViT-X", 512)
