"""Exports of complaints, what prepare.py makes of them, and what it says."""

import csv
import html
import json
import re
from pathlib import Path

from datasets import Dataset, load_from_disk

from clip_caption import prepare

HEADER = "ticket_id type organization comment coords photo photo_after address state".split()
COMMENT = 'น้ำท่วมถนน\nหน้าตลาด "บางรัก", รถผ่านไม่ได้'


def traffy(path: Path, photos: list[str], **columns: str) -> Path:
    """An export of complaints, as a spreadsheet writes it, a row for each photo."""
    usual = {"type": "{น้ำท่วม,ถนน}", "comment": COMMENT, "coords": "100.53084,13.81865"}
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        table = csv.DictWriter(file, HEADER, restval="")
        table.writeheader()
        for number, photo in enumerate(photos):
            row = {**usual, "ticket_id": f"2022-{number:03}", "photo": photo, **columns}
            table.writerow(row)
    return path


def write_jsonl(path: Path, *rows: dict[str, str]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def text_of(output: Path) -> str:
    """The words of the report's page, with one space between them."""
    page = (output / "report.html").read_text(encoding="utf-8").partition("</head>")[2]
    return " ".join(html.unescape(re.sub("<[^>]*>", " ", page)).split())


def run(source: Path, output: Path, *options: str) -> dict[str, Dataset]:
    """Prepares; the parts by their names."""
    quick = ["--pause", "0", "--private-addresses"]
    prepare.main([str(source), "-o", str(output), *quick, *options])
    return {p.parent.name: load_from_disk(str(p.parent)) for p in output.glob("*/state.json")}


def dropped(output: Path) -> dict[str, str]:
    """Why photos were left out, by their names."""
    with (output / "dropped.csv").open(encoding="utf-8", newline="") as file:
        return {row["name"]: row["reason"] for row in csv.DictReader(file)}
