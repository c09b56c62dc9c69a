"""clip_caption end to end: photos of 12 megapixels over HTTP."""

import base64
import io
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import psutil  # type: ignore[import-untyped]
from PIL import Image

from benchmarks.clip_caption import TOKENS
from benchmarks.harness import machine, saved
from benchmarks.inputs import write_captioner, write_clip
from benchmarks.plots import Panel, exact
from zoo.building.local_server import direct, serve
from zoo.building.packaging import ROOT
from zoo.data.images import decode

TITLE = "clip_caption over HTTP, photos of 12 megapixels"
BUILD = ROOT / "mlflow_models" / "clip_caption" / "build.py"
SIDE = 224  # that ViT-B/32 looks at
TOGETHER = 16
ASKED: dict[str, dict[str, Any]] = {
    "embedding": {"num_captions": 0, "embedding": "clip"},
    "greedy": {"mode": "greedy"},
    "beam 5": {"mode": "beam"},
}


def build(work: Path, precisions: Sequence[str] = ("fp32", "int8")) -> dict[str, Path]:
    """Saved models of true size, ViT-B/32 and GPT-2 small of random weights, by their precision."""
    checkpoint = write_captioner(work / "checkpoint", "mlp", {})
    clip = write_clip(work / "clip")
    models = {}
    for precision in precisions:
        models[precision] = work / precision
        command = [sys.executable, str(BUILD), "--checkpoint", str(checkpoint), "--clip", str(clip)]
        command += ["--precision", precision, "--output", str(models[precision])]
        command += ["--tracking-uri", f"sqlite:///{work}/mlflow.db"]
        subprocess.run(command, check=True, capture_output=True, cwd=work)
    return models


def photo(seed: int) -> bytes:
    """A scene of 12 megapixels with a sensor's noise, so that its JPEG is as large as a phone's."""
    from demos.clip_caption.scenes import choose, draw

    scene = draw(choose(f"benchmark/{seed}"), 1000).resize((4000, 3000), Image.Resampling.BICUBIC)
    noise = np.random.default_rng(seed).normal(0, 6, (3000, 4000, 1)).astype(np.float32)
    noisy = (np.asarray(scene, np.float32) + noise).clip(0, 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(noisy).save(file, "JPEG", quality=88)
    return file.getvalue()


def decoding(photos: list[bytes]) -> dict[str, float]:
    """Milliseconds of CPU to decode a photo: the whole, and at the scale that the model needs."""
    found: dict[str, list[float]] = {"whole": [], "reduced": []}
    for content in photos:
        for name, side in (("whole", None), ("reduced", SIDE)):
            start = time.process_time()
            decode(content, side)
            found[name].append(1000 * (time.process_time() - start))
    return {name: statistics.median(times) for name, times in found.items()}


def seconds(url: str, photos: list[bytes], params: dict[str, Any], turns: int) -> float:
    """Wall time of a request, a median; one photo is sent as it is, several as JSON."""
    session = direct()
    times = []
    for _ in range(turns):
        start = time.perf_counter()
        if len(photos) == 1:
            headers = {"Content-Type": "image/jpeg"}
            answer = session.post(
                f"{url}/invocations", content=photos[0], headers=headers, params=params, timeout=300
            )
        else:
            data = [[base64.b64encode(one).decode()] for one in photos]
            request = {"dataframe_split": {"columns": ["image"], "data": data}, "params": params}
            answer = session.post(f"{url}/invocations", json=request, timeout=300)
        assert len(predictions(answer)) == len(photos)
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def predictions(answer: httpx2.Response) -> list[dict[str, Any]]:
    """What a request was answered."""
    assert answer.is_success, answer.text[:500]
    found: list[dict[str, Any]] = answer.json()["predictions"]
    return found


def resident() -> float:
    """GB of memory (PSS) of the processes that this one started."""
    children = psutil.Process().children(recursive=True)
    return sum(child.memory_full_info().pss for child in children) / 1e9


def measure(_: Path | None, quick: bool) -> dict[str, Any]:
    """Runs everything, about five minutes; `quick` takes two photos and the saved model."""
    together = 2 if quick else TOGETHER
    photos = [photo(number) for number in range(together)]
    limits = {
        "MLFLOW_MODELS_WORKERS": "1",
        "OMP_NUM_THREADS": "1",
        "THERESA_MAX_BODY_BYTES": "300000000",
        "THERESA_REQUEST_SECONDS": "300",
    }
    rows, memory = [], {}
    with tempfile.TemporaryDirectory() as work:
        models = {"fp32": saved("clip_caption")} if quick else build(Path(work))
        for precision, model in models.items():
            with serve(model, limits) as url:
                for what, params in ASKED.items():
                    if what == "embedding" and precision == "int8":
                        continue  # CLIP's weights are the same
                    for count in (1, together):
                        taken = seconds(url, photos[:count], params, 1 if quick else 3)
                        rows.append({"precision": precision, "what": what, "photos": count,
                                     "seconds": taken})  # fmt: skip
                memory[precision] = resident()
    return {
        "machine": machine(("mlflow", "onnxruntime", "pillow")),
        "megabytes": statistics.mean(map(len, photos)) / 1e6,
        "decoding": decoding(photos),
        "rows": rows,
        "memory": memory,
    }


def chart(result: dict[str, Any]) -> list[Panel]:
    """Photos per second as bars."""
    groups: dict[str, dict[str, Any]] = {}
    for row in result["rows"]:
        group = groups.setdefault(f"{row['what']}, {row['photos']} at once", {})
        group[f"ours {row['precision']}"] = exact(row["photos"] / row["seconds"])
    return [Panel("photos per second", groups)]


def render(result: dict[str, Any]) -> str:
    """The results as Markdown."""
    whole, reduced = result["decoding"]["whole"], result["decoding"]["reduced"]
    lines = [
        "ViT-B/32, the MLP mapper and GPT-2 small, of random weights; every caption has "
        f"{TOKENS} tokens. One worker, one thread in the engine; photos of "
        f"{result['megabytes']:.1f} MB in the mean, from the request to its answer.",
        "",
        "| asked for | precision | photos of a request | seconds | photos per second |",
        "| --- | --- | ---: | ---: | ---: |",
    ]
    for row in result["rows"]:
        lines.append(
            f"| {row['what']} | {row['precision']} | {row['photos']} | {row['seconds']:.2f} "
            f"| {row['photos'] / row['seconds']:.2f} |"
        )
    sizes = ", ".join(f"{size:.2f} GB in {name}" for name, size in result["memory"].items())
    lines += [
        "",
        f"To decode a photo takes {whole:.0f} ms of CPU as a whole and {reduced:.0f} ms at the "
        f"scale that is needed. Memory of the server (PSS) after that: {sizes}.",
    ]
    return "\n".join(lines)
