"""From a published Whisper checkpoint to the directory that the engine loads."""

import shutil
import tempfile
from pathlib import Path

from whisper_asr.building import vocabulary
from whisper_asr.building.checkpoint import (
    CTRANSLATE2,
    OPENAI,
    layout,
    write_hugging_face,
)
from zoo.data.outputs import write_json
from zoo.data.texts import read_object
from zoo.errors import CheckpointError

PREPROCESSOR = "preprocessor_config.json"
TOKENIZER = "tokenizer.json"
# The weights as they are packed, by what `--precision` says; `auto` keeps half the bytes, from
# which the engine makes int8 on a CPU and float16 on a GPU.
STORED = {"auto": "float16", "int8": "int8", "float32": "float32"}


def convert(checkpoint: Path, name: str, output: Path, precision: str) -> None:
    """Writes what the engine loads.

    Args:
        checkpoint: A directory or `.pt` file.
        name: What the checkpoint was asked for as.
        output: An empty directory.
        precision: `auto`, `int8` or `float32`; of a CTranslate2 checkpoint, as it was converted.

    Raises:
        CheckpointError: The checkpoint is incomplete, of another kind, or not safe to load.
    """
    kind = layout(checkpoint)
    if kind == CTRANSLATE2:
        words = read_object(checkpoint / "config.json", CheckpointError)
        if len(words.get("lang_ids") or ()) < min(vocabulary.LANGUAGES.values()):
            raise CheckpointError(f"'{checkpoint}' knows English only; take the multilingual one.")
        names = ["model.bin", "config.json", TOKENIZER]
        names += [path.name for path in checkpoint.glob("vocabulary.*")]
        names += [path.name for path in checkpoint.glob(PREPROCESSOR)]
        for one in names:
            _copy(checkpoint, one, output)
    else:
        with tempfile.TemporaryDirectory() as work:
            ready = Path(work) / "ready"
            if kind == OPENAI:
                write_hugging_face(checkpoint, ready, name if name in _published() else None)
            else:
                _complete(checkpoint, ready)
            _to_ctranslate2(ready, output, STORED[precision])
    write_json(output / "engine.json", {"precision": precision})


def _published() -> list[str]:
    import whisper

    return list(whisper._MODELS)


def _copy(checkpoint: Path, file: str, output: Path) -> None:
    if not (checkpoint / file).is_file():
        raise CheckpointError(f"'{checkpoint}' is incomplete: '{file}' is missing.")
    shutil.copy(checkpoint / file, output / file)


def _complete(checkpoint: Path, ready: Path) -> None:
    """Copies a Hugging Face checkpoint, with the files that some of them lack."""
    from transformers import WhisperFeatureExtractor, WhisperTokenizer

    config = read_object(checkpoint / "config.json", CheckpointError)
    weights = [
        path
        for pattern in ("*.safetensors", "pytorch_model*.bin", "*.index.json")
        for path in checkpoint.glob(pattern)
    ]
    if not weights:
        raise CheckpointError(f"'{checkpoint}' is incomplete: 'model.safetensors' is missing.")
    if config.get("vocab_size") not in vocabulary.LANGUAGES:
        raise CheckpointError(
            f"'{checkpoint}' has a vocabulary of {config.get('vocab_size')}; the multilingual ones "
            "have 51865 or 51866."
        )
    ready.mkdir()
    for file in (checkpoint / "config.json", *weights):
        (ready / file.name).symlink_to(file.resolve())
    languages = vocabulary.LANGUAGES[config["vocab_size"]]
    if (checkpoint / TOKENIZER).is_file():
        for file in checkpoint.glob("*token*.json"):
            shutil.copy(file, ready)
    elif (checkpoint / "vocab.json").is_file():
        vocabulary.save(WhisperTokenizer.from_pretrained(checkpoint), ready)
    else:
        vocabulary.write_tokenizer(ready, languages)
    if (checkpoint / "generation_config.json").is_file():
        shutil.copy(checkpoint / "generation_config.json", ready)
    else:
        vocabulary.generation_config(languages).save_pretrained(ready)
    if (checkpoint / PREPROCESSOR).is_file():
        shutil.copy(checkpoint / PREPROCESSOR, ready)
    else:  # transformers 5 keeps it in processor_config.json, which CTranslate2 doesn't read
        extractor = WhisperFeatureExtractor(feature_size=config["num_mel_bins"])
        extractor.save_pretrained(ready)


def _to_ctranslate2(ready: Path, output: Path, quantization: str) -> None:
    from ctranslate2.converters import TransformersConverter

    converter = TransformersConverter(str(ready), copy_files=[TOKENIZER, PREPROCESSOR])
    try:
        converter.convert(str(output), quantization=quantization, force=True)
    except Exception as error:
        raise CheckpointError(
            f"The checkpoint can't be converted ({type(error).__name__}): its weights are "
            "incomplete, or not safe to load."
        ) from error
