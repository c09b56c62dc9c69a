"""evaluate.py: every kind of test set, languages, what it prints and keeps."""

import csv
import json
from pathlib import Path

import pytest

from clip_caption import evaluate, prepare
from clip_caption.building.checkpoint import DEMO
from clip_caption.evaluating.examples import ReferenceColumns, read_test_set
from clip_caption.evaluating.translate import translate
from demos.clip_caption import scenes
from tests.clip_caption.photos import save
from tests.clip_caption.scored import REFERENCES, SAID, scores_of
from tests.clip_caption.translator import PAIRS, write_many_languages
from zoo.errors import ZooError

QUICK = ["--no-meteor", "--tracking-uri", ""]


def printed(capsys: pytest.CaptureFixture[str], *options: str) -> dict[str, float]:
    evaluate.main([*options, "--json"])
    found: dict[str, float] = json.loads(capsys.readouterr().out)
    return found


def write(path: Path, *rows: tuple[str, ...]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


def test_without_java_it_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    table = write(tmp_path / "t.csv", ("image", "caption", "prediction"), ("a", "A flood.", "A."))
    evaluate.main(["--predictions", str(table), "--tracking-uri", ""])
    text = capsys.readouterr().out
    assert "runs of letters and digits" in text
    assert "METEOR is left out: it needs Java" in text
    with pytest.raises(ZooError, match="--words ptb needs Java"):
        evaluate.main(["--predictions", str(table), "--words", "ptb"])


def test_a_table_is_scored_and_logged(
    tmp_path: Path, registry: str, capsys: pytest.CaptureFixture[str]
) -> None:
    from mlflow import MlflowClient

    header = ("image", "captions", "prediction", "other", "type", "place")
    table = write(
        tmp_path / "t.csv",
        header,
        ("a.jpg", "A flood near a temple.|Water by a temple.", "A flood near a temple.",
         "A flood near a school.", "flood", "temple"),
        ("missing.jpg", "A pothole by a shop.", "A pothole by a canal.", "", "pothole", "shop"),
        ("a.jpg", "A road under water.", "A flood near a temple.", "A flood near a school.",
         "flood", "temple"),
        ("c.jpg", "...", "A tree.", "A tree.", "tree", "park"),
        ("d.jpg", "น้ำท่วมวัด", "น้ำท่วมวัด", "ถนน", "น้ำท่วม", "วัด"),
    )  # fmt: skip
    save(tmp_path / "a.jpg", 1)
    options = ["--predictions", str(table), "--columns", "prediction", "other", "--expect", "type",
               "place", "--no-meteor", "--tracking-uri", registry, "--experiment", "captions",
               "--output", str(tmp_path / "out")]  # fmt: skip
    found = printed(capsys, *options)
    assert found["images"] == 3
    assert "newmm" in str(found["words"])
    assert found["names_all"] == pytest.approx(100 / 3)
    assert found["names_type"] == pytest.approx(100 * 2 / 3)
    assert found["cider"] > found["other_cider"]
    assert found["other_cider_high"] >= found["other_cider_difference"] >= found["other_cider_low"]
    text = (tmp_path / "out" / "scores.md").read_text(encoding="utf-8")
    assert "1 captions of other are empty, and are scored 0." in text
    assert "1 images have references without a word" in text
    with (tmp_path / "out" / "captions1.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows[-1]["image"] == "a.jpg"
    assert rows[-1]["references"].count("|") == 2
    drawn = (tmp_path / "out" / "examples1.svg").read_text(encoding="utf-8")
    assert "A flood near a temple." in drawn
    assert drawn.count("<image") == 2  # of three images the best and the worst
    client = MlflowClient(registry)
    (run,) = client.search_runs([client.get_experiment_by_name("captions").experiment_id])
    assert run.data.metrics["bleu_4"] == pytest.approx(found["bleu_4"])
    assert "PyThaiNLP" in run.data.tags["words"]
    assert {file.path for file in client.list_artifacts(run.info.run_id)} == {
        "scores.md", "differences.tsv", "captions1.csv", "captions2.csv", "examples1.svg",
        "examples2.svg",
    }  # fmt: skip


def coco(directory: Path) -> tuple[str, str]:
    content = {
        "images": [{"id": n, "file_name": f"{n}.jpg"} for n in range(1, 6)],
        "annotations": [
            {"image_id": n, "caption": text}
            for n, texts in enumerate(REFERENCES, start=1)
            for text in texts
        ],
    }
    (directory / "captions.json").write_text(json.dumps(content), encoding="utf-8")
    said = [{"image_id": n, "caption": SAID[n - 1]} for n in (3, 1, 2)]
    (directory / "results.json").write_text(json.dumps(said), encoding="utf-8")
    return str(directory / "captions.json"), str(directory / "results.json")


def test_cocos_files_are_scored(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    annotations, results = coco(tmp_path)
    options = ["--annotations", annotations, "--results", results, "--words", "spaces", *QUICK]
    found = printed(capsys, *options)
    expected = scores_of(REFERENCES[:3], SAID[:3]).corpus
    assert found["images"] == 3
    assert found["cider"] == pytest.approx(expected["CIDEr"])
    assert found["rouge_l"] == pytest.approx(expected["ROUGE-L"])
    evaluate.main(options)
    assert "2 of 5 images have no result" in capsys.readouterr().out
    for said, message in (
        ([{"image_id": 9, "caption": "a"}], "result for image 9, not in"),
        ([{"image_id": 1, "caption": "a"}] * 2, "two results for image 1"),
        ([{"image_id": 1}], "not COCO's JSON of captions"),
        ([{"image_id": 5, "caption": "a"}], "no image with a reference"),
    ):
        Path(results).write_text(json.dumps(said), encoding="utf-8")
        with pytest.raises(ZooError, match=message):
            evaluate.main(options)


def test_equal_references_count_the_same_from_every_source(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """COCO's evaluation keeps all of them: two people may have written the same."""
    references = [[*texts, texts[0], texts[0]] for texts in REFERENCES]
    content = {
        "images": [{"id": n, "file_name": f"{n}.jpg"} for n in range(4)],
        "annotations": [
            {"image_id": n, "caption": text} for n, refs in enumerate(references) for text in refs
        ],
    }
    (tmp_path / "captions.json").write_text(json.dumps(content), encoding="utf-8")
    results = [{"image_id": n, "caption": text} for n, text in enumerate(SAID)]
    (tmp_path / "results.json").write_text(json.dumps(results), encoding="utf-8")
    rows = [(f"{n}.jpg", text, SAID[n]) for n, texts in enumerate(references) for text in texts]
    by_rows = write(tmp_path / "rows.csv", ("image", "caption", "prediction"), *rows)
    cells = [(f"{n}.jpg", "|".join(texts), SAID[n]) for n, texts in enumerate(references)]
    by_cells = write(tmp_path / "cells.csv", ("image", "captions", "prediction"), *cells)
    coco_files = [
        "--annotations",
        tmp_path / "captions.json",
        "--results",
        tmp_path / "results.json",
    ]
    found = [
        printed(capsys, *map(str, source), "--words", "spaces", *QUICK)
        for source in (coco_files, ["--predictions", by_rows], ["--predictions", by_cells])
    ]
    assert found[0] == found[1] == found[2]
    assert found[0]["cider"] == pytest.approx(scores_of(references, SAID).corpus["CIDEr"])
    assert found[0]["cider"] != pytest.approx(scores_of(REFERENCES, SAID).corpus["CIDEr"])
    for n in range(4):  # and prepare.py keeps them for a data set
        save(tmp_path / f"{n}.jpg", n)
    prepare.main([str(tmp_path / "captions.json"), "-o", str(tmp_path / "data"),
                  "--test-share", "0"])  # fmt: skip
    stored = read_test_set(tmp_path / "data" / "train", ReferenceColumns())
    assert {e.name: e.references for e in stored.examples} == {
        f"{n}.jpg": tuple(texts) for n, texts in enumerate(references)
    }


def test_references_are_translated_first(
    translator: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [(f"{n}.jpg", thai, PAIRS[thai], "") for n, thai in enumerate(PAIRS)]
    rows[1] = (rows[1][0], rows[1][1], rows[0][2], "Rubbish all over the road.")
    table = write(tmp_path / "t.csv", ("image", "comment", "prediction", "english"), *rows)
    options = ["--predictions", str(table), "--words", "plain", *QUICK]
    assert printed(capsys, *options)["bleu_1"] == pytest.approx(0, abs=1e-6)
    found = printed(capsys, *options, "--translate", str(translator))
    english = [[text] for text in PAIRS.values()]
    said = [row[2] for row in rows]
    assert found["cider"] == pytest.approx(scores_of(english, said, "plain").corpus["CIDEr"])
    given = printed(capsys, *options, "--translated", "english")
    assert given["images"] == 1
    with pytest.raises(ZooError, match="one pair of languages"):
        evaluate.main([*options, "--translate", str(translator), "--to-language", "eng_Latn"])
    with pytest.raises(ZooError, match="not a checkpoint that translates"):
        evaluate.main([*options, "--translate", str(tmp_path)])


def test_a_translator_of_many_languages_is_told_which(tmp_path: Path) -> None:
    nllb = str(write_many_languages(tmp_path / "nllb"))
    thai, english = [*PAIRS, ""], [*PAIRS.values(), ""]
    assert translate(thai, nllb, "tha_Thai", "eng_Latn") == english
    assert translate(thai, nllb, "tha_Thai", "tha_Thai") == thai
    with pytest.raises(ZooError, match="has many languages: name them with --from-language"):
        translate(thai, nllb, "tha_Thai")
    with pytest.raises(ZooError, match=r"has no language 'thai' \(--from-language\)"):
        translate(thai, nllb, "thai", "eng_Latn")


def test_a_checkpoint_captions_what_was_prepared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, data = tmp_path / "scenes", tmp_path / "data"
    scenes.main(["-o", str(folder), "--count", "12", "--width", "240", "--seed", "77"])
    manifest = str(folder / "manifest.csv")
    prepare.main([manifest, "-o", str(data), "--keep", "place", "--test-share", "0.5"])
    expect = ["--expect", "type", "place", "--mode", "greedy", "--words", "plain", *QUICK]
    capsys.readouterr()
    found = printed(capsys, "demo", str(data / "test"), *expect, "--batch-size", "4")
    assert found["images"] == 6
    assert found["names_all"] >= 50
    with pytest.raises(ZooError, match="has parts; give one of them"):
        evaluate.main(["demo", str(data), *expect])

    # the same checkpoint by another name, on the table itself, where a photo is damaged
    (folder / "000" / "000003.jpg").write_bytes(b"\xff\xd8 no photo")
    (folder / "000" / "000011.jpg").unlink()
    options = ["--references", "captions", *expect, "--compare", str(DEMO), "--limit", "12"]
    evaluate.main(["demo", manifest, *options, "--output", str(tmp_path / "out")])
    text = capsys.readouterr().out
    assert "2 images can't be read and aren't scored: '000/000003.jpg' is" in text
    assert "| 10 images | demo |" in text
    assert "- CIDEr +0.00 [+0.00, +0.00]" in text
    assert (tmp_path / "out" / "captions2.csv").is_file()


def test_the_picture_has_text_of_any_script(tmp_path: Path) -> None:
    table = [("a.jpg", "ขยะเต็มถนน $x^2", "洪水 & <b>"), ("b.jpg", "A flood.", "A flood.")]
    rows = write(tmp_path / "t.csv", ("image", "reference", "prediction"), *table)
    save(tmp_path / "a.jpg", 1)
    evaluate.main(["--predictions", str(rows), *QUICK, "--output", str(tmp_path / "out")])
    drawn = (tmp_path / "out" / "examples1.svg").read_text(encoding="utf-8")
    assert "ขยะเต็มถนน $x^2" in drawn
    assert "洪水 &amp; &lt;b&gt;" in drawn


def test_what_is_wrong_with_a_test_set_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = write(
        tmp_path / "t.csv",
        ("image", "caption", "prediction"),
        ("a.jpg", "A flood.", "One."),
        ("a.jpg", "A road.", "Two."),
    )
    short = write(tmp_path / "s.csv", ("image", "caption", "prediction"), ("a.jpg", "A flood."))
    blank = write(tmp_path / "b.csv", ("image", "caption", "prediction"), ("a.jpg", " ", "A."))
    (tmp_path / "folder").mkdir()
    for arguments, said in (
        (["--predictions", str(table)], "line 3: 'a.jpg' has another prediction above"),
        (
            ["--predictions", str(table), "--columns", "said"],
            "'said' not found in .*; available: image,",
        ),
        (["--predictions", str(table), "--references", "thai"], "'thai' not found"),
        (["--predictions", str(table), "--expect", "type"], "'type' not found"),
        (["--predictions", str(short)], "line 2: 2 cells, not 3"),
        (["--predictions", str(blank)], "no image with a reference"),
        (["--predictions", str(tmp_path / "no.csv")], "no.csv' not found"),
        (["demo", str(tmp_path / "folder")], "is not a data set that prepare.py wrote"),
        (["demo", str(tmp_path / "x.xlsx")], "is neither a data set of prepare.py"),
    ):
        with pytest.raises(ZooError, match=said):
            evaluate.main([*arguments, *QUICK])
    for arguments in ([], ["demo"], ["--annotations", "a.json"], ["demo", "x", "--results", "r"]):
        with pytest.raises(SystemExit):
            evaluate.main(arguments)
    assert "give MODEL and DATA" in capsys.readouterr().err
