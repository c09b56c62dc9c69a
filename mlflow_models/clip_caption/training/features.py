"""CLIP's features of a data set, computed once: training the mapper reads nothing else of an image.

They are kept in Arrow files of some thousand rows beside the data set; a kill loses one such file's
work at most. The directory's name tells of which images and which CLIP they are, by their contents.
"""

import hashlib
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from clip_caption.training.pairs import images
from zoo.data.outputs import whole_file

if TYPE_CHECKING:
    from datasets import Dataset

    from clip_caption.building.clip import Clip

SHARD = 4096  # images


def identity(clip: "Clip") -> str:
    """A name for a CLIP, by its configuration and weights."""
    digest = hashlib.sha256(repr(clip.config).encode())
    for name, weight in clip.model.state_dict().items():
        digest.update(name.encode())
        digest.update(weight.float().contiguous().numpy().tobytes())
    return digest.hexdigest()[:12]


def contents(data: "Dataset") -> str:
    """A name for a data set's images, by their bytes; their captions may change."""
    digest = hashlib.sha256()
    for row in data.select_columns(["image"]):
        digest.update(len(row["image"]).to_bytes(8))
        digest.update(row["image"])
    return digest.hexdigest()[:16]


def embed(clip: "Clip", data: "Dataset", batch_size: int) -> np.ndarray:
    """The features of a data set's images as CLIP gives them, float32 (images, width)."""
    import torch
    from open_clip.transform import PreprocessCfg, image_transform_v2

    size = clip.config["model_cfg"]["vision_cfg"]["image_size"]
    settings = PreprocessCfg(size=size, **clip.config["preprocess_cfg"])
    scale = image_transform_v2(settings, is_train=False)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model, decoded = clip.model.to(device).eval(), images(data, size)
    rows = []
    with torch.inference_mode():
        while batch := [scale(image) for image in islice(decoded, batch_size)]:
            rows.append(model.encode_image(torch.stack(batch).to(device)).float().cpu().numpy())
    return np.concatenate(rows)


def cached(clip: "Clip", data: "Dataset", path: Path, batch_size: int = 64) -> np.ndarray:
    """The features of a data set, from the cache or computed into it.

    Args:
        clip: what they are of.
        data: the data set.
        path: where it is; the cache is put beside it.
        batch_size: images that CLIP gets at a time.

    Returns:
        float32 (images, width), not normalised.
    """
    import pyarrow as pa  # type: ignore[import-untyped]
    from pyarrow import feather
    from tqdm import tqdm

    key = f"{identity(clip)}-{contents(data)}"
    directory = path.resolve().with_name(f"{path.resolve().name}.features") / key
    directory.mkdir(parents=True, exist_ok=True)
    parts = []
    for start in tqdm(range(0, len(data), SHARD), desc="CLIP's features", disable=None):
        shard = directory / f"{start:09}.arrow"
        if not shard.is_file():
            end = min(start + SHARD, len(data))
            found = embed(clip, data.select(range(start, end)), batch_size)
            column = pa.FixedSizeListArray.from_arrays(pa.array(found.ravel()), found.shape[1])
            with whole_file(shard) as part:
                feather.write_feather(pa.table({"features": column}), part)
        column = feather.read_table(shard)["features"].combine_chunks()
        parts.append(column.flatten().to_numpy().reshape(len(column), -1))
    return np.concatenate(parts)
