"""What training starts from: a checkpoint of ClipCap, a GPT-2 with a new mapper, or nothing."""

import argparse
import copy
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from clip_caption.answering.usual import FILE, Known
from clip_caption.building import checkpoint, clip
from clip_caption.training import bpe
from clip_caption.training.words import Words
from zoo.building import checkpoints
from zoo.data.texts import read_object
from zoo.errors import CheckpointError, ZooError

if TYPE_CHECKING:
    from transformers import GPT2Config, GPT2LMHeadModel

    from clip_caption.building.network import CaptionModel, Mapper

GPT2_FILES = ["config.json", "*.safetensors", "vocab.json", "merges.txt"]


@dataclass
class Start:
    """What is trained, and what goes into its checkpoint as it is.

    Args:
        model: mapper and GPT-2, in float32.
        clip: gives the features.
        words: GPT-2's vocabulary.
        known: Which photos are usual for it; None: too few to say.
        published: Whether the CLIP is the published one that a checkpoint of this width is for; it
            isn't copied then.
    """

    model: "CaptionModel"
    clip: clip.Clip
    words: Words
    published: bool
    known: Known | None = None

    def export(self, directory: Path, dtype: str) -> None:
        """Writes the checkpoint.

        Args:
            directory: is replaced.
            dtype: float16 or float32.
        """
        model = copy.deepcopy(self.model).cpu()
        model = model.half() if dtype == "float16" else model.float()
        shutil.rmtree(directory, ignore_errors=True)
        checkpoint.save(model, directory)
        self.words.save(directory)
        if self.known:
            self.known.write(directory / FILE)
        if self.clip.directory is not None:
            shutil.copytree(self.clip.directory, directory / "clip")
        elif not self.published:
            clip.save_clip(self.clip, directory / "clip")


def begin(args: argparse.Namespace, captions: list[list[str]]) -> Start:
    """Opens or makes what is trained.

    Args:
        args: the options of finetune.py.
        captions: of the training set: a new vocabulary is made from them.

    Raises:
        CheckpointError: something can't be loaded, or the parts don't fit together.
    """
    if args.model:
        path = checkpoint.find(args.model)
        model = checkpoint.open_model(path, args.normalize_prefix)
        width = features_width(model)
        own = path.is_dir() and (path / "clip").is_dir()
        found = checkpoint.clip_of(path, args.clip_model, width)
        words = Words.read(path if path.is_dir() else None)
        return Start(model, found, words, not args.clip_model and not own)
    width = clip_width(args.clip_model)
    found = clip.open_clip_model(args.clip_model, width)
    if args.gpt2:
        directory = checkpoints.resolve(
            args.gpt2, checkpoint.DEMO, lambda name: checkpoints.from_hub(name, GPT2_FILES)
        )
        gpt, words = _open_gpt2(directory, args.dropout), Words.read(directory)
    else:
        directory = args.output / "vocabulary"
        bpe.train((text for texts in captions for text in texts), args.vocabulary, directory)
        words = Words.read(directory)
        gpt = _new_gpt2(args, len(words))
    mapper = _new_mapper(args, width, gpt.config.n_embd)
    model = _join(mapper, gpt, checkpoint.NORMALIZE[args.normalize_prefix or "by-layout"])
    return Start(model, found, words, not args.clip_model)


def features_width(model: "CaptionModel") -> int:
    """The width of the features that a model's mapper reads."""
    from clip_caption.building.network import LinearMapper, MlpMapper

    mapper = model.clip_project
    if isinstance(mapper, LinearMapper):
        return mapper.in_features
    first = mapper.model[0] if isinstance(mapper, MlpMapper) else mapper.linear
    return int(first.in_features)  # type: ignore[arg-type]


def clip_width(name: str | None) -> int:
    """The width of a CLIP's features, before it is loaded.

    Args:
        name: as `clip.open_clip_model` takes it; None: ViT-B/32.

    Raises:
        CheckpointError: there is none of that name.
    """
    if name is None:
        return 512
    path = Path(name)
    try:
        if path.is_dir():
            return int(read_object(path / clip.CONFIG)["model_cfg"]["embed_dim"])
        if path.is_file():
            from clip_caption.building.torchscript import read_torchscript

            return int(read_torchscript(path)["text_projection"].shape[1])
    except (ZooError, OSError, ValueError, KeyError, RuntimeError) as error:
        raise CheckpointError(
            f"'{name}' is no CLIP: neither open_clip's local directory nor a .pt file of OpenAI's."
        ) from error
    import open_clip

    config = open_clip.get_model_config(name.partition("/")[0])
    if config is None:
        raise CheckpointError(f"open_clip knows no architecture '{name.partition('/')[0]}'.")
    return int(config["embed_dim"])


def _new_gpt2(args: argparse.Namespace, words: int) -> "GPT2LMHeadModel":
    from transformers import GPT2Config, GPT2LMHeadModel

    if args.gpt_width % args.gpt_heads:
        raise CheckpointError("--gpt-width must be a multiple of --gpt-heads.")
    return GPT2LMHeadModel(
        GPT2Config(
            vocab_size=words,
            n_positions=args.positions,
            n_embd=args.gpt_width,
            n_layer=args.gpt_layers,
            n_head=args.gpt_heads,
            bos_token_id=0,
            eos_token_id=0,
            **_dropout(args.dropout),
        )
    )


def _dropout(share: float) -> dict[str, float]:
    return {"resid_pdrop": share, "embd_pdrop": share, "attn_pdrop": share}


def _open_gpt2(directory: Path, dropout: float) -> "GPT2LMHeadModel":
    """Loads GPT-2 in Hugging Face's format."""
    from transformers import GPT2LMHeadModel

    try:
        gpt: GPT2LMHeadModel = GPT2LMHeadModel.from_pretrained(
            directory, use_safetensors=True, dtype="float32", **_dropout(dropout)
        )
    except (OSError, ValueError, RuntimeError) as error:
        raise CheckpointError(
            f"'{directory}' holds no GPT-2 in Hugging Face's format, with its weights as "
            "safetensors."
        ) from error
    return gpt


def _new_mapper(args: argparse.Namespace, clip_width: int, gpt_width: int) -> "Mapper":
    from clip_caption.building import network

    if args.mapper == "mlp":
        return network.MlpMapper(clip_width, gpt_width, args.prefix_length)
    if args.mapper == "linear":
        return network.LinearMapper(clip_width, gpt_width, args.prefix_length)
    if gpt_width % args.mapper_heads:
        raise CheckpointError("GPT-2's width must be a multiple of --mapper-heads.")
    return network.TransformerMapper(
        clip_width, gpt_width, args.prefix_length, args.clip_length, args.mapper_layers,
        args.mapper_heads,
    )  # fmt: skip


def _join(mapper: "Mapper", gpt: "GPT2LMHeadModel", normalize: bool | None) -> "CaptionModel":
    """A captioning model of a mapper and a GPT-2."""
    from clip_caption.building.network import CaptionModel

    config: GPT2Config = gpt.config
    model = CaptionModel(mapper, config, normalize)
    model.gpt = gpt
    return model
