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


class _Graph:
    """Collects nodes and weights; what a node gives has the node's name."""

    def __init__(self, precision: str) -> None:
        self.nodes: list[Any] = []
        self.weights: list[Any] = []
        self.shared: set[str] = set()
        self.int8 = precision == "int8"

    def add(self, kind: str, inputs: list[str], name: str, **how: Any) -> str:
        """Adds a node; the standard's, or ONNX Runtime's."""
        domain = "" if onnx.defs.has(kind, domain="") else "com.microsoft"
        self.nodes.append(helper.make_node(kind, inputs, [name], name=name, domain=domain, **how))
        return name

    def weight(self, name: str, values: np.ndarray) -> str:
        """Adds a constant."""
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def product(self, x: str, weight: np.ndarray, name: str, bias: np.ndarray | None = None) -> str:
        """x (rows, in) times a weight (in, out), plus a bias."""
        if self.int8:
            return self._product_int8(x, weight, name, bias)
        inputs = [x, self.weight(f"{name}.weight", weight)]
        if bias is None:
            return self.add("MatMul", inputs, name)
        return self.add("Gemm", [*inputs, self.weight(f"{name}.bias", bias)], name)

    def _product_int8(
        self, x: str, weight: np.ndarray, name: str, bias: np.ndarray | None = None
    ) -> str:
        """The same in 8 bits: each column of the weight has a scale, each row of x a scale and a
        zero point by its own least and greatest ("vector-wise" and "zeropoint" quantization of
        Dettmers et al. 2022, arXiv 2208.07339)."""
        levels, scales = quantize(weight)
        # A row's zero point times the weight's column sums has to be taken off. So x gets columns
        # of zeros, which become the zero point, and the weight rows that sum up to minus these. The
        # zeros are a hair more, so that a row of nothing else has a scale, too.
        below = _rows_of_sum(-levels.sum(0, dtype=np.int64))
        pads = [self._once("pads", [0, 0, 0, len(below)]), self._once("hair", np.float32(1e-20))]
        wide = self.add("Pad", [x, *pads], f"{name}.wide")
        most = self.add("ReduceMax", [wide, self._once("axis", [1])], f"{name}.most", keepdims=0)
        least = self.add("ReduceMin", [wide, self._once("axis", [1])], f"{name}.least", keepdims=0)
        span = self.add("Sub", [most, least], f"{name}.span")
        scale = self.add("Mul", [span, self._once("step", np.float32(1 / 255))], f"{name}.scale")
        below_zero = self.add("Neg", [least], f"{name}.below")
        zero = self.add("QuantizeLinear", [below_zero, scale], f"{name}.zero", axis=0)
        whole = self.add("QuantizeLinear", [wide, scale, zero], f"{name}.whole", axis=0)
        inputs = [whole, self.weight(f"{name}.weight", np.concatenate((levels, below)))]
        inputs += [self._once("one", np.float32(1)), self.weight(f"{name}.scales", scales)]
        sums = self.add("MatMulIntegerToFloat", inputs, f"{name}.sums")
        column = self.add("Reshape", [scale, self._once("column", [-1, 1])], f"{name}.column")
        if bias is None:
            return self.add("Mul", [sums, column], name)
        scaled = self.add("Mul", [sums, column], f"{name}.scaled")
        return self.add("Add", [scaled, self.weight(f"{name}.bias", bias)], name)

    def _once(self, name: str, values: object) -> str:
        """Adds a small constant that many nodes share."""
        array = np.array(values)
        name = f"{name}_{'_'.join(map(str, array.ravel().tolist()))}"
        if name not in self.shared:
            self.shared.add(self.weight(name, array))
        return name


def quantize(weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A weight (in, out) as int8, between -127 and 127, and the scales of its columns, (out)."""
    scales = np.maximum(np.abs(weight).max(0) / 127, np.finfo(np.float32).tiny)
    return np.rint(weight / scales).astype(np.int8), scales.astype(np.float32)


def _rows_of_sum(sums: np.ndarray) -> np.ndarray:
    """Int8 rows, as few as there can be, that sum up to some integers."""
    count = max(1, -(-int(np.abs(sums).max()) // 127))
    shares = [(sums + place) // count for place in range(count)]
    return np.array(shares, np.int8).reshape(count, len(sums))


def write_decoder(
    weights: Callable[[str], np.ndarray], config: Any, path: Path, precision: str
) -> None:
    """Writes the graph, and its weights beside it (`.bin`).

    Args:
        weights: gives one by its name in GPT-2's `transformer`, float32 in GPT-2's own shapes:
            matrices (in, out), vectors (out,).
        config: a `GPT2Config`.
        path: of the graph.
        precision: `fp32` or `int8`.
    """
    graph = _Graph(precision)
    epsilon = config.layer_norm_epsilon
    graph.weight("flat", np.array([-1, config.n_embd]))

    def normalize(name: str, x: str) -> str:
        """Layer normalisation."""
        scales = [graph.weight(f"{name}.{part}", weights(f"{name}.{part}"))
                  for part in ("weight", "bias")]  # fmt: skip
        return graph.add("LayerNormalization", [x, *scales], name, axis=-1, epsilon=epsilon)

    def product(name: str, x: str) -> str:
        return graph.product(x, weights(f"{name}.weight"), name, weights(f"{name}.bias"))

    x = "embeddings"
    for layer in range(config.n_layer):
        at = f"h.{layer}"
        parts = product(f"{at}.attn.c_attn", normalize(f"{at}.ln_1", x))
        parts = graph.add("Reshape", [parts, "shape"], f"{at}.parts")
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
        x = graph.add("Add", [x, product(f"{at}.attn.c_proj", mixed)], f"{at}.middle")
        wide = product(f"{at}.mlp.c_fc", normalize(f"{at}.ln_2", x))
        wide = graph.add("FastGelu", [wide], f"{at}.gelu")
        x = graph.add("Add", [x, product(f"{at}.mlp.c_proj", wide)], f"{at}.end")
    scaled = graph.add("Mul", [normalize("ln_f", x), "scale"], "scaled")
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
    # onnx writes it for its owner alone, and an image's server is nobody
    path.with_suffix(".bin").chmod(path.stat().st_mode)
