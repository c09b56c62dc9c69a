"""Labels without training: over HTTP, packed with phrasings, calibrated, and scored."""

import json
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from clip_caption import calibrate, evaluate
from clip_caption.answering.zero_shot import LabelCalibration, LabelSet
from clip_caption.building import labels
from clip_caption.captioner import Captioner
from clip_caption.engine import Engine
from clip_caption.options import DECLARATION, MAX_LABELS
from clip_caption.searching.index import normalised
from tests.clip_caption.collection import COUNT
from tests.clip_caption.serving import FILES, FLOOD, post, send
from zoo.errors import CheckpointError, ZooError
from zoo.serving.model import ZooModel

PHOTOS = list(FILES.values())
NAMES = [name.replace("_", " ") for name in FILES]
TYPES = {
    "flood": ["a flood", "a flood on the road"],
    "pothole": "a pothole in the road",
    "rubbish": ["rubbish bags on the road"],
    "fallen tree": ["a fallen tree"],
    "broken lamp": ["a broken lamp over the street"],
    "blocked pavement": ["a blocked pavement"],
}
ROUNDING = 1e-4 * len(TYPES)


def ask(url: str, files: list[bytes], **params: Any) -> list[dict[str, Any]]:
    response = post(url, files, num_captions=0, **params)
    assert response.status_code == 200, response.text
    records: list[dict[str, Any]] = response.json()["predictions"]
    return records


def shares(record: dict[str, Any]) -> dict[str, float]:
    return {one["label"]: one["probability"] for one in record["labels"]}


def written(path: Path, content: Any) -> Path:
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def network(clip_model: Path) -> Path:
    """What `convert` made of the demo."""
    (path,) = (clip_model / "artifacts").iterdir()
    return path


def packed(network: Path, given: Path, directory: Path) -> ZooModel:
    """The demo with a packed set of labels."""
    directory.mkdir()
    for file in network.iterdir():
        (directory / file.name).symlink_to(file)
    labels.pack(given, directory)
    model = ZooModel(DECLARATION, Engine)
    model.load_context(SimpleNamespace(artifacts={"model": str(directory)}))
    return model


def test_each_photo_gets_the_label_that_tells_of_it(any_url: str) -> None:
    records = ask(any_url, PHOTOS, labels=NAMES)
    assert [record["label"] for record in records] == NAMES
    for record in records:
        probabilities = list(shares(record).values())
        assert set(shares(record)) == set(NAMES)
        assert probabilities == sorted(probabilities, reverse=True)
        assert sum(probabilities) == pytest.approx(1, abs=ROUNDING)
    again = ask(any_url, PHOTOS, labels=NAMES[::-1])
    assert [shares(one) for one in again] == [
        pytest.approx(shares(one), abs=1e-3) for one in records
    ]
    (one,) = ask(any_url, [FLOOD], labels=["a park"])
    assert (one["label"], shares(one)) == ("a park", {"a park": 1.0})
    (none,) = ask(any_url, [FLOOD], labels=[], match_text="a flood")
    assert not {"label", "labels"} & set(none)


def test_search_words_get_no_labels(clip_url: str) -> None:
    table = {"columns": ["search_text"], "data": [["a flood"]]}
    params = {"labels": NAMES, "embedding": "clip"}
    response = send(clip_url, {"dataframe_split": table, "params": params})
    assert response.status_code == 200, response.text
    (record,) = response.json()["predictions"]
    assert not {"label", "labels"} & set(record)


@pytest.mark.parametrize(
    "bad",
    [
        ["a flood", " "],
        ["a flood", "A Flood "],
        ["a \ud800 flood"],
        ["a flood " * 200],
        ["flood " * 100],  # more tokens than CLIP reads
        [f"street {number}" for number in range(MAX_LABELS + 1)],
        "flood",
        [7],
    ],
    ids=["empty", "twice", "surrogate", "characters", "tokens", "many", "text", "number"],
)
def test_labels_that_cant_be_read_are_refused(clip_url: str, bad: Any) -> None:
    response = post(clip_url, [FLOOD], labels=bad)
    assert response.status_code == 400
    assert response.json()["parameter"] == "labels"


def test_a_label_is_read_once(network: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    embed = Captioner.embed_texts

    def counted(captioner: Captioner, texts: Sequence[str]) -> np.ndarray:
        read.extend(texts)
        return embed(captioner, texts)

    monkeypatch.setattr(Captioner, "embed_texts", counted)
    engine = Engine(network)
    options = engine.options(num_captions=0, labels=("a flood", "a lamp"))
    answers = [engine([FLOOD, FLOOD], options) for _ in range(2)]
    assert read == ["a flood", "a lamp"]
    assert answers[0] == answers[1]


def test_a_packed_set_is_the_default_and_others_may_join(network: Path, tmp_path: Path) -> None:
    model = packed(network, written(tmp_path / "set.json", TYPES), tmp_path / "model")
    table = pd.DataFrame({"image": PHOTOS})
    records = model.predict(None, table, {"num_captions": 0})
    assert [record["label"] for record in records] == NAMES
    assert set(shares(records[0])) == set(TYPES)
    captioner = Captioner(network)
    phrasings = normalised(captioner.embed_texts(["a flood", "a flood on the road"]))
    (mean,) = normalised(phrasings.mean(axis=0, keepdims=True))
    assert LabelSet.read(tmp_path / "model").features["flood"] == pytest.approx(mean, abs=1e-5)
    some = ["flood", "a bicycle in a park"]
    (mixed, *_) = model.predict(None, table, {"num_captions": 0, "labels": some})
    assert set(shares(mixed)) == set(some)
    assert mixed["label"] == "flood"
    (off, *_) = model.predict(None, table, {"labels": []})
    assert list(off) == ["captions", "usual"]


def test_a_set_is_calibrated_packed_and_scored(
    embedded: Path, network: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plain, fitted = written(tmp_path / "set.json", TYPES), tmp_path / "fitted.json"
    photos = str(embedded)
    options = ["--photos", photos, "--none-share", "0.1", "--labelled", photos]
    calibrate.main([photos, str(plain), "-o", str(fitted), *options])
    kept = json.loads(fitted.read_text(encoding="utf-8"))
    assert kept["photos"] == kept["labelled"] == COUNT
    assert kept["temperature"] > 0
    found = scores(capsys, photos, photos, fitted)
    assert found["none_share"] == pytest.approx(4 / COUNT, abs=0.02)  # that 0.1 of others are
    assert found["calibration_error"] == pytest.approx(kept["error"], abs=1e-3)
    worse = written(tmp_path / "worse.json", {**kept, "temperature": 5 * kept["temperature"]})
    assert scores(capsys, photos, photos, worse)["log_loss"] > found["log_loss"]
    assert scores(capsys, photos, photos, plain)["accuracy"] > 0.9

    model = packed(network, fitted, tmp_path / "model")
    table = pd.DataFrame({"image": [FLOOD]})
    (known,) = model.predict(None, table, {"num_captions": 0})
    assert known["label"] == "flood"
    others = [name for name in TYPES if name != "flood"]
    (strange,) = model.predict(None, table, {"num_captions": 0, "labels": others})
    assert strange["label"] is None
    assert sum(shares(strange).values()) < 0.9


@pytest.mark.parametrize(("count", "share"), [(60, 0.05), (500, 0.05), (500, 0.2)])
def test_a_threshold_keeps_its_promise_for_unseen_photos(count: int, share: float) -> None:
    draws = np.random.default_rng(1).uniform(size=(1000, count))  # below x is a share of x
    missed = np.array([calibrate.threshold_of(one, share) for one in draws])
    assert 0.93 < (missed <= share).mean() < 0.98
    assert calibrate.fewest(share) <= count


def scores(
    capsys: pytest.CaptureFixture[str], model: str, data: str, given: Path, *options: str
) -> dict[str, float]:
    capsys.readouterr()
    evaluate.main([model, data, "--labels", str(given), "--tracking-uri", "", "--json", *options])
    found: dict[str, float] = json.loads(capsys.readouterr().out)
    return found


def test_a_kind_that_has_no_label_is_none_of_these(
    embedded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    few = {name: text for name, text in TYPES.items() if name != "flood"}
    plain = written(tmp_path / "few.json", few)
    left = scores(capsys, str(embedded), str(embedded), plain, "--output", str(tmp_path / "out"))
    assert 0 < left["photos"] < COUNT
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "scores.md", "photos.csv", "confusion.png", "reliability.png", "reliability.csv"
    }  # fmt: skip
    with pytest.raises(ZooError, match="has a label of the set: a, b; the column has: blocked"):
        scores(capsys, str(embedded), str(embedded), written(plain, {"a": "a", "b": "b"}))


def test_a_saved_model_is_scored_with_what_it_has(
    clip_model: Path, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = written(tmp_path / "set.json", {name: name for name in TYPES})
    found = scores(capsys, str(clip_model), str(photos / "manifest.csv"), names, "--limit", "12")
    assert found["photos"] == 12
    assert found["accuracy"] > 0.7
    assert found["none_share"] == 0


@pytest.mark.parametrize(
    "content",
    [
        {}, [], {"flood": []}, {"flood": [7]}, {"flood": {"a": "b"}}, {"flood": " "}, {" ": "a"},
        {"flood": "a", "Flood": "b"}, {"flood": "flood " * 100}, {"labels": {}},
        {"labels": {"flood": "a"}, "temperature": "hot"}, {"labels": {"a": "a"}, "probe": [1, 2]},
    ],
)  # fmt: skip
def test_a_bad_set_is_not_packed(network: Path, tmp_path: Path, content: Any) -> None:
    with pytest.raises(CheckpointError):
        labels.Phrasings.read(written(tmp_path / "bad.json", content)).features(Captioner(network))


def test_probabilities_of_a_known_case() -> None:
    photos = np.array([[1, 0], [0.6, 0.8]], np.float32)
    texts = np.array([[1, 0], [0, 1]], np.float32)
    (sure, unsure) = LabelCalibration().probabilities(photos, texts, 1.0)
    assert sure == pytest.approx([np.e / (np.e + 1), 1 / (np.e + 1), 0])
    assert unsure.argmax() == 1
    none = LabelCalibration(threshold=0.9).probabilities(photos, texts, 100.0)
    assert none.argmax(axis=1).tolist() == [0, 2]
    assert none.sum(axis=1) == pytest.approx([1, 1])
    warm = LabelCalibration(temperature=100.0).probabilities(photos, texts, 100.0)
    assert warm == pytest.approx(LabelCalibration().probabilities(photos, texts, 1.0))
