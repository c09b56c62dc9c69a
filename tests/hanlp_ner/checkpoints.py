"""Makes HanLP checkpoints with random weights, in exactly the format that HanLP's `save` writes."""

import inspect
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

TYPES = ("PERSON", "LOCATION", "ORGANIZATION", "DATE")
NOTHING: Mapping[str, Any] = MappingProxyType({})
COMMON = (
    "我爱中国米哈游成立于年致力为用户提供美好的超出预期产品与内容北京上海大学张三李四日月一二三"
)


def vocabulary(size: int = 0) -> list[str]:
    """A BERT vocabulary: special tokens, characters, word pieces; filled up to `size` tokens."""
    characters = sorted(set(COMMON)) + [chr(code) for code in range(0x21, 0x7F)]
    characters = [c for c in characters if not c.isupper()] + list("，。！？、；：“”（）①é")
    tokens = ["[PAD]", *(f"[unused{i}]" for i in range(1, 5)), "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokens += characters + [f"##{c}" for c in characters if c.isalnum()]
    return tokens + [f"[unused{i}]" for i in range(5, 5 + max(0, size - len(tokens)))]


def write_transformer(
    directory: Path, kind: str, width: int, layers: int, heads: int, size: int
) -> None:
    """A transformer's config.json and vocab.txt, of the given kind and sizes, below `directory`."""
    from transformers import BertConfig, ElectraConfig, RoFormerConfig

    directory.mkdir(parents=True)
    tokens = vocabulary(size)
    (directory / "vocab.txt").write_text("\n".join(tokens) + "\n", encoding="utf-8")
    (directory / "tokenizer_config.json").write_text(
        json.dumps({"do_lower_case": True, "tokenizer_class": "BertTokenizer"}), encoding="utf-8"
    )
    sizes = {
        "vocab_size": len(tokens),
        "hidden_size": width,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "intermediate_size": 4 * width,
    }
    kinds: dict[str, Any] = {"bert": BertConfig, "electra": ElectraConfig}
    kinds["roformer"] = RoFormerConfig
    if kind == "electra":
        sizes["embedding_size"] = 128
    kinds[kind](**sizes).save_pretrained(directory)


def random_component(
    directory: Path,
    kind: str = "bert",
    crf: bool = False,
    width: int = 32,
    layers: int = 2,
    heads: int = 2,
    size: int = 0,
    seed: int = 0,
    scheme: str = "BIES",
    types: Sequence[str] = TYPES,
    settings: Mapping[str, Any] = NOTHING,
) -> Path:
    """Saves a TransformerNamedEntityRecognizer with random weights; returns its directory.

    Args:
        directory: Where to save; `transformer/` in it makes it self-contained.
        kind, width, layers, heads, size, seed: Of its transformer.
        crf: Whether it has a conditional random field.
        scheme, types: What its tags are made of.
        settings: More of its configuration; dictionaries are set as HanLP's users set them.
    """
    import torch
    from hanlp.common.vocab import Vocab
    from hanlp.components.ner.transformer_ner import TransformerNamedEntityRecognizer

    write_transformer(directory / "transformer", kind, width, layers, heads, size)
    component = TransformerNamedEntityRecognizer()
    tags = ["O", *(f"{place}-{type_}" for type_ in types for place in scheme)]
    component.vocabs.tag = Vocab(idx_to_token=tags, pad_token=None, unk_token=None)
    component.vocabs.tag.set_unk_as_safe_unk()
    component.vocabs.lock()
    component.config.update(_fit_defaults(TransformerNamedEntityRecognizer))
    component.config.update(transformer=str(directory / "transformer"), crf=crf)
    set_all(component, settings)
    component.on_config_ready(**component.config)
    torch.manual_seed(seed)
    component.model = component.build_model(**component.config, training=False)
    for weight in component.model.parameters():
        if weight.dim() > 1:  # wide enough that the tags vary
            torch.nn.init.normal_(weight, std=1.2 * weight.shape[-1] ** -0.5)
    component.save(str(directory))
    return directory


def set_all(component: Any, settings: Mapping[str, Any]) -> None:
    """Sets a component's, or a task's, configuration; HanLP makes its own of a dictionary."""
    for key, value in settings.items():
        if key.startswith("dict_"):
            setattr(component, key, value)
        else:
            component.config[key] = value


def _fit_defaults(component: Any) -> dict[str, Any]:
    """What `fit` would have left in the configuration."""
    parameters = inspect.signature(component.fit).parameters.values()
    defaults = {p.name: p.default for p in parameters if p.default is not inspect.Parameter.empty}
    for name in ("logger", "devices"):
        del defaults[name]
    return {**defaults, "delimiter_in_entity": "", "ret_raw_hidden_states": None}
