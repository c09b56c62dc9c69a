"""Near copies of photos in a collection: no help to `classify`, and listed by `duplicates`."""

import csv
import io
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from clip_caption import explore

SCENES, COPIES, KINDS = 36, 4, 3


def scores(embeddings: Path, capsys: pytest.CaptureFixture[str], *options: str) -> dict[str, float]:
    """What `classify` says of a collection."""
    capsys.readouterr()
    explore.main(["classify", str(embeddings), "-k", "3", "--json", *options])
    found: dict[str, float] = json.loads(capsys.readouterr().out)
    return found


@pytest.fixture(scope="module")
def copied(photos: Path, embedded: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Scenes with random labels, each saved again, cropped and scaled; embedded."""
    home, rows = tmp_path_factory.mktemp("copied"), []
    generator = np.random.default_rng(5)
    for scene in range(SCENES):
        image = Image.open(photos / "000" / f"{scene:06d}.jpg").convert("RGB")
        kind = f"kind {generator.integers(KINDS)}"
        for copy in range(COPIES):
            left, top, right, bottom = (copy > 1) * generator.integers(0, 4, 4)
            changed = image.crop((left, top, image.width - right, image.height - bottom))
            changed = changed.resize((160, 120)) if copy == 3 else changed
            name = f"{scene:02d}-{copy}.jpg"
            changed.save(home / name, quality=(90, 60, 80, 80)[copy])
            rows.append({
                "photo": name,
                "kind": kind,
                "scene": f"scene {scene}",
                "latitude": f"{13.7 + 0.001 * copy:.3f}",
                "longitude": "100.5",
                "timestamp": f"2026-03-{1 + copy:02d} 08:30:00.5+07" if copy != 2 else "soon",
                "comment": f"<b>{scene}</b>",
            })  # fmt: skip
    with (home / "photos.csv").open("w", newline="") as file:
        table = csv.DictWriter(file, [*rows[0]])
        table.writeheader()
        table.writerows(rows)
    explore.main(["embed", str(home / "photos.csv"), "-o", str(home / "embeddings"),
                  "--checkpoint", str(embedded)])  # fmt: skip
    return home / "embeddings"


def test_copies_do_not_help_to_classify(copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The labels are random: with copies that vote for each other, nearly all are right."""
    by_picture = scores(copied, capsys, "--category", "kind")
    by_source = scores(copied, capsys, "--category", "kind", "--group", "scene", "--near", "0")
    for found in (by_picture, by_source):
        assert found["images"] == found["in_groups"] == SCENES * COPIES
        assert found["accuracy"] < 0.6
        assert found["balanced_accuracy"] < 0.6
    assert scores(copied, capsys, "--category", "kind", "--near", "0")["accuracy"] > 0.7


def test_the_test_photos_leave_their_copies_out(
    copied: Path, embedded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = pd.read_parquet(copied)[["path", "kind"]]
    for name, part in (("known", table[::2]), ("other", table[1::2])):
        part.to_csv(tmp_path / f"{name}.csv", index=False)
        explore.main(["embed", str(tmp_path / f"{name}.csv"), "-o", str(tmp_path / name),
                      "--checkpoint", str(embedded)])  # fmt: skip
    found = scores(tmp_path / "known", capsys, "--test", str(tmp_path / "other"), "--category",
                   "kind")  # fmt: skip
    assert found["accuracy"] < 0.6


def test_several_categories_in_a_cell_are_scored_each(
    embedded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = pd.read_parquet(embedded)[["path", "type", "place"]]
    pairs = zip(table["type"], table["place"], strict=True)
    cells = [f"{{{a},{b}}}" if row % 2 else f'{{"{b}",{a}}}' for row, (a, b) in enumerate(pairs)]
    table.assign(seen=cells).to_csv(tmp_path / "seen.csv", index=False)
    explore.main(["embed", str(tmp_path / "seen.csv"), "-o", str(tmp_path / "seen"),
                  "--checkpoint", str(embedded)])  # fmt: skip
    found = scores(tmp_path / "seen", capsys, "--category", "seen", "-k", "8")
    assert {*found["f1"]} == {*table["type"], *table["place"]}  # type: ignore[misc]
    assert found["mean_average_precision"] > 0.6
    assert found["f1_micro"] > 0.6
    options = ["--category", "seen", "-k", "8", "-o", str(tmp_path / "out")]
    explore.main(["classify", str(tmp_path / "seen"), *options])
    assert "mAP 0." in capsys.readouterr().out
    rows = pd.read_csv(tmp_path / "out" / "photos.csv")
    assert set(rows["truth"].str.count(", ")) == {1}


def test_duplicates_are_listed_with_place_and_time(
    copied: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    explore.main(["duplicates", str(copied), "-o", str(tmp_path / "found")])
    said = capsys.readouterr().out
    assert f"{SCENES * COPIES} of {SCENES * COPIES} photos are in {SCENES} groups" in said
    assert f"'timestamp' give no time for {SCENES} photos" in said
    rows = pd.read_csv(tmp_path / "found" / "duplicates.csv", dtype={"days": str})
    assert len(rows) == SCENES * COPIES
    for _, group in rows.groupby("group"):
        assert group["id"].str[:2].nunique() == 1
        assert list(group["id"].str[3:]) == ["0.jpg", "1.jpg", "3.jpg", "2.jpg"]  # by time
        assert group["bits"].iloc[0] == 0
        assert group["bits"].max() <= 16
        assert list(group["metres"]) == pytest.approx([0, 111.2, 333.6, 222.4], abs=0.2)
        assert list(group["days"].fillna("")) == ["0.0", "1.0", "3.0", ""]
    page = (tmp_path / "found" / "report.html").read_text(encoding="utf-8")
    assert page.count("data:image/jpeg;base64,") == SCENES * COPIES
    assert "&lt;b&gt;0&lt;/b&gt;" in page
    assert "http" not in page
    explore.main(["duplicates", str(copied), "-o", str(tmp_path / "found"), "--near", "0"])
    fewer = pd.read_csv(tmp_path / "found" / "duplicates.csv")
    assert 0 < len(fewer) < SCENES * COPIES
    assert set(fewer["bits"]) == {0}


def test_a_collection_without_copies_has_an_empty_list(
    embedded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    explore.main(["duplicates", str(embedded), "-o", str(tmp_path / "found"), "--near", "0"])
    assert "0 of 90 photos" in capsys.readouterr().out
    table = (tmp_path / "found" / "duplicates.csv").read_bytes()
    assert io.BytesIO(table).read().decode("utf-8-sig").splitlines()[0].startswith("group,id,bits")
