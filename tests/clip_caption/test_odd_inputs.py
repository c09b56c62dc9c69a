"""Wrong and odd inputs of prepare, finetune and evaluate: the right result, or one sentence."""

import csv
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from datasets import load_from_disk

from clip_caption import evaluate, finetune, prepare
from tests.clip_caption.photos import save
from tests.zoo.odd_inputs import refusal
from tests.zoo.pictures import encoded, scene

HEADER = "photo,comment,type\n"
PAIR = {"images": [{"id": 1, "file_name": "a.jpg"}],
        "annotations": [{"image_id": 1, "caption": "A flood."}]}  # fmt: skip
SAID = [{"image_id": 1, "caption": "A flood."}]

# What is in a table; types and captions by name of what is kept; why others are left out.
RESULTS: dict[str, tuple[str, bytes, dict[str, tuple[str, list[str]]], dict[str, str]]] = {
    "UTF-16": (
        "t.csv",
        (HEADER + "a.jpg,น้ำท่วม,ถนน\n").encode("utf-16"),
        {"a.jpg": ("ถนน", ["น้ำท่วม"])},
        {},
    ),
    "CP874": (
        "t.csv",
        (HEADER + "a.jpg,น้ำท่วมถนนหน้าตลาด,ถนน\n").encode("cp874"),
        {"a.jpg": ("ถนน", ["น้ำท่วมถนนหน้าตลาด"])},
        {},
    ),
    "types in two orders, and a line break in one": (
        "t.csv",
        (HEADER + 'a.jpg,A,"{b,a}"\nb.jpg,B,"{a,\nb}"\n').encode(),
        {"a.jpg": ('["a", "b"]', ["A"]), "b.jpg": ('["a", "b"]', ["B"])},
        {},
    ),
    "numbers that are names": (
        "t.jsonl",
        b'{"id": "00000", "photo": "a.jpg", "comment": "007", "type": null}\n',
        {"00000": ("", ["007"])},
        {},
    ),
    "half a character": (
        "t.jsonl",
        rb'{"photo": "a.jpg", "comment": "\ud83d", "type": ""}' + b"\n"
        rb'{"photo": "b\ud83d.jpg", "comment": "B", "type": ""}' + b"\n"
        rb'{"photo": "b.jpg", "comment": "B", "type": ""}' + b"\n",
        {"b.jpg": ("", ["B"])},
        {"a.jpg": "broken text (half a character)", "b?.jpg": "broken text (half a character)"},
    ),
    "rows of too few and too many cells": (
        "t.csv",
        (HEADER + "a.jpg,A\nb.jpg,B,x\na.jpg,A,x,y\n").encode(),
        {"b.jpg": ("x", ["B"])},
        {"line 2": "broken line", "line 4": "broken line"},
    ),
    "paths that can't be files": (
        "t.csv",
        (HEADER + f"{'a' * 5000}.jpg,A,x\n.,B,x\n,C,x\nb.jpg,B,x\nb.jpg, ,y\n").encode(),
        {"b.jpg": ("x", ["B"])},
        {f"{'a' * 5000}.jpg": "no such file", ".": "no such file", "line 4": "no photo",
         "b.jpg": "no caption"},
    ),
    "a photo without its end, one without its half, a page": (
        "t.csv",
        (HEADER + "whole.jpg,A,x\nhalf.jpg,B,x\npage.jpg,C,x\n").encode(),
        {"whole.jpg": ("x", ["A"])},
        {"half.jpg": "unreadable: is cut off or damaged: it can't be decoded",
         "page.jpg": "unreadable: is not a JPEG, PNG, WebP, GIF, HEIC, AVIF or BMP that can be "
         "read"},
    ),
    "COCO's captions of an image that isn't listed, an address that is none": (
        "t.json",
        json.dumps(
            {"images": [{"id": 1, "file_name": "a.jpg", "coco_url": 5}],
             "annotations": [*PAIR["annotations"], {"image_id": 2, "caption": "B"}]}
        ).encode(),
        {"a.jpg": ("", ["A flood."])},
        {"image 2": "no photo"},
    ),
    "a feature without a place": (
        "t.geojson",
        json.dumps(
            {"type": "FeatureCollection",
             "features": [{"type": "Feature", "geometry": None,
                           "properties": {"photo_url": "a.jpg", "description": "A"}}]}
        ).encode(),
        {"a.jpg": ("", ["A"])},
        {},
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of odd files, and a data set of two photos."""
    folder: Path = tmp_path_factory.mktemp("odd")
    save(folder / "a.jpg", 1)
    save(folder / "b.jpg", 2)
    photo = encoded(scene())
    (folder / "whole.jpg").write_bytes(photo[:-2])
    (folder / "half.jpg").write_bytes(photo[: len(photo) // 2])
    (folder / "page.jpg").write_bytes(b"<!doctype html>")
    (folder / "empty").mkdir()
    tables = {
        "good.csv": HEADER + "a.jpg,A flood,x\nb.jpg,A tree,x\n",
        "quote.csv": HEADER + 'a.jpg,"A flood,x\nb.jpg,B,y\n',
        "swallow.csv": HEADER + 'a.jpg,"A\nb.jpg,B,x\na.jpg,C",x\n',
        "twice.csv": "photo,photo,comment\na.jpg,b.jpg,A\n",
        "own.csv": "photo,comment,captions\na.jpg,A,B\n",
        "said.csv": "image,caption,prediction\na.jpg,A flood,A tree\n",
        "open.csv": 'image,caption,prediction\na.jpg,"A flood,A\nb.jpg,B,B\n',
        "short.csv": "image,caption,prediction\na.jpg,A flood,A tree\nb.jpg,A\n",
        "nameless.csv": "image,caption,prediction\na.jpg,A,B\n ,A,B\n",
        "half.jsonl": '{"image": "a", "caption": "\\ud83d", "prediction": "A"}\n',
        "list.json": "[1, 2]",
        "pair.json": json.dumps(PAIR),
        "twins.json": json.dumps({**PAIR, "images": PAIR["images"] * 2}),
        "said.json": json.dumps(SAID),
        "number.json": json.dumps([{"image_id": 1, "caption": 5}]),
        "texts.json": json.dumps([{"image_id": "1", "caption": "A"}]),
    }
    for name, text in tables.items():
        (folder / name).write_text(text, encoding="utf-8")
    prepare.main([f"{folder}/good.csv", "-o", f"{folder}/data", "--test-share", "0.5"])
    return folder


Main = Callable[[list[str]], Any]
TRAINING = "--train {}/data/train --dev {}/data/test --output {}/run --model demo --tracking-uri= "
SCORING = "--annotations {}/pair.json --results "
# The command, its arguments ({} is the folder), and what the sentence says.
REFUSED: list[tuple[Main, str, str]] = [
    (prepare.main, "{}/quote.csv", r"quote\.csv', line 2: a quotation mark"),
    (prepare.main, "{}/swallow.csv", r"swallow\.csv', line 2: a quotation mark isn't closed"),
    (prepare.main, "{}/twice.csv", r"twice\.csv' has more than one column 'photo'"),
    (prepare.main, "{}/own.csv --caption-column comment --keep captions", "--keep captions: .*own"),
    (prepare.main, "{}/good.csv --group site", "'site' not found in .*available: photo, comment"),
    (prepare.main, "{}/pair.json --group site", "--group needs a table .*'site'"),
    (prepare.main, "{}/list.json", r"list\.json' is not a JSON file of COCO's captions"),
    (prepare.main, "{}/empty", "empty' has neither a metadata.csv nor a photo"),
    (prepare.main, "{}/nowhere.csv", r"nowhere\.csv' not found"),
    (prepare.main, "{}/good.csv --images {}/empty", "Nothing can be kept: .*no such file.*2"),
    (prepare.main, "{}/good.csv -o {}/a.jpg/out", r"a\.jpg' is a file"),
    (prepare.main, "{}/good.csv --near 65", "--near must be at most 64"),
    (prepare.main, "{}/good.csv --test-share nan", "must leave a share"),
    (prepare.main, "{}/good.csv --region XX --mask", "--region must be the code"),
    (prepare.main, "{}/good.csv --jobs 0", "--jobs must be at least 1"),
    (prepare.main, "{}/good.csv --limit -1", "--limit must be at least 1"),
    (prepare.main, "{}/good.csv --per-host 0", "--per-host must be at least 1"),
    (evaluate.main, "--predictions {}/short.csv", r"short\.csv', line 3: 2 cells, not 3"),
    (evaluate.main, "--predictions {}/nameless.csv", r"nameless\.csv', line 3: .*'image' is empty"),
    (evaluate.main, "--predictions {}/half.jsonl", r"half\.jsonl', line 1: .* half a character"),
    (evaluate.main, "--predictions {}/open.csv", r"open\.csv', line 2: a quotation mark"),
    (evaluate.main, "--predictions {}/said.csv --limit 0", "--limit must be at least 1"),
    (evaluate.main, "demo {}/said.csv --beam-size 100", "--beam-size should be less"),
    (evaluate.main, "demo {}/said.csv --batch-size 0", "--batch-size must be at least 1"),
    (evaluate.main, SCORING + "{}/number.json", "not COCO's JSON of captions"),
    (evaluate.main, SCORING + "{}/texts.json", r"texts\.json' has a result for image 1, not in"),
    (evaluate.main, "--annotations {}/twins.json --results {}/said.json", "two images of one id"),
    (evaluate.main, SCORING + "{}/said.json --expect type", "--expect needs a table"),
    (evaluate.main, "--predictions {}/said.csv --output {}/a.jpg", r"a\.jpg' is a file"),
    (evaluate.main, "--predictions {}/said.csv --loss", "--loss needs a checkpoint"),
    (evaluate.main, "nowhere.pt {}/said.csv", r"'nowhere\.pt' not found"),
    (
        evaluate.main,
        "{}/empty {}/said.csv",
        r"empty' is not a checkpoint .*'config\.json' not found",
    ),
    (
        evaluate.main,
        "demo {}/said.csv --normalize-prefix yes",
        "trained without .*--normalize-prefix",
    ),
    (finetune.main, TRAINING + "--longest 1", "--longest must be at least 2"),
    (finetune.main, TRAINING + "--longest 5000", "don't fit into GPT-2's 128 positions"),
    (finetune.main, TRAINING + "--longest 2", "of 1 captions 1 are longer .*jpg'.*--max-lost"),
    (finetune.main, TRAINING + "--max-lost 2", "--max-lost: 2 is not between 0 and 1"),
    (finetune.main, TRAINING + "--lr nan", "--lr must be above 0"),
    (finetune.main, TRAINING + "--output {}/a.jpg", r"a\.jpg' is a file"),
    (finetune.main, TRAINING + "--samples 0", "--samples: 0 is less than 1"),
    (
        finetune.main,
        TRAINING + "--normalize-prefix no --train {}/data",
        "data' has parts; give one",
    ),
    (finetune.main, TRAINING + "--dev {}/good.csv", r"good\.csv' is not a data set"),
]


@pytest.mark.parametrize(("main", "command", "said"), REFUSED, ids=[row[1] for row in REFUSED])
def test_a_wrong_input_is_one_sentence(
    main: Main,
    command: str,
    said: str,
    odd: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    extra: dict[Main, list[str]] = {
        prepare.main: ["-o", str(tmp_path / "out")],
        evaluate.main: ["--no-meteor", "--tracking-uri", "", "--words", "plain"],
    }
    arguments = [word.replace("{}", str(odd)) for word in command.split()]
    sentence = refusal(main, [*extra.get(main, []), *arguments], capsys)
    assert re.search(said, sentence), sentence
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", RESULTS)
def test_an_odd_input_gives_the_right_result(
    name: str, odd: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table, content, kept, left = RESULTS[name]
    (odd / table).write_bytes(content)
    output = tmp_path / "out"
    prepare.main([str(odd / table), "-o", str(output), "--test-share", "0"])
    rows = load_from_disk(str(output / "train"))
    assert {r["name"]: (r.get("type") or "", r["captions"]) for r in rows} == kept
    with (output / "dropped.csv").open(encoding="utf-8", newline="") as file:
        assert {row["name"]: row["reason"] for row in csv.DictReader(file)} == left
    printed = capsys.readouterr().out.splitlines()
    for reason in {text.partition(":")[0] for text in left.values()}:
        assert any(reason in line for line in printed)
    assert (output / "report.html").is_file()
