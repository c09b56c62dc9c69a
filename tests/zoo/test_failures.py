"""What becomes of a batch that memory is too small for, and which errors say so."""

import contextlib

import numpy as np
import onnx.parser
import onnxruntime
import pytest

from zoo.errors import BadInput, OutOfMemory
from zoo.serving import failures
from zoo.serving import onnx as onnx_graphs
from zoo.serving.runner import Runner


def sized(most: int, seen: list[int], error: BaseException) -> Runner[int, int]:
    """An engine whose memory is enough for so many items."""

    def run(batch: list[int]) -> list[int]:
        seen.append(len(batch))
        if len(batch) > most:
            raise error
        return batch

    return Runner(run, lambda _: 1, 64)


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("CUDA failed with error out of memory"),
        RuntimeError("cuBLAS failed with status CUBLAS_STATUS_ALLOC_FAILED"),
        RuntimeError("std::bad_alloc"),
    ],
)
def test_a_batch_that_memory_is_too_small_for_is_halved_once(error: Exception) -> None:
    seen: list[int] = []
    assert sized(4, seen, error)([*range(8)]) == [*range(8)]
    assert seen == [8, 4, 4]
    engine = sized(3, seen, error)
    assert {type(one) for one in engine([*range(8)])} == {OutOfMemory}
    assert engine([1, 2]) == [1, 2]
    assert seen[3:] == [8, 4, 4, 2]
    (alone,) = sized(0, seen, error)([1])
    assert isinstance(alone, OutOfMemory)


def test_what_a_client_did_wrong_is_no_lack_of_memory() -> None:
    assert not failures.memory_ran_out(BadInput("the photo says 'out of memory'"))
    assert not failures.memory_ran_out(ValueError("negative"))
    assert failures.memory_ran_out(OutOfMemory())


@pytest.mark.parametrize(
    ("error", "lost"),
    [
        (RuntimeError("CUDA failure 719: unspecified launch failure ; GPU=0 ; hostname=vm"), True),
        (RuntimeError("CUDA failed with error an illegal memory access was encountered"), True),
        (RuntimeError("CUDA failed with error out of memory"), False),
        (RuntimeError("CUBLAS_STATUS_ALLOC_FAILED"), False),
        (ValueError("row 3 says: unspecified launch failure"), False),
        (BadInput("has CUDA's misaligned address in it"), False),
    ],
)
def test_a_lost_gpu_is_no_lack_of_memory(error: Exception, lost: bool) -> None:
    assert failures.gpu_is_lost(error) == lost


def bounded_session(bytes_: int) -> onnxruntime.InferenceSession:
    """ONNX Runtime with a bounded arena, as on a GPU: for float32 (b, 1) it has (b, 262144)."""
    arena = onnxruntime.OrtArenaCfg({"max_mem": bytes_, "arena_extend_strategy": 1})
    kind = onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR
    where = onnxruntime.OrtMemoryInfo("Cpu", kind, 0, onnxruntime.OrtMemType.DEFAULT)
    onnxruntime.create_and_register_allocator(where, arena)  # for sessions that ask for it
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.use_env_allocators", "1")
    options.log_severity_level = 4
    graph = onnx.parser.parse_model(
        """<ir_version: 10, opset_import: ["": 17]> g (float[b, 1] x) => (float[b, n] y)
        { s = Constant <value_ints = [1, 262144]> () t = Expand(x, s) y = Relu(t) }"""
    )
    return onnxruntime.InferenceSession(graph.SerializeToString(), options)


def test_onnx_runtimes_arena_runs_out_and_the_next_request_is_answered() -> None:
    session = bounded_session(16 << 20)
    seen: list[int] = []

    def run(batch: list[float]) -> list[float]:
        seen.append(len(batch))
        return [row[-1] for row in session.run(None, {"x": np.array([batch], np.float32).T})[0]]

    engine: Runner[float, float] = Runner(run, lambda _: 1, 64)
    assert engine([3.0] * 8) == [3.0] * 8
    assert {type(one) for one in engine([3.0] * 64)} == {OutOfMemory}
    assert engine([5.0]) == [5.0]
    assert seen == [8, 4, 4, 64, 32, 32, 1]
    for rows in (1, 2, 3, 4, 5):  # leave the arena in pieces
        with contextlib.suppress(RuntimeError):
            session.run(None, {"x": np.ones((rows, 1), np.float32)})
    (found,) = onnx_graphs.again(session.run, "cpu:0")(None, {"x": np.ones((7, 1), np.float32)})
    assert found.shape[0] == 7
