"""Training of both kinds, on tones: it resumes, equals what it says, and refuses what can't be."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from demos.language_id import average
from language_id import evaluate, finetune
from language_id.training import linear, network
from language_id.training.examples import read
from language_id.training.identify import probabilities
from language_id.training.manifest import read_split
from tests.zoo.odd_inputs import refusal
from tests.zoo.training import assert_left_alone, losses, resumed
from zoo.errors import CheckpointError, ZooError

LANGUAGES = ["en", "th", "zh"]


@pytest.mark.thorough
def test_a_killed_run_goes_on_with_the_same_losses(
    tiny: list[str], whole: Path, tmp_path: Path, registry: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run, files = resumed(finetune, tiny, whole, tmp_path / "killed", registry)
    assert len(losses(whole)) == 6
    assert {"loss", "eval_error", "eval_recall_th"} <= set(run.data.metrics)
    assert files == {"predictions.tsv", "steps.csv"}


def test_a_finished_run_is_left_alone(
    tiny: list[str], whole: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert_left_alone(finetune, tiny, whole, capsys)


def test_a_checkpoint_is_in_the_published_format(whole: Path) -> None:
    config = json.loads((whole / "best" / "config.json").read_text(encoding="utf-8"))
    assert config["architectures"] == ["Wav2Vec2ForSequenceClassification"]
    assert config["id2label"] == dict(zip("012", LANGUAGES, strict=True))
    assert config["classifier_proj_size"] == 8
    assert not config["use_weighted_layer_sum"]
    files = {path.name for path in (whole / "best").iterdir()}
    assert files == {"config.json", "model.safetensors", "preprocessor_config.json"}


def test_the_linear_way_equals_its_checkpoint(
    manifest: Path, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The projector and the classifier compute what the classifier on the mean computes."""
    kept: list[linear.Classifier] = []
    compose = linear.compose

    def remember(model: object, classifier: linear.Classifier, languages: list[str]) -> object:
        kept.append(classifier)
        return compose(model, classifier, languages)  # type: ignore[arg-type]

    monkeypatch.setattr(linear, "compose", remember)
    given = ["linear", "--manifest", str(manifest), "--encoder", str(whole / "best")]
    finetune.main([*given, "--output", str(tmp_path / "run"), "--penalty", "0.1", "--vary", "0.2"])
    model = network.open_checkpoint(tmp_path / "run" / "best")
    extractor = network.open_extractor(tmp_path / "run" / "best", masked=False)
    encoder = network.open_checkpoint(whole / "best")
    for recording in read_split([manifest], "test"):
        wave = read(recording.path)
        logits = kept[0](linear.pooled(encoder, extractor, wave))
        wanted = torch.from_numpy(logits).softmax(dim=-1).numpy()
        found = probabilities(model, extractor, wave)
        assert np.abs(found - wanted).max() < 1e-4
    assert json.loads((tmp_path / "run" / "dev.json").read_text())["dev"]["recordings"] == 6


def test_training_and_evaluation_give_the_same_figure(
    manifest: Path, whole: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The balanced error weighs sources, whatever the second table groups by."""
    states = [json.loads(path.read_text()) for path in whole.glob("*/trainer_state.json")]
    logged = {step["step"]: step for state in states for step in state["log_history"]
              if "eval_error" in step}  # fmt: skip
    best = min(logged.values(), key=lambda step: step["eval_error"])
    for group in ("source", "speaker"):
        arguments = [str(whole / "best"), str(manifest), "--split", "dev", "--by", group]
        evaluate.main([*arguments, "--json"])
        scores = json.loads(capsys.readouterr().out)
        assert scores["error"] == pytest.approx(best["eval_error"], abs=0.006)
        assert scores["recall"]["th"] == pytest.approx(best["eval_recall_th"], abs=0.006)


def test_a_linear_run_tells_corrected_data_from_its_own(
    manifest: Path, whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "data"
    shutil.copytree(manifest.parent, folder)
    given = ["linear", "--manifest", str(folder / manifest.name), "--encoder", str(whole / "best")]
    given += ["--output", str(tmp_path / "run"), "--penalty", "1", "--copies", "0"]
    finetune.main(given)
    record = json.loads((tmp_path / "run" / "dev.json").read_text(encoding="utf-8"))
    arguments = [str(tmp_path / "run" / "best"), str(manifest), "--split", "dev", "--json"]
    capsys.readouterr()
    evaluate.main(arguments)
    assert json.loads(capsys.readouterr().out)["error"] == record["dev"]["error"]
    finetune.main(given)
    assert "is finished" in capsys.readouterr().out
    shutil.copy(folder / "zh_1.wav", folder / "zh_0.wav")
    assert "zh_0.wav' has changed" in refusal(finetune.main, given)


def test_scores_come_as_text_json_and_plot(
    manifest: Path, whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evaluate.main([str(whole / "best"), str(manifest), "--telephone", "--output", str(tmp_path)])
    said = capsys.readouterr().out
    assert "6 recordings" in said
    assert "of the answers stay" in said
    record = json.loads((tmp_path / "scores.json").read_text(encoding="utf-8"))
    assert np.sum(record["confusion"]) == record["recordings"] == 6
    assert 0 <= record["telephone"]["share"] <= 100
    assert (tmp_path / "confusion.png").read_bytes().startswith(b"\x89PNG")
    rows = (tmp_path / "answers.tsv").read_text(encoding="utf-8").splitlines()
    assert len(rows) == 7


def test_a_recognizer_of_speech_is_no_language_identifier(
    manifest: Path, whole: Path, tmp_path: Path
) -> None:
    from transformers import Wav2Vec2Config, Wav2Vec2ForCTC

    config = Wav2Vec2Config.from_pretrained(whole / "best")
    Wav2Vec2ForCTC(config).save_pretrained(tmp_path / "ctc")
    with pytest.raises(CheckpointError, match="lacks the weights"):
        evaluate.main([str(tmp_path / "ctc"), str(manifest)])
    model = network.open_checkpoint(tmp_path / "ctc", LANGUAGES)  # but training can start from it
    assert model.classifier.out_features == 3


def test_a_split_without_recordings_is_refused(manifest: Path, tmp_path: Path) -> None:
    lines = manifest.read_text(encoding="utf-8").splitlines()
    trained = manifest.with_name("no_dev.tsv")
    trained.write_text("\n".join(line for line in lines if "dev" not in line), encoding="utf-8")
    given = ["linear", "--manifest", str(trained), "--encoder", "x", "--output", str(tmp_path)]
    with pytest.raises(ZooError, match="no recordings for 'dev'"):
        finetune.main(given)


def test_an_average_of_equal_checkpoints_differs_by_its_shift_alone(
    manifest: Path, whole: Path, tmp_path: Path
) -> None:
    given = [str(whole / "best"), str(whole / "best"), "-o", str(tmp_path / "mean")]
    average.main([*given, "--manifest", str(manifest)])
    before, after = (
        network.open_checkpoint(whole / "best"),
        network.open_checkpoint(tmp_path / "mean"),
    )
    weights = dict(after.named_parameters())
    for name, value in before.named_parameters():
        if name == "classifier.bias":
            shift = (weights[name] - value).tolist()
            assert shift[:2] == [0, 0]
            assert 0 <= shift[2] <= 1.51
        else:
            assert torch.allclose(weights[name], value)
