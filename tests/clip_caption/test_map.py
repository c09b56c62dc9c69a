"""The map of a collection of drawn scenes, by the commands of explore.py."""

import io
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from clip_caption import explore
from clip_caption.exploring.projection import Projection
from clip_caption.exploring.store import Embeddings
from tests.clip_caption.collection import facts, types
from zoo.errors import ZooError


def test_a_map_has_groups_named_by_what_is_in_them(embedded: Path, mapped: Path) -> None:
    table = pd.read_parquet(mapped / "map.parquet")
    assert list(table["id"]) == Embeddings(embedded).ids
    table = table[table["group"] != "in no group"].join(facts(embedded), on="id")
    shares = {
        name: {
            (column, value): (rows[column] == value).mean()
            for column in ("type", "place")
            for value in rows[column].unique()
        }
        for name, rows in table.groupby("group")
    }
    assert len(shares) >= 3
    counts = table["group"].value_counts()
    purity = sum(max(found.values()) * counts[name] for name, found in shares.items())
    assert purity / len(table) > 0.7  # of a problem or of a place
    for name, found in shares.items():
        pure = [
            word for (_, value), share in found.items() if share > 0.9 for word in value.split()
        ]
        assert not pure or any(word in str(name) for word in pure), (name, found)  # or its plural


def test_the_picture_shows_points_and_photos(embedded: Path, mapped: Path, tmp_path: Path) -> None:
    def colours(path: Path) -> int:
        return len(np.unique(np.asarray(Image.open(path).convert("RGB")).reshape(-1, 3), axis=0))

    again = ["map", str(embedded), "--reuse", str(mapped), "-o", str(tmp_path), "--colour", "type"]
    explore.main([*again, "--no-thumbnails"])
    assert 10 < colours(tmp_path / "map.png") < 2000 < colours(mapped / "map.png")
    explore.main([*again, "--palette", "64"])
    assert 10 < colours(tmp_path / "map.png") <= 64


def test_a_saved_map_takes_new_photos(embedded: Path, mapped: Path, tmp_path: Path) -> None:
    """The photos of the map, as if they were new, land among their like."""
    old = pd.read_parquet(mapped / "map.parquet")
    explore.main(["map", str(embedded), "--reuse", str(mapped), "-o", str(tmp_path)])
    new = pd.read_parquet(tmp_path / "map.parquet")
    places, truth = old[["x", "y"]].to_numpy(), old["id"].map(types(embedded)).to_numpy()
    distances = np.linalg.norm(new[["x", "y"]].to_numpy()[:, None] - places, axis=2)
    assert np.median(distances.diagonal()) < 0.15 * np.ptp(places, axis=0).max()
    assert (truth[distances.argmin(axis=1)] == truth).mean() > 0.8
    assert (new["group"] == old["group"]).mean() > 0.8


def test_a_map_is_the_same_again_and_after_it_was_saved(
    embedded: Path, mapped: Path, tmp_path: Path
) -> None:
    saved = Projection.load(mapped / "projection.npz")
    vectors = Embeddings(embedded).vectors()
    again = Projection.fit(vectors, saved.parameters)
    assert np.array_equal(again.places, saved.places)
    new = (vectors[::2] + vectors[1::2]) / 2
    assert again.transform(new) == pytest.approx(saved.transform(new), abs=1e-3)
    with pytest.raises(ZooError, match="needs 10 images at least; there are 9"):
        Projection.fit(vectors[:9], saved.parameters)
    with pytest.raises(ZooError, match="The map is of embeddings of"):
        saved.transform(vectors[:, 1:])
    file = tmp_path / "projection.npz"
    np.savez(file, places=np.array([{"a": print}], object), allow_pickle=True)
    with pytest.raises(ZooError, match="is not a map"):
        Projection.load(file)


def test_tensorboards_files_fit_each_other(embedded: Path, mapped: Path) -> None:
    folder = mapped.parent / "tensorboard"
    config = (folder / "projector_config.pbtxt").read_text()
    count, width = map(int, re.findall(r"tensor_shape: (\d+)", config))
    tensors = np.fromfile(folder / "tensors.bytes", "<f4").reshape(count, width)
    assert np.array_equal(tensors, Embeddings(embedded).vectors())
    metadata = pd.read_csv(folder / "metadata.tsv", sep="\t")
    assert list(metadata["id"]) == Embeddings(embedded).ids
    assert list(metadata["type"]) == list(types(embedded).values())
    side = int(re.findall(r"single_image_dim: (\d+)", config)[0])
    sprite = np.asarray(Image.open(folder / "sprite.png")).astype(int)
    across = sprite.shape[1] // side
    assert across == 10  # ceil(sqrt(90)): the page counts on it
    thumbnail = Image.open(io.BytesIO(Embeddings(embedded).thumbnails([37])[0]))
    thumbnail.thumbnail((side, side))
    cell = sprite[3 * side : 3 * side + thumbnail.height, 7 * side : 7 * side + thumbnail.width]
    assert np.abs(cell - np.asarray(thumbnail).astype(int)).mean() < 1
