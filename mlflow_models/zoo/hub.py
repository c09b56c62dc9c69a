"""Downloads checkpoints from the Hugging Face hub."""

from collections.abc import Sequence
from pathlib import Path

from zoo.errors import CheckpointError


def fetch(name: str, files: Sequence[str]) -> Path:
    """Downloads a checkpoint, or finds it in the cache.

    Args:
        name: as the hub has it, `owner/model`.
        files: patterns of those that are needed.

    Raises:
        CheckpointError: there is none of that name, or the hub can't be reached.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(name, allow_patterns=list(files)))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        raise CheckpointError(
            f"'{name}' is neither a directory nor a checkpoint that the Hugging Face hub gives."
        ) from error
