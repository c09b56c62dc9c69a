"""Tells that memory has run out, by what the libraries that compute say."""

from zoo.errors import OutOfMemory, ZooError

# In small letters. There is no common class: CTranslate2 raises RuntimeError, ONNX Runtime its own.
SIGNS = (
    "out of memory",  # CUDA's words, and its driver's (ours compares "_" as a space)
    "alloc failed",  # the status of cuBLAS, and of cuDNN 8
    "allocation failed",  # of cuDNN 9
    "failed to allocate",  # ONNX Runtime's arena, Intel's MKL
    "available memory of",  # ONNX Runtime's arena, at its limit
    "bad alloc",  # C++: std::bad_alloc
    "cannot allocate memory",  # the kernel's ENOMEM
)


def ran_out(error: BaseException) -> bool:
    """Tell whether an error says that memory has run out, the GPU's or the machine's."""
    if isinstance(error, MemoryError | OutOfMemory):
        return True
    said = str(error).lower().replace("_", " ")
    return not isinstance(error, ZooError) and any(sign in said for sign in SIGNS)
