"""GPT-2 as the ONNX graph that the engine runs: one for the prefix and for every token after it.

Radford et al. 2019, "Language Models are Unsupervised Multitask Learners". It is written node by
node, since its speed is in what an exporter wouldn't choose: the layers' last product and the
vocabulary are computed for one position of each row, and of the 50,257 logits only the best leave
the graph.

    embeddings (rows x length, width)   of tokens and places, summed, in one row after another
    shape      (3)                      rows, length, 3 x width
    last       (rows)                   which of the embeddings are a row's last
    scale      (1)                      1 / temperature
    k          (1)                      how many tokens to give
    past_N     (rows, heads, positions, width / heads)     for layer L, keys 2L and values 2L + 1
to
    values, tokens (rows, k)            log-probabilities and ids of the likeliest tokens, in order
    present_N                           as past_N, and the new keys and values

There are two kinds, for CPUs and for GPUs.

For CPUs (`GroupQueryAttention`) past_N and present_N are the same buffers, of their full length,
which the attention extends in place. It also reads

    lengths    (rows), int32            positions that each row has after this run, less one
    total      (1), int32               the most of these, plus one

For GPUs (`MultiHeadAttention`) present_N is another buffer, one position longer. ONNX Runtime's
CUDA kernel of `GroupQueryAttention` knows no float32; that of `MultiHeadAttention` does. A second
graph copies the rows that go on, in their new order, from past_N to present_N; it reads `sources`
(new rows): the old row of each new one.

In float16 the layers' weights, products, keys and values are float16. What is summed up over the
layers stays in float32, and so do normalisation, logits and log-softmax: float16 logits differ by
so much that one caption of 20 would be another.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

from clip_caption.building.nodes import MICROSOFT, Graph
from clip_caption.decoding.decoder import WORDS

OPSETS = (helper.make_opsetid("", 20), helper.make_opsetid(MICROSOFT, 1))
IR_VERSION = 9
EXACT = 16  # tokens whose logits aren't int8's


def write_decoder(
    weights: Callable[[str], np.ndarray], config: Any, path: Path, precision: str, gpu: bool
) -> None:
    """Writes the graph, and its weights beside it (`.bin`); in int8 it reads `WORDS` there, too.

    Args:
        weights: gives one by its name in GPT-2's `transformer`, float32 in GPT-2's own shapes:
            matrices (in, out), vectors (out,).
        config: a `GPT2Config`.
        path: of the graph.
        precision: `fp32`, `fp16` or `int8`.
        gpu: whether it is the graph for GPUs.
    """
    graph = Graph(precision)
    epsilon = config.layer_norm_epsilon
    graph.weight("flat", np.array([-1, config.n_embd]))

    def normalize(name: str, x: str) -> str:
        """Layer normalisation."""
        scales = [graph.weight(f"{name}.{part}", weights(f"{name}.{part}"))
                  for part in ("weight", "bias")]  # fmt: skip
        return graph.add("LayerNormalization", [x, *scales], name, axis=-1, epsilon=epsilon)

    def product(name: str, x: str) -> str:
        return graph.product(x, weights(f"{name}.weight"), name, weights(f"{name}.bias"))

    attend = _attend_anew if gpu else _attend_in_place
    x = "embeddings"
    for layer in range(config.n_layer):
        at = f"h.{layer}"
        parts = product(f"{at}.attn.c_attn", graph.narrow(normalize(f"{at}.ln_1", x)))
        parts = graph.add("Reshape", [parts, "shape"], f"{at}.parts")
        attend(graph, config.n_head, layer, parts)
        mixed = graph.add("Reshape", [f"{at}.mixed", "flat"], f"{at}.rows")
        if layer == config.n_layer - 1:  # the others' keys and values are all that is still needed
            mixed = graph.add("Gather", [mixed, "last"], f"{at}.last", axis=0)
            x = graph.add("Gather", [x, "last"], f"{at}.last_x", axis=0)
        projected = graph.wide(product(f"{at}.attn.c_proj", mixed))
        x = graph.add("Add", [x, projected], f"{at}.middle")
        hidden = product(f"{at}.mlp.c_fc", graph.narrow(normalize(f"{at}.ln_2", x)))
        hidden = graph.add("FastGelu", [hidden], f"{at}.gelu")
        x = graph.add("Add", [x, graph.wide(product(f"{at}.mlp.c_proj", hidden))], f"{at}.end")
    scaled = graph.add("Mul", [normalize("ln_f", x), "scale"], "scaled")
    logits = graph.product(scaled, weights("wte.weight").T, "logits", fp16=False)
    if precision == "int8":
        logits = _score_exactly(graph, scaled, logits, path.with_name(WORDS))
    probabilities = graph.add("LogSoftmax", [logits], "probabilities", axis=-1)
    graph.nodes.append(
        helper.make_node("TopK", [probabilities, "k"], ["values", "tokens"], axis=-1)
    )
    _write(graph, config, path, gpu)


def write_rows(config: Any, path: Path, precision: str) -> None:
    """Writes the graph that copies rows, for GPUs.

    Args:
        config: a `GPT2Config`.
        path: of the graph.
        precision: `fp32` or `fp16`.
    """
    inputs, outputs = _cache(config, precision == "fp16")
    inputs.append(helper.make_tensor_value_info("sources", TensorProto.INT64, ["new_rows"]))
    nodes = [
        helper.make_node("Gather", [past.name, "sources"], [present.name], present.name, axis=0)
        for past, present in zip(inputs, outputs, strict=False)
    ]
    onnx.save_model(_model(nodes, "rows", inputs, outputs, []), path)


def _score_exactly(graph: Graph, x: str, logits: str, words: Path) -> str:
    """The likeliest tokens' logits in float32 in place of int8: they decide what is said."""
    near, axis = ["few.logits", "few"], graph.once("axis", [2])
    few = graph.once("few", [EXACT])
    graph.nodes.append(helper.make_node("TopK", [logits, few], near, axis=-1))
    rows = graph.add("Gather", [graph.stored("wte", words), "few"], "few.words", axis=0)
    column = graph.add("Unsqueeze", [x, axis], "few.x")  # (rows, width, 1)
    exact = graph.add("MatMul", [rows, column], "few.products")  # (rows, EXACT, 1)
    exact = graph.add("Squeeze", [exact, axis], "few.exact")
    return graph.add("ScatterElements", [logits, "few", exact], "logits.exact", axis=1)


def _attend_in_place(graph: Graph, heads: int, layer: int, parts: str) -> None:
    """Attention that extends the buffers of keys and values."""
    past, present = _names(layer)
    inputs = [parts, "", "", *past, "lengths", "total"]
    outputs = [f"h.{layer}.mixed", *present]
    how = {"domain": MICROSOFT, "num_heads": heads, "kv_num_heads": heads}
    graph.nodes.append(helper.make_node("GroupQueryAttention", inputs, outputs, **how))


def _attend_anew(graph: Graph, heads: int, layer: int, parts: str) -> None:
    """Attention that writes keys and values to new buffers."""
    past, present = _names(layer)
    each = [f"h.{layer}.{name}" for name in ("query", "key", "value")]
    graph.nodes.append(helper.make_node("Split", [parts], each, axis=2, num_outputs=3))
    inputs = [*each, "", "", "", *past]
    outputs = [f"h.{layer}.mixed", *present]
    how = {"domain": MICROSOFT, "num_heads": heads, "unidirectional": 1}
    graph.nodes.append(helper.make_node("MultiHeadAttention", inputs, outputs, **how))


def _names(layer: int) -> tuple[list[str], list[str]]:
    """A layer's keys and values, before a run and after it."""
    numbers = (2 * layer, 2 * layer + 1)
    return [f"past_{one}" for one in numbers], [f"present_{one}" for one in numbers]


def _cache(config: Any, fp16: bool) -> tuple[list[Any], list[Any]]:
    """The declarations of all past_N and present_N."""
    kind = TensorProto.FLOAT16 if fp16 else TensorProto.FLOAT
    shape = ["rows", config.n_head, "positions", config.n_embd // config.n_head]
    after = ["new_rows", config.n_head, "new_positions", shape[-1]]
    value = helper.make_tensor_value_info
    numbers = range(2 * config.n_layer)
    return (
        [value(f"past_{number}", kind, shape) for number in numbers],
        [value(f"present_{number}", kind, after) for number in numbers],
    )


def _write(graph: Graph, config: Any, path: Path, gpu: bool) -> None:
    integers, floats = TensorProto.INT64, TensorProto.FLOAT
    value = helper.make_tensor_value_info
    past, present = _cache(config, graph.fp16)
    inputs = [
        value("embeddings", floats, ["vectors", config.n_embd]),
        value("shape", integers, [3]),
        value("last", integers, ["rows"]),
        value("scale", floats, [1]),
        value("k", integers, [1]),
        *past,
    ]
    if not gpu:
        inputs.append(value("lengths", TensorProto.INT32, ["rows"]))
        inputs.append(value("total", TensorProto.INT32, [1]))
    outputs = [
        value("values", floats, ["rows", "k"]),
        value("tokens", integers, ["rows", "k"]),
        *present,
    ]
    onnx.save_model(
        _model(graph.nodes, "gpt2", inputs, outputs, graph.weights),
        path,
        save_as_external_data=True,
        location=path.with_suffix(".bin").name,
        size_threshold=1024,
    )
    # onnx writes it for its owner alone, and an image's server is nobody
    path.with_suffix(".bin").chmod(path.stat().st_mode)


def _model(
    nodes: list[Any], name: str, inputs: list[Any], outputs: list[Any], weights: list[Any]
) -> Any:
    graph = helper.make_graph(nodes, name, inputs, outputs, weights)
    return helper.make_model(graph, opset_imports=list(OPSETS), ir_version=IR_VERSION)
