"""Wav2Vec2 of large XLSR's shape: Transformers on the device, and ours."""

from pathlib import Path

import numpy as np

from benchmarks.gpu.bench import PRECISIONS, ROOT, Bench
from benchmarks.inputs import WAV2VEC2, talk
from zoo.data.audio import SAMPLE_RATE, decode

SAMPLES = ROOT / "mlflow_models" / "wav2vec2_asr" / "samples"
SECONDS, SHORT_SECONDS = 10.0, 2.0  # of a recording; of the stand-in's


def weights(bench: Bench) -> Path:
    """A checkpoint in Hugging Face's format, from a seed."""
    from tests.wav2vec2_asr.checkpoints import write_checkpoint

    shape = {} if bench.stand_in else WAV2VEC2["large XLSR"]
    return bench.made("wav2vec2", lambda home: write_checkpoint(home, **shape))


def packed(bench: Bench, precision: str) -> Path:
    """What our engine loads, as `build.py --gpu` packs it."""
    from wav2vec2_asr.building.convert import convert

    def write(home: Path) -> None:
        home.mkdir()
        convert(weights(bench), home, precision, gpu=True)

    return bench.made(f"wav2vec2-{precision}", write)


def recordings(bench: Bench) -> list[np.ndarray]:
    """Speech without pauses, as many recordings as the largest batch has."""
    rng = np.random.default_rng(1)
    seconds = SHORT_SECONDS if bench.stand_in else SECONDS
    try:
        sentences = [decode(path) for path in sorted(SAMPLES.glob("*.flac"))]
    except ModuleNotFoundError:  # without PyAV: noise costs the reference as much
        sentences = [rng.normal(0, 0.1, round(seconds * SAMPLE_RATE)).astype(np.float32)]
    return [talk(sentences, seconds, 0, rng) for _ in range(bench.batches[-1])]


def reference(bench: Bench) -> None:
    """Measure Transformers: the feature extractor, the network and the best labels."""
    torch = bench.torch()
    from transformers import AutoFeatureExtractor, Wav2Vec2ForCTC

    extract = AutoFeatureExtractor.from_pretrained(weights(bench))
    sounds = recordings(bench)
    for precision in bench.precisions:
        kind = getattr(torch, precision)
        model = Wav2Vec2ForCTC.from_pretrained(weights(bench)).to(bench.device, kind).eval()
        for batch in bench.batches:

            def run(batch: int = batch, model: Wav2Vec2ForCTC = model) -> object:
                values = extract(sounds[:batch], sampling_rate=SAMPLE_RATE, return_tensors="pt")
                logits = model(values.input_values.to(bench.device, model.dtype)).logits
                return logits.argmax(-1).cpu()

            bench.measure(run, batch, side="Transformers", precision=precision, **_about(bench))


def ours(bench: Bench) -> None:
    """Measure the engine that is served: it finds the speech, too."""
    bench.onnx()
    from wav2vec2_asr.engine import Engine
    from wav2vec2_asr.options import Options

    sounds = recordings(bench)
    for name, precision in PRECISIONS.items():
        engine = Engine(packed(bench, precision))
        seconds = {}
        for batch in bench.batches:

            def run(batch: int = batch, engine: Engine = engine) -> None:
                for answer in engine(sounds[:batch], Options()):
                    if isinstance(answer, Exception):
                        raise answer

            about = _about(bench)
            seconds[batch] = bench.measure(run, batch, side="ours", precision=name, **about)
        bench.pays(f"Wav2Vec2, {name}", seconds)


def _about(bench: Bench) -> dict[str, str]:
    seconds = SHORT_SECONDS if bench.stand_in else SECONDS
    return {"what": f"speech of {seconds:.0f} s", "unit": "recordings"}
