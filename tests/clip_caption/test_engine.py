"""The engine alone: features as open_clip's, no torch, many threads, and what it refuses."""

import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from clip_caption.building import checkpoint
from clip_caption.building.convert import convert
from clip_caption.captioner import Captioner
from clip_caption.engine import Described, Engine
from clip_caption.options import Options
from demos.clip_caption.scenes import choose, draw
from tests.clip_caption.checkpoints import (
    CLIP_WIDTH,
    PUBLISHED,
    SMALL,
    make_model,
    write_clip,
    write_directory,
    write_openai_clip,
    write_published,
)
from tests.clip_caption.reference import generate_beam, say
from zoo.building.packaging import ROOT
from zoo.errors import BadInput, BadParameter, CheckpointError
from zoo.serving.declaration import read

SAMPLES = sorted((checkpoint.DEMO.parent / "samples").glob("*.jpg"))


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("demo")
    convert(checkpoint.DEMO, directory)
    return directory


@pytest.fixture(scope="module")
def demo(directory: Path) -> Captioner:
    return Captioner(directory)


@pytest.mark.parametrize("kind", ["vit", "resnet"])
@torch.no_grad()
def test_features_are_open_clip_s(tmp_path: Path, kind: str) -> None:
    """Of images and of texts, and so is the mapper's prefix of them."""
    import open_clip

    path = write_directory(make_model("transformer", SMALL), tmp_path / "checkpoint", kind)
    convert(path, tmp_path / "model")
    captioner = Captioner(tmp_path / "model")
    clip = checkpoint.clip_of(path, None, CLIP_WIDTH)
    pixels = [captioner.pixels(Image.open(sample)) for sample in SAMPLES] * 5  # over one batch
    found = captioner.embed(pixels)
    assert found.shape == (20, CLIP_WIDTH)
    expected = clip.model.encode_image(torch.from_numpy(np.stack(pixels)))
    assert found == pytest.approx(expected.numpy(), abs=1e-4)
    texts = ["a flooded road", "a fallen tree", "ถนน", "", "rubbish " * 99]
    tokens = open_clip.get_tokenizer(f"local-dir:{path / 'clip'}")(texts)
    wanted = clip.model.encode_text(tokens).numpy()
    assert captioner.embed_texts(texts) == pytest.approx(wanted, abs=1e-4)
    prefixes = checkpoint.open_model(path).prefixes(expected).numpy()
    assert captioner.prefixes(found) == pytest.approx(prefixes, abs=1e-4)


@torch.no_grad()
def test_a_published_file_with_openai_s_clip(tmp_path: Path) -> None:
    """GPT-2's own vocabulary, from photo to text."""
    model = make_model("mlp", PUBLISHED)
    path = write_published(model, tmp_path / "coco_weights.pt", old=True)
    clip = write_openai_clip(tmp_path / "ViT-B-32.pt")
    convert(path, tmp_path / "model", str(clip), normalize="no")
    captioner = Captioner(tmp_path / "model")
    features = captioner.embed([captioner.pixels(Image.open(SAMPLES[0]))])
    (found,) = captioner.caption(features, Options(max_tokens=6))
    prefix = model.prefixes(torch.from_numpy(features))
    tokens, score = generate_beam(model, prefix, entry_length=6)[0]
    assert found[0].text == say(tokens)
    assert found[0].score == pytest.approx(score, abs=1e-4)


def test_int8_says_the_same_on_trained_weights(demo: Captioner, tmp_path: Path) -> None:
    """Of scenes that the demo hasn't seen; a word may differ where two fit as well."""
    convert(checkpoint.DEMO, tmp_path / "model", precision="int8")
    int8 = Captioner(tmp_path / "model")
    scenes = [draw(choose(f"test_engine/{number}"), 160) for number in range(24)]
    features = demo.embed([demo.pixels(scene) for scene in scenes])
    for mode in ("beam", "greedy"):
        one, other = (engine.caption(features, Options(mode=mode)) for engine in (demo, int8))
        same = [a[0].text == b[0].text for a, b in zip(one, other, strict=True)]
        assert sum(same) >= 21
        scores = [[image[0].score for image in images] for images in (one, other)]
        assert scores[0] == pytest.approx(scores[1], abs=0.05)
        alone = [int8.caption(row[None], Options(mode=mode))[0][0].text for row in features[:8]]
        assert alone == [image[0].text for image in other[:8]]


def test_samples_are_captioned(demo: Captioner) -> None:
    features = demo.embed([demo.pixels(Image.open(sample)) for sample in SAMPLES])
    texts = [image[0].text for image in demo.caption(features, Options())]
    assert [sample.stem for sample in SAMPLES] == ["broken_lamp", "fallen_tree", "flood", "rubbish"]
    for text, word in zip(texts, ("lamp", "tree", "flood", "rubbish"), strict=True):
        assert word in text.lower()
        assert text.endswith(".")


@pytest.mark.parametrize("crop", ["center", "tiles"])
def test_few_photos_are_described_as_many_are(directory: Path, crop: str) -> None:
    """Few are embedded and captioned at once; of many, all are embedded first."""
    engine = Engine(directory)
    options = read(engine.options, {"mode": "greedy", "embedding": "clip", "crop": crop})
    photos = [sample.read_bytes() for sample in SAMPLES]
    few, many = engine(photos, options), engine(photos * 5, options)
    assert len(many) == 5 * len(few)
    for number, one in enumerate(many):
        assert isinstance(one, Described)
        alone = few[number % len(few)]
        assert isinstance(alone, Described)
        assert one.found["captions"][0]["text"] == alone.found["captions"][0]["text"]
        assert one.found["embedding"] == pytest.approx(alone.found["embedding"], abs=1e-4)


@pytest.mark.parametrize("count", [1, 20])
def test_what_is_no_photo_stays_in_its_place(directory: Path, count: int) -> None:
    engine = Engine(directory)
    photos = [SAMPLES[0].read_bytes()] * count
    for on_error, answered in (("raise", {}), ("report", None)):
        options = read(engine.options, {"mode": "greedy", "on_error": on_error})
        bad, *good = engine([b"no photo", *photos], options)
        assert isinstance(bad, BadInput)
        assert len(good) == count
        for one in good:
            assert isinstance(one, Described)
            # Where the request is refused, nothing is computed.
            assert (one.found == answered) if answered is not None else one.found["captions"]


def test_nothing_gives_nothing(demo: Captioner) -> None:
    features = demo.embed([])
    assert features.shape == (0, 128)
    assert demo.embed_texts([]).shape == (0, 128)
    assert len(demo.prefixes(features)) == 0
    for mode in ("beam", "greedy", "nucleus"):
        assert demo.caption(features, Options(mode=mode)) == []


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({"mode": "best"}, "mode"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"beam_size": 0}, "beam_size"),
        ({"num_captions": 6}, "num_captions"),
        ({"mode": "greedy", "num_captions": 2}, "num_captions"),
        ({"mode": "nucleus", "temperature": 0.0}, "temperature"),
        ({"mode": "nucleus", "top_p": float("nan")}, "top_p"),
    ],
)
def test_impossible_options_are_refused(given: dict[str, Any], name: str) -> None:
    with pytest.raises(BadParameter) as refused:
        read(Options, given)
    assert refused.value.fields["parameter"] == name


def test_more_tokens_than_there_are_places_are_refused(demo: Captioner) -> None:
    with pytest.raises(BadParameter, match="'max_tokens'"):
        demo.caption(np.zeros((1, 128), np.float32), Options.model_construct(max_tokens=100_000))


def test_the_longest_caption_there_is_room_for(demo: Captioner) -> None:
    features = np.random.default_rng(0).normal(size=(2, 128)).astype(np.float32)
    found = demo.caption(features, Options(max_tokens=demo.max_tokens, beam_size=2))
    assert all(image[0].text for image in found)


def test_many_threads_at_once(demo: Captioner) -> None:
    """Each gets its own images' answers."""
    features = demo.embed([demo.pixels(Image.open(sample)) for sample in SAMPLES])
    expected = demo.caption(features, Options())
    found: dict[int, list[str]] = {}

    def work(number: int) -> None:
        for _ in range(3):
            answer = demo.caption(np.roll(features, number, axis=0), Options())
            found[number] = [
                image[0].text for image in np.roll(np.array(answer, object), -number, 0)
            ]

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {number: [image[0].text for image in expected] for number in range(4)}


def test_serving_needs_no_torch(tmp_path: Path) -> None:
    convert(checkpoint.DEMO, tmp_path)
    code = (
        "import sys; from pathlib import Path; from PIL import Image;"
        "from clip_caption.captioner import Captioner; from clip_caption.options import Options;"
        "engine = Captioner(Path(sys.argv[1]));"
        "features = engine.embed([engine.pixels(Image.open(sys.argv[2]))]);"
        "engine.embed_texts(['a flood']);"
        "print(engine.caption(features, Options())[0][0].text);"
        "assert not {'torch', 'transformers', 'open_clip', 'onnx', 'mlflow'} & set(sys.modules)"
    )
    command = [sys.executable, "-c", code, str(tmp_path), str(SAMPLES[2])]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    assert "flood" in done.stdout.lower()


def test_another_activation_is_refused(tmp_path: Path) -> None:
    model = make_model("mlp", {**SMALL, "activation_function": "relu"})  # type: ignore[dict-item]
    checkpoint.save(model, tmp_path / "checkpoint")
    with pytest.raises(CheckpointError, match="activation 'relu'"):
        convert(tmp_path / "checkpoint", tmp_path / "model", str(write_clip(tmp_path / "clip")))


def test_a_vocabulary_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    checkpoint.save(make_model("mlp", SMALL), tmp_path / "checkpoint")
    with pytest.raises(CheckpointError, match="50257 tokens, its network 320"):
        convert(tmp_path / "checkpoint", tmp_path / "model", str(write_clip(tmp_path / "clip")))
