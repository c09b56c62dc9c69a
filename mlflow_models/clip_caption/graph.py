"""GPT-2 as the ONNX graph that the engine runs: one for the prefix and for every token after it.

Radford et al. 2019, "Language Models are Unsupervised Multitask Learners". It is written node by
node, since its speed is in what an exporter wouldn't choose: keys and values stay in buffers of
their full length that the attention extends in place, the layers' last product and the vocabulary
are computed for one position of each row, and of the 50,257 logits only the best leave the graph.

    embeddings (rows x length, width)   of tokens and places, summed, in one row after another
    shape      (3)                      rows, length, 3 x width
    lengths    (rows), int32            positions that each row has after this run, less one
    total      (1), int32               the most of these, plus one
    last       (rows)                   which of the embeddings are a row's last
    scale      (1)                      1 / temperature
    k          (1)                      how many tokens to give
    past_N     (rows, heads, capacity, width / heads)     for layer L, keys 2L and values 2L + 1
to
    values, tokens (rows, k)            log-probabilities and ids of the likeliest tokens, in order
    present_N                           bound to the buffers that past_N is read from
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSETS = (helper.make_opsetid("", 20), helper.make_opsetid("com.microsoft", 1))
IR_VERSION = 9
BLOCK = 128  # weights that share a scale in int8
SMALL_BLOCK = 32  # where the width isn't a multiple of that


class _Graph:
    """Collects nodes and weights; what a node gives has the node's name."""

    def __init__(self, precision: str) -> None:
        self.nodes: list[Any] = []
        self.weights: list[Any] = []
        self.int8 = precision == "int8"

    def add(self, kind: str, inputs: list[str], name: str, outputs: int = 1, **how: Any) -> str:
        """Adds a node with outputs `name`, `name.1`...; the standard's, or ONNX Runtime's."""
        domain = "" if onnx.defs.has(kind, domain="") else "com.microsoft"
        names = [name, *(f"{name}.{number}" for number in range(1, outputs))]
        self.nodes.append(helper.make_node(kind, inputs, names, name=name, domain=domain, **how))
        return name

    def weight(self, name: str, values: np.ndarray) -> str:
        """Adds a constant."""
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def product(self, x: str, weight: np.ndarray, name: str, bias: np.ndarray | None = None) -> str:
        """x (rows, in) times a weight (in, out), plus a bias."""
        if self.int8:
            inputs = [x, *self._blocks(weight, name)]
            if bias is not None:
                inputs += ["", "", self.weight(f"{name}.bias", bias)]
            width, out = weight.shape
            # accuracy_level 4: activations become int8, too, with a scale for each block of a row
            return self.add("MatMulNBits", inputs, name, K=width, N=out, bits=8,
                            block_size=_block(width), accuracy_level=4)  # fmt: skip
        inputs = [x, self.weight(f"{name}.weight", weight)]
        if bias is None:
            return self.add("MatMul", inputs, name)
        return self.add("Gemm", [*inputs, self.weight(f"{name}.bias", bias)], name)

    def _blocks(self, weight: np.ndarray, name: str) -> list[str]:
        """The names of a weight in 8 bits, about 128, and of the scales of its blocks."""
        width, out = weight.shape
        size = _block(width)
        count = -(-width // size)
        padded = np.zeros((out, count * size), np.float32)
        padded[:, :width] = weight.T
        blocks = padded.reshape(out, count, size)
        scales = np.maximum(np.abs(blocks).max(2) / 127, np.finfo(np.float32).tiny)
        levels = (np.rint(blocks / scales[..., None]) + 128).astype(np.uint8)
        return [
            self.weight(f"{name}.weight", levels),
            self.weight(f"{name}.scales", scales.astype(np.float32)),
        ]


def _block(width: int) -> int:
    return BLOCK if width % BLOCK == 0 else SMALL_BLOCK


def write_decoder(
    weights: Callable[[str], np.ndarray], config: Any, path: Path, precision: str
) -> None:
    """Writes the graph, and its weights beside it (`.bin`).

    Args:
        weights: gives one by its name in GPT-2's `transformer`.
        config: a `GPT2Config`.
        path: of the graph.
        precision: `fp32` or `int8`.
    """
    graph = _Graph(precision)
    epsilon = config.layer_norm_epsilon
    graph.weight("flat", np.array([-1, config.n_embd]))

    def normalize(name: str, x: str, layer_norm: str, *skip: str) -> str:
        """Layer normalisation of x, or of x + skip, whose sum is `name`.3."""
        scales = [
            graph.weight(f"{name}.{part}", weights(f"{layer_norm}.{part}"))
            for part in ("weight", "bias")
        ]
        if not skip:
            return graph.add("LayerNormalization", [x, *scales], name, axis=-1, epsilon=epsilon)
        inputs = [x, *skip, *scales]
        return graph.add("SkipLayerNormalization", inputs, name, outputs=4, epsilon=epsilon)

    def product(name: str, x: str) -> str:
        return graph.product(x, weights(f"{name}.weight"), name, weights(f"{name}.bias"))

    x, normal = "embeddings", normalize("h.0.ln_1", "embeddings", "h.0.ln_1")
    for layer in range(config.n_layer):
        at = f"h.{layer}"
        parts = graph.add("Reshape", [product(f"{at}.attn.c_attn", normal), "shape"], f"{at}.parts")
        cache = [f"{2 * layer}", f"{2 * layer + 1}"]
        inputs = [parts, "", "", *(f"past_{one}" for one in cache), "lengths", "total"]
        graph.nodes.append(
            helper.make_node(
                "GroupQueryAttention",
                inputs,
                [f"{at}.mixed", *(f"present_{one}" for one in cache)],
                domain="com.microsoft",
                num_heads=config.n_head,
                kv_num_heads=config.n_head,
            )
        )
        mixed = graph.add("Reshape", [f"{at}.mixed", "flat"], f"{at}.rows")
        if layer == config.n_layer - 1:  # the others' keys and values are all that is still needed
            mixed = graph.add("Gather", [mixed, "last"], f"{at}.last", axis=0)
            x = graph.add("Gather", [x, "last"], f"{at}.last_x", axis=0)
        normal = normalize(f"{at}.ln_2", product(f"{at}.attn.c_proj", mixed), f"{at}.ln_2", x)
        wide = graph.add("FastGelu", [product(f"{at}.mlp.c_fc", normal)], f"{at}.gelu")
        narrow, x = product(f"{at}.mlp.c_proj", wide), f"{at}.ln_2.3"
        following = "ln_f" if layer == config.n_layer - 1 else f"h.{layer + 1}.ln_1"
        normal = normalize(following, narrow, following, x)
        x = f"{following}.3"
    scaled = graph.add("Mul", [normal, "scale"], "scaled")
    logits = graph.product(scaled, weights("wte.weight").T, "logits")
    probabilities = graph.add("LogSoftmax", [logits], "probabilities", axis=-1)
    graph.nodes.append(
        helper.make_node("TopK", [probabilities, "k"], ["values", "tokens"], axis=-1)
    )
    _write(graph, config, path)


def _write(graph: _Graph, config: Any, path: Path) -> None:
    integers, floats = TensorProto.INT64, TensorProto.FLOAT
    value = helper.make_tensor_value_info
    cache = ["rows", config.n_head, "capacity", config.n_embd // config.n_head]
    names = [str(number) for number in range(2 * config.n_layer)]
    inputs = [
        value("embeddings", floats, ["positions", config.n_embd]),
        value("shape", integers, [3]),
        value("lengths", TensorProto.INT32, ["rows"]),
        value("total", TensorProto.INT32, [1]),
        value("last", integers, ["rows"]),
        value("scale", floats, [1]),
        value("k", integers, [1]),
        *(value(f"past_{name}", floats, cache) for name in names),
    ]
    outputs = [
        value("values", floats, ["rows", "k"]),
        value("tokens", integers, ["rows", "k"]),
        *(value(f"present_{name}", floats, cache) for name in names),
    ]
    made = helper.make_graph(graph.nodes, "gpt2", inputs, outputs, graph.weights)
    model = helper.make_model(made, opset_imports=list(OPSETS), ir_version=IR_VERSION)
    onnx.save_model(
        model,
        path,
        save_as_external_data=True,
        location=path.with_suffix(".bin").name,
        size_threshold=1024,
    )
