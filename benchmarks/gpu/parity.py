"""The same answers: float16 beside float32, and the GPU beside the CPU."""

import importlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.gpu import captions, ner, wav2vec2
from benchmarks.gpu.bench import PRECISIONS, ROOT, Bench

MODELS = ROOT / "mlflow_models"
FLOAT32_BOUND = 0.01  # that other kernels may move a logit by
FLOAT16_BOUND = 0.15
AGREE = 0.99  # the share of a random network's frames that must keep their label in float16
SENTENCES = (
    "张三在北京大学读书，李四住在上海。", "中国和泰国的代表昨天在曼谷会谈。", "我爱中国",
)  # fmt: skip


def torch(bench: Bench) -> None:
    """Compare torch's float16 with its float32, on networks of true size: what a GPU allows."""
    found = bench.torch()
    from transformers import Wav2Vec2ForCTC

    home = wav2vec2.weights(bench)
    sound = found.from_numpy(np.stack(wav2vec2.recordings(bench)[:2])).to(bench.device)
    sound = (sound - sound.mean(-1, keepdim=True)) / sound.std(-1, keepdim=True)
    logits = {}
    for precision in PRECISIONS:
        kind = getattr(found, precision)
        model = Wav2Vec2ForCTC.from_pretrained(home).to(bench.device, kind).eval()
        logits[precision] = model(sound.to(kind)).logits.float().cpu().numpy()
    _compare(bench, "Wav2Vec2 in torch, float16 beside float32", logits["float32"],
             logits["float16"], FLOAT16_BOUND)  # fmt: skip


def ours(bench: Bench) -> None:
    """Compare the demos' graphs: float32 on the CPU, on the GPU, and float16 on the GPU."""
    bench.onnx()
    with _on_the_cpu():
        expected = _answers(bench, "fp32")
    for name, own in PRECISIONS.items():
        bound = FLOAT32_BOUND if name == "float32" else FLOAT16_BOUND
        found = _answers(bench, own)
        for what, one in expected.items():
            where = f"{what}: {name} on the GPU beside float32 on the CPU"
            if isinstance(one, np.ndarray):
                _compare(bench, where, one, found[what], bound)
            else:
                same = sum(a == b for a, b in zip(one, found[what], strict=True))
                bench.promise(where, f"{same} of {len(one)} are the same", same == len(one))


def _answers(bench: Bench, precision: str) -> dict[str, Any]:
    """What the demos' engines say of their samples: logits, entities, captions."""
    from clip_caption.captioner import Captioner
    from clip_caption.options import Options
    from hanlp_ner.engine import Engine, Found
    from wav2vec2_asr.acoustic import Acoustic
    from zoo.data.audio import decode
    from zoo.data.images import decode as open_photo

    speech = [decode(path) for path in sorted(wav2vec2.SAMPLES.glob("*.flac"))]
    logits = Acoustic(_demo(bench, "wav2vec2_asr", precision))(speech)
    found = Engine(_demo(bench, "hanlp_ner", precision))(SENTENCES)
    captioner = Captioner(_demo(bench, "clip_caption", precision))
    paths = sorted((MODELS / "clip_caption" / "samples").glob("*.jpg"))
    pixels = [captioner.pixels(open_photo(path.read_bytes())) for path in paths]
    written = captioner.caption(captioner.embed(pixels), Options(mode="greedy"))
    return {
        "logits of the Thai samples": np.concatenate(logits),
        "entities": [
            [span[:3] for span in one.entities] if isinstance(one, Found) else one for one in found
        ],
        "captions": [photo[0].text for photo in written],
    }


def _demo(bench: Bench, name: str, precision: str) -> Path:
    """A demo's graphs; the stand-in has made smaller ones."""
    if bench.stand_in:
        made = {"wav2vec2_asr": wav2vec2, "hanlp_ner": ner, "clip_caption": captions}
        return made[name].packed(bench, precision)
    convert = importlib.import_module(f"{name}.building.convert").convert

    def write(home: Path) -> None:
        home.mkdir()
        convert(MODELS / name / "demo", home, precision=precision, gpu=True)

    return bench.made(f"{name}-demo-{precision}", write)


def _compare(
    bench: Bench, what: str, expected: np.ndarray, found: np.ndarray, bound: float
) -> None:
    """Report how far logits, float32 (..., labels), are from those expected."""
    far = float(np.abs(expected - found).max())
    same = float((expected.argmax(-1) == found.argmax(-1)).mean())
    said = f"the largest difference is {far:.4f} (bound {bound}); {same:.2%} of the labels agree"
    bench.promise(what, said, far <= bound and same >= AGREE)


@contextmanager
def _on_the_cpu() -> Iterator[None]:
    """Keep our engines off the GPU for a while."""
    from zoo.serving import onnx

    before = os.environ.pop("THERESA_DEVICE", "auto")
    os.environ["THERESA_DEVICE"] = "cpu"
    onnx.device.cache_clear()
    try:
        yield
    finally:
        os.environ["THERESA_DEVICE"] = before
        onnx.device.cache_clear()
