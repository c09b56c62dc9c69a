"""A collection as a table in Weights & Biases, for those who are logged in there."""

import io
import os
from collections.abc import Sequence

import numpy as np

from clip_caption.exploring.store import Embeddings
from zoo.errors import ZooError

LIMIT = 10_000  # rows, which is what its pages show


def check_login() -> None:
    """Makes sure that a table can be sent.

    Raises:
        ZooError: wandb isn't installed, or nobody is logged in.
    """
    try:
        import wandb
    except ImportError as error:
        raise ZooError("--wandb needs the package wandb: `uv pip install wandb`.") from error
    if os.environ.get("WANDB_MODE") == "offline":
        return
    try:
        known = bool(wandb.login(prompt=False))
    except wandb.errors.Error:
        known = False
    if not known:
        raise ZooError("--wandb needs a login that holds: run `wandb login` first.")


def log_table(
    project: str,
    embeddings: Embeddings,
    places: np.ndarray,
    groups: Sequence[str],
    text: Sequence[str],
    seed: int,
) -> str:
    """Sends photos, places, groups, texts and embeddings; of a large collection, some of them.

    With WANDB_MODE=offline they stay here, for `wandb sync`.

    Args:
        project: of W&B, made where it is missing.
        embeddings: with thumbnails.
        places: on the map, (n, 2).
        groups: of each photo.
        text: of each photo.
        seed: which ones of a large collection.

    Returns:
        Where the table is.
    """
    import wandb
    from PIL import Image

    rows = np.sort(np.random.default_rng(seed).permutation(len(embeddings))[:LIMIT])
    vectors = embeddings.vectors()
    table = wandb.Table(columns=["image", "id", "x", "y", "group", "text", "embedding"])
    for row, content in zip(rows.tolist(), embeddings.thumbnails(rows.tolist()), strict=True):
        picture = wandb.Image(Image.open(io.BytesIO(content)))
        x, y = places[row].tolist()
        table.add_data(
            picture, embeddings.ids[row], x, y, groups[row], text[row], vectors[row].tolist()
        )
    with wandb.init(project=project, job_type="explore") as run:
        run.log({"photos": table})
        return str(run.url or run.dir)
