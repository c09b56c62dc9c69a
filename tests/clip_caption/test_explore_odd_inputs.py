"""Wrong and odd inputs of `explore.py`: each ends in the right result, or in one sentence."""

import io
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from clip_caption import explore
from clip_caption.exploring.store import Embeddings
from tests.zoo.odd_inputs import refusal

REFUSED = [
    ("embed {nowhere} -o {new}", "nowhere' is neither a folder of images, a table nor a data set"),
    ("embed {empty} -o {new}", "empty' has no image in it"),
    ("embed {texts} -o {new}", r"texts' has no image in it. Its files are: 2 .md, 1 .txt"),
    ("embed {photos}/000/000000.jpg -o {new}", "000000.jpg' is not a table; available: .csv"),
    ("embed {broken} -o {new}", "broken.csv', line 3: 3 cells, not 2"),
    ("embed {twice} -o {new}", "twice.csv' has more than one column 'photo'"),
    ("embed {photos}/manifest.csv --image-column x -o {new}", "Column 'x' not found in .*manifest"),
    ("embed {nothing} -o {new}", r"None of the 2 images could be read; the first: 'a.txt': it is"),
    ("embed {one} -o {photos}", "photos' holds something other than embeddings"),
    ("embed {one} -o {new} --part 0", "argument --part: 0 is less than 1"),
    ("embed {one} -o {new} --checkpoint {nowhere}", "nowhere"),
    ("embed {one} -o {embedded} --thumbnail 0", "was begun with another .*thumbnail"),
    ("embed {mutes} -o {damaged} --checkpoint {embedded}", "part-00000.parquet' is damaged; embed"),
    ("find {photos} --words tree", "photos' holds no embeddings; explore.py embed"),
    ("find {old} --words tree", "older explore.py wrote .*; embed into a new directory"),
    ("find {damaged} --words tree", "A part of .*damaged' is damaged; embed into a new directory"),
    ("find {prefixes} --words tree", "holds prefix embeddings; this needs CLIP's"),
    ("find {embedded} --words tree -k 0", "argument -k: 0 is less than 1"),
    ("find {embedded} --words= ", "argument --words: is empty"),
    ("find {embedded} --words tree -o {new}.bmp", "new.bmp' ends with none of .jpg, .jpeg, .png"),
    ("find {embedded} --image {texts}/a.txt", "a.txt' is not a"),
    ("find {embedded} --words tree --by captions --text x", "Column 'x' not found .*available: id"),
    ("match {embedded} --text x -o {new}", "Column 'x' not found"),
    ("match {mute} --text said -o {new}.csv", "Column 'said' of .* is empty"),
    ("match {prefixes} --text photo -o {new}", "holds prefix embeddings"),
    ("map {prefixes} -o {new}", "A map needs 10 images at least; there are 2"),
    ("map {embedded} --colour x -o {new}", "Column 'x' not found"),
    ("map {embedded} --min-dist 2 -o {new}", "2 is not between 0 and 1"),
    ("map {embedded} --seed -1 -o {new}", "-1 is not between 0 and"),
    ("map {embedded} --palette 300 -o {new}", "300 is not between 2 and 256"),
    ("map {other} --reuse {mapped} -o {new}", "other' and the map are of different encoders"),
    ("map {embedded} --metric x -o {new}", "invalid choice: 'x'"),
    ("map {embedded} --reuse {photos} -o {new}", "photos' holds no map as explore.py"),
    ("atlas {embedded} --map {photos}", "photos' holds no map as explore.py"),
    ("atlas {prefixes} --map {mapped}", "2 photos new, 90 photos gone; run explore.py map"),
    ("classify {embedded} --category x", "Column 'x' not found"),
    ("classify {embedded} --group x", "Column 'x' not found"),
    ("classify {prefixes} --category site", "names fewer than two categories"),
    ("classify {embedded} --near 64", "are copies of each other, or of one group"),
    ("classify {embedded} --near 65", "65 is not between 0 and 64"),
    ("classify {embedded} --test {other}", "are of different encoders; embed both with one"),
    ("classify {embedded} --test {prefixes}", "holds prefix embeddings"),
    ("index {prefixes} --category kind -o {new}", "holds prefix embeddings"),
    ("index {embedded} -o {photos}", "photos' holds something other than an index"),
    ("index {embedded} -o {new} --accuracy 1.5", "1.5 is not between 0 and 1"),
    ("duplicates {embedded} -o {photos}", "something other than a list of duplicates"),
    ("duplicates {embedded} -o {new} --time x", "Column 'x' not found"),
]


@pytest.fixture(scope="module")
def places(
    photos: Path, embedded: Path, mapped: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """What the commands name."""
    home = tmp_path_factory.mktemp("odd")
    photo = photos / "000" / "000000.jpg"
    for name, files in {"empty": [], "texts": ["a.txt", "b.md", "c.md"], "old": []}.items():
        (home / name).mkdir()
        for file in files:
            (home / name / file).write_text("no photo")
    (home / "old" / "_settings.json").write_text(json.dumps({
        "checkpoint": "demo", "clip": None, "kind": "clip", "width": 8, "captions": None,
        "thumbnail": 128, "collection": "0", "images": 1, "probe": [1.0],
    }))  # fmt: skip
    tables = {
        "broken": f"photo,kind\n{photo},flood\n{photo},flood,2026\n",
        "twice": f"photo,photo\n{photo},{photo}\n",
        "nothing": "photo,kind\na.txt,flood\nhttps://photos.example.org/1.jpg,flood\n",
        "one": f"photo,kind\n{photo},flood\n",
        "mute": f"photo,said,type\n{photo},,a\n",
        "two": f"photo,kind,site\n{photo},a,x\n{photos / '000' / '000001.jpg'},b,x\n",
    }
    for name, text in tables.items():
        (home / f"{name}.csv").write_text(text, encoding="utf-8")
    (home / "a.txt").write_text("a text that was named as a photo")
    explore.main(["embed", str(home / "two.csv"), "-o", str(home / "prefixes"), "--checkpoint",
                  str(embedded), "--embedding", "prefix"])  # fmt: skip
    explore.main(["embed", str(home / "mute.csv"), "-o", str(home / "mute"), "--checkpoint",
                  str(embedded)])  # fmt: skip
    shutil.copytree(home / "mute", home / "other")
    shutil.copytree(home / "mute", home / "damaged")
    part = home / "damaged" / "part-00000.parquet"
    part.write_bytes(part.read_bytes()[:-99])
    settings = json.loads((home / "other" / "_settings.json").read_text())
    settings["probe"] = settings["probe"][::-1]
    (home / "other" / "_settings.json").write_text(json.dumps(settings))
    return {
        "nowhere": home / "nowhere", "photos": photos, "embedded": embedded, "mapped": mapped,
        "prefixes": home / "prefixes",
        **{name: home / name for name in ("empty", "texts", "old")},
        **{name: home / f"{name}.csv" for name in tables},
        "mute": home / "mute", "other": home / "other", "damaged": home / "damaged",
        "mutes": home / "mute.csv",
    }  # fmt: skip


@pytest.mark.parametrize(("command", "reason"), REFUSED)
def test_a_wrong_input_is_refused_in_a_sentence(
    command: str,
    reason: str,
    places: dict[str, Any],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = command.format(**places, new=tmp_path / "new").split(" ")
    said = refusal(explore.main, words, capsys)
    assert re.search(reason, said), said
    assert not [*(tmp_path / "new").glob("[!_]*")]


@pytest.fixture
def embed(
    embedded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Callable[[Path], tuple[Embeddings, str]]:
    """Embeds a source; gives what is there, and what was printed."""

    def run(source: Path) -> tuple[Embeddings, str]:
        capsys.readouterr()
        explore.main(["embed", str(source), "-o", str(tmp_path / "embeddings"), "--checkpoint",
                      str(embedded)])  # fmt: skip
        return Embeddings(tmp_path / "embeddings"), capsys.readouterr().out

    return run


Embed = Callable[[Path], tuple[Embeddings, str]]


def test_a_folder_of_all_formats(photos: Path, embed: Embed, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    image = Image.open(photos / "000" / "000000.jpg").convert("RGB")
    suffixes = ("jpg", "JPG", "png", "webp", "gif", "bmp", "tiff", "avif", "mpo")
    for number, suffix in enumerate(suffixes):
        image.save(folder / f"{number}.{suffix}")
    (folder / "damaged.png").write_bytes((folder / "2.png").read_bytes()[:500])
    (folder / "text.jpg").write_text("no photo")
    (folder / "clip.mp4").write_bytes(b"0")
    (folder / "notes").write_text("none")
    found, said = embed(folder)
    assert found.ids == [f"{number}.{suffix}" for number, suffix in enumerate(suffixes)]
    assert "skipped files that are not images: 1 .mp4, 1 without a suffix" in said
    assert "9 of 11 images" in said
    assert "left out: damaged.png" in said
    assert "left out: text.jpg" in said
    assert len({tuple(row) for row in found.vectors().round(1).tolist()}) <= len(suffixes)


TABLES: dict[str, Callable[[Path, pd.DataFrame], Path]] = {}


def table(name: str) -> Callable[[Any], Any]:
    """Keeps a way of writing a table."""

    def keep(write: Any) -> Any:
        TABLES[name] = write
        return write

    return keep


@table("gb18030.csv")
def _gbk(path: Path, rows: pd.DataFrame) -> Path:
    path.write_bytes(rows.to_csv(index=False).encode("gb18030"))
    return path


@table("utf16.csv")
def _utf16(path: Path, rows: pd.DataFrame) -> Path:
    path.write_bytes(rows.to_csv(index=False, sep="\t").encode("utf-16"))
    return path


@table("semicolons.csv")
def _semicolons(path: Path, rows: pd.DataFrame) -> Path:
    path.write_bytes(b"\xef\xbb\xbf" + rows.to_csv(index=False, sep=";").encode())
    return path


@table("rows.parquet")
def _parquet(path: Path, rows: pd.DataFrame) -> Path:
    pq.write_table(pa.Table.from_pandas(rows), path)
    return path


@table("rows.jsonl")
def _jsonl(path: Path, rows: pd.DataFrame) -> Path:
    path.write_text(rows.to_json(orient="records", lines=True, force_ascii=False))
    return path


@pytest.mark.parametrize("name", TABLES)
def test_a_table_as_people_have_it(name: str, photos: Path, embed: Embed, tmp_path: Path) -> None:
    """Encodings, delimiters, ids that look like numbers, one photo twice, an empty cell."""
    for number in range(3):
        shutil.copy(photos / "000" / f"{number:06d}.jpg", tmp_path / f"{number}.jpg")
    rows = pd.DataFrame({
        "photo": ["0.jpg", "1.jpg", "0.jpg", "", "2.jpg"],
        "ticket": ["00000", "00001", "2", "3", "4"],
        "kind": ["路面积水", "路灯损坏", "路面积水", "垃圾堆积", "{路面积水,垃圾堆积}"],
        "latitude": ["13.5", "", "13.5", "13.5", "13.5"],
        "embedding": ["a"] * 5,
    })  # fmt: skip
    found, said = embed(TABLES[name](tmp_path / name, rows))
    assert found.ids == ["0.jpg", "1.jpg", "0.jpg (2)", "2.jpg"]
    assert found.column("ticket") == ["00000", "00001", "2", "4"]
    assert found.labels("kind")[:2] == [["路面积水"], ["路灯损坏"]]
    assert found.labels("kind")[3] == ["路面积水", "垃圾堆积"]
    assert found.column("latitude") == [13.5, None, 13.5, 13.5]
    assert found.column("fingerprint")[0] == found.column("fingerprint")[2]
    assert "4 of 5 images" in said
    assert "columns left out" in said
    assert "the file is missing" in said


def test_a_caption_of_the_table_is_kept(photos: Path, embed: Embed, tmp_path: Path) -> None:
    shutil.copy(photos / "000" / "000000.jpg", tmp_path / "a.jpg")
    (tmp_path / "rows.csv").write_text("photo,caption\na.jpg,A wet road.\n")
    assert embed(tmp_path / "rows.csv")[0].texts("caption") == ["A wet road."]


def test_an_index_that_was_cut_off_is_no_index(places: dict[str, Any], tmp_path: Path) -> None:
    """`index` replaces its own output only; what isn't one stays."""
    (tmp_path / "index.json").write_text("{")
    explore.main(["index", str(places["embedded"]), "-o", str(tmp_path), "-k", "3"])
    assert json.loads((tmp_path / "index.json").read_text())["k"] == 3


def test_duplicates_without_thumbnails(
    places: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    explore.main(["duplicates", str(places["prefixes"]), "-o", str(tmp_path), "--near", "64"])
    assert "2 of 2 photos are in 1 groups" in capsys.readouterr().out
    rows = pd.read_csv(io.BytesIO((tmp_path / "duplicates.csv").read_bytes()))
    assert list(rows["group"]) == [1, 1]
    assert rows["metres"].isna().all()
