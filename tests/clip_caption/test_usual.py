"""How usual a photo is: served, learnt from photos, packed; what isn't known has no category."""

from pathlib import Path

import numpy as np
import pytest
from datasets import Dataset
from PIL import Image, ImageDraw

from clip_caption.answering.usual import FILE, MIN_USUAL, Known, Usual, packed
from clip_caption.building.checkpoint import DEMO
from clip_caption.building.usual import MIN_KNOWN, learn, of_embeddings, of_training, pack
from clip_caption.exploring.store import Embeddings
from tests.clip_caption.serving import FILES, caption, post, texts
from tests.zoo.pictures import encoded, scene
from zoo.errors import CheckpointError, ZooError

WIDTH = 16  # of drawn features


def page() -> Image.Image:
    """A page of text."""
    picture = Image.new("RGB", (480, 640), "white")
    lines = "\n".join("the quick brown fox jumps over the lazy dog and on" for _ in range(40))
    ImageDraw.Draw(picture).multiline_text((20, 20), lines, fill="black")
    return picture


def unlike() -> list[bytes]:
    """Pictures that are no street scenes: noise, a page of text, a gradient."""
    noise = np.random.default_rng(0).integers(0, 256, (240, 320, 3), np.uint8)
    pictures = [Image.fromarray(noise), page(), Image.linear_gradient("L").convert("RGB")]
    return [encoded(one, "PNG") for one in pictures]


def drawn(count: int, seed: int, away: float = 0) -> np.ndarray:
    """Features in a narrow cone, as CLIP's are; `away` moves them out of it."""
    spread = np.random.default_rng(seed).normal(size=(count, WIDTH)) / np.arange(1, WIDTH + 1)
    spread[:, 0] += 10
    spread[:, -1] += away
    return spread.astype(np.float32)


def learnt(features: np.ndarray, groups: np.ndarray | None = None) -> Known:
    """What is learnt of photos; without groups no two are copies."""
    known = learn(features, np.arange(len(features)) if groups is None else groups)
    assert known
    return known


def lost(known: Known, photos: np.ndarray) -> float:
    """The share of photos that have no category."""
    return float((known.usual(photos) < MIN_USUAL).mean())


def test_an_unlike_picture_is_told_and_gets_no_category(collection_url: str) -> None:
    files = [*FILES.values(), *unlike()]
    response = post(collection_url, files, neighbours=3, mode="greedy")
    records = response.json()["predictions"]
    scenes, others = records[: len(FILES)], records[len(FILES) :]
    for name, record in zip(FILES, scenes, strict=True):
        assert record["category"] == name.replace("_", " ")
        assert MIN_USUAL <= record["usual"] <= 100
    for record in others:
        assert record["category"] is None
        assert 0 <= record["usual"] < MIN_USUAL
        assert len(record["neighbours"]) == 3
    assert all(texts(records))


def test_words_are_not_judged(collection_url: str) -> None:
    (record,) = post(collection_url, ["a flood"], "search_text").json()["predictions"]
    assert record["neighbours"]
    assert "usual" not in record


def test_it_is_told_without_an_index(any_url: str) -> None:
    records = caption(any_url, [*FILES.values(), *unlike()], num_captions=0)
    usual = [record["usual"] for record in records]
    assert min(usual[: len(FILES)]) >= MIN_USUAL > max(usual[len(FILES) :])


@pytest.mark.parametrize("count", [150, 1000])
def test_the_percentile_is_honest_for_new_photos(count: int) -> None:
    known, new = learnt(drawn(count, 1)), drawn(4000, 2)
    found = known.usual(new)
    assert 0 < found.min() <= found.max() <= 100
    assert 40 < found.mean() < 60
    assert lost(known, new) <= 0.06
    assert lost(known, drawn(100, 3, away=1)) == 1


def test_copies_make_no_photo_look_usual() -> None:
    copies = np.repeat(drawn(60, 1), 8, axis=0)
    copies += 0.001 * np.random.default_rng(5).normal(size=copies.shape).astype(np.float32)
    new = drawn(1000, 2)
    assert lost(learnt(copies, np.repeat(np.arange(60), 8)), new) <= 0.06
    assert lost(learnt(copies), new) > 0.5


def test_a_large_collection_is_sampled_and_few_photos_say_nothing() -> None:
    known = learnt(drawn(5000, 1))
    assert len(known.photos) == len(known.distances) == 2000
    assert lost(known, drawn(1000, 2)) <= 0.06
    assert learn(drawn(MIN_KNOWN - 1, 1), np.arange(MIN_KNOWN - 1)) is None
    assert learn(drawn(500, 1), np.arange(500) % 5) is None  # five sites
    same = learnt(np.ones((200, WIDTH), np.float32))
    assert np.isfinite(same.usual(drawn(3, 1))).all()


def test_what_is_known_is_packed_and_read(tmp_path: Path) -> None:
    known = learnt(drawn(200, 1))
    known.write(tmp_path / FILE)
    again = packed(tmp_path / "nothing", tmp_path)
    assert again
    assert again.usual(drawn(20, 2)).tolist() == known.usual(drawn(20, 2)).tolist()
    assert packed(tmp_path / "nothing") is None
    for content in (b"", b"not an archive", (tmp_path / FILE).read_bytes()[:3000]):
        (tmp_path / FILE).write_bytes(content)
        with pytest.raises(CheckpointError, match="damaged"):
            Known.read(tmp_path / FILE)
    np.savez(tmp_path / FILE, middle=known.middle)
    with pytest.raises(CheckpointError, match="damaged"):
        Known.read(tmp_path / FILE)


def test_names_are_taken_away_where_there_are_some(tmp_path: Path) -> None:
    pack(None, DEMO, tmp_path)
    part = Usual(packed(tmp_path))
    records: list[dict[str, object]] = [
        {"category": "flood", "categories": ["flood"], "label": "a flood", "labels": [1]},
        {"captions": []},
    ]
    part(np.eye(2, 128, dtype=np.float32), None, records)  # type: ignore[arg-type]
    assert records == [
        {"category": None, "categories": [], "label": None, "labels": [1], "usual": 0.0},
        {"captions": [], "usual": 0.0},
    ]


def test_a_model_knows_the_photos_that_it_was_trained_on() -> None:
    files = [encoded(scene(64, 48, seed=number // 2)) for number in range(120)]
    names = [str(number) for number in range(120)]
    known = of_training(drawn(120, 1), Dataset.from_dict({"image": files, "name": names}))
    assert known
    assert len(known.photos) == 120
    assert of_training(drawn(20, 1), Dataset.from_dict({"image": [], "name": []})) is None


def test_embeddings_of_another_checkpoint_or_too_few_are_refused(embedded: Path) -> None:
    probe = np.array(Embeddings(embedded).settings.probe, np.float32)
    with pytest.raises(ZooError, match="different encoders"):
        of_embeddings(embedded, np.roll(probe, 1))
    with pytest.raises(ZooError, match=f"{MIN_KNOWN} or more"):
        of_embeddings(embedded, probe)
