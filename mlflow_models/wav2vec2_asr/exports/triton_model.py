"""The model as Triton's Python backend runs it: files of sound in, text and transcripts out.

Requests that arrive together come together. Each is answered as it would be alone: by its own
parameters, and whatever is wrong with another one.
"""

import json
import os
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
# The backend's interpreter ignores PYTHONPATH, and looks for packages in the system only.
sys.path[:0] = [str(HERE), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]

import numpy as np  # noqa: E402
import triton_python_backend_utils as triton  # type: ignore  # noqa: E402

from wav2vec2_asr.engine import Engine  # noqa: E402
from wav2vec2_asr.options import Options  # noqa: E402
from zoo.errors import BadInput, BadRow, FailedRow, RowError, ZooError  # noqa: E402
from zoo.serving.declaration import read  # noqa: E402
from zoo.speech.transcript import Transcript  # noqa: E402

COLUMN = "audio"
Heard = Transcript | Exception


class TritonPythonModel:
    """What the backend calls."""

    def initialize(self, args: dict[str, str]) -> None:
        """Loads the engine on this instance's device, and runs it once: the first run is slow."""
        if args["model_instance_kind"] == "GPU":
            choose_gpu(int(args["model_instance_device_id"]))
        self.engine = Engine(HERE / "engine")
        second = np.random.default_rng(1).normal(0, 0.1, 16_000).astype(np.float32)
        self.engine([second], Options(vad=False))

    def execute(self, requests: list[Any]) -> list[Any]:
        """Answers requests, one response each."""
        asked = [TritonRequest(request, self.engine) for request in requests]
        together: dict[Options, list[TritonRequest]] = defaultdict(list)
        for one in asked:
            if one.options is not None:
                together[one.options].append(one)
        for options, some in together.items():
            heard = self._transcribe([row for one in some for row in one.rows], options)
            for one in some:
                one.heard, heard = heard[: len(one.rows)], heard[len(one.rows) :]
        return [one.response() for one in asked]

    def _transcribe(self, rows: list[bytes], options: Options) -> list[Heard]:
        try:
            return self.engine(rows, options)
        except Exception as error:  # of the engine as a whole: each request has to be told
            return [error] * len(rows)


class TritonRequest:
    """A request, and what was heard in its rows.

    Attributes:
        rows: the content of its files.
        options: how to transcribe them; None where the request is refused.
    """

    def __init__(self, request: Any, engine: Engine) -> None:
        tensor = triton.get_input_tensor_by_name(request, COLUMN).as_numpy()
        self.shape = tensor.shape
        self.rows = [bytes(row) for row in tensor.ravel()]
        self.heard: list[Heard] = []
        self.options: Options | None = None
        self.failure = ""
        try:
            given = json.loads(request.parameters() or "{}")
            options = read(engine.options, given, strict=True)
            engine.check(options)
            self.options = options
        except ZooError as error:
            self.failure = str(error)

    def response(self) -> Any:
        """The answer: a row each of `text`, `transcript` (JSON) and `error`."""
        if self.options is None:
            return refused(self.failure, triton.TritonError.INVALID_ARG)
        errors = [explain(row, heard) for row, heard in enumerate(self.heard)]
        if self.options.on_error == "raise" and (bad := next(filter(None, errors), None)):
            theirs = isinstance(bad, BadRow)
            code = triton.TritonError.INVALID_ARG if theirs else triton.TritonError.INTERNAL
            return refused(str(bad), code)
        records = [one.record() if isinstance(one, Transcript) else None for one in self.heard]
        outputs = {
            "text": [record["text"] if record else "" for record in records],
            "transcript": [json.dumps(record, ensure_ascii=False) for record in records],
            "error": [error.sentence if error else "" for error in errors],
        }
        return triton.InferenceResponse(
            [triton.Tensor(name, self._tensor(texts)) for name, texts in outputs.items()]
        )

    def _tensor(self, texts: list[str]) -> np.ndarray:
        encoded = [text.encode() for text in texts]
        return np.array(encoded, dtype=np.object_).reshape(self.shape)


def explain(row: int, heard: Heard) -> RowError | None:
    """What the client is told of a row that has no transcript; a fault of ours goes to the log."""
    if isinstance(heard, Transcript):
        return None
    if isinstance(heard, BadInput):
        return BadRow(row, COLUMN, str(heard).rstrip("."))
    triton.Logger.log_error(f"The model failed on row {row}: {heard!r}")
    return FailedRow(row)


def refused(sentence: str, code: int) -> Any:
    """The response to a request that isn't answered."""
    return triton.InferenceResponse([], error=triton.TritonError(sentence, code))


def choose_gpu(number: int) -> None:
    """Shows ONNX Runtime the GPU of this instance only: each one is a process of its own."""
    seen = [one for one in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if one]
    os.environ["CUDA_VISIBLE_DEVICES"] = seen[number] if seen else str(number)
