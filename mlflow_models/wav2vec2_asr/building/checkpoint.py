"""Opens checkpoints of Wav2Vec2 with CTC as they are published."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.building import checkpoints, wav2vec2

if TYPE_CHECKING:
    from transformers import Wav2Vec2ForCTC

DEMO = Path(__file__).parents[1] / "demo"


def find(name: str) -> Path:
    """Find the local directory of `demo`, a directory, or `owner/name` on the Hugging Face hub.

    Raises:
        CheckpointError: There is no such checkpoint.
    """
    return checkpoints.resolve(name, DEMO, wav2vec2.fetch)


def open_model(directory: Path, **changes: Any) -> "Wav2Vec2ForCTC":
    """Load a network with its CTC head; see `zoo.building.wav2vec2.open_model`."""
    loaded: Wav2Vec2ForCTC = wav2vec2.open_model(directory, "Wav2Vec2ForCTC", **changes)
    return loaded
