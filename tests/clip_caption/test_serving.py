"""The served model: real HTTP to MLflow's own server and to the zoo's, and the loaded model."""

import base64
import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from clip_caption.build import pack_index
from clip_caption.captioner import Captioner
from clip_caption.engine import Engine
from clip_caption.exploring.classification import Labelled
from clip_caption.exploring.indexing import write_index
from clip_caption.options import DECLARATION
from clip_caption.searching.index import PROBE, normalised
from tests.clip_caption.serving import (
    FILES,
    FLOOD,
    SAMPLE,
    caption,
    check,
    post,
    send,
    texts,
)
from tests.zoo.helpers import HTTP, assert_same, metric
from tests.zoo.pictures import encoded
from zoo.building.local_server import serve
from zoo.errors import CheckpointError
from zoo.serving.model import ZooModel

PHOTOS = list(FILES.values())
NEARLY = 2e-3  # of an embedding's numbers, which are small
WAYS: list[dict[str, Any]] = [
    {},
    {"mode": "greedy", "max_tokens": 9},
    {"mode": "nucleus", "seed": 7, "num_captions": 3, "top_p": 0.9, "temperature": 1.2},
    {"beam_size": 3, "num_captions": 3, "embedding": "clip", "match_text": "a flood"},
    {"num_captions": 0, "embedding": "prefix"},
]


def near(one: list[float], other: list[float]) -> float:
    """The cosine of two embeddings."""
    return float((normalised(np.array([one])) @ normalised(np.array([other])).T)[0, 0])


def test_the_sample_is_the_photos_beside_it() -> None:
    sent = [base64.b64decode(value) for (value,) in SAMPLE["dataframe_split"]["data"]]
    assert sent == PHOTOS


def test_the_sample_is_understood(any_url: str) -> None:
    records = send(any_url, SAMPLE).json()["predictions"]
    for name, record in zip(FILES, records, strict=True):
        check(record, SAMPLE["params"])
        assert name.replace("_", " ") in record["captions"][0]["text"].lower()
        assert record["captions"][0]["text"].endswith(".")
    best = max(range(len(records)), key=lambda row: records[row]["match"])
    assert list(FILES)[best] == "flood"


@pytest.mark.parametrize("params", WAYS, ids=str)
def test_both_servers_and_the_loaded_model_say_the_same(
    clip_model: Path, clip_url: str, clip_stock_url: str, params: dict[str, Any]
) -> None:
    loaded = mlflow.pyfunc.load_model(str(clip_model))
    expected = loaded.predict(pd.DataFrame({"image": PHOTOS}), params=params)
    for url in (clip_url, clip_stock_url):
        assert_same(caption(url, PHOTOS, **params), expected, NEARLY)


def test_a_raw_file_is_one_row(clip_url: str) -> None:
    png = encoded(Image.open(io.BytesIO(FLOOD)), "PNG")
    for file, kind in ((FLOOD, "image/jpeg"), (png, "image/png")):
        expected = caption(clip_url, [file], num_captions=2, embedding="clip")
        response = HTTP.post(
            f"{clip_url}/invocations?num_captions=2&embedding=clip",
            content=file,
            headers={"Content-Type": kind},
            timeout=60,
        )
        assert response.status_code == 200, response.text
        assert_same(response.json()["predictions"], expected, NEARLY)


def test_a_parquet_file_of_photos_is_taken(clip_url: str) -> None:
    file = io.BytesIO()
    pd.DataFrame({"image": PHOTOS}).to_parquet(file)
    response = HTTP.post(
        f"{clip_url}/invocations",
        content=file.getvalue(),
        headers={"Content-Type": "application/vnd.apache.parquet"},
        timeout=60,
    )
    assert texts(response.json()["predictions"]) == texts(caption(clip_url, PHOTOS))


def test_formats_and_colour_modes_make_little_difference(clip_url: str) -> None:
    photo = Image.open(io.BytesIO(FLOOD)).convert("RGB")
    turned, exif = photo.transpose(Image.Transpose.ROTATE_90), Image.Exif()
    exif[0x0112] = 6
    lossless = [
        encoded(photo, "PNG"),
        encoded(photo, "WEBP", lossless=True),
        encoded(photo.convert("RGBA"), "PNG"),
        encoded(turned, "PNG", exif=exif),
    ]
    (expected, *others) = caption(clip_url, lossless, embedding="clip")
    assert_same(others, [expected] * len(others), NEARLY)
    lossy = [
        FLOOD,
        encoded(photo, "HEIF"),
        *(
            encoded(photo, kind, save_all=True, append_images=[Image.new("RGB", photo.size)])
            for kind in ("GIF", "WEBP")
        ),
        encoded(photo.convert("CMYK"), "JPEG"),
        encoded(photo.resize((2560, 1920)), "JPEG"),
    ]
    for record in caption(clip_url, lossy, embedding="clip"):
        assert near(record["embedding"], expected["embedding"]) > 0.98
    (grey,) = caption(clip_url, [encoded(photo.convert("L"), "JPEG")])
    assert grey["captions"]


def test_rows_of_a_request_dont_touch_each_other(clip_url: str) -> None:
    for params in WAYS:
        alone = [caption(clip_url, [photo], **params)[0] for photo in PHOTOS]
        together = caption(clip_url, PHOTOS * 10, **params)
        assert_same(together, alone * 10, NEARLY)


def test_many_at_once_get_their_own_answers(clip_url: str) -> None:
    asked = [(photo, params) for photo in PHOTOS for params in WAYS]

    def answer(one: tuple[bytes, dict[str, Any]]) -> list[Any]:
        return caption(clip_url, [one[0]], **one[1])

    expected = [answer(one) for one in asked]
    with ThreadPoolExecutor(8) as pool:
        assert_same(list(pool.map(answer, asked * 2)), expected * 2, NEARLY)


def test_parameters_do_what_they_say(clip_url: str) -> None:
    (record,) = caption(clip_url, [FLOOD], num_captions=4)
    assert len({one["text"] for one in record["captions"]}) == 4
    assert texts([record]) == texts(caption(clip_url, [FLOOD]))
    greedy = caption(clip_url, [FLOOD], mode="greedy")
    assert texts(caption(clip_url, [FLOOD], mode="greedy", top_p=0.2)) == texts(greedy)
    (short,) = texts(caption(clip_url, [FLOOD], mode="greedy", max_tokens=4))
    assert 0 < len(short) < len(texts(greedy)[0])
    assert texts(greedy)[0].startswith(short)
    same = {"mode": "nucleus", "temperature": 2.0, "top_p": 1.0}
    drawn = [texts(caption(clip_url, [FLOOD], seed=seed, **same)) for seed in (1, 1, 2, 3)]
    assert drawn[0] == drawn[1]
    assert len(set(map(str, drawn))) > 1
    (clip, prefix) = (
        caption(clip_url, [FLOOD], num_captions=0, embedding=name)[0]["embedding"]
        for name in ("clip", "prefix")
    )
    assert len(prefix) > len(clip) > 10


def test_a_text_matches_the_photo_that_it_tells_of(clip_url: str) -> None:
    for name in FILES:
        records = caption(
            clip_url, PHOTOS, num_captions=0, match_text=f"a {name} on the street".replace("_", " ")
        )
        scores = {other: record["match"] for other, record in zip(FILES, records, strict=True)}
        assert max(scores, key=scores.__getitem__) == name, scores


def test_what_is_below_the_middle_is_seen(clip_url: str) -> None:
    """A flood at the foot of a photo as a phone takes it, upright."""
    flood = Image.open(io.BytesIO(FLOOD)).convert("RGB").resize((360, 360))
    tall = Image.new("RGB", (360, 1080), "white")
    tall.paste(flood, (0, 720))
    match = {
        crop: caption(
            clip_url, [encoded(tall)], match_text="a flood on the street", crop=crop, num_captions=0
        )[0]["match"]
        for crop in ("center", "tiles", "pad")
    }
    assert match["tiles"] > match["center"] != match["pad"]


@pytest.mark.parametrize(
    ("params", "blamed"),
    [
        ({"mode": "sing"}, "mode"),
        ({"beam_size": 0}, "beam_size"),
        ({"beam_size": 10**6}, "beam_size"),
        ({"beam_size": 2.5}, "beam_size"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": 100_000}, "max_tokens"),
        ({"num_captions": -1}, "num_captions"),
        ({"num_captions": 6}, "num_captions"),
        ({"num_captions": 2, "mode": "greedy"}, "num_captions"),
        ({"num_captions": 21, "mode": "nucleus"}, "num_captions"),
        ({"top_p": 0.0}, "top_p"),
        ({"top_p": 1.5}, "top_p"),
        ({"temperature": 0.0}, "temperature"),
        ({"temperature": 1e9}, "temperature"),
        ({"seed": -1}, "seed"),
        ({"embedding": "all"}, "embedding"),
        ({"neighbours": 5}, "neighbours"),
        ({"neighbours": -1}, "neighbours"),
        ({"match_text": "flood " * 500}, "match_text"),
        ({"match_text": "a \ud800 flood"}, "match_text"),
        ({"match_text": None}, "match_text"),
        ({"beam_size": None}, "beam_size"),
        ({"mode": 3}, "mode"),
        ({"volume": 11}, "volume"),
    ],
    ids=str,
)
def test_bad_parameters_are_refused(clip_url: str, params: Any, blamed: str) -> None:
    response = post(clip_url, [FLOOD], **params)
    assert response.status_code == 400
    assert response.json()["parameter"] == blamed


def test_what_takes_too_long_is_given_up(clip_model: Path) -> None:
    small = encoded(Image.open(io.BytesIO(FLOOD)).resize((64, 48)), quality=60)
    with serve(clip_model, {"THERESA_REQUEST_SECONDS": "1", "MLFLOW_MODELS_WORKERS": "1"}) as url:
        response = post(url, [small] * 3000, beam_size=20)
        assert response.status_code == 504
        assert "took longer than 1 s" in response.json()["message"]
        caption(url, [FLOOD])  # what was being computed is over
        worked = metric(url, "theresa_batch_items_sum")
        caption(url, [FLOOD])
        assert metric(url, "theresa_batch_items_sum") == worked + 1  # embedded and captioned
        assert metric(url, "theresa_queue_depth") == 0


@pytest.fixture(scope="module")
def directory(clip_model: Path) -> Path:
    """What `convert` made of the demo."""
    (path,) = (clip_model / "artifacts").iterdir()
    return path


@pytest.fixture(scope="module")
def indexed(directory: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo with an index of its samples, turned and not."""
    captioner, index = Captioner(directory), tmp_path_factory.mktemp("index") / "index"
    pictures = [Image.open(io.BytesIO(photo)).convert("RGB") for photo in PHOTOS]
    pictures += [one.transpose(Image.Transpose.FLIP_LEFT_RIGHT) for one in pictures]
    features = captioner.embed([captioner.pixels(one) for one in pictures])
    data = Labelled(
        [f"{number}.jpg" for number in range(len(pictures))],
        normalised(features),
        list(FILES),
        np.arange(len(pictures), dtype=np.int32)[:, None] % len(FILES),
        normalised(captioner.embed_texts([PROBE]))[0],
        np.arange(len(pictures)),
    )
    write_index(index, data, k=2, exact=None, rejected=0.01, accuracy=None, seed=1)
    packed = tmp_path_factory.mktemp("packed") / "model"
    packed.mkdir()
    for file in directory.iterdir():
        (packed / file.name).symlink_to(file)
    assert pack_index(index, packed) == []
    return packed


def opened(directory: Path) -> ZooModel:
    model = ZooModel(DECLARATION, Engine)
    model.load_context(SimpleNamespace(artifacts={"model": str(directory)}))
    return model


def test_a_packed_index_answers_a_category(indexed: Path) -> None:
    model, table = opened(indexed), pd.DataFrame({"image": PHOTOS})
    records = model.predict(None, table, {"num_captions": 0})
    assert [record["category"] for record in records] == list(FILES)
    for row, record in enumerate(records):
        assert list(record) == ["category", "neighbours", "total", "usual"]
        assert [one["id"] for one in record["neighbours"]] == [f"{row}.jpg", f"{row + 4}.jpg"]
        assert record["neighbours"][0]["similarity"] == pytest.approx(1, abs=1e-3)
    (more, *_) = model.predict(None, table, {"neighbours": 5})
    assert len(more["neighbours"]) == 5
    (none, *_) = model.predict(None, table, {"neighbours": 0})
    assert list(none) == ["captions", "usual"]
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    table = pd.DataFrame({"image": [encoded(Image.fromarray(noise), "PNG")]})
    (unlike,) = model.predict(None, table, {"on_error": "report"})
    assert (unlike["category"], unlike["error"]) == (None, None)


def test_an_index_of_another_clip_is_not_packed(indexed: Path, tmp_path: Path) -> None:
    other = tmp_path / "index"
    other.mkdir()
    for file in (indexed / "index").iterdir():
        (other / file.name).write_bytes(file.read_bytes())
    np.save(other / "probe.npy", -np.load(other / "probe.npy"))
    with pytest.raises(CheckpointError, match="made with another CLIP"):
        pack_index(other, indexed)


def test_serving_needs_nothing_of_training(clip_model: Path) -> None:
    pins = (clip_model / "requirements.txt").read_text().splitlines()
    names = {line.partition("==")[0] for line in pins}
    assert {"pillow-heif", "onnxruntime"} <= names
    assert not names & {"torch", "torchvision", "open-clip-torch", "transformers", "mlflow"}
    code = {path.name for path in (clip_model / "code" / "clip_caption").iterdir()}
    assert not code & {"training", "exploring", "finetune.py", "convert.py", "network.py"}
