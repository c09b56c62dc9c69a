"""Reads a Whisper in CTranslate2's format: its sizes, and its weights by Hugging Face's names.

CTranslate2's converter fuses the projections of each attention into one matrix, and stores what is
equal once. It changes no number in float16 and float32, so the way back is exact to the bit.
`model.bin` is little-endian, version 6 (`ctranslate2/specs/model_spec.py`, `_serialize`):

    uint32 version, string specification, uint32 revision,
    uint32 count, then for each variable:
        string name, uint8 rank, rank × uint32 shape, uint8 type, uint32 bytes, the bytes
    uint32 count, then for each alias: string alias, string name

A string is a uint16 length, its bytes and a zero byte, which the length counts.
"""

import re
import struct
from pathlib import Path
from typing import Any

import numpy as np

from zoo.data.texts import read_object
from zoo.errors import CheckpointError

VERSION, SPECIFICATION, REVISION = 6, "WhisperSpec", 3
# The order of CTranslate2's DataType; numpy has no bfloat16.
TYPES = ("float32", "int8", "int16", "int32", "float16", "bfloat16")
EXACT = ("float32", "float16")

# From CTranslate2's names to Hugging Face's, in this order. The letters are the projections that a
# matrix holds, one below the other.
RENAMED = (
    (r"/layer_(\d+)/", r".layers.\1."),
    (r"\.self_attention/layer_norm/", ".self_attn_layer_norm."),
    (r"\.self_attention/linear_0/", ".self_attn.[qkv]."),
    (r"\.self_attention/linear_1/", ".self_attn.out_proj."),
    (r"\.attention/layer_norm/", ".encoder_attn_layer_norm."),
    (r"\.attention/linear_0/", ".encoder_attn.[q]."),
    (r"\.attention/linear_1/", ".encoder_attn.[kv]."),
    (r"\.attention/linear_2/", ".encoder_attn.out_proj."),
    (r"\.ffn/layer_norm/", ".final_layer_norm."),
    (r"\.ffn/linear_0/", ".fc1."),
    (r"\.ffn/linear_1/", ".fc2."),
    (r"/position_encodings/encodings$", ".embed_positions.weight"),
    (r"/embeddings/", ".embed_tokens."),
    (r"gamma$", "weight"),
    (r"beta$", "bias"),
    (r"/", "."),
)
FUSED = re.compile(r"\[(\w+)\]")
TIED = ("decoder/projection/weight", "decoder/embeddings/weight")


class _Reader:
    """Takes numbers, texts and bytes from a file, one after the other."""

    def __init__(self, path: Path) -> None:
        self._data = np.memmap(path, mode="r")
        self._place = 0

    def bytes(self, count: int) -> np.ndarray:
        """Take so many bytes, uint8 (count,); a ValueError where the file has fewer."""
        end = self._place + count
        if end > len(self._data):
            raise ValueError(f"the file ends after {len(self._data)} of {end} bytes")
        taken, self._place = self._data[self._place : end], end
        return taken

    def number(self, code: str) -> int:
        """Take an integer, by its code in `struct`."""
        size = struct.calcsize(f"<{code}")
        value: int = struct.unpack(f"<{code}", self.bytes(size).tobytes())[0]
        return value

    def text(self) -> str:
        """Take a string."""
        return self.bytes(self.number("H")).tobytes().removesuffix(b"\0").decode("utf-8")


def read_variables(path: Path) -> dict[str, np.ndarray]:
    """Read what a `model.bin` holds, by CTranslate2's names, aliases included.

    Args:
        path: The file; it is mapped, not loaded.

    Raises:
        CheckpointError: It is damaged, of another model or version, or quantized.
    """
    variables, types = {}, set()
    try:
        reader = _Reader(path)
        found = (reader.number("I"), reader.text(), reader.number("I"))
        if found != (VERSION, SPECIFICATION, REVISION):
            raise CheckpointError(
                f"'{path}' is {found[1]} {found[2]} in CTranslate2's format {found[0]}; this reads "
                f"{SPECIFICATION} {REVISION} in format {VERSION}: convert it anew from its source."
            )
        for _ in range(reader.number("I")):
            name, kind, value = _variable(reader)
            variables[name] = value
            types |= {kind} if value.ndim else set()  # what has no shape is a setting
        for _ in range(reader.number("I")):
            alias, name = reader.text(), reader.text()
            variables[alias] = variables[name]
    except (ValueError, KeyError, IndexError) as error:
        raise CheckpointError(f"'{path}' is damaged: {error}.") from error
    if rounded := types - {*EXACT}:
        raise CheckpointError(
            f"'{path}' has weights in {' and '.join(sorted(rounded))}, from which the checkpoint's "
            "own can't be had; give it in float16 or float32."
        )
    return variables


def _variable(reader: _Reader) -> tuple[str, str, np.ndarray]:
    """Take a variable: its name, its type and its values; those of bfloat16 as uint16."""
    name = reader.text()
    shape = [reader.number("I") for _ in range(reader.number("B"))]
    kind = TYPES[reader.number("B")]
    data = reader.bytes(reader.number("I"))
    return name, kind, np.frombuffer(data, kind if kind != "bfloat16" else "uint16").reshape(shape)


def read_ctranslate2(directory: Path) -> tuple[dict[str, int], dict[str, np.ndarray]]:
    """Read the sizes, by OpenAI's names, and the weights by Hugging Face's, in their own type.

    Args:
        directory: What CTranslate2's converter wrote.

    Raises:
        CheckpointError: The checkpoint is damaged, quantized, or no Whisper.
    """
    path = directory / "model.bin"
    variables = read_variables(path)
    try:
        embeddings, projection = (variables[name] for name in reversed(TIED))
        if not np.array_equal(embeddings, projection):
            raise CheckpointError(f"'{path}' has other weights for tokens out than for tokens in.")
        weights: dict[str, np.ndarray] = {}
        for name, value in variables.items():
            if value.ndim and name != TIED[0]:
                weights.update(to_hugging_face(name, value))
        return _sizes(variables), weights
    except (ValueError, KeyError, IndexError) as error:
        raise CheckpointError(f"'{path}' is no whole Whisper: {error}.") from error


def to_hugging_face(name: str, value: np.ndarray) -> dict[str, np.ndarray]:
    """Give a variable's tensors by Hugging Face's names.

    Args:
        name: CTranslate2's.
        value: The variable; of a fused one, as many tensors are given as it has projections.

    Raises:
        ValueError: It is a bias of keys that isn't 0; Whisper's keys have none.

    >>> list(to_hugging_face("decoder/layer_0/attention/linear_0/bias", np.zeros(2)))
    ['model.decoder.layers.0.encoder_attn.q_proj.bias']
    """
    for pattern, replacement in RENAMED:
        name = re.sub(pattern, replacement, name)
    name = f"model.{name}"
    fused = FUSED.search(name)
    if fused is None:
        return {name: value}
    letters = fused[1]
    parts = zip(letters, np.split(value, len(letters)), strict=True)
    tensors = {name.replace(fused[0], f"{letter}_proj"): part for letter, part in parts}
    keys = name.replace(fused[0], "k_proj")
    if keys.endswith(".bias") and np.any(tensors.pop(keys, 0)):
        raise ValueError(f"'{keys}' isn't 0")
    return tensors


def _sizes(variables: dict[str, np.ndarray]) -> dict[str, int]:
    """The sizes by OpenAI's names, from the shapes of the variables."""

    def layers(part: str) -> int:
        found = (re.match(rf"{part}/layer_(\d+)/", name) for name in variables)
        return 1 + max(int(one[1]) for one in found if one)

    words, width = variables["decoder/embeddings/weight"].shape
    return {
        "n_mels": variables["encoder/conv1/weight"].shape[1],
        "n_audio_ctx": variables["encoder/position_encodings/encodings"].shape[0],
        "n_audio_state": width,
        "n_audio_head": int(variables["encoder/num_heads"]),
        "n_audio_layer": layers("encoder"),
        "n_vocab": words,
        "n_text_ctx": variables["decoder/position_encodings/encodings"].shape[0],
        "n_text_state": width,
        "n_text_head": int(variables["decoder/num_heads"]),
        "n_text_layer": layers("decoder"),
    }


def generation(directory: Path) -> dict[str, Any]:
    """Read what CTranslate2's `config.json` says of decoding, by the generation config's names."""
    config = read_object(directory / "config.json", CheckpointError)
    names = {
        "suppress_ids": "suppress_tokens",
        "suppress_ids_begin": "begin_suppress_tokens",
        "alignment_heads": "alignment_heads",
    }
    return {ours: config[theirs] for theirs, ours in names.items() if config.get(theirs)}
