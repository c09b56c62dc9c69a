"""Scores of checkpoints: of noisy recordings, with noise reduction and with a language model."""

import csv
import io
import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from tests.wav2vec2_asr.checkpoints import write_checkpoint
from tests.zoo.helpers import logged
from wav2vec2_asr import evaluate
from wav2vec2_asr.training.transcribe import log_probabilities, open_checkpoint
from zoo.errors import CheckpointError
from zoo.training import augment

SENTENCES = [
    "วันนี้อากาศดีมากเราไปเดินเล่นกันเถอะ",
    "ฉันชอบกินข้าวผัดกับไข่ดาว",
    "รถไฟขบวนนี้มาสายสิบนาที",
    "เขาเรียน machine learning ที่มหาวิทยาลัย",
]
NO_TRACKING = ["--tracking-uri", ""]


def speak(text: str) -> np.ndarray:
    """espeak-ng's Thai, with pauses, int16 at 16 kHz."""
    import soundfile
    import soxr

    command = ["espeak-ng", "-v", "th", "--stdout", text]
    done = subprocess.run(command, capture_output=True, check=True)
    wave, rate = soundfile.read(io.BytesIO(done.stdout), dtype="float32")
    padded = np.pad(soxr.resample(wave, rate, 16_000), 4000)
    return np.round(32767 * 0.5 * padded / np.abs(padded).max()).astype(np.int16)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prepared data set: clean, noisy, and one recording of a hundredth of a second."""
    from datasets import Dataset

    waves = [speak(text) for text in SENTENCES[:3]]
    noise = augment.noise("white", len(waves[1]), np.random.default_rng(1))
    noisy = augment.add_noise(waves[1] / np.float32(32768), noise, 0.0)
    waves[1] = (np.clip(noisy, -1, 1) * 32767).astype(np.int16)
    waves.append(waves[0][8000:8160])
    rows = {
        "audio": waves,
        "text": SENTENCES,
        "duration": [len(wave) / 16_000 for wave in waves],
        "name": [f"{index}.wav" for index in range(4)],
        "snr": ["", "0", "", ""],
    }
    output = tmp_path_factory.mktemp("data") / "test"
    Dataset.from_dict(rows).save_to_disk(output)
    return output


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("checkpoint") / "thai")


@pytest.mark.parametrize("norm", ["layer", "group"])
def test_batches_hear_what_the_reference_hears_alone(norm: str, data: Path, tmp_path: Path) -> None:
    import torch
    from datasets import load_from_disk
    from transformers import Wav2Vec2ForCTC, Wav2Vec2Processor

    path = write_checkpoint(tmp_path / "c", feat_extract_norm=norm)
    waves = [np.array(wave, np.float32) / 32768 for wave in load_from_disk(str(data))["audio"][:3]]
    found = dict(
        log_probabilities(open_checkpoint(path), waves.__getitem__, [len(w) for w in waves], 3)
    )
    model, processor = Wav2Vec2ForCTC.from_pretrained(path), Wav2Vec2Processor.from_pretrained(path)
    for index, wave in enumerate(waves):
        made = processor(wave, sampling_rate=16_000, return_tensors="pt")
        with torch.inference_mode():
            logits = model(**made).logits[0]
        np.testing.assert_allclose(found[index], logits.log_softmax(-1), atol=1e-3)


def test_a_checkpoint_is_scored_with_and_without(
    data: Path, checkpoint: Path, tmp_path: Path, registry: str, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--denoise", "always", "gated", "--save-logits", str(tmp_path / "kept")]
    options += ["--tracking-uri", registry, "--experiment", "thai", "--output", str(tmp_path / "o")]
    (tmp_path / "kept" / "logits").mkdir(parents=True)
    (tmp_path / "kept" / "logits" / "00009.npy").touch()  # of an earlier, larger data set
    evaluate.main([str(checkpoint), str(data), *options])
    out = capsys.readouterr().out
    names = [str(checkpoint) + suffix for suffix in ("", " + denoise always", " + denoise gated")]
    assert re.findall(r"^## (.+)$", out, re.MULTILINE) == names
    assert out.count("| clean | 3 |") == out.count("| up to 0 dB | 1 |") == 3
    assert out.count("paired bootstrap") == 4  # WER and CER of the two
    run, _ = logged(registry, "thai")
    assert f"CER {run.data.metrics['cer']:.2f} %" in out
    assert run.data.params["words"] == "newmm"
    assert run.data.metrics["denoise_gated_cer_high"] >= run.data.metrics["denoise_gated_cer_low"]
    kept = [np.load(file) for file in sorted((tmp_path / "kept" / "logits").iterdir())]
    with (tmp_path / "kept" / "references.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert [row["reference"] for row in rows] == SENTENCES
    assert [scores.dtype for scores in kept] == [np.float32] * 4
    assert len(kept[3]) == 1  # a frame even of what is shorter than one
    np.testing.assert_allclose(np.exp(kept[0]).sum(axis=-1), 1, atol=1e-4)


def test_a_language_model_is_compared_with_greedy_search(
    data: Path, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("flashlight.lib.text.decoder", reason="needs flashlight-text")
    unigrams = ["-9\t<unk>", "-9\t<s>\t0", "-1\t</s>", *(f"-0.9\t{c}\t0" for c in "กนมาดี|")]
    counts = ["\\data\\", f"ngram 1={len(unigrams)}", "ngram 2=1", "", "\\1-grams:"]
    arpa = [*counts, *unigrams, "", "\\2-grams:", "-0.8\tก น", "", "\\end\\", ""]
    (tmp_path / "lm.arpa").write_text("\n".join(arpa), encoding="utf-8")
    settings = {"file": "lm.arpa", "weight": 9.0, "bonus": 0.0, "beam_size": 8, "order": 2}
    (tmp_path / "lm.json").write_text(json.dumps(settings), encoding="utf-8")
    output = ["--language-model", str(tmp_path / "lm.json"), "--output", str(tmp_path / "out")]
    evaluate.main([str(checkpoint), str(data), *output, *NO_TRACKING])
    assert "## " + str(checkpoint) + " + language model" in capsys.readouterr().out
    texts = []
    for number in (1, 2):
        with (tmp_path / "out" / f"utterances{number}.tsv").open(encoding="utf-8") as file:
            texts.append("".join(row["hypothesis"] for row in csv.DictReader(file, delimiter="\t")))
    known = [sum(c in "กนมาดี " for c in text) / max(len(text), 1) for text in texts]
    assert known[1] > known[0]  # the model knows these characters alone


@pytest.mark.parametrize("damage", ["head", "vocabulary", "weights", "nothing there"])
def test_a_damaged_checkpoint_is_refused(damage: str, checkpoint: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    broken = tmp_path / "broken"
    shutil.copytree(checkpoint, broken)
    if damage == "head":
        tensors = load_file(broken / "model.safetensors")
        tensors.pop("lm_head.weight")
        save_file(tensors, broken / "model.safetensors", {"format": "pt"})
    elif damage == "vocabulary":
        (broken / "vocab.json").write_text('{"|": 0, "[UNK]": 1, "[PAD]": 2}')
    elif damage == "weights":
        (broken / "model.safetensors").write_bytes(b"\0" * 100)
    else:
        shutil.rmtree(broken)
        broken.mkdir()
    with pytest.raises(CheckpointError, match="broken"):
        open_checkpoint(broken)


@pytest.mark.parametrize("arguments", [[], ["demo"], ["demo", "x", "--predictions", "a.csv"]])
def test_what_to_score_must_be_said(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        evaluate.main(arguments)
    assert "MODEL" in capsys.readouterr().err
