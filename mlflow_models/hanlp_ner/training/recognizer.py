"""Makes a HanLP recognizer, from scratch or around a pretrained transformer, and saves it."""

import argparse
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from hanlp_ner.training.corpora import Example
from hanlp_ner.training.tags import all_tags
from zoo.data.outputs import whole_directory, write_json

if TYPE_CHECKING:
    from hanlp.components.ner.transformer_ner import TransformerNamedEntityRecognizer

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def write_transformer(directory: Path, examples: list[Example], args: argparse.Namespace) -> None:
    """Writes a small untrained RoFormer (Su et al., 2021) and a vocabulary of characters.

    Rotary positions learn from little text what absolute ones need much more for: that what
    matters is how far apart two characters are.
    """
    from transformers import RoFormerConfig

    counts = Counter(c.lower() for text, _ in examples for c in text if not c.isspace())
    kept = sorted(c for c, count in counts.items() if count >= args.min_count and len(c) == 1)
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "vocab.txt").write_text("\n".join([*SPECIAL, *kept]) + "\n", encoding="utf-8")
    tokenizer = {"tokenizer_class": "BertTokenizer", "do_lower_case": True}
    write_json(directory / "tokenizer_config.json", tokenizer)
    RoFormerConfig(
        vocab_size=len(SPECIAL) + len(kept),
        embedding_size=args.hidden,
        hidden_size=args.hidden,
        num_hidden_layers=args.layers,
        num_attention_heads=args.heads,
        intermediate_size=args.feed_forward,
        hidden_dropout_prob=args.dropout,
        attention_probs_dropout_prob=args.dropout,
        max_position_embeddings=512,
    ).save_pretrained(directory)


def new_component(
    transformer: Path | str, labels: list[str], args: argparse.Namespace
) -> "TransformerNamedEntityRecognizer":
    """Builds an untrained component around a transformer, as HanLP's `fit` would."""
    from hanlp.common.vocab import Vocab
    from hanlp.components.ner.transformer_ner import TransformerNamedEntityRecognizer

    component = TransformerNamedEntityRecognizer()
    component.config.update(
        transformer=str(transformer),
        average_subwords=False,
        scalar_mix=None,
        word_dropout=args.word_dropout,
        ret_raw_hidden_states=None,
        crf=args.crf,
        secondary_encoder=None,
        token_key="token",
        tagging_scheme="IOBES",
        delimiter_in_entity="",
        merge_types=None,
        batch_size=32,
        seed=args.seed,
    )
    component.on_config_ready(**component.config)
    component.vocabs.tag = Vocab(idx_to_token=all_tags(labels), pad_token=None, unk_token=None)
    component.vocabs.tag.set_unk_as_safe_unk()
    component.vocabs.lock()
    component.model = component.build_model(training=not args.from_scratch)
    return component


def save_component(component: "TransformerNamedEntityRecognizer", directory: Path) -> None:
    """Writes what HanLP's `save` writes, and the transformer's configuration and tokenizer.

    The directory is replaced when it is complete.
    """
    transformer = component.config.transformer
    component.config.transformer = "transformer"  # not this machine's paths
    component.config.pop("load_path", None)
    with whole_directory(directory) as fresh:
        try:
            component.save(str(fresh))
            # HanLP leaves out what isn't trained, such as RoFormer's sinusoids; strict loaders
            # want it.
            component.save_weights(str(fresh), trainable_only=False)
        finally:
            component.config.transformer = transformer
        component.model.encoder.transformer.config.save_pretrained(fresh / "transformer")
        component.transformer_tokenizer.save_pretrained(fresh / "transformer")
