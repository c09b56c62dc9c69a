"""The way back from CTranslate2's format is exact to the bit, and says what it can't read."""

import json
import struct
from pathlib import Path

import numpy as np
import pytest
from ctranslate2.converters import TransformersConverter
from safetensors.numpy import load_file

from tests.whisper_asr.checkpoints import write_openai
from whisper_asr.building.checkpoint import hugging_face, read_openai, write_hugging_face
from whisper_asr.building.checkpoint import write_openai as to_openai
from whisper_asr.building.ctranslate2_format import read_variables
from zoo.errors import CheckpointError


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small checkpoint, with heads of its own to follow the words: OpenAI's file and `hf`."""
    work = tmp_path_factory.mktemp("ctranslate2")
    write_hugging_face(write_openai(work / "model.pt", n_text_layer=3), work / "hf")
    path = work / "hf" / "generation_config.json"
    said = {**json.loads(path.read_text()), "alignment_heads": [[0, 1], [2, 0]]}
    path.write_text(json.dumps({**said, "suppress_tokens": [1, 2, 50258]}))
    return work


def as_ctranslate2(source: Path, output: Path, quantization: str) -> Path:
    TransformersConverter(str(source)).convert(str(output), quantization=quantization)
    return output


@pytest.mark.parametrize("precision", ["float16", "float32"])
def test_nothing_changes_there_and_back(work: Path, tmp_path: Path, precision: str) -> None:
    converted = as_ctranslate2(work / "hf", tmp_path / "converted", precision)
    write_hugging_face(converted, tmp_path / "back")
    before = load_file(work / "hf" / "model.safetensors")
    after = load_file(tmp_path / "back" / "model.safetensors")
    assert set(after) == set(before)
    for name, tensor in after.items():
        assert tensor.dtype == precision
        assert tensor.tobytes() == before[name].astype(precision).tobytes(), name
    for name in ("config.json", "generation_config.json"):
        sizes, said = (
            json.loads((part / name).read_text()) for part in (work / "hf", tmp_path / "back")
        )
        said["dtype"] = sizes.get("dtype", said.get("dtype"))
        assert {key: said[key] for key in sizes} == sizes
    to_openai(tmp_path / "back", tmp_path / "back.pt")
    dims, weights = read_openai(tmp_path / "back.pt")
    expected, source = read_openai(work / "model.pt")
    assert dims == expected
    assert all(weights[name].equal(source[name].to(weights[name])) for name in source)


def test_what_needs_hugging_faces_layout_gets_a_copy_that_is_kept(
    work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert hugging_face(work / "hf") == work / "hf"
    converted = as_ctranslate2(work / "hf", tmp_path / "converted", "float16")
    for checkpoint in (converted, work / "model.pt"):
        made = hugging_face(checkpoint)
        assert made.is_relative_to(tmp_path / "cache")
        assert load_file(made / "model.safetensors").keys()
        written = (made / "config.json").stat().st_mtime_ns
        assert hugging_face(checkpoint) == made
        assert (made / "config.json").stat().st_mtime_ns == written


def refused(directory: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        write_hugging_face(directory, directory.parent / "never")
    assert not (directory.parent / "never").exists()
    return str(caught.value)


@pytest.mark.parametrize("precision", ["int8_float16", "bfloat16"])
def test_what_was_rounded_is_refused(work: Path, tmp_path: Path, precision: str) -> None:
    message = refused(as_ctranslate2(work / "hf", tmp_path / "rounded", precision))
    assert precision.partition("_")[0] in message
    assert "float16 or float32" in message


def test_what_is_damaged_is_refused(work: Path, tmp_path: Path) -> None:
    directory = as_ctranslate2(work / "hf", tmp_path / "damaged", "float16")
    whole = (directory / "model.bin").read_bytes()
    for content, said in (
        (whole[: len(whole) // 2], "is damaged"),
        (whole[:10], "is damaged"),
        (whole[:-1], "is damaged"),
        (b"", "is damaged"),
        (struct.pack("<I", 5) + whole[4:], "format 5"),
        (whole.replace(b"WhisperSpec", b"AnotherSpec"), "AnotherSpec"),
        (whole.replace(b"encoder/conv1/weight", b"encoder/conv7/weight"), "no whole Whisper"),
    ):
        (directory / "model.bin").write_bytes(content)
        assert said in refused(directory)


def test_the_real_base_comes_out_as_it_went_in(real_base: Path, tmp_path: Path) -> None:
    write_hugging_face(real_base, tmp_path / "hf")
    again = as_ctranslate2(tmp_path / "hf", tmp_path / "again", "float16")
    before, after = (read_variables(path / "model.bin") for path in (real_base, again))
    for name, value in before.items():  # a newer converter adds settings
        assert after[name].dtype == value.dtype
        assert np.array_equal(after[name], value), name
    assert json.loads((again / "config.json").read_text()) == json.loads(
        (real_base / "config.json").read_text()
    )
