"""An index: packed, mounted, older ones; the search below all of it."""

import asyncio
import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from clip_caption import explore
from clip_caption.build import pack_index
from clip_caption.engine import Engine
from clip_caption.exploring.indexing import searcher_of
from clip_caption.searching.both import find_both
from clip_caption.searching.index import Index, normalised
from clip_caption.searching.nearest import Exact, Searcher
from clip_caption.searching.opening import open_collection
from clip_caption.searching.photos import NO_DAY, PHOTOS, THUMBNAILS, day_of
from tests.clip_caption.collection import COUNT
from tests.clip_caption.searching import TREES, UNDATED
from zoo.errors import BadParameter, CheckpointError, ZooError


def test_an_index_is_packed_with_all_that_it_has(
    scene_index: Path, dated: Path, tmp_path: Path
) -> None:
    shutil.copytree(dated / "_model", tmp_path / "model")
    assert pack_index(scene_index, tmp_path / "model") == []
    engine = Engine(tmp_path / "model")
    assert engine.options().neighbours == 5
    (answer,) = engine([TREES], engine.options(neighbours=1))
    assert not isinstance(answer, Exception)
    assert answer.record()["neighbours"][0]["photo"].startswith("collection/photo?number=")


def test_what_is_mounted_is_checked_at_the_start(
    scene_index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def embed_texts(texts: Sequence[str]) -> np.ndarray:
        return np.ones((len(texts), 128), np.float32)

    monkeypatch.setenv("THERESA_COLLECTION", str(scene_index))
    with pytest.raises(CheckpointError, match=r"^THERESA_COLLECTION='.*': .*another CLIP"):
        open_collection(tmp_path, embed_texts)
    monkeypatch.setenv("THERESA_COLLECTION", str(tmp_path))
    with pytest.raises(CheckpointError, match=r"^THERESA_COLLECTION='.*not a complete index"):
        open_collection(tmp_path, embed_texts)
    monkeypatch.delenv("THERESA_COLLECTION")
    assert open_collection(tmp_path, embed_texts) is None


def test_an_index_says_what_it_could_not_read(
    dated: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "index"
    options = ["--date", "date", "--category", "date", "--no-thumbnails"]
    explore.main(["index", str(dated), "-o", str(output), *options])
    said = capsys.readouterr().out
    assert f"'date' gives no day that can be read for {UNDATED} images" in said
    assert "'date' names no category for 1 images" in said
    assert len(Index.read(output)) == COUNT  # with the one that has no category
    assert not (output / THUMBNAILS).exists()
    photos = Index.read(output).photos
    assert photos.days is not None
    assert photos.days.tolist().count(NO_DAY) == UNDATED
    assert (photos.has_thumbnails, photos.thumbnail(0), photos.places) == (False, None, [])
    with pytest.raises(ZooError, match="Column 'when' not found"):
        explore.main(["index", str(dated), "-o", str(output), "--date", "when"])


def test_a_collection_needs_no_categories(
    dated: Path, scenes: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "index"
    with pytest.raises(ZooError, match="--accuracy"):
        explore.main(["index", str(dated), "-o", str(output), "--accuracy", "0.9"])
    explore.main(["index", str(dated), "-o", str(output), "-k", "5"])
    monkeypatch.setenv("THERESA_COLLECTION", str(output))
    engine = Engine(dated / "_model")
    about = asyncio.run(engine.routes(None)[0].endpoint())
    assert (about["photos"], about["categories"]) == (COUNT, [])
    answers = engine([TREES, dated.parent / scenes.index[0]], engine.options(num_captions=0))
    words, alike = (one.record() for one in answers if not isinstance(one, Exception))
    assert scenes["type"][words["neighbours"][0]["id"]] == "fallen tree"
    assert alike["neighbours"][0]["id"] == scenes.index[0]
    assert (alike["category"], alike["neighbours"][0]["category"]) == (None, None)
    assert "categories" not in alike
    with pytest.raises(BadParameter, match="in_categories"):
        engine([TREES], engine.options(in_categories=("flood",)))


def test_an_older_index_is_read(scene_index: Path, tmp_path: Path, scenes: pd.DataFrame) -> None:
    old = tmp_path / "old"
    shutil.copytree(scene_index, old)
    for name in (PHOTOS, THUMBNAILS):
        (old / name).unlink()
    (old / "ids.json").write_text(json.dumps([*scenes.index]))
    before, now = Index.read(old), Index.read(scene_index)
    query = np.asarray(now.searcher.sample())[:3]
    for one, other in zip(before.find(query, 4), now.find(query, 4), strict=True):
        assert [*one[0]] == ["id", "category", "similarity"]
        assert [(n["id"], n["similarity"]) for n in one] == [
            (n["id"], n["similarity"]) for n in other
        ]


@pytest.mark.parametrize("text", ["2026-01-31", "2026-01-31T23:59:59+07:00", " 2026-01-31 08:00 "])
def test_a_day_is_that_of_the_text(text: str) -> None:
    assert day_of(text) == (np.datetime64("2026-01-31") - np.datetime64("1970-01-01")).astype(int)


@pytest.mark.parametrize("exact", [True, False])
def test_equal_photos_have_a_fixed_order_and_filters_are_exact(exact: bool, tmp_path: Path) -> None:
    if not exact:
        pytest.importorskip("faiss")
    generator = np.random.default_rng(1)
    different = normalised(generator.standard_normal((150, 16)))
    vectors = np.concatenate([different, np.repeat(different[:3], 200, axis=0)])
    searcher: Searcher = searcher_of(vectors, tmp_path, exact, 1)
    assert isinstance(searcher, Exact) == exact
    queries = normalised(different[:4] + 0.01)
    whole = searcher(queries, len(vectors))[1]
    assert all(np.array_equal(np.sort(one), np.arange(len(vectors))) for one in whole)
    for k in (1, 90, 150, 201, 333):  # in the midst of equal ones, and at their end
        assert np.array_equal(searcher(queries, k)[1], whole[:, :k])
        assert np.array_equal(searcher(queries[1:2], k)[1], whole[1:2, :k])
    for rows in (np.arange(5, 750, 7), np.array([3]), np.array([], int)):
        cosines, kept = searcher(queries, 20, rows)
        expected = np.stack([one[np.isin(one, rows)][:20] for one in whole])
        assert np.array_equal(kept, expected)
        assert cosines.shape == kept.shape
    both = find_both(searcher, queries[:1], different[9], 700)[1]
    assert len(np.unique(both)) == 700
    assert np.array_equal(find_both(searcher, queries[:1], different[9], 40)[1], both[:, :40])
