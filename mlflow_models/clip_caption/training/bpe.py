"""A small vocabulary of GPT-2's kind (byte-level BPE), made from captions.

Sennrich, Haddow and Birch 2016, "Neural Machine Translation of Rare Words with Subword Units", over
bytes as in GPT-2: the 256 bytes come first, in GPT-2's order, so that "." is token 13 in each.
"""

from collections.abc import Iterable
from pathlib import Path

from clip_caption.training.examples import STOP
from zoo.errors import ZooError

BYTES = 256


def train(texts: Iterable[str], size: int, directory: Path) -> None:
    """Makes a vocabulary and writes it: `vocab.json` and `merges.txt`, as GPT-2 has them.

    Args:
        texts: what it shall spell with few tokens.
        size: tokens, at least 256.
        directory: where to.

    Raises:
        ZooError: the size doesn't hold the bytes.
    """
    from tokenizers.implementations import ByteLevelBPETokenizer

    if size < BYTES:
        raise ZooError(f"A vocabulary of {size} tokens can't hold the 256 bytes: --vocabulary.")
    tokenizer = ByteLevelBPETokenizer()
    # An ending period is a token of its own (examples.tokens_of), so no merge should have it.
    stripped = (text.rstrip(". ") for text in texts)
    tokenizer.train_from_iterator(stripped, vocab_size=size, min_frequency=2, show_progress=False)
    assert tokenizer.token_to_id(".") == STOP
    directory.mkdir(parents=True, exist_ok=True)
    tokenizer.save_model(str(directory))
