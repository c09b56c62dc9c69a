"""What only a CUDA device can show: `pytest -m gpu`.

hanlp_ner and clip_caption compute on the CPU alone, so they have nothing here. That a batch which
the memory is too small for is halved is tested without a GPU, with the error that CTranslate2
raises (tests/whisper_asr/test_parity.py).
"""

import time
from pathlib import Path

import jiwer
import numpy as np
import onnxruntime
import pytest

from wav2vec2_asr.acoustic import Acoustic
from wav2vec2_asr.building.convert import convert as convert_wav2vec2
from whisper_asr import engine as whisper
from whisper_asr.building.convert import convert as convert_whisper
from whisper_asr.options import Options
from zoo.building.packaging import ROOT
from zoo.data.audio import decode
from zoo.serving import devices
from zoo.speech.transcript import Transcript

CUDA = "CUDAExecutionProvider"
WHISPER, WAV2VEC2 = ROOT / "mlflow_models/whisper_asr", ROOT / "mlflow_models/wav2vec2_asr"
ERRORS = 0.02  # characters that float16 may hear otherwise than float32
LOGIT = 0.05  # that TF32 and other kernels may move a logit by


pytestmark = pytest.mark.gpu
needs_gpu = pytest.mark.skipif(devices.find(12).kind == "cpu", reason=devices.find(12).why)


@pytest.fixture(scope="module")
def recognizer(tmp_path_factory: pytest.TempPathFactory) -> whisper.Engine:
    """The demo as it is built by default, on the device."""
    output = tmp_path_factory.mktemp("auto")
    convert_whisper(WHISPER / "demo", str(WHISPER / "demo"), output, "auto")
    return whisper.Engine(output)


def heard(engine: whisper.Engine, sounds: list[np.ndarray], options: Options) -> list[str]:
    outcomes = engine(sounds, options)
    found = [one.text for one in outcomes if isinstance(one, Transcript)]
    assert len(found) == len(sounds), outcomes
    return found


def samples(folder: Path) -> list[np.ndarray]:
    return [decode(path) for path in sorted((folder / "samples").glob("*.flac"))]


@needs_gpu
def test_whisper_takes_the_gpu_and_float16(recognizer: whisper.Engine) -> None:
    assert recognizer.device == "cuda"
    assert recognizer.model.model.compute_type == "float16"


@needs_gpu
@pytest.mark.parametrize("beams", [1, 5])
def test_whisper_hears_what_it_hears_on_a_cpu(
    recognizer: whisper.Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, beams: int
) -> None:
    convert_whisper(WHISPER / "demo", str(WHISPER / "demo"), tmp_path, "float32")
    monkeypatch.setattr(whisper, "get_cuda_device_count", lambda: 0)
    reference = whisper.Engine(tmp_path)
    assert reference.device == "cpu"
    options = Options(beam_size=beams, temperature=(0.0,))
    expected = heard(reference, samples(WHISPER), options)
    assert jiwer.cer(expected, heard(recognizer, samples(WHISPER), options)) <= ERRORS


@needs_gpu
def test_batches_pay(recognizer: whisper.Engine) -> None:
    sounds = samples(WHISPER) * 8
    seconds = {}
    for size in (1, 8, 1, 8):  # the first of each warms up
        begin = time.perf_counter()
        heard(recognizer, sounds, Options(beam_size=1, temperature=(0.0,), batch_size=size))
        seconds[size] = time.perf_counter() - begin
    assert seconds[8] < seconds[1]


@pytest.mark.skipif(
    CUDA not in onnxruntime.get_available_providers(),
    reason="ONNX Runtime is the build for CPUs; onnxruntime-gpu would take the device",
)
def test_wav2vec2_hears_what_it_hears_on_a_cpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    convert_wav2vec2(WAV2VEC2 / "demo", tmp_path, "fp32")
    on_gpu = Acoustic(tmp_path)
    if not on_gpu.on_gpu:
        pytest.skip("ONNX Runtime found no CUDA device that it can use")
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    sounds = samples(WAV2VEC2)
    for one, other in zip(Acoustic(tmp_path)(sounds), on_gpu(sounds), strict=True):
        np.testing.assert_allclose(other, one, atol=LOGIT)
