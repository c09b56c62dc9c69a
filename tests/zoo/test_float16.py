"""Graphs in float16: half the bytes, nearly the same results, nothing out of float16's range."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from tests.zoo.halves import rounding_session
from zoo.building import float16
from zoo.building.float16 import to_float16
from zoo.building.onnx import export
from zoo.errors import CheckpointError

WIDTH = 64


class Masked(torch.nn.Module):
    """Attention with a mask, and a norm that squares large values."""

    def __init__(self, scale: float) -> None:
        super().__init__()
        self.product, self.scale = torch.nn.Linear(WIDTH, WIDTH), scale

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Attend: (batch, length, width), with a mask (batch, length)."""
        x = self.scale * (1000.0 * self.product(x))
        x = x / x.pow(2).mean(dim=2, keepdim=True).add(1e-5).sqrt()
        away = torch.where(mask, 0.0, torch.finfo(torch.float32).min)[:, None]
        weights = (x @ x.transpose(1, 2) + away).softmax(dim=2)
        attended: torch.Tensor = weights @ x
        return attended


def write(path: Path, scale: float) -> Path:
    """A graph of `Masked`, whose numbers are about 1,000 times so large."""
    torch.manual_seed(1)
    inputs = {"x": torch.randn(2, 8, WIDTH), "mask": torch.ones(2, 8, dtype=torch.bool)}
    axes = {"x": ("batch", "length"), "mask": ("batch", "length"), "y": ("batch", "length")}
    export(Masked(scale), path, inputs, ["y"], axes)
    return path


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    return write(tmp_path / "full.onnx", 1)


def example() -> dict[str, np.ndarray]:
    """Two sequences, the second of 5."""
    x = np.random.default_rng(2).normal(size=(2, 8, WIDTH)).astype(np.float32)
    return {"x": x, "mask": np.arange(8) < np.array([[8], [5]])}


def answers(session: onnxruntime.InferenceSession) -> np.ndarray:
    """What a graph makes of the example, float32; what is masked is left out."""
    (found,) = session.run(None, example())
    kept: np.ndarray = found[example()["mask"]]
    return kept


def copied(graph: Path, name: str) -> Path:
    """A copy of a graph, to be converted."""
    path = graph.with_name(name)
    path.write_bytes(graph.read_bytes())
    return path


@pytest.mark.parametrize("keep", [(), ("Softmax", "/product/")])
def test_results_stay_in_range_and_nearly_the_same(graph: Path, keep: tuple[str, ...]) -> None:
    half = copied(graph, "half.onnx")
    to_float16(half, keep, example())
    onnx.checker.check_model(half, full_check=False)
    expected = answers(onnxruntime.InferenceSession(graph))
    for session in (onnxruntime.InferenceSession(half), rounding_session(half)):
        found = answers(session)
        assert found.dtype == np.float32
        assert np.abs(found - expected).max() < 0.02 * np.abs(expected).max()
    if not keep:
        assert half.stat().st_size < 0.8 * graph.stat().st_size


def test_weights_apart_from_the_graph(graph: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As over 2 GiB; the files that the weights were in are gone."""
    apart = graph.parent / "apart"
    apart.mkdir()
    onnx.save(
        onnx.load(graph),
        apart / "half.onnx",
        save_as_external_data=True,
        location="weights",
        size_threshold=0,
    )
    monkeypatch.setattr(float16, "MAX_INLINE_BYTES", 1000)
    to_float16(apart / "half.onnx", example=example())
    assert sorted(path.name for path in apart.iterdir()) == ["half.onnx", "half.onnx.data"]
    found = answers(onnxruntime.InferenceSession(apart / "half.onnx"))
    expected = answers(onnxruntime.InferenceSession(graph))
    assert np.abs(found - expected).max() < 0.02 * np.abs(expected).max()


def test_numbers_that_float16_cannot_hold_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="fp32"):
        to_float16(write(tmp_path / "large.onnx", 1_000), example=example())
