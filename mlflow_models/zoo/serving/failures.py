"""Tells what has failed, by what the libraries that compute say.

There is no common class: CTranslate2 raises RuntimeError, ONNX Runtime and torch their own.
"""

from zoo.errors import OutOfMemory, ZooError

# All in small letters, with a space for "_".
NO_MEMORY = (
    "out of memory",  # CUDA's words, and its driver's
    "alloc failed",  # the status of cuBLAS, and of cuDNN 8
    "allocation failed",  # of cuDNN 9
    "failed to allocate",  # ONNX Runtime's arena, Intel's MKL
    "available memory of",  # ONNX Runtime's arena, at its limit
    "bad alloc",  # C++: std::bad_alloc
    "cannot allocate memory",  # the kernel's ENOMEM
)
# CUDA's words for the errors after which, as it documents, a process can only end.
LOST_GPU = (
    "illegal memory access",  # 700
    "launch timed out",  # 702
    "device-side assert",  # 710
    "hardware stack error",  # 714
    "illegal instruction",  # 715
    "misaligned address",  # 716
    "operation not supported on global/shared address space",  # 717
    "invalid program counter",  # 718
    "unspecified launch failure",  # 719
    "uncorrectable ecc error",  # 214
)


def memory_ran_out(error: BaseException) -> bool:
    """Tell whether an error says that memory has run out, the GPU's or the machine's."""
    return isinstance(error, MemoryError | OutOfMemory) or _says(error, NO_MEMORY)


def gpu_is_lost(error: BaseException) -> bool:
    """Tell whether an error says that this process can't compute on its GPU any more."""
    return _says(error, ("cuda",)) and _says(error, LOST_GPU)


def _says(error: BaseException, words: tuple[str, ...]) -> bool:
    """Tell whether a library's error has one of these words in it."""
    said = str(error).lower().replace("_", " ")
    return not isinstance(error, ZooError) and any(one in said for one in words)
