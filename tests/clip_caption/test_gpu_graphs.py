"""The graphs for GPUs, on the CPU: the same captions, also in float16; a kernel for each node."""

import shutil
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from clip_caption.building import checkpoint
from clip_caption.building.convert import _write_gpt2, convert
from clip_caption.captioner import Captioner
from clip_caption.decoding.decode import search
from clip_caption.decoding.decoder import COPIER, GRAPH, CaptionDecoder
from clip_caption.options import Options
from clip_caption.pixels import Crop, PhotoReader, Pixels
from demos.clip_caption.scenes import choose, draw
from tests.clip_caption.checkpoints import CLIP_WIDTH, SMALL, make_model, write_directory
from tests.clip_caption.test_pixels import PHOTO, USUAL
from tests.zoo.cuda_kernels import operators, without_kernel
from tests.zoo.halves import rounding_session
from zoo.data.fetch import Fetcher

SAMPLES = sorted((checkpoint.DEMO.parent / "samples").glob("*.jpg"))
LAYOUTS = {"mlp": "resnet", "transformer": "vit"}  # a mapper, and the CLIP that is tried with it
SEARCHES = [
    Options(num_captions=5),
    Options(beam_size=3, max_tokens=12, temperature=0.6),
    Options(mode="greedy"),
    Options(mode="nucleus", num_captions=4),
    Options(mode="nucleus", num_captions=3, top_p=1.0, temperature=3.0),  # ranks all tokens
]


@pytest.fixture(scope="module", params=LAYOUTS)
def converted(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint for CPUs (`cpu`) and for GPUs, in both precisions."""
    layout, work = request.param, tmp_path_factory.mktemp(request.param)
    path = write_directory(make_model(layout, SMALL), work / "checkpoint", LAYOUTS[layout])
    convert(path, work / "cpu")
    # Of the same graphs, but for GPT-2's.
    gpt2 = shutil.ignore_patterns("decoder.*", "draft.*")
    shutil.copytree(work / "cpu", work / "fp32", ignore=gpt2)
    _write_gpt2(checkpoint.open_model(path), work / "fp32", "fp32", gpu=True)
    convert(path, work / "fp16", precision="fp16", gpu=True)
    return work


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Captioner, Captioner]:
    """The demo in float32, and in float16 with each result rounded, as on a GPU."""
    work = tmp_path_factory.mktemp("demo")
    convert(checkpoint.DEMO, work / "fp32")
    convert(checkpoint.DEMO, work / "fp16", precision="fp16")
    half = Captioner(work / "fp16")
    half._vision, half._text, half._mapper, half._decoder.session = (
        rounding_session(work / "fp16" / name)
        for name in ("vision.onnx", "text.onnx", "mapper.onnx", GRAPH)
    )
    return Captioner(work / "fp32"), half


@pytest.fixture(scope="module")
def pixels(demo: tuple[Captioner, Captioner]) -> list[np.ndarray]:
    """Samples and scenes, as CLIP sees them."""
    images: list[Image.Image] = [Image.open(path) for path in SAMPLES]
    images += [draw(choose(f"test_gpu_graphs/{number}"), 160) for number in range(28)]
    return [demo[0].pixels(image) for image in images]


def cosines(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Of rows, (rows,)."""
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    found: np.ndarray = (one * other).sum(1) / lengths
    return found


def test_captions_are_those_of_the_graphs_for_cpus(converted: Path) -> None:
    """Rows that split, move, end and are ranked again, of several photos, and of each alone."""
    features = np.random.default_rng(1).normal(size=(4, CLIP_WIDTH)).astype(np.float32)
    host, device = (Captioner(converted / name) for name in ("cpu", "fp32"))
    for options in SEARCHES:
        expected = host.caption(features, options)
        alone = [device.caption(row[None], options)[0] for row in features]
        for found in (device.caption(features, options), alone):
            assert [[c.text for c in image] for image in found] == [
                [c.text for c in image] for image in expected
            ]
            scores = [[[c.score for c in image] for image in each] for each in (found, expected)]
            assert np.concatenate(scores[0]) == pytest.approx(np.concatenate(scores[1]), abs=1e-5)


def test_each_node_has_a_cuda_kernel(converted: Path) -> None:
    """But for the place of a text's last token, which is found among integers."""
    for precision in ("fp32", "fp16"):
        for path in (converted / precision).glob("*.onnx"):
            on_cpu = {("ArgMax", "INT64")} if path.stem == "text" else set()
            assert without_kernel(path) == on_cpu, path.name
    assert without_kernel(converted / "cpu" / GRAPH) == {("GroupQueryAttention", "FLOAT")}
    assert not (converted / "cpu" / COPIER).exists()


def test_float16_computes_what_is_large_in_it(converted: Path) -> None:
    """Products and attention; of the decoder's, all but the one with the vocabulary."""
    for path in (converted / "fp16").glob("*.onnx"):
        heavy = [kind for _, name, kind in operators(path)
                 if name in ("Conv", "Gemm", "MatMul", "MultiHeadAttention")]  # fmt: skip
        assert heavy.count("FLOAT") == (path.name == GRAPH)
        assert set(heavy) <= {"FLOAT", "FLOAT16"}


def test_a_host_without_a_gpu_runs_them_too(converted: Path) -> None:
    """In float16, on ONNX Runtime's CPU provider; of a text, too."""
    full, half = (Captioner(converted / name) for name in ("cpu", "fp16"))
    pixels = [full.pixels(Image.open(path)) for path in SAMPLES]
    features = half.embed(pixels)
    assert cosines(full.embed(pixels), features).min() >= 0.9995
    texts = ["a flooded road", "a fallen tree near a school"]
    assert cosines(full.embed_texts(texts), half.embed_texts(texts)).min() >= 0.9995
    prefixes = [one.prefixes(features).reshape(len(features), -1) for one in (full, half)]
    assert cosines(*prefixes).min() >= 0.9995
    assert all(image[0].text for image in half.caption(features, Options()))


def test_float16_says_the_same(demo: tuple[Captioner, Captioner], pixels: list[np.ndarray]) -> None:
    """Of samples and scenes: where two words fit nearly as well, the other may be chosen."""
    full, half = demo
    features = full.embed(pixels), half.embed(pixels)
    assert cosines(*features).min() >= 0.9995
    texts = ["a flooded road", "a fallen tree near a school"]
    assert cosines(full.embed_texts(texts), half.embed_texts(texts)).min() >= 0.9995
    for mode in ("beam", "greedy"):
        expected, found = (
            [image[0] for image in one.caption(each, Options(mode=mode))]
            for one, each in zip(demo, features, strict=True)
        )
        pairs = list(zip(expected, found, strict=True))
        same = [one.score - other.score for one, other in pairs if one.text == other.text]
        assert len(same) >= 0.9 * len(pixels)
        assert np.abs(same).max() < 0.01


def test_int8_says_the_same(demo: tuple[Captioner, Captioner], pixels: list[np.ndarray]) -> None:
    """GPT-2 as `--precision int8` has it, and as it guesses beside the one in float32."""
    full = demo[0]
    int8, prefixes = full._decoder.draft, full.prefixes(full.embed(pixels))
    assert int8
    equal = 0
    for mode in ("beam", "greedy"):
        found = (search(one, prefixes, Options(mode=mode)) for one in (full._decoder, int8))
        best = [[image[0] for image in each] for each in found]
        same = [one[1] - other[1] for one, other in zip(*best, strict=True) if one[0] == other[0]]
        # It was 0.0013 while all logits were int8's.
        assert np.abs(same).max() < 0.001
        equal += len(same)
    # Of 1,200 scenes 98 % and more are equal; of so few some less may be.
    assert equal >= 0.93 * 2 * len(pixels)


def test_float16_s_probabilities_are_near(demo: tuple[Captioner, Captioner]) -> None:
    """Those of the 20 likeliest tokens, after the same text."""
    features = np.random.default_rng(3).normal(size=(8, 128)).astype(np.float32)
    full, half = (one._decoder.rows(one.prefixes(features), 1, 12, 100_000) for one in demo)
    for _ in range(12):
        likeliest, order = full.tokens[:, :20], np.argsort(half.tokens, axis=1)
        found = np.take_along_axis(np.take_along_axis(half.values, order, 1), likeliest, 1)
        assert np.abs(found - full.values[:, :20]).max() < 0.05
        for rows in (full, half):
            rows.step(likeliest[:, 0])


def test_too_little_memory_is_an_error(converted: Path) -> None:
    """Before anything is computed: the queue can halve the batch."""
    about = {"layers": SMALL["n_layer"], "heads": SMALL["n_head"], "width": SMALL["n_embd"]}
    decoder = CaptionDecoder(converted / "fp16", about, 1)
    with pytest.raises(MemoryError):
        decoder.rows(np.zeros((1, 10, SMALL["n_embd"]), np.float32), 1 << 40, 67, 5)


def test_photos_are_decoded_while_the_engine_computes() -> None:
    """The next batch is read before the current one is taken."""
    read: list[int] = []
    begun = threading.Event()

    class Watched(Pixels):
        """Notes what is decoded."""

        def views(self, image: Image.Image, crop: Crop) -> list[np.ndarray]:
            read.append(1)
            if len(read) == 4:
                begun.set()
            return super().views(image, crop)

    batches = PhotoReader(Watched(USUAL), 2, Fetcher())([PHOTO.read_bytes()] * 6)
    assert len(next(batches)) == 2
    assert begun.wait(20)  # nobody asks for the second batch
    assert len(read) == 4  # and the third isn't in memory yet
    assert sum(len(batch) for batch in batches) == 4
