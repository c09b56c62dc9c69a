"""A collection that grows: `explore.py embed`, `index` and `map` again, after something changed."""

import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from clip_caption import explore
from clip_caption.exploring import contents
from clip_caption.exploring.store import READY, Embeddings
from clip_caption.searching.index import Index
from zoo.errors import ZooError

NAMES = [f"{number:06d}.jpg" for number in range(12)]
KEPT = 42.0  # what a test puts into stored embeddings: the model wouldn't say so


class Killed(BaseException):
    """Ends a run where a test wants it to."""


def write(folder: Path, names: list[str], **columns: Any) -> Path:
    """A table of photos."""
    table = pd.DataFrame({"photo": names, "ticket": [f"{n:05d}" for n in range(len(names))]})
    for name, values in columns.items():
        table[name] = values
    table.to_csv(folder / "photos.csv", index=False)
    return folder / "photos.csv"


def mark(directory: Path) -> None:
    """Overwrites the embeddings that are stored, so that they can be told from new ones."""
    for file in directory.glob("part-*.parquet"):
        table = pq.read_table(file)
        place = table.column_names.index("embedding")
        kind = table.schema.field("embedding").type
        values = pa.array([[KEPT] * kind.list_size] * len(table), kind)
        pq.write_table(table.set_column(place, "embedding", values), file)


def kill_at(step: int, patch: pytest.MonkeyPatch) -> None:
    """Ends a run before it moves or removes a file for the so many-th time."""
    steps = iter(range(step))

    def counted(act: Any) -> Any:
        def stepped(*arguments: Any, **options: Any) -> Any:
            if next(steps, None) is None:
                raise Killed
            return act(*arguments, **options)

        return stepped

    for name in ("replace", "rename", "unlink"):
        patch.setattr(Path, name, counted(getattr(Path, name)))


def kept(directory: Path) -> list[bool]:
    """Which photos have the embedding that `mark` put there."""
    return [bool(value) for value in (Embeddings(directory).vectors() == KEPT).all(axis=1)]


@pytest.fixture
def folder(photos: Path, tmp_path: Path) -> Path:
    """Twelve photos, and others to come."""
    shutil.copytree(photos / "000", tmp_path / "photos")
    return tmp_path / "photos"


@pytest.fixture
def embed(embedded: Path, folder: Path) -> Any:
    """Runs the command on the folder's table."""

    def run(source: Path, *options: str) -> Path:
        output = folder.parent / "embeddings"
        explore.main(["embed", str(source), "-o", str(output), "--checkpoint", str(embedded),
                      "--part", "5", *options])  # fmt: skip
        return output

    return run


def test_what_changed_is_taken_in_and_the_rest_is_kept(
    folder: Path, embed: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    output = embed(write(folder, NAMES, type="flood"))
    assert "12 of 12 images: 12 added" in capsys.readouterr().out
    before = Embeddings(output)
    assert before.column("ticket")[:2] == ["00000", "00001"]
    mark(output)
    embed(folder / "photos.csv")
    assert "12 of 12 images: 12 kept" in capsys.readouterr().out

    names = ["000020.jpg", *[name for name in NAMES if name != "000007.jpg"], "000021.jpg"]
    shutil.copy(folder / "000030.jpg", folder / "000004.jpg")
    table = write(folder, names, type="flood")
    frame = pd.read_csv(table, dtype=str)
    frame["ticket"] = [f"{int(name[:6]):05d}" for name in names]
    frame.loc[frame["photo"] == "000002.jpg", "type"] = "rubbish"
    frame.to_csv(table, index=False)
    embed(table)
    said = capsys.readouterr().out
    assert "13 of 13 images: 2 added, 1 replaced, 1 with new columns, 1 removed, 9 kept" in said
    found = Embeddings(output)
    assert found.ids == names
    assert dict(zip(found.ids, found.texts("type"), strict=True))["000002.jpg"] == "rubbish"
    new = {"000020.jpg", "000021.jpg", "000004.jpg"}
    assert [name for name, old in zip(names, kept(output), strict=True) if not old] == [
        name for name in names if name in new
    ]
    assert len({*output.glob("part-*.parquet")}) == 3
    frame["site"] = "bridge"
    frame.to_csv(table, index=False)
    embed(table)
    assert "13 with new columns" in capsys.readouterr().out
    assert set(Embeddings(output).texts("site")) == {"bridge"}
    with pytest.raises(ZooError, match="has changed while it was read; run this again"):
        before.vectors()  # else old ids would get new vectors


def test_a_disk_that_is_gone_takes_nothing_with_it(folder: Path, embed: Any) -> None:
    output = embed(write(folder, NAMES))
    folder.rename(folder.with_name("elsewhere"))
    folder.mkdir()
    with pytest.raises(ZooError, match="None of the 12 images could be read"):
        embed(write(folder, NAMES))
    assert Embeddings(output).ids == NAMES


def test_a_photo_of_equal_size_and_date_is_found(
    folder: Path, embed: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(contents, "SETTLED_NS", 0)  # these files are a moment old
    output = embed(write(folder, NAMES))
    mark(output)
    photo = folder / NAMES[3]
    status, old = photo.stat(), photo.read_bytes()
    other = (folder / NAMES[5]).read_bytes()[: len(old)]
    photo.write_bytes(other + b"\0" * (len(old) - len(other)))
    os.utime(photo, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert photo.stat().st_size == status.st_size
    capsys.readouterr()
    embed(folder / "photos.csv")
    assert "1 replaced, 11 kept" in capsys.readouterr().out
    assert [not one for one in kept(output)] == [name == NAMES[3] for name in NAMES]


def test_renamed_photos_are_not_embedded_again(
    folder: Path, embed: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    output = embed(write(folder, NAMES))
    mark(output)
    names = [f"new-{name}" for name in NAMES]
    for name in NAMES:
        (folder / name).rename(folder / f"new-{name}")
    capsys.readouterr()
    embed(write(folder, names))
    assert "12 added, 12 removed" in capsys.readouterr().out
    assert all(kept(output))


@pytest.fixture
def changed(folder: Path, embed: Any) -> tuple[Path, Path]:
    """Embeddings, and the table that they were made from, since changed."""
    output = embed(write(folder, NAMES, type="flood"))
    return output, write(folder, NAMES[1:11][::-1], type="rubbish")


def test_a_kill_at_any_step_leaves_the_old_or_the_new_and_never_both(
    changed: tuple[Path, Path], embed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    output, table = changed
    shutil.copytree(output, output.with_name("before"), ignore=shutil.ignore_patterns("_model"))
    old, new = (NAMES, "flood"), (NAMES[1:11][::-1], "rubbish")
    waited = ends = 0
    for step in range(100):
        shutil.rmtree(output)
        shutil.copytree(output.with_name("before"), output)
        with monkeypatch.context() as patch:
            kill_at(step, patch)
            try:
                embed(table)
                ends += 1
            except Killed:
                pass
        if (output / READY).exists():
            with pytest.raises(ZooError, match=r"run explore\.py embed again"):
                Embeddings(output)
            waited += 1
        else:
            found = Embeddings(output)
            assert (found.ids, found.texts("type")[0]) in (old, new)
            assert len({*found.texts("type")}) == 1
        embed(table)
        found = Embeddings(output)
        assert (found.ids, {*found.texts("type")}) == (new[0], {"rubbish"})
        assert [path.name for path in output.iterdir() if path.name.startswith("_next")] == []
        if ends:
            break
    assert step > 8
    assert waited < step / 2


def test_a_checkpoint_that_changed_under_its_name_is_refused(
    folder: Path, embedded: Path, tmp_path: Path
) -> None:
    shutil.copytree(embedded / "_model", tmp_path / "run" / "_model")
    command = ["embed", str(write(folder, NAMES)), "-o", str(tmp_path / "embeddings"),
               "--checkpoint", str(tmp_path / "run")]  # fmt: skip
    explore.main(command)
    explore.main(command)
    with (tmp_path / "run" / "_model" / "config.json").open("a") as file:
        file.write(" ")
    with pytest.raises(ZooError, match=r"run' has changed since '.*embeddings' was begun"):
        explore.main(command)


def test_index_and_map_follow(
    photos: Path, embedded: Path, mapped: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, output = tmp_path / "photos", tmp_path / "embeddings"
    index, chart = tmp_path / "index", tmp_path / "map"
    for source, copy in ((photos, folder), (embedded, output), (mapped, chart)):
        shutil.copytree(source, copy)
    table = pd.read_csv(folder / "manifest.csv", dtype=str, keep_default_na=False)
    names = list(table["file"])

    def embed(rows: pd.DataFrame) -> str:
        rows.to_csv(folder / "manifest.csv", index=False)
        capsys.readouterr()
        explore.main(["embed", str(folder / "manifest.csv"), "-o", str(output), "--captions",
                      "greedy", "--part", "25", "--thumbnail", "96"])  # fmt: skip
        return capsys.readouterr().out

    atlas = ["atlas", str(output), "--map", str(chart), "--table-only", "--no-neighbours"]
    place = ["map", str(output), "--reuse", str(chart), "-o", str(chart), "--no-thumbnails"]
    embed(table)
    explore.main(["index", str(output), "-o", str(index)])
    explore.main(place)
    explore.main(atlas)
    before = pd.read_parquet(chart / "map.parquet").set_index("id")
    table.loc[1, "type"] = "other"
    said = embed(table)
    assert "1 with new columns, 89 kept" in said
    assert f"older than these embeddings: {index}" in said
    assert f"{chart};" not in said  # labels aren't on the map
    shutil.copy(folder / names[9], folder / "000" / "new.jpg")
    shutil.copy(folder / names[30], folder / names[2])
    grown = pd.concat([table[1:], table[3:4].assign(file="000/new.jpg")])
    said = embed(grown)
    assert "1 added, 1 replaced, 1 removed, 88 kept" in said
    assert str(index) in said
    assert f"{chart};" in said
    with pytest.raises(ZooError, match="1 photos new, 1 photos replaced, 1 photos gone"):
        explore.main(atlas)

    explore.main(place)
    explore.main(["index", str(output), "-o", str(index)])
    explore.main(atlas)
    said = embed(grown)
    assert str(index) not in said
    assert f"{chart};" not in said
    after = pd.read_parquet(chart / "map.parquet").set_index("id")
    packed = Index.read(index)
    names_now = [packed.photos.id_of(row) for row in range(len(packed))]
    assert list(after.index) == names_now == Embeddings(output).ids
    stay = [name for name in after.index if name not in (names[2], "000/new.jpg")]
    assert after.loc[stay].equals(before.loc[stay])
    width = np.ptp(before[["x", "y"]].to_numpy(), axis=0).max()
    for new, same in (("000/new.jpg", names[9]), (names[2], names[30])):  # the same pixels
        moved = after.loc[new, ["x", "y"]] - after.loc[same, ["x", "y"]]
        assert np.abs(moved.to_numpy(float)).max() < width / 5
