"""Batches on a CUDA device: each recording, each text has the answer that a CPU gives it alone."""

from pathlib import Path

import numpy as np
import pytest

from hanlp_ner.building.convert import convert as convert_ner
from hanlp_ner.engine import Engine
from tests.gpu.test_gpu import need
from tests.hanlp_ner.conftest import multitask as multitask
from tests.hanlp_ner.test_batches import SENTENCES
from tests.hanlp_ner.test_engine import entities, texts
from tests.wav2vec2_asr.checkpoints import write_checkpoint
from tests.wav2vec2_asr.test_batches import WAVES
from tests.wav2vec2_asr.test_convert import KINDS
from wav2vec2_asr.acoustic import Acoustic
from wav2vec2_asr.building.convert import convert
from zoo.serving.onnx import CPU

BOUNDS = {"fp32": 1e-3, "fp16": 0.05}  # of logits up to 10

pytestmark = pytest.mark.gpu


@pytest.mark.parametrize("precision", BOUNDS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_recording_in_a_batch_is_heard_as_alone_on_a_cpu(
    kind: str, precision: str, tmp_path: Path
) -> None:
    need("wav2vec2_asr")
    checkpoint = write_checkpoint(tmp_path / "checkpoint", **KINDS[kind])
    for name, own, gpu in (("cpu", "fp32", False), ("gpu", precision, True)):
        (tmp_path / name).mkdir()
        convert(checkpoint, tmp_path / name, own, gpu)
    alone, batched = Acoustic(tmp_path / "cpu"), Acoustic(tmp_path / "gpu")
    alone._network._session.set_providers([CPU])
    assert batched.batches
    for found, expected in zip(batched(WAVES), alone(WAVES), strict=True):
        assert found.shape == expected.shape
        assert np.abs(found - expected).max(initial=0) < BOUNDS[precision]


@pytest.mark.parametrize("precision", BOUNDS)
def test_texts_have_the_entities_that_a_cpu_finds(
    precision: str, multitask: Path, tmp_path: Path
) -> None:
    need("hanlp_ner")
    convert_ner(multitask, tmp_path, precision, others=False, gpu=True)
    on_gpu, on_cpu = Engine(tmp_path), Engine(tmp_path)
    assert on_gpu._network.on_gpu
    for session in (
        on_cpu._network._encoder,
        *(one.session for one in on_cpu._network._heads.values()),
    ):
        session.set_providers([CPU])
    some = [text for text in [*SENTENCES, *texts()] if text.strip()]
    same = [
        one == other
        for one, other in zip(entities(on_gpu, some), entities(on_cpu, some), strict=True)
    ]
    assert sum(same) / len(same) > 0.9  # its weights are random: some tags are close to each other
