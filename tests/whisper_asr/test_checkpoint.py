"""Every published layout, made exactly as published with small weights, gives the same text."""

import json
import pickle
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import (
    WhisperFeatureExtractor,
    WhisperForConditionalGeneration,
    WhisperProcessor,
)

from tests.whisper_asr.checkpoints import write_openai
from tests.whisper_asr.reference import Reference, for_openai
from whisper_asr.building.checkpoint import (
    alignment_heads,
    layout,
    write_hugging_face,
)
from whisper_asr.building.convert import convert
from whisper_asr.building.published import fetch
from whisper_asr.engine import Engine, WhisperEngine
from whisper_asr.options import Options
from zoo.building import checkpoints
from zoo.building.packaging import ROOT
from zoo.data.audio import decode
from zoo.errors import CheckpointError

FOLDER = ROOT / "mlflow_models/whisper_asr"
SOUND = decode(FOLDER / "samples" / "bank.flac")
GREEDY = Options(beam_size=1, temperature=(0.0,), vad=False, script="as_is")


def text(engine: WhisperEngine) -> str:
    (heard,) = engine([SOUND], GREEDY)
    assert not isinstance(heard, Exception)
    assert heard.text
    return heard.text


def converted(checkpoint: Path, output: Path, precision: str = "float32") -> Engine:
    output.mkdir()
    convert(checkpoint, str(checkpoint), output, precision)
    return Engine(output)


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("checkpoints")


@pytest.fixture(scope="module")
def openai(work: Path) -> Path:
    return write_openai(work / "model.pt")


@pytest.fixture(scope="module")
def expected(openai: Path, work: Path) -> str:
    """openai-whisper's own text."""
    return text(Reference(for_openai(openai, work / "reference")))


@pytest.fixture(scope="module")
def hugging_face(openai: Path, work: Path) -> Path:
    write_hugging_face(openai, work / "hf", None)
    return work / "hf"


def as_transformers_5_writes_it(hugging_face: Path, directory: Path) -> Path:
    model = WhisperForConditionalGeneration.from_pretrained(hugging_face)
    model.save_pretrained(directory)
    WhisperProcessor.from_pretrained(hugging_face).save_pretrained(directory)
    assert (directory / "processor_config.json").is_file()
    assert not (directory / "preprocessor_config.json").is_file()
    return directory


def as_it_was_published_in_2022(hugging_face: Path, directory: Path) -> Path:
    """vocab.json and merges.txt, a pickled state dict, no generation_config.json."""
    directory.mkdir()
    shutil.copy(hugging_face / "config.json", directory)
    model = WhisperForConditionalGeneration.from_pretrained(hugging_face)
    torch.save(model.state_dict(), directory / "pytorch_model.bin")
    made = json.loads((hugging_face / "tokenizer.json").read_text(encoding="utf-8"))
    (directory / "vocab.json").write_text(json.dumps(made["model"]["vocab"]), encoding="utf-8")
    merges = [
        merge if isinstance(merge, str) else " ".join(merge) for merge in made["model"]["merges"]
    ]
    (directory / "merges.txt").write_text(
        "#version: 0.2\n" + "\n".join(merges) + "\n", encoding="utf-8"
    )
    added = {token["content"]: token["id"] for token in made["added_tokens"]}
    (directory / "added_tokens.json").write_text(json.dumps(added), encoding="utf-8")
    WhisperFeatureExtractor().save_pretrained(directory)
    return directory


def in_shards(hugging_face: Path, directory: Path) -> Path:
    model = WhisperForConditionalGeneration.from_pretrained(hugging_face)
    model.save_pretrained(directory, max_shard_size="4MB")
    assert len(list(directory.glob("*.safetensors"))) > 1
    for name in ("tokenizer.json", "tokenizer_config.json", "preprocessor_config.json"):
        shutil.copy(hugging_face / name, directory)
    return directory


def weights_and_sizes_alone(hugging_face: Path, directory: Path) -> Path:
    directory.mkdir()
    for name in ("config.json", "model.safetensors"):
        shutil.copy(hugging_face / name, directory)
    return directory


def as_ctranslate2_wrote_it(hugging_face: Path, directory: Path) -> Path:
    from ctranslate2.converters import TransformersConverter

    copied = ["tokenizer.json", "preprocessor_config.json"]
    TransformersConverter(str(hugging_face), copy_files=copied).convert(str(directory))
    return directory


def as_openai_wrote_it(hugging_face: Path, _: Path) -> Path:
    return hugging_face.parent / "model.pt"


LAYOUTS = [
    as_openai_wrote_it,
    as_transformers_5_writes_it,
    as_it_was_published_in_2022,
    in_shards,
    weights_and_sizes_alone,
    as_ctranslate2_wrote_it,
]


@pytest.mark.parametrize("make", LAYOUTS, ids=lambda make: make.__name__)
def test_every_layout_gives_openai_whispers_text(
    make: Any, hugging_face: Path, expected: str, tmp_path: Path
) -> None:
    checkpoint = make(hugging_face, tmp_path / "made")
    engine = converted(checkpoint, tmp_path / "converted")
    assert text(engine) == expected
    assert {"zh", "th", "en"} <= set(engine.languages)


def test_openai_whisper_loads_hugging_faces_layout_once_it_is_written_anew(
    hugging_face: Path, expected: str, tmp_path: Path
) -> None:
    assert text(Reference(for_openai(hugging_face, tmp_path))) == expected


@pytest.mark.parametrize("precision", ["auto", "int8"])
def test_smaller_precisions_load(openai: Path, tmp_path: Path, precision: str) -> None:
    assert text(converted(openai, tmp_path / "small", precision))


def test_the_layout_of_large_v3(tmp_path: Path) -> None:
    """128 mels and a language more."""
    checkpoint = write_openai(tmp_path / "large-v3.pt", n_mels=128, n_vocab=51866)
    engine = converted(checkpoint, tmp_path / "ours")
    assert text(engine) == text(Reference(for_openai(checkpoint, tmp_path / "reference")))
    assert "yue" in engine.languages


def test_the_published_attention_heads_are_used() -> None:
    """Those of whisper-small, as its generation_config.json has them on the hub."""
    dims = {"n_text_layer": 12, "n_text_head": 12}
    heads = [[5, 3], [5, 9], [8, 0], [8, 4], [8, 7], [8, 8], [9, 0], [9, 7], [9, 9], [10, 5]]
    assert alignment_heads("small", dims) == heads
    assert alignment_heads("a model of one's own", dims) is None


class Bomb:
    def __reduce__(self) -> Any:
        return (Path("exploded").touch, ())


def refused(path: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        converted(path, path.parent / "converted")
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_what_would_run_code_is_refused(
    hugging_face: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    content = {"dims": {"n_vocab": 51865}, "model_state_dict": {"a": Bomb()}}
    (tmp_path / "model.pt").write_bytes(pickle.dumps(content))
    assert "nothing that runs code" in refused(tmp_path / "model.pt")
    torch.save(content, tmp_path / "zipped.pt")
    shutil.rmtree(tmp_path / "converted")
    assert "nothing that runs code" in refused(tmp_path / "zipped.pt")
    old = as_it_was_published_in_2022(hugging_face, tmp_path / "old")
    torch.save({"a": Bomb()}, old / "pytorch_model.bin")
    shutil.rmtree(tmp_path / "converted")
    assert "not safe to load" in refused(old)
    assert not Path("exploded").exists()


def test_other_checkpoints_are_told_apart(tmp_path: Path) -> None:
    english = write_openai(tmp_path / "tiny.en.pt", n_vocab=51864)
    assert "English only" in refused(english)
    for name, config, sentence in (
        ("bert", {"model_type": "bert"}, "not a Whisper checkpoint, but of type 'bert'"),
        ("bare", {"model_type": "whisper", "vocab_size": 51865}, "'model.safetensors' is missing"),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text(json.dumps(config))
        shutil.rmtree(tmp_path / "converted", ignore_errors=True)
        assert sentence in refused(tmp_path / name)
    (tmp_path / "empty").mkdir()
    with pytest.raises(CheckpointError, match=r"neither a config\.json"):
        layout(tmp_path / "empty")
    (tmp_path / "empty" / "adapter_config.json").write_text("{}")
    with pytest.raises(CheckpointError, match="LoRA adapter only"):
        layout(tmp_path / "empty")


def test_a_ctranslate2_directory_that_lacks_a_file_says_which(
    hugging_face: Path, tmp_path: Path
) -> None:
    made = as_ctranslate2_wrote_it(hugging_face, tmp_path / "ct2")
    (made / "tokenizer.json").unlink()
    assert "'tokenizer.json' is missing" in refused(made)


@pytest.mark.parametrize("name", ["openai/whisper-small", "Systran/faster-whisper-tiny"])
def test_a_hub_that_cant_be_reached_says_how_to_go_on(name: str) -> None:
    with pytest.raises(CheckpointError, match="download it elsewhere and give its directory"):
        checkpoints.resolve(name, FOLDER / "demo", fetch, (".pt",))


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(CheckpointError, match="large-v3-turbo"):
        checkpoints.resolve("enormous", FOLDER / "demo", fetch, (".pt",))
