"""A memory that is too small, and the time from a process's start to its first answer."""

import os
import subprocess
import sys
import time

from benchmarks.gpu import captions, ner, wav2vec2, whisper
from benchmarks.gpu.bench import Bench

ROOM_GB = 3.0  # for 64 recordings of 10 s at once, which need more than that
READY_SECONDS = 15.0
# What a server does before it is ready: opens the engine, and answers once.
FIRST = {
    "wav2vec2_asr": (wav2vec2, "[np.zeros(32000, np.float32)], options.Options()"),
    "hanlp_ner": (ner, "['我爱中国'], options.Options()"),
    "clip_caption": (captions, "[photo], options.Options(num_captions=1, max_tokens=5)"),
    "whisper_asr": (whisper, "[np.zeros(32000, np.float32)], options.Options()"),
}
OPEN = """
import sys
from pathlib import Path
import numpy as np
sys.path.extend({late!r})
from {name} import options
from {name}.engine import Engine
photo = Path({photo!r}).read_bytes()
(answer,) = Engine(Path({home!r}))({request})
assert not isinstance(answer, Exception), answer
"""
PHOTO = wav2vec2.ROOT / "mlflow_models" / "clip_caption" / "samples" / "flood.jpg"


def memory(bench: Bench) -> None:
    """Ask for more than the memory has room for: it is answered in parts, and nothing dies."""
    os.environ["THERESA_GPU_MEMORY"] = str(ROOM_GB)
    bench.onnx()
    from wav2vec2_asr.engine import Engine
    from wav2vec2_asr.options import Options

    sounds = wav2vec2.recordings(bench)
    engine = Engine(wav2vec2.packed(bench, "fp32"))
    alone = [engine([sound], Options())[0] for sound in sounds[:4]]
    before = bench.used_gb()
    together = engine(sounds, Options())
    refused = sum(isinstance(one, Exception) for one in together)
    kinds = sorted({type(one).__name__ for one in together if isinstance(one, Exception)})
    what = f"{len(sounds)} recordings at once with THERESA_GPU_MEMORY={ROOM_GB:g}"
    said = f"{len(sounds) - refused} answered, {refused} refused {', '.join(kinds)}".strip()
    bench.promise(what, said, kinds in ([], ["OutOfMemory"]))
    again = engine(sounds[:1], Options())[0]
    bench.promise("it still answers", type(again).__name__, again == alone[0])
    if not bench.stand_in:
        grown = bench.used_gb() - before
        bench.promise("the arena stays in its bound", f"it grew by {grown:.1f} GB", grown < ROOM_GB)


def start(bench: Bench) -> None:
    """Time processes from their start to the first answer, with graphs of true size."""
    for name, (module, request) in FIRST.items():
        home = module.packed(bench) if name == "whisper_asr" else module.packed(bench, "fp16")
        code = OPEN.format(
            late=[one for one in sys.path if one],
            name=name,
            photo=str(PHOTO),
            home=str(home),
            request=request,
        )
        begin = time.perf_counter()
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        seconds = time.perf_counter() - begin
        what = f"{name}: from a process's start to its first answer"
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["no message"])[-1]
            bench.promise(what, f"failed: {last[:300]}", False)
        else:
            bench.promise(what, f"{seconds:.1f} s", seconds <= READY_SECONDS)
