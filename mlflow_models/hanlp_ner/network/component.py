"""Finds HanLP's checkpoints, and loads them safely and without a network.

`hanlp.load` isn't used, for four reasons: it may fall back to an unrestricted unpickler; it builds
any class that the configuration names; it looks for the transformer's configuration on a hub; and
with a new setuptools its own error handler fails, which hides the real error.
"""

import difflib
import importlib
import os
import pickle
from pathlib import Path
from typing import Any

from zoo.data.texts import read_object
from zoo.errors import CheckpointError

MULTI_TASK = "hanlp.components.mtl.multi_task_learning.MultiTaskLearning"
SINGLE_TASK = "hanlp.components.ner.transformer_ner.TransformerNamedEntityRecognizer"

# HanLP builds any class that a configuration names, and some classes call any function that the
# configuration names. These classes don't. Nothing else is built.
TASKS = "hanlp.components.mtl.tasks"
CLASSES = {
    MULTI_TASK,
    SINGLE_TASK,
    f"{TASKS}.constituency.CRFConstituencyParsing",
    f"{TASKS}.dep.BiaffineDependencyParsing",
    f"{TASKS}.dep_2nd.BiaffineSecondaryDependencyParsing",
    f"{TASKS}.lem.TransformerLemmatization",
    f"{TASKS}.ner.biaffine_ner.BiaffineNamedEntityRecognition",
    f"{TASKS}.ner.tag_ner.TaggingNamedEntityRecognition",
    f"{TASKS}.pos.TransformerTagging",
    f"{TASKS}.sdp.BiaffineSemanticDependencyParsing",
    f"{TASKS}.srl.bio_srl.SpanBIOSemanticRoleLabeling",
    f"{TASKS}.srl.rank_srl.SpanRankingSemanticRoleLabeling",
    f"{TASKS}.tok.reg_tok.RegressionTokenization",
    f"{TASKS}.tok.tag_tok.TaggingTokenization",
    f"{TASKS}.ud.UniversalDependenciesParsing",
    "hanlp.common.dataset.KMeansSamplerBuilder",
    "hanlp.common.dataset.SortingSamplerBuilder",
    "hanlp.common.transform.NormalizeCharacter",
    "hanlp.common.transform.NormalizeToken",
    "hanlp.common.vocab.LowercaseVocab",
    "hanlp.common.vocab.Vocab",
    "hanlp.common.vocab.Vocab3D",
    "hanlp.common.vocab.VocabWithFrequency",
    "hanlp.common.vocab.VocabWithNone",
    "hanlp.layers.embeddings.contextual_word_embedding.ContextualWordEmbedding",
    "hanlp.layers.scalar_mix.ScalarMixWithDropoutBuilder",
    "hanlp.layers.transformers.relative_transformer.RelativeTransformerEncoder",
    "hanlp_trie.dictionary.TrieDict",
    "hanlp_trie.dictionary.TupleTrieDict",
}


def fetch(identifier: str) -> Path:
    """Download a published checkpoint, or find it below `HANLP_HOME`; return its directory.

    Args:
        identifier: A name of `hanlp.pretrained`, such as `MSRA_NER_ELECTRA_SMALL_ZH`.

    Raises:
        CheckpointError: HanLP doesn't publish this checkpoint, or it can't be downloaded.
    """
    from hanlp import pretrained
    from hanlp.utils.io_util import get_resource, hanlp_home

    published = {**pretrained.ner.ALL, **pretrained.mtl.ALL}
    url = published.get(identifier)
    if url is None:
        near = difflib.get_close_matches(identifier.upper(), published, 2, 0)
        raise CheckpointError(
            f"Checkpoint '{identifier}' not found, neither as a directory nor in HanLP's list; "
            f"did you mean {' or '.join(near)}?"
        )
    try:
        return Path(get_resource(url, verbose=True))
    except Exception as error:
        raise CheckpointError(
            f"'{identifier}' can't be downloaded here. Download {url} elsewhere, unpack it, and "
            f"give its directory as --checkpoint (or unpack it below {hanlp_home()})."
        ) from error


def read_config(directory: Path) -> dict[str, Any]:
    """Read `config.json`, and check that it and the vocabularies are safe to load.

    Raises:
        CheckpointError: A file is missing or broken, or names a component that doesn't recognize
            entities, or a class that isn't known to be harmless.
    """
    for name in ("config.json", "model.pt"):
        if not (directory / name).is_file():
            raise CheckpointError(f"'{directory}' is not a HanLP checkpoint: '{name}' not found.")
    config = read_object(directory / "config.json", CheckpointError)
    for path in (directory / "config.json", *sorted(directory.rglob("*vocabs.json"))):
        for name in _class_paths(read_object(path, CheckpointError)):
            if name not in CLASSES:
                raise CheckpointError(
                    f"'{path}' asks for the class '{name}', which isn't among those of HanLP that "
                    "are known to be harmless."
                )
    if config.get("classpath") not in (MULTI_TASK, SINGLE_TASK):
        raise CheckpointError(
            f"'{directory}' has neither a TransformerNamedEntityRecognizer nor a MultiTaskLearning "
            "component; this model serves only these."
        )
    return config


def load(directory: Path, device: int = -1) -> Any:
    """Load the component of a directory.

    Args:
        directory: What HanLP's `save` wrote. The transformer's configuration and tokenizer come
            from its folder `transformer/`; if there is none, from HanLP's own cache
            (`HANLP_HOME`) or the hub.
        device: The GPU's number, or -1 for the CPU.

    Raises:
        CheckpointError: The directory is incomplete, unsafe or broken.
    """
    config = read_config(directory)
    os.environ.setdefault("HANLP_VERBOSE", "0")
    if device < 0:
        os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
    module, _, name = config["classpath"].rpartition(".")
    component = getattr(importlib.import_module(module), name)()
    try:
        component.load_config(str(directory), **_local(config, directory))
        component.load_vocabs(str(directory))
        component.config.pop("training", None)
        component.model = component.build_model(
            **{**component.config, "training": False, "save_dir": str(directory)}
        )
    except FileNotFoundError as error:
        missing = Path(error.filename or "").name
        raise CheckpointError(f"'{directory}' is incomplete: '{missing}' is missing.") from error
    except (OSError, ValueError) as error:
        if (directory / "transformer").is_dir():
            raise CheckpointError(f"'{directory}/transformer' can't be read: {error}") from error
        raise CheckpointError(
            f"'{directory}' lacks its transformer's configuration and tokenizer, and they can't be "
            "fetched; put the transformer's config.json and vocab.txt (or tokenizer.json) "
            f"into '{directory / 'transformer'}'."
        ) from error
    except (AssertionError, AttributeError, ImportError, LookupError, TypeError) as error:
        raise CheckpointError(
            f"'{directory}' doesn't describe a component of HanLP 2.1.5 "
            f"({type(error).__name__}: {error})."
        ) from error
    _load_weights(component, directory / "model.pt")
    component.to(device, verbose=False)
    component.model.eval()
    return component


def _load_weights(component: Any, path: Path) -> None:
    import torch

    try:
        weights = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise CheckpointError(
            f"'{path}' holds more than tensors, so loading it could run foreign code; load it "
            "where you trust it and save its state_dict again: "
            "torch.save({k: v.cpu() for k, v in model.state_dict().items()}, 'model.pt')."
        ) from error
    except (RuntimeError, EOFError, OSError) as error:
        raise CheckpointError(f"'{path}' is not a file of PyTorch weights, or damaged.") from error
    if not isinstance(weights, dict):
        raise CheckpointError(f"'{path}' is not a state_dict.")
    try:
        left = component.model_.load_state_dict(weights, strict=False)
    except RuntimeError as error:
        raise CheckpointError(f"'{path}' doesn't fit the sizes in config.json.") from error
    # HanLP saves trainable weights only. Others are computed, such as RoFormer's positions, or come
    # with the transformer, where it is frozen; building the model has made or read them.
    parameters = component.model_.named_parameters()
    trainable = {name for name, weight in parameters if weight.requires_grad}
    missing = sorted(trainable.intersection(left.missing_keys))
    if missing:
        raise CheckpointError(f"'{path}' lacks {len(missing)} weights, '{missing[0]}' among them.")


def _class_paths(config: Any) -> list[str]:
    """List the classes that HanLP would build from a configuration, or from vocabularies."""
    if isinstance(config, dict):
        named = [config[key] for key in ("classpath", "class_path") if key in config]
        if "idx_to_token" in config and config.get("type") is not None:
            named.append(config["type"])
        return [str(name) for name in named] + _class_paths(list(config.values()))
    if isinstance(config, list):
        return [path for value in config for path in _class_paths(value)]
    return []


def _local(config: dict[str, Any], directory: Path) -> dict[str, Any]:
    """Point the paths in a configuration to the files that are packed beside it.

    A published configuration names its transformer by an identifier of the hub, and its table of
    characters by a URL. The directory may have both.
    """
    local: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, dict) and key not in ("dictionary", "mapper"):  # those hold words
            local[key] = _local(value, directory)
        elif key == "transformer" and (directory / "transformer").is_dir():
            local[key] = str(directory / "transformer")
        elif key == "mapper" and isinstance(value, str):
            packed = directory / "utils" / value.rpartition("/")[2]
            local[key] = str(packed) if packed.is_file() else value
        else:
            local[key] = value
    return local
