"""A memory that is too small, and the time from a process's start to its first answer."""

import os
import subprocess
import sys
import time

from benchmarks.gpu import captions, ner, wav2vec2, whisper
from benchmarks.gpu.bench import ROOT, Bench

# GB for XLSR in float16: its weights take 0.6, and a batch of 240 s about 5 more.
ROOMS = {4.0: "which halves of its batches fit into", 1.2: "which hardly one fits into"}
CONTEXT_GB = 1.0  # CUDA's own, with the libraries' kernels
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
PHOTO = ROOT / "mlflow_models" / "clip_caption" / "samples" / "flood.jpg"


def memory(bench: Bench) -> None:
    """Ask for more than the memory has room for: all is answered or refused, and nothing dies."""
    bench.onnx()
    from wav2vec2_asr.engine import Engine
    from wav2vec2_asr.options import Options

    sounds = wav2vec2.recordings(bench)
    home = wav2vec2.packed(bench, "fp16")
    for room, what in ROOMS.items():
        os.environ["THERESA_GPU_MEMORY"] = str(room)
        before = bench.used_gb()
        engine = Engine(home)
        together = engine(sounds, Options())
        refused = [one for one in together if isinstance(one, Exception)]
        kinds = sorted({type(one).__name__ for one in refused})
        said = f"{len(sounds) - len(refused)} answered, {len(refused)} refused {' '.join(kinds)}"
        bench.promise(
            f"{len(sounds)} recordings at once with THERESA_GPU_MEMORY={room:g}, {what}",
            said.strip(),
            kinds in ([], ["OutOfMemory"]),
        )
        alone = engine([sounds[0][: len(sounds[0]) // 4]], Options())[0]
        bench.promise("then a short one", type(alone).__name__, not isinstance(alone, Exception))
        if not bench.stand_in:
            grown = bench.used_gb() - before
            kept = grown <= room + CONTEXT_GB
            bench.promise("the memory in use", f"grew by {grown:.1f} GB", kept)


def start(bench: Bench) -> None:
    """Time processes from their start to the first answer, with graphs of true size."""
    environment = {**os.environ, **({} if bench.stand_in else {"THERESA_DEVICE": "cuda"})}
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
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, env=environment
        )
        seconds = time.perf_counter() - begin
        what = f"{name}: from a process's start to its first answer"
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["no message"])[-1]
            bench.promise(what, f"failed: {last[:300]}", False)
        else:
            bench.promise(what, f"{seconds:.1f} s", seconds <= READY_SECONDS)
