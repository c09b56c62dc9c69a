"""A language model's weight, bonus and beam, found on a development set."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.wav2vec2_asr.language import SENTENCES, labels_of, sound_of
from wav2vec2_asr import ngram
from wav2vec2_asr.labels import Labels
from wav2vec2_asr.language_model import BeamSearch, LanguageModelSettings
from wav2vec2_asr.training import tune
from zoo.errors import ZooError


@pytest.fixture
def development(tmp_path: Path) -> Path:
    """A checkpoint's labels, a model, and log-probabilities as `evaluate.py` keeps them."""
    labels = labels_of(SENTENCES)
    indices = {label: index for index, label in enumerate(labels)}
    (tmp_path / "vocab.json").write_text(json.dumps(indices), encoding="utf-8")
    (tmp_path / "text.txt").write_text("\n".join(SENTENCES), encoding="utf-8")
    model = str(tmp_path / "model.arpa")
    ngram.main(["build", str(tmp_path / "text.txt"), "-o", model, "--checkpoint", str(tmp_path)])
    (tmp_path / "saved" / "logits").mkdir(parents=True)
    said = sorted(SENTENCES, key=len)[:8]
    with (tmp_path / "saved" / "references.tsv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, delimiter="\t")
        table.writerow(["name", "reference"])
        table.writerows((f"{n}.wav", text) for n, text in enumerate(said))
    for n, text in enumerate(said):
        np.save(tmp_path / "saved" / "logits" / f"{n:05d}.npy", sound_of(text, labels, n))
    return tmp_path


def test_tuning_finds_settings_that_make_fewer_mistakes(
    development: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["tune", str(development / "model.arpa"), str(development / "saved")]
    ngram.main([*options, "--checkpoint", str(development), "--most", "4"])
    written = development / "language_model.json"
    content = json.loads(written.read_text(encoding="utf-8"))
    assert content["file"] == "model.arpa"
    assert content["order"] == 5
    assert content["weight"] > 0
    assert content["tuned"]["utterances"] == 4
    assert content["tuned"]["rate"] < 0.2 * content["tuned"]["greedy"]
    assert (development / "language_model.png").read_bytes().startswith(b"\x89PNG")
    assert f"CER {content['tuned']['rate']:.2f} %" in capsys.readouterr().out
    # What is written is what decodes so.
    settings, labels = LanguageModelSettings.read(written), Labels.read(development)
    data = tune.Development.read(development / "saved", 4)
    search = BeamSearch(labels.texts, labels.blank, *vars(settings).values())
    rate = data.rate(search, labels, tune.scorer("cer"))
    assert rate == pytest.approx(content["tuned"]["rate"], abs=0.001)


def test_the_smallest_beam_that_is_good_enough_is_chosen(development: Path) -> None:
    labels = Labels.read(development)
    data = tune.Development.read(development / "saved", 2)
    search = BeamSearch(labels.texts, labels.blank, development / "model.arpa")
    choice, tried = tune.search_settings(search, data, labels, tune.scorer("wer"))
    best = min(one.rate for one in tried)
    assert choice.rate <= best + tune.SLACK
    same = [one for one in tried if (one.weight, one.bonus) == (choice.weight, choice.bonus)]
    assert {one.beam_size for one in same} == set(tune.BEAM_SIZES)
    smaller = [one for one in same if one.beam_size < choice.beam_size]
    assert all(one.rate > min(s.rate for s in same) + tune.SLACK for one in smaller)
    for one in [choice, *smaller]:
        again = search.tuned(one.weight, one.bonus, one.beam_size)
        found = data.rate(again, labels, tune.scorer("wer"))
        assert replace(one, rate=found) == one


def test_a_development_set_that_is_not_whole_is_refused(development: Path) -> None:
    def refusal(checkpoint: Path = development) -> str:
        options = ["tune", str(development / "model.arpa"), str(development / "saved")]
        with pytest.raises(ZooError) as refused:
            ngram.main([*options, "--checkpoint", str(checkpoint)])
        return str(refused.value)

    logits = development / "saved" / "logits"
    assert "is not a directory" in refusal(development / "none")
    np.save(logits / "00003.npy", np.zeros((5, 3), np.float32))
    assert "00003.npy' has shape (5, 3)" in refusal()
    (logits / "00003.npy").write_bytes(b"\x93NUMPY half of")
    assert "00003.npy' is no NumPy array" in refusal()
    (logits / "00003.npy").unlink()
    assert "has 8 references, but 7 logits" in refusal()
    (development / "saved" / "references.tsv").write_text("name\n", encoding="utf-8")
    assert "Column 'reference' not found" in refusal()
    (development / "saved" / "references.tsv").unlink()
    assert "evaluate.py --save-logits writes it" in refusal()
