"""The page of evaluation."""

import csv
import io
import json
import zipfile
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from tests.test_models.conftest import MAX_UPLOAD, OpenPage, findings, fits, kept
from zoo.building.packaging import ROOT

SPEECH = ROOT / "mlflow_models" / "whisper_asr" / "samples"
HOSTILE = "<img src=x onerror=alert(1)>"
LINES = (
    {"text": "王小明在北京大学工作。", "entities": [[0, 3, "PERSON"], [4, 8, "ORGANIZATION"]]},
    {"text": f"我爱中国{HOSTILE}", "entities": [[0, 1, "PERSON"], [2, 4, "LOCATION"]]},
    {"text": "短", "entities": [[0, 9, "PERSON"]]},
)


def tab(page: Page, name: str) -> Locator:
    """The part of the page for one kind of model."""
    page.get_by_role("tab", name=name).click()
    return page.get_by_role("tabpanel").filter(visible=True)


def choose(page: Page, part: Locator, label: str, model: str) -> None:
    """Chooses a model."""
    part.get_by_role("combobox", name=label).click()
    page.get_by_role("option", name=model).click()


def error(part: Locator) -> Locator:
    """What the page says of a failure."""
    return part.locator("[role=alert].theresa-error, [role=alert] .theresa-error")


def figure(part: Locator, name: str) -> Locator:
    """The cells of a figure, one per model."""
    return part.get_by_role("region").first.get_by_role("row", name=name).get_by_role("cell")


def test_speech_is_scored_on_its_samples(open_page: OpenPage) -> None:
    page = open_page("/evaluate")
    part = tab(page, "Speech")
    choose(page, part, "Second model, to compare", "whisper_asr")
    part.get_by_role("button", name="Score the samples").click()
    expect(part.get_by_text("Cases that were scored: 3")).to_be_visible()
    first, second = figure(part, "Character error rate").all_text_contents()
    assert first == second
    assert float(first.removesuffix(" %")) < 15
    expect(
        part.get_by_text("without punctuation, symbols and spaces; by characters")
    ).to_be_visible()
    worst = part.get_by_role("region", name="Worst cases first").get_by_role("row").nth(1)
    expect(worst.get_by_role("cell").first).to_have_text("bank.flac")
    expect(worst.locator("mark.missed").first).not_to_be_empty()
    kept(page, "evaluate")


def test_captions_are_scored_on_their_samples(open_page: OpenPage) -> None:
    part = tab(open_page("/evaluate"), "Photos")
    part.get_by_role("button", name="Score the samples").click()
    expect(part.get_by_text("Cases that were scored: 4")).to_be_visible()
    expect(figure(part, "BLEU-4")).to_have_text("44.47")


def test_two_models_side_by_side(open_page: OpenPage, tmp_path: Path, uploads: Path) -> None:
    file = tmp_path / "test.jsonl"
    lines = "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in LINES)
    file.write_text(lines, encoding="utf-8")
    page = open_page("/evaluate")
    part = tab(page, "Entities")
    part.get_by_role("button", name="Options").click()
    choose(page, part, "Second model, to compare", "hanlp_ner")
    own = json.dumps({"dictionary": json.dumps({"我": "PERSON"}, ensure_ascii=False)})
    parameters = part.get_by_label("Parameters of the second model")
    parameters.click()  # waits until the options are all there
    parameters.fill(own)
    page.locator("#evaluate-zone-ner-input").set_input_files(file)
    part.get_by_role("button", name="Score", exact=True).click()
    # the second one is told of the fourth entity
    expect(figure(part, "Recall")).to_have_text(["75.00 %", "100.00 %"])
    expect(figure(part, "F1")).to_have_text(["85.71 %", "100.00 %"])
    expect(
        part.get_by_text("line 3: The entity [0, 9, 'PERSON'] isn't in the text.")
    ).to_be_visible()
    cases = part.get_by_role("region", name="Worst cases first")
    worst = cases.get_by_role("row").nth(1)
    expect(worst).to_contain_text(HOSTILE)
    expect(worst.locator("mark.missed")).to_have_text("我 PERSON")
    assert [one for one in uploads.rglob("*") if one.is_file()] == []
    assert findings(page) == []

    with page.expect_download() as saved:
        part.get_by_role("button", name="Download the full table").click()
    rows = list(csv.DictReader(io.StringIO(saved.value.path().read_text("utf-8-sig"))))
    assert [one["case"] for one in rows] == ["line 1", "line 2", "line 3"]
    assert json.loads(rows[1]["hanlp_ner (2) answer"]) == LINES[1]["entities"]
    assert float(rows[0]["hanlp_ner (1) seconds"]) > 0


def test_a_zip_is_scored_and_what_is_bad_in_it_is_said(open_page: OpenPage, tmp_path: Path) -> None:
    file = tmp_path / "test.zip"
    with zipfile.ZipFile(file, "w") as archive:
        archive.write(SPEECH / "office.flac", "office.flac")
        archive.writestr("noise.wav", b"not a recording")
        archive.writestr("list.csv", "file,reference\noffice.flac,妈妈在厦门的办公室等我们\n"
                                     "noise.wav,好的\ngone.wav,\n")  # fmt: skip
    page = open_page("/evaluate", width=390, locale="zh-CN")
    part = tab(page, "语音")
    page.locator("#evaluate-zone-asr-input").set_input_files(file)
    button = part.get_by_role("button", name="开始评测")
    expect(button).to_be_enabled()
    button.focus()
    page.keyboard.press("Enter")
    # 2 of 14 characters are of the one that isn't answered
    expect(figure(part, "字符错误率")).to_have_text("14.29 %")
    expect(figure(part, "未应答")).to_have_text("1")
    expect(part.get_by_text("gone.wav: The ZIP has no such file.")).to_be_visible()
    expect(part.locator(".cases .error")).to_contain_text("audio")
    fits(page, 390)
    assert findings(page) == []


def test_a_broken_model_and_wrong_parameters_are_said(open_page: OpenPage) -> None:
    page = open_page("/evaluate")
    part = tab(page, "Entities")
    part.get_by_role("button", name="Options").click()
    parameters = part.get_by_label("Parameters of the first model")
    parameters.click()  # waits until the options are all there
    parameters.fill("beam")
    part.get_by_role("button", name="Score the samples").click()
    expect(error(part)).to_contain_text("not a JSON object")
    parameters.fill("")
    choose(page, part, "First model", "broken-ner")
    part.get_by_role("button", name="Score the samples").click()
    sentence = "The server's answer isn't a model's; is the address right?"
    expect(error(part)).to_have_text(sentence)


def test_a_zip_that_is_too_large(open_page: OpenPage, tmp_path: Path) -> None:
    page = open_page("/evaluate")
    part = tab(page, "Photos")
    file = tmp_path / "test.zip"
    file.write_bytes(bytes(MAX_UPLOAD + 1))
    page.locator("#evaluate-zone-caption-input").set_input_files(file)
    expect(error(part)).to_contain_text("is larger than 3 MB")
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(21):
            archive.writestr(f"{number}.jpg", bytes(MAX_UPLOAD))
    page.locator("#evaluate-zone-caption-input").set_input_files(file)
    part.get_by_role("button", name="Score", exact=True).click()
    expect(error(part)).to_contain_text("more than 20 times what a file may, 3 MB")
