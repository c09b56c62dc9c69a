"""Exploring a collection of drawn scenes with the demo, by the commands of explore.py."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from datasets import Dataset
from PIL import Image

from clip_caption import explore
from clip_caption.captioner import Captioner
from clip_caption.exploring.store import Embeddings
from clip_caption.options import Options
from clip_caption.searching.index import Index, normalised
from tests.clip_caption.collection import COUNT, facts, types
from zoo.building.packaging import ROOT
from zoo.data.images import decode
from zoo.errors import ZooError

SCRIPT = ROOT / "mlflow_models" / "clip_caption" / "explore.py"
TREE = "a fallen tree lies across the road"


def test_embeddings_are_what_the_engine_says(photos: Path, embedded: Path) -> None:
    table = pd.read_parquet(embedded)  # as anybody reads it
    assert len(table) == COUNT
    assert {"id", "path", "embedding", "caption", "thumbnail", "type", "comment"} <= {*table}
    captioner = Captioner(embedded / "_model")
    for row in (0, 24, 25, COUNT - 1):  # both sides of a part's end
        image = decode((photos / table["id"][row]).read_bytes())
        features = captioner.embed([captioner.pixels(image)])
        assert table["embedding"][row] == pytest.approx(features[0], abs=2e-2, rel=2e-2)
        caption = captioner.caption(features, Options(mode="greedy"))[0][0].text
        assert table["caption"][row] == caption
        assert Image.open(io.BytesIO(table["thumbnail"][row])).size == (96, 72)
        assert Path(table["path"][row]) == (photos / table["id"][row]).resolve()
    failed = dict(line.split("\t") for line in (embedded / "_failed.tsv").read_text().splitlines())
    assert failed == {
        "damaged.jpg": "it is cut off or damaged: it can't be decoded",
        "missing.jpg": "the file is missing",
    }


def test_a_folder_and_a_data_set_give_the_same(
    photos: Path, embedded: Path, tmp_path: Path
) -> None:
    expected = pd.read_parquet(embedded).head(12)
    rows = [
        {"image": (photos / name).read_bytes(), "captions": ["one.", "two."], "name": name,
         "latitude": 13.7, "type": None}
        for name in expected["id"]
    ]  # fmt: skip
    Dataset.from_list(rows).save_to_disk(str(tmp_path / "data"))
    folder = tmp_path / "folder" / "000"
    folder.mkdir(parents=True)
    for name in expected["id"]:
        (folder / Path(name).name).write_bytes((photos / name).read_bytes())
    (folder / "notes.txt").write_text("no image")
    for source in (tmp_path / "data", tmp_path / "folder"):
        output = tmp_path / f"{source.name}-embeddings"
        explore.main(["embed", str(source), "-o", str(output), "--checkpoint", str(embedded)])
        table = pd.read_parquet(output)
        assert list(table["id"]) == list(expected["id"])
        assert np.stack(table["embedding"].tolist()) == pytest.approx(
            np.stack(expected["embedding"].tolist()), abs=1e-3
        )
    assert list(pd.read_parquet(tmp_path / "data-embeddings")["captions"][0]) == ["one.", "two."]
    assert Embeddings(tmp_path / "data-embeddings").texts("captions")[:2] == ["one.", "one."]


def test_a_killed_run_goes_on(photos: Path, embedded: Path, tmp_path: Path) -> None:
    output = tmp_path / "embeddings"
    command = ["embed", str(photos / "manifest.csv"), "-o", str(output), "--checkpoint",
               str(embedded), "--part", "10", "--batch-size", "2"]  # fmt: skip
    running = subprocess.Popen(
        [sys.executable, str(SCRIPT), *command], stderr=subprocess.DEVNULL, process_group=0
    )
    deadline = time.monotonic() + 300
    while not any(output.glob("_next-*/part-00000.parquet")) and time.monotonic() < deadline:
        assert running.poll() is None
        time.sleep(0.02)
    os.killpg(running.pid, signal.SIGKILL)
    assert running.wait() == -signal.SIGKILL
    (part,) = output.glob("_next-*/part-00000.parquet")
    assert len([*part.parent.glob("part-*.parquet")]) < 10
    with pytest.raises(ZooError, match=r"is not complete; run explore\.py embed again"):
        Embeddings(output)
    with pytest.raises(ZooError, match="begun with another part; give the same"):
        explore.main([*command, "--part", "11"])
    written = part.stat().st_mtime_ns
    explore.main(command)
    assert (output / part.name).stat().st_mtime_ns == written
    assert [path.name for path in output.iterdir() if path.name.startswith((".", "_next"))] == []
    found, expected = Embeddings(output), Embeddings(embedded)
    assert found.ids == expected.ids
    assert found.vectors() == pytest.approx(expected.vectors(), abs=1e-3)
    assert (output / "_failed.tsv").read_text() == (embedded / "_failed.tsv").read_text()


def test_prefix_embeddings_are_for_maps_only(photos: Path, embedded: Path, tmp_path: Path) -> None:
    (tmp_path / "some").mkdir()
    for number in range(3):
        name = f"00000{number}.jpg"
        (tmp_path / "some" / name).write_bytes((photos / "000" / name).read_bytes())
    output = tmp_path / "prefixes"
    explore.main(["embed", str(tmp_path / "some"), "-o", str(output), "--checkpoint", str(embedded),
                  "--embedding", "prefix", "--thumbnail", "0"])  # fmt: skip
    captioner = Captioner(embedded / "_model")
    prefixes = captioner.prefixes(Embeddings(embedded).vectors()[:3])
    assert Embeddings(output).vectors() == pytest.approx(prefixes.reshape(3, -1), abs=1e-2)
    with pytest.raises(ZooError, match="holds prefix embeddings; this needs CLIP's"):
        explore.main(["find", str(output), "--words", TREE])
    with pytest.raises(ZooError, match="has no thumbnails; embed with --thumbnail"):
        Embeddings(output).thumbnails([0])


@pytest.mark.parametrize("by", ["clip", "captions", "both"])
def test_words_find_photos(
    by: str, embedded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    explore.main(["find", str(embedded), "--words", TREE, "--by", by, "-k", "6", "--json"])
    found = json.loads(capsys.readouterr().out)
    kinds = [types(embedded)[one["id"]] for one in found]
    assert len(found) == 6
    assert kinds.count("fallen tree") >= 5, kinds
    scores = [one["score"] for one in found]
    assert scores == sorted(scores, reverse=True)
    sheet = tmp_path / "found.png"
    explore.main(["find", str(embedded), "--words", TREE, "--by", by, "-k", "6", "-o", str(sheet)])
    assert found[0]["id"] in capsys.readouterr().out
    assert Image.open(sheet).size == (5 * 160, 2 * 176)


def test_words_that_no_caption_has_find_nothing(
    embedded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    explore.main(["find", str(embedded), "--words", "zzzzz", "--by", "captions"])
    assert capsys.readouterr().out == "Nothing was found.\n"


def test_a_photo_finds_itself_and_its_like(
    photos: Path, embedded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    explore.main(["find", str(embedded), "--image", str(photos / "000" / "000005.jpg"), "--json"])
    found = json.loads(capsys.readouterr().out)
    assert found[0]["id"] == "000/000005.jpg"
    assert found[0]["score"] > 0.999
    seen = facts(embedded).loc[[one["id"] for one in found]]
    alike = (seen == seen.iloc[0]).any(axis=1)  # in problem or place, which a quarter of all are
    assert alike.sum() >= 8, seen
    with pytest.raises(ZooError, match=r"'.*damaged.jpg' is cut off or damaged"):
        explore.main(["find", str(embedded), "--image", str(photos / "damaged.jpg")])
    with pytest.raises(ZooError, match=r"'.*nowhere.jpg' can't be read"):
        explore.main(["find", str(embedded), "--image", str(photos / "nowhere.jpg")])


def test_comments_of_other_photos_do_not_match(
    photos: Path, embedded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = pd.read_csv(photos / "manifest.csv", keep_default_na=False).head(COUNT)
    table["comment"] = table["captions"].str.split("|").str[0]
    swapped = {}
    for row in range(0, COUNT, 9):  # with the next photo that shows another problem
        other = next(n for n in range(row + 1, COUNT) if table["type"][n] != table["type"][row])
        swapped[str(table["file"][row])] = table["comment"][other]
    table["comment"] = table["file"].map(swapped).fillna(table["comment"])
    table.loc[4, "comment"] = " "
    table["file"] = [str(photos / name) for name in table["file"]]
    table.to_csv(tmp_path / "claims.csv", index=False)
    claims = tmp_path / "claims"
    explore.main(["embed", str(tmp_path / "claims.csv"), "-o", str(claims), "--checkpoint",
                  str(embedded)])  # fmt: skip
    capsys.readouterr()
    explore.main(["match", str(claims), "--text", "comment", "-o", str(tmp_path / "match.csv"),
                  "--worst", "3", "--sheet", str(tmp_path / "worst.jpg")])  # fmt: skip
    scored = pd.read_csv(tmp_path / "match.csv")
    assert len(scored) == COUNT - 1  # one has no comment
    names = scored["id"].str.removeprefix(f"{photos}/")
    assert names[:15].isin([*swapped]).sum() >= 8
    assert scored["better_than"].is_monotonic_increasing
    others = scored[~names.isin([*swapped])]
    assert others["better_than"].mean() > 0.8
    assert others["match"].mean() > scored[names.isin([*swapped])]["match"].mean() + 0.05
    assert "89 comments" in capsys.readouterr().out
    assert Image.open(tmp_path / "worst.jpg").size == (3 * 160, 176)


def test_neighbours_classify(
    embedded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    explore.main(["classify", str(embedded), "-k", "5", "--json", "-o", str(tmp_path)])
    scores = json.loads(capsys.readouterr().out)
    assert scores["images"] == COUNT
    assert scores["accuracy"] > 0.8
    assert scores["rejected"] <= 0.03
    rows = pd.read_csv(tmp_path / "photos.csv", keep_default_na=False)
    assert rows["nearest"].is_monotonic_increasing
    kept = rows[rows["category"] != ""]
    assert (kept["category"] == kept["truth"]).mean() == pytest.approx(scores["accuracy_of_kept"])
    assert "| flood |" in (tmp_path / "scores.md").read_text()
    assert Image.open(tmp_path / "confusion.png").size[0] > 400


def test_what_the_labelled_photos_do_not_know(
    embedded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Half of the photos classify the others, whose labels are partly unknown or missing."""
    table = pd.read_parquet(embedded)[["path", "type"]]
    table[::2].to_csv(tmp_path / "known.csv", index=False)
    other = table[1::2].copy()
    other.loc[other["type"] == "flood", "type"] = "earthquake"
    other.loc[other["type"] == "rubbish", "type"] = ""
    other.to_csv(tmp_path / "other.csv", index=False)
    for name in ("known", "other"):
        explore.main(["embed", str(tmp_path / f"{name}.csv"), "-o", str(tmp_path / name),
                      "--checkpoint", str(embedded)])  # fmt: skip
    capsys.readouterr()
    explore.main(
        ["classify", str(tmp_path / "known"), "--test", str(tmp_path / "other"), "-k", "3"]
    )
    text = capsys.readouterr().out
    strange, unnamed = ((other["type"] == kind).sum() for kind in ("earthquake", ""))
    assert f"{strange} images of categories that the collection hasn't" in text
    assert f"{unnamed} images of no known category" in text
    assert f"on {len(other) - strange - unnamed} images" in text


def test_an_index_of_the_collection_classifies(embedded: Path, tmp_path: Path) -> None:
    options = ["--category", "type", "-k", "5", "--reject", "0.1"]
    explore.main(["index", str(embedded), "-o", str(tmp_path / "index"), *options])
    index, captioner = Index.read(tmp_path / "index"), Captioner(embedded / "_model")
    index.check(captioner.embed_texts)
    answers = index.classify(Embeddings(embedded).vectors(), k=2)
    truth = list(types(embedded).values())
    assert np.mean([a.category == kind for a, kind in zip(answers, truth, strict=True)]) > 0.8
    assert answers[0].neighbours[0]["id"] == Embeddings(embedded).ids[0]
    nothing = Image.new("RGB", (300, 300), "red")
    answer = index.classify(captioner.embed([captioner.pixels(nothing)]))[0]
    assert answer.category is None
    assert len(answer.neighbours) == 5


def test_similar_words_are_similar(embedded: Path) -> None:
    """What `match` and `find` stand on: text and photos are in one space."""
    captioner, collection = Captioner(embedded / "_model"), Embeddings(embedded)
    kinds = sorted(set(types(embedded).values()))
    texts = normalised(captioner.embed_texts([f"a {kind} in the street." for kind in kinds]))
    taken = (normalised(collection.vectors()) @ texts.T).argmax(axis=1)
    truth = [kinds.index(kind) for kind in types(embedded).values()]
    assert np.mean(taken == truth) > 0.6


def test_the_schema_is_the_same_in_every_part(embedded: Path) -> None:
    parts = sorted(embedded.glob("part-*.parquet"))
    schemas = [pq.read_schema(part).remove_metadata() for part in parts]
    assert len(parts) == 4
    assert all(schema.equals(schemas[0]) for schema in schemas)
