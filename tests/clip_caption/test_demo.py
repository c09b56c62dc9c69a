"""The demo checkpoint: small, whole, and right about scenes that it has never seen."""

import io

import numpy as np
import pytest
import torch
from datasets import Dataset
from PIL import Image

from clip_caption.building import checkpoint
from clip_caption.building.clip import Clip
from clip_caption.building.network import CaptionModel
from clip_caption.training.features import embed
from clip_caption.training.trainer import write_captions
from clip_caption.training.words import Words
from demos.clip_caption.scenes import Scene, choose, draw
from zoo.building import checkpoints

SAMPLES = checkpoint.DEMO.parent / "samples"
SHOWN = {  # what the samples are of, by file
    "broken_lamp": ("broken lamp", "shop", ""),
    "fallen_tree": ("fallen tree", "school", "yellow"),
    "flood": ("flood", "temple", "green"),
    "rubbish": ("rubbish", "canal", "blue"),
}
UNSEEN = 40


@pytest.fixture(scope="module")
def model() -> CaptionModel:
    return checkpoint.open_model(checkpoint.DEMO)


@pytest.fixture(scope="module")
def clip() -> Clip:
    return checkpoint.clip_of(checkpoint.DEMO, None, 128)


@pytest.fixture(scope="module")
def unseen() -> list[Scene]:
    """Scenes of a seed that nothing else has."""
    return [choose(f"test_demo/{number}") for number in range(UNSEEN)]


@pytest.fixture(scope="module")
def features(clip: Clip, unseen: list[Scene]) -> np.ndarray:
    return of_images(clip, [draw(scene, 192) for scene in unseen])


def of_images(clip: Clip, images: list[Image.Image]) -> np.ndarray:
    """CLIP's features of images, as training has them."""
    files = []
    for image in images:
        image.save(buffer := io.BytesIO(), "JPEG", quality=85)
        files.append(buffer.getvalue())
    names = [str(number) for number in range(len(files))]
    return embed(clip, Dataset.from_dict({"image": files, "name": names}), 30)


def captions(model: CaptionModel, features: np.ndarray) -> list[str]:
    return write_captions(model, torch.from_numpy(features), Words.read(checkpoint.DEMO), 67)


def test_all_of_it_is_there_and_small() -> None:
    checkpoints.verify(checkpoint.DEMO)
    files = [path for path in checkpoint.DEMO.rglob("*") if path.is_file()]
    listed = (checkpoint.DEMO / checkpoints.SUMS).read_text(encoding="utf-8")
    named = {line.split()[1] for line in listed.splitlines()}
    assert named == {path.relative_to(checkpoint.DEMO).as_posix() for path in files} - {
        "README.md",
        checkpoints.SUMS,
    }
    assert sum(path.stat().st_size for path in files) < 20e6


def test_problem_and_place_of_unseen_scenes_are_right(
    model: CaptionModel, features: np.ndarray, unseen: list[Scene]
) -> None:
    found = captions(model, features)
    right = [
        scene.type in text.lower() and scene.place in text.lower()
        for scene, text in zip(unseen, found, strict=True)
    ]
    assert sum(right) >= 0.9 * UNSEEN
    assert all(text.endswith(".") and text.count(".") == 1 for text in found)


def test_problems_are_near_their_like(features: np.ndarray, unseen: list[Scene]) -> None:
    alike = features / np.linalg.norm(features, axis=1, keepdims=True)
    cosine = alike @ alike.T
    np.fill_diagonal(cosine, np.nan)
    kinds = np.array([scene.type for scene in unseen])
    names = sorted({*kinds})
    means = np.stack([np.nanmean(cosine[:, kinds == name], axis=1) for name in names], axis=1)
    assert (np.array(names)[means.argmax(1)] == kinds).mean() >= 0.8


def test_words_find_their_picture(clip: Clip) -> None:
    import open_clip

    paths = sorted(SAMPLES.glob("*.jpg"))
    assert [path.stem for path in paths] == sorted(SHOWN)
    images = of_images(clip, [Image.open(path) for path in paths])
    images /= np.linalg.norm(images, axis=1, keepdims=True)
    queries = [f"a {SHOWN[path.stem][0]} near a {SHOWN[path.stem][1]}" for path in paths]
    context = clip.config["model_cfg"]["text_cfg"]["context_length"]
    tokens = open_clip.tokenizer.SimpleTokenizer(context_length=context)(queries)
    with torch.inference_mode():
        words = clip.model.encode_text(tokens, normalize=True).numpy()
    assert (words @ images.T).argmax(1).tolist() == list(range(len(paths)))


def test_samples_are_captioned_rightly(model: CaptionModel, clip: Clip) -> None:
    paths = sorted(SAMPLES.glob("*.jpg"))
    found = captions(model, of_images(clip, [Image.open(path) for path in paths]))
    for path, text in zip(paths, found, strict=True):
        assert all(word in text.lower() for word in SHOWN[path.stem]), f"{path.name}: {text}"
        assert path.stat().st_size < 150_000


def test_samples_were_not_trained_on() -> None:
    """They are drawn from seeds that scenes.py never has: its own are numbers."""
    drawn = draw(Scene("flood", "temple", "cloud", "tuk-tuk", "green", 1, "samples/3/2"), 640)
    sample = Image.open(SAMPLES / "flood.jpg")
    apart = np.asarray(drawn, np.float32) - np.asarray(sample, np.float32)
    assert np.abs(apart).mean() < 4  # what JPEG makes of it
