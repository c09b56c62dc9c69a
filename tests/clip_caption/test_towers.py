"""Multilingual text towers: features as the libraries', and what is refused."""

from pathlib import Path

import pytest
import torch

from clip_caption.building import checkpoint
from clip_caption.building.convert import convert
from clip_caption.captioner import Captioner
from clip_caption.translating.languages import EVERY
from clip_caption.vocabulary import open_tokenizer
from tests.clip_caption.checkpoints import (
    CLIP_WIDTH,
    SMALL,
    make_model,
    write_directory,
    write_openai_clip,
)
from tests.clip_caption.towers import TEXTS, mclip_features, write_mclip, write_open_clip
from zoo.errors import CheckpointError


@pytest.fixture(scope="module")
def captioner_of_openai(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint with a CLIP that reads English."""
    model = make_model("mlp", SMALL)
    return write_directory(model, tmp_path_factory.mktemp("own") / "checkpoint")


@torch.no_grad()
def test_features_are_open_clip_s(captioner_of_openai: Path, tmp_path: Path) -> None:
    import open_clip

    directory = write_open_clip(tmp_path / "xlm-roberta-base-ViT-B-32")
    convert(captioner_of_openai, tmp_path / "model", str(directory))
    ours = Captioner(tmp_path / "model")
    assert ours.reads == (EVERY,)
    tokens = open_clip.get_tokenizer(f"local-dir:{directory}")(list(TEXTS))
    clip = checkpoint.clip_of(captioner_of_openai, str(directory), CLIP_WIDTH)
    wanted = clip.model.encode_text(tokens).numpy()
    found = ours.embed_texts(TEXTS)
    assert found == pytest.approx(wanted, abs=1e-4)
    assert len({tuple(one) for one in found.round(3)}) == len(TEXTS)
    pixels = torch.randn(2, 3, 64, 64)
    seen = ours.embed(list(pixels.numpy()))
    assert seen == pytest.approx(clip.model.encode_image(pixels).numpy(), abs=1e-4)

    # with names of earlier versions, a .bin, and SentencePiece's file for a tokenizer
    old = write_open_clip(tmp_path / "old", pickled=True)
    clip = checkpoint.clip_of(captioner_of_openai, str(old), CLIP_WIDTH)
    assert clip.model.encode_text(tokens).numpy() == pytest.approx(wanted, abs=1e-6)
    assert clip.text is not None
    clip.text.write_tokenizer(tmp_path / "tokenizer.json")
    read = open_tokenizer(tmp_path / "tokenizer.json", clip.text.about)(TEXTS)
    assert (read == tokens.numpy()[:, : read.shape[1]]).all()


@torch.no_grad()
def test_features_are_mclip_s(captioner_of_openai: Path, tmp_path: Path) -> None:
    """Photos are seen by OpenAI's CLIP: the checkpoint's own, or the file beside the tower."""
    directory = write_mclip(tmp_path / "XLM-Roberta-Large-Vit-B-32")
    convert(captioner_of_openai, tmp_path / "model", str(directory))
    ours = Captioner(tmp_path / "model")
    assert ours.reads == (EVERY,)
    assert ours.embed_texts(TEXTS) == pytest.approx(mclip_features(directory, [*TEXTS]), abs=1e-4)
    own = checkpoint.clip_of(captioner_of_openai, None, CLIP_WIDTH).model
    pixels = torch.randn(2, 3, 64, 64)
    seen = ours.embed(list(pixels.numpy()))
    assert seen == pytest.approx(own.encode_image(pixels).numpy(), abs=1e-4)

    write_openai_clip(directory / "ViT-B-32.pt", "resnet")
    beside = checkpoint.clip_of(captioner_of_openai, str(directory), CLIP_WIDTH)
    assert "ModifiedResNet" in str(type(beside.model.visual))
    assert beside.text is not None


def test_incomplete_towers_are_refused(captioner_of_openai: Path, tmp_path: Path) -> None:
    mclip, whole = write_mclip(tmp_path / "mclip"), write_open_clip(tmp_path / "open_clip")
    for directory, file in ((mclip, "pytorch_model.bin"), (whole, "open_clip_model.safetensors")):
        content = (directory / file).read_bytes()
        (directory / file).write_bytes(content[: len(content) // 2])
        with pytest.raises(CheckpointError, match=directory.name):
            checkpoint.clip_of(captioner_of_openai, str(directory), CLIP_WIDTH)
        (directory / file).write_bytes(content)
        text = checkpoint.clip_of(captioner_of_openai, str(directory), CLIP_WIDTH).text
        assert text is not None
        for path in (*directory.glob("tokenizer.json"), *directory.glob("sentencepiece*")):
            path.unlink()
        with pytest.raises(CheckpointError, match=r"'tokenizer\.json' is missing"):
            text.write_tokenizer(tmp_path / "tokenizer.json")
