"""Finds HanLP's checkpoints, and loads them safely and without a network.

`hanlp.load` would do, but for four things: it may fall back to an unrestricted unpickler, it builds
whatever class the configuration names, it looks for the transformer's configuration on a hub, and
its own error handler fails where setuptools is new, which hides the real error.
"""

import difflib
import importlib
import json
import os
import pickle
from pathlib import Path
from typing import Any

from zoo.errors import CheckpointError

MULTI_TASK = "hanlp.components.mtl.multi_task_learning.MultiTaskLearning"
SINGLE_TASK = "hanlp.components.ner.transformer_ner.TransformerNamedEntityRecognizer"


def fetch(identifier: str) -> Path:
    """Downloads a published checkpoint, or finds it below `HANLP_HOME`; returns its directory.

    Args:
        identifier: A name of `hanlp.pretrained`, such as `MSRA_NER_ELECTRA_SMALL_ZH`.

    Raises:
        CheckpointError: HanLP publishes no such checkpoint, or it can't be reached.
    """
    from hanlp import pretrained
    from hanlp.utils.io_util import get_resource, hanlp_home

    published = {**pretrained.ner.ALL, **pretrained.mtl.ALL}
    url = published.get(identifier)
    if url is None:
        near = difflib.get_close_matches(identifier.upper(), published, 2, 0)
        raise CheckpointError(
            f"'{identifier}' is neither a directory nor a checkpoint that HanLP publishes; "
            f"did you mean {' or '.join(near)}?"
        )
    try:
        return Path(get_resource(url, verbose=True))
    except Exception as error:
        raise CheckpointError(
            f"'{identifier}' can't be downloaded here; fetch {url} where there is a network, "
            "unpack it, and give its directory as --checkpoint "
            f"(or unpack it below {hanlp_home()})."
        ) from error


def read_config(directory: Path) -> dict[str, Any]:
    """The `config.json` that HanLP's `save` wrote.

    Raises:
        CheckpointError: A file of the format is missing, or the configuration names a component
            that isn't a recogniser of entities, or a class that isn't HanLP's.
    """
    for name in ("config.json", "model.pt"):
        if not (directory / name).is_file():
            raise CheckpointError(f"'{directory}' is no HanLP checkpoint: it has no '{name}'.")
    try:
        config = json.loads((directory / "config.json").read_text(encoding="utf-8"))
    except ValueError as error:
        raise CheckpointError(f"'{directory}/config.json' is not valid JSON.") from error
    for path in _class_paths(config):
        if not path.startswith("hanlp."):
            raise CheckpointError(
                f"'{directory}/config.json' asks for the class '{path}', which isn't HanLP's; "
                "only stock HanLP components are loaded."
            )
    if config.get("classpath") not in (MULTI_TASK, SINGLE_TASK):
        raise CheckpointError(
            f"'{directory}' holds a '{config.get('classpath')}'; this model serves "
            "TransformerNamedEntityRecognizer and MultiTaskLearning components."
        )
    return config


def load(directory: Path, device: int = -1) -> Any:
    """Loads the component that `directory` holds.

    Args:
        directory: What HanLP's `save` wrote. The transformer's configuration and tokenizer are
            taken from its folder `transformer/` where there is one, else from HanLP's own cache
            (`HANLP_HOME`) or the hub.
        device: The GPU's number, or -1 for the CPU.

    Raises:
        CheckpointError: The directory is incomplete, unsafe or broken.
    """
    config = read_config(directory)
    os.environ.setdefault("HANLP_VERBOSE", "0")
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "" if device < 0 else str(device))
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
        raise CheckpointError(f"'{path}' is damaged: it is no file of PyTorch weights.") from error
    if not isinstance(weights, dict):
        raise CheckpointError(f"'{path}' holds no state_dict.")
    try:
        left = component.model_.load_state_dict(weights, strict=False)
    except RuntimeError as error:
        raise CheckpointError(f"'{path}' doesn't fit the sizes in config.json.") from error
    # HanLP saves trainable weights only; a buffer such as position_ids may rightly be absent.
    trainable = {name for name, _ in component.model_.named_parameters()}
    missing = sorted(trainable.intersection(left.missing_keys))
    if missing:
        raise CheckpointError(f"'{path}' lacks {len(missing)} weights, '{missing[0]}' among them.")


def _class_paths(config: Any) -> list[str]:
    """Every class that HanLP would build from this configuration."""
    if isinstance(config, dict):
        own = [config["classpath"]] if isinstance(config.get("classpath"), str) else []
        return own + [path for value in config.values() for path in _class_paths(value)]
    if isinstance(config, list):
        return [path for value in config for path in _class_paths(value)]
    return []


def _local(config: dict[str, Any], directory: Path) -> dict[str, Any]:
    """Points the paths in a configuration to the files packed beside it.

    A published configuration names its transformer by a hub's identifier and its table of
    characters by a URL; where the directory has them, it is self-contained.
    """
    local: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, dict):
            local[key] = _local(value, directory)
        elif key == "transformer" and (directory / "transformer").is_dir():
            local[key] = str(directory / "transformer")
        elif key == "mapper" and isinstance(value, str):
            packed = directory / "utils" / value.rpartition("/")[2]
            local[key] = str(packed) if packed.is_file() else value
        else:
            local[key] = value
    return local
