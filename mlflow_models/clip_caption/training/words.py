"""GPT-2's vocabulary for training, from `vocab.json` and `merges.txt`, or GPT-2's own."""

import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from clip_caption.building.checkpoint import VOCABULARY
from zoo.errors import CheckpointError


class Words:
    """Byte-level BPE both ways.

    Args:
        directory: of the two files; None: GPT-2's own vocabulary, which openai-whisper ships.
    """

    def __init__(self, directory: Path | None) -> None:
        self.directory = directory
        if directory is None:
            from whisper.tokenizer import get_encoding

            gpt2 = get_encoding("gpt2")
            self._encode, self._decode, self._size = gpt2.encode_ordinary, gpt2.decode, 50257
            return
        from tokenizers.implementations import ByteLevelBPETokenizer

        files = [str(directory / name) for name in VOCABULARY]
        own = ByteLevelBPETokenizer.from_file(*files)
        self._encode, self._decode = lambda text: own.encode(text).ids, own.decode
        self._size = own.get_vocab_size()

    @classmethod
    def read(cls, directory: Path | None) -> "Words":
        """The vocabulary of a checkpoint: its own, or GPT-2's where it has none.

        Raises:
            CheckpointError: its files are damaged.
        """
        if directory is None or not all((directory / name).is_file() for name in VOCABULARY):
            return cls(None)
        try:
            return cls(directory)
        except Exception as error:  # tokenizers raises nothing more special
            raise CheckpointError(
                f"The vocabulary in '{directory}' is damaged: {' and '.join(VOCABULARY)}."
            ) from error

    def __len__(self) -> int:
        return self._size

    def encode(self, text: str) -> list[int]:
        """Token ids of a text."""
        return list(self._encode(text))

    def decode(self, tokens: Sequence[int]) -> str:
        """The text of token ids."""
        return str(self._decode(list(tokens)))

    def lost(self, text: str) -> dict[str, int]:
        """The characters of a text that the vocabulary can't say, and how often they are in it.

        A vocabulary of bytes says everything; one that lacks some of the 256 leaves them out.
        """
        said = Counter(self.decode(self.encode(text)))
        return dict(Counter(text) - said)

    def save(self, directory: Path) -> None:
        """Copies the files, where it isn't GPT-2's own."""
        if self.directory is not None:
            for name in VOCABULARY:
                shutil.copy(self.directory / name, directory / name)
