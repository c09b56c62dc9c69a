"""Text towers of XLM-RoBERTa, which read a hundred languages, as open_clip and M-CLIP publish them.

open_clip's (`xlm-roberta-base-ViT-B-32`, `xlm-roberta-large-ViT-H-14`) are a CLIP with both halves,
in open_clip's local directory, with XLM-R's tokenizer in it. M-CLIP's (Carlsson et al. 2022,
`M-CLIP/XLM-Roberta-Large-Vit-B-32`) are a text tower alone, which learnt to give the features of
OpenAI's: `config.json`, `pytorch_model.bin` and the tokenizer.
"""

import contextlib
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from zoo.data.outputs import write_json
from zoo.data.texts import read_object
from zoo.errors import CheckpointError

if TYPE_CHECKING:
    from transformers import XLMRobertaConfig

KIND = "xlm-roberta"
TOKENIZERS = ("tokenizer.json", "sentencepiece.bpe.model")  # one of them is enough
CONFIG, OPEN_CLIP_CONFIG = "config.json", "open_clip_config.json"
WEIGHTS = ("*.safetensors", "*.bin")  # which of them is taken first
HEAD_WIDTH = 64  # of every XLM-RoBERTa that was published
PAD = 1  # its tokens are those of fairseq: <s>, <pad>, </s>, <unk>
OPEN_CLIP_TOKENS = 77  # if the configuration doesn't say it
TRANSFORMER = "transformer."  # what the names of M-CLIP's weights of XLM-R begin with
OLD_KEYS = {"proj": "hf_proj_type", "pooler_type": "hf_pooler_type"}  # of earlier open_clips


@dataclass(frozen=True)
class TextTower:
    """A text tower of XLM-RoBERTa.

    Attributes:
        model: Has `encode_text`, from int64 (texts, tokens), padded with `PAD`, to float32 (texts,
            width).
        source: The tokenizer's directory, or its name on the Hugging Face hub.
        words: How many tokens it knows.
        length: How many of them it reads.
        clean: Whether texts are cleaned as open_clip does.
    """

    model: Any
    source: str
    words: int
    length: int
    clean: bool

    @property
    def about(self) -> dict[str, Any]:
        """What `vocabulary.open_tokenizer` has to know."""
        return {"length": self.length, "clean": self.clean, "pad": PAD}

    def example(self) -> torch.Tensor:
        """Make tokens of two texts, int64 (2, 5): one is shorter."""
        return torch.tensor([[0, 5, 6, 7, 2], [0, 5, 2, PAD, PAD]])

    def write_tokenizer(self, path: Path) -> None:
        """Write the tokenizer in the format of `tokenizers`.

        Raises:
            CheckpointError: There is none.
        """
        from transformers import XLMRobertaTokenizer

        directory = Path(self.source)
        if directory.is_dir() and not any((directory / name).is_file() for name in TOKENIZERS):
            raise CheckpointError(f"'{directory}' is incomplete: '{TOKENIZERS[0]}' is missing.")
        try:
            tokenizer = XLMRobertaTokenizer.from_pretrained(self.source)
            if len(tokenizer) > self.words or tokenizer.pad_token_id != PAD:
                raise ValueError("another tokenizer")
        except Exception as error:  # whatever a damaged file makes the readers raise
            raise CheckpointError(
                f"The tokenizer in '{self.source}' is damaged, or isn't the text tower's."
            ) from error
        tokenizer.backend_tokenizer.save(str(path), pretty=False)


class MClip(torch.nn.Module):
    """M-CLIP's text tower: the mean of XLM-R's last states, and a linear layer.

    Args:
        config: Of the XLM-R.
        width: Of the features.
    """

    def __init__(self, config: "XLMRobertaConfig", width: int) -> None:
        from transformers import XLMRobertaModel

        super().__init__()
        self.transformer = XLMRobertaModel(config, add_pooling_layer=False)
        self.LinearTransformation = torch.nn.Linear(config.hidden_size, width)

    def encode_text(self, tokens: torch.Tensor) -> torch.Tensor:
        """Embed texts: int64 (texts, tokens) to float32 (texts, width)."""
        mask = (tokens != PAD).long()
        states = self.transformer(input_ids=tokens, attention_mask=mask).last_hidden_state
        mean = (states * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
        features: torch.Tensor = self.LinearTransformation(mean)
        return features


def is_mclip(directory: Path) -> bool:
    """Tell whether a directory is in M-CLIP's layout."""
    about = read_object(directory / CONFIG, missing={})
    return {"numDims", "transformerDimensions"} <= about.keys()


def read_mclip(directory: Path) -> TextTower:
    """Read M-CLIP's text tower.

    Raises:
        CheckpointError: It is incomplete, of another kind, or not safe to load.
    """
    about = read_object(directory / CONFIG, CheckpointError)
    try:
        weights = _load(directory)
        config = _config(weights, TRANSFORMER, about)
        with torch.device("meta"):
            model = MClip(config, int(about["numDims"]))
        kept = {name: one.float() for name, one in weights.items() if not _is_extra(name)}
        model.load_state_dict(kept, assign=True)
        # What XLM-R computes itself isn't among its weights.
        for name, buffer in model.named_buffers():
            owner = model.get_submodule(name.rpartition(".")[0])
            setattr(owner, name.rpartition(".")[2], _buffer(name, buffer.shape))
    except Exception as error:  # whatever a damaged or hostile file makes torch raise
        raise CheckpointError(
            f"'{directory}' is no text tower of M-CLIP's on XLM-RoBERTa ({type(error).__name__}): "
            "its weights are incomplete, of another shape, or not safe to load."
        ) from error
    _attend_plainly(model.transformer)
    length = config.max_position_embeddings - 2  # positions count from the one after padding's
    return TextTower(model.eval(), str(directory), config.vocab_size, length, clean=False)


def tower_of(model: Any, config: dict[str, Any], directory: Path | None) -> TextTower | None:
    """Give the text tower of one of open_clip's CLIPs; None if it reads as OpenAI's does.

    Args:
        model: open_clip's.
        config: What its `open_clip_config.json` says.
        directory: Where it comes from; None: the hub.

    Raises:
        CheckpointError: The text tower is not an XLM-RoBERTa.
    """
    text = config["model_cfg"]["text_cfg"]
    if "hf_model_name" not in text and not text.get("hf_tokenizer_name"):
        return None
    if getattr(getattr(getattr(model, "text", None), "config", None), "model_type", "") != KIND:
        raise CheckpointError(
            "The CLIP reads text in another way than OpenAI's, or than one with XLM-RoBERTa does."
        )
    _attend_plainly(model.text.transformer)
    source = str(directory) if directory else str(text["hf_tokenizer_name"])
    length = int(text.get("context_length", OPEN_CLIP_TOKENS))
    return TextTower(model, source, model.text.config.vocab_size, length, clean=True)


@contextlib.contextmanager
def openable(directory: Path, config: dict[str, Any]) -> Iterator[Path]:
    """Give a directory that open_clip can open without the hub.

    open_clip asks the hub for the sizes of `xlm-roberta-base`; the weights tell them, too.

    Args:
        directory: In open_clip's format.
        config: What its `open_clip_config.json` says.

    Raises:
        CheckpointError: Its text tower isn't an XLM-RoBERTa, or its weights are damaged.
    """
    model_cfg = config["model_cfg"]
    if "hf_model_name" not in model_cfg.get("text_cfg", {}):
        yield directory
        return
    prefix = f"text.{TRANSFORMER}"
    weights = _load(directory)
    sizes = _config(weights, prefix, read_object(directory / CONFIG, missing={})).to_dict()
    text = {OLD_KEYS.get(key, key): value for key, value in model_cfg["text_cfg"].items()}
    with tempfile.TemporaryDirectory() as work:
        copy = Path(work)
        (copy / KIND).mkdir()
        write_json(copy / KIND / CONFIG, sizes)
        own = {**model_cfg, "text_cfg": {**text, "hf_model_name": str(copy / KIND)}}
        write_json(copy / OPEN_CLIP_CONFIG, {**config, "model_cfg": own})
        for pattern in WEIGHTS:
            for path in directory.glob(pattern):
                (copy / path.name).symlink_to(path.resolve())
        yield copy


def _load(directory: Path) -> Mapping[str, torch.Tensor]:
    """Read weights; a pickle is read by torch's reader that knows tensors only.

    Raises:
        CheckpointError: There are none.
    """
    from safetensors.torch import load_file

    for path in [path for pattern in WEIGHTS for path in sorted(directory.glob(pattern))]:
        if path.suffix == ".safetensors":
            return load_file(path)
        found: Mapping[str, torch.Tensor] = torch.load(
            path, map_location="cpu", weights_only=True, mmap=True
        )
        return found
    raise CheckpointError(f"'{directory}' is incomplete: its weights are missing.")


def _is_extra(name: str) -> bool:
    """Tell whether a weight plays no part: XLM-R's pooler, and a buffer of old Transformers."""
    return ".pooler." in name or name.endswith(".position_ids")


def _config(
    weights: Mapping[str, torch.Tensor], prefix: str, about: Mapping[str, Any]
) -> "XLMRobertaConfig":
    """Tell the sizes of an XLM-R by its weights; `about` may say how many heads it has.

    Raises:
        CheckpointError: They are no XLM-R's.
    """
    from transformers import XLMRobertaConfig

    layer = f"{prefix}encoder.layer."
    try:
        words, width = weights[f"{prefix}embeddings.word_embeddings.weight"].shape
        positions = weights[f"{prefix}embeddings.position_embeddings.weight"].shape[0]
        inner = weights[f"{layer}0.intermediate.dense.weight"].shape[0]
        types = weights[f"{prefix}embeddings.token_type_embeddings.weight"].shape[0]
    except KeyError as error:
        raise CheckpointError(f"The text tower is no XLM-RoBERTa: it lacks {error}.") from error
    depth = layer.count(".")
    layers = {name.split(".")[depth] for name in weights if name.startswith(layer)}
    return XLMRobertaConfig(
        vocab_size=words,
        hidden_size=width,
        num_hidden_layers=len(layers),
        num_attention_heads=int(about.get("num_attention_heads", max(1, width // HEAD_WIDTH))),
        intermediate_size=inner,
        max_position_embeddings=positions,
        type_vocab_size=types,
        layer_norm_eps=1e-5,
        pad_token_id=PAD,
    )


def _buffer(name: str, shape: torch.Size) -> torch.Tensor:
    """Make a buffer of XLM-R's embeddings: the positions' numbers, or the types, all 0."""
    if name.endswith("position_ids"):
        return torch.arange(shape[-1]).expand(shape)
    return torch.zeros(shape, dtype=torch.int64)


def _attend_plainly(transformer: Any) -> None:
    """Choose attention in plain operations, which can be exported with any mask."""
    transformer.set_attn_implementation("eager")
