"""Potholes and cracks: how well the nearest photos of roads tell them apart, by several encoders.

python -m benchmarks.road_photos ../shared/data/photos/roads/labels.tsv

The photos are embedded by `explore.py embed` and classified by `explore.py classify`, each by
the ten nearest of the others; near copies, by perceptual hash, are left out.
"""

import argparse
import contextlib
import io
import json
import math
import tempfile
from collections.abc import Iterator
from pathlib import Path

import torch

from benchmarks import efficientnet
from clip_caption import explore
from zoo.building import packaging

SIDES = (224, 448, 640)  # pixels that the network sees; the photos have 1024 x 640
SEED = 1  # of random weights, which show what is to be had without having learnt anything


def encoders(work: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield each encoder's name, and the options by which `explore.py embed` takes it."""
    yield "the demo's CLIP", []
    torch.manual_seed(SEED)
    networks = {"ImageNet's weights": efficientnet.trained(), "random": efficientnet.Lite0()}
    for side in SIDES:
        for weights, network in networks.items():
            path = work / f"{side}-{weights}.onnx"
            efficientnet.write(network, path, side)
            yield f"EfficientNet-Lite0, {side} pixels, {weights}", ["--encoder", str(path)]


def accuracy(options: list[str], output: Path, photos: Path) -> tuple[int, float]:
    """Embed the photos and classify them: how many there are, and the share that is right."""
    said = io.StringIO()
    explore.main(["embed", str(photos), "-o", str(output), *options])
    with contextlib.redirect_stdout(said):
        explore.main(["classify", str(output), "--category", "type", "--json"])
    found = json.loads(said.getvalue())
    return found["images"], found["accuracy"]


def main() -> None:
    """Run the command line."""
    cli = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    cli.add_argument("photos", type=Path, help="a table of paths with a column `type`")
    photos = cli.parse_args().photos
    lines = ["| encoder | accuracy |", "| --- | ---: |"]
    with tempfile.TemporaryDirectory() as work:
        for number, (name, options) in enumerate(encoders(Path(work))):
            count, share = accuracy(options, Path(work) / str(number), photos)
            error = math.sqrt(share * (1 - share) / count)
            lines.append(f"| {name} | {share:.1%} ± {error:.1%} |")
            print(lines[-1], flush=True)
    print("\n".join(lines))


if __name__ == "__main__":
    packaging.run(main)
