"""Opens Wav2Vec2 checkpoints as they are published: directories in Hugging Face's format."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.building import checkpoints
from zoo.data.texts import read_object
from zoo.errors import CheckpointError

if TYPE_CHECKING:
    from transformers import Wav2Vec2ForCTC

DEMO = Path(__file__).parents[1] / "demo"
FILES = ["*.json", "*.safetensors", "pytorch_model*.bin", "language_model/*"]
RATE = 16_000  # Hz


def find(name: str) -> Path:
    """The local directory of `demo`, a directory, or `owner/name` on the Hugging Face hub.

    Raises:
        CheckpointError: there is no such checkpoint.
    """
    return checkpoints.resolve(name, DEMO, lambda one: checkpoints.from_hub(one, FILES))


def read_config(directory: Path) -> dict[str, Any]:
    """The fields of `config.json`.

    Raises:
        CheckpointError: it can't be read, or isn't one of Wav2Vec2.
    """
    config = read_object(directory / "config.json", CheckpointError)
    if config.get("model_type") != "wav2vec2":
        kind = config.get("model_type", "unknown")
        raise CheckpointError(f"'{directory}' is of the kind '{kind}', not 'wav2vec2'.")
    return config


def open_model(directory: Path, **changes: Any) -> "Wav2Vec2ForCTC":
    """Loads a network with its CTC head, in float32, for inference.

    Args:
        directory: the checkpoint.
        changes: fields of its configuration that are to differ.

    Raises:
        CheckpointError: it isn't one of Wav2Vec2, has no trained head, or its weights are
            incomplete or not safe to load.
    """
    import torch
    from transformers import Wav2Vec2ForCTC

    read_config(directory)
    try:
        model, report = Wav2Vec2ForCTC.from_pretrained(
            directory, dtype=torch.float32, output_loading_info=True, **changes
        )
    except Exception as error:  # whatever a damaged or hostile file makes torch raise
        raise CheckpointError(
            f"'{directory}' can't be loaded ({type(error).__name__}): its weights are missing, "
            "incomplete or not safe to load."
        ) from error
    missing = {name for name in report["missing_keys"] if "masked_spec_embed" not in name}
    if missing:
        raise CheckpointError(
            f"'{directory}' lacks the weights '{sorted(missing)[0]}': it isn't fine-tuned with CTC."
        )
    loaded: Wav2Vec2ForCTC = model.eval()
    return loaded


def normalizes(directory: Path) -> bool:
    """Whether the checkpoint hears waves of zero mean and unit variance.

    Raises:
        CheckpointError: it hears another rate than 16 kHz.
    """
    about = read_object(directory / "preprocessor_config.json", CheckpointError, {})
    if not about:  # transformers 5 writes both parts of a processor to one file
        about = read_object(directory / "processor_config.json", CheckpointError, {})
        about = about.get("feature_extractor", {})
    if about.get("sampling_rate", RATE) != RATE:
        raise CheckpointError(f"'{directory}' hears {about['sampling_rate']} Hz, not {RATE} Hz.")
    return bool(about.get("do_normalize", True))
