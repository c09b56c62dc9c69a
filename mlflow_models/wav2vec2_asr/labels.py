"""The labels of a CTC checkpoint: what each of its outputs stands for."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zoo.errors import CheckpointError

BLANKS = ("[PAD]", "<pad>")
SPECIAL = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "<pad>", "<unk>", "<s>", "</s>"}


@dataclass(frozen=True)
class Labels:
    """What the outputs of a model stand for.

    Args:
        texts: by index.
        blank: the index of CTC's blank.
        space: the index of the word delimiter, where there is one.
        special: indices that are never spoken: blank, unknown, start and end.
    """

    texts: tuple[str, ...]
    blank: int
    space: int | None
    special: frozenset[int]

    @classmethod
    def read(cls, directory: Path) -> "Labels":
        """Reads `vocab.json`, and what `tokenizer_config.json` says of it.

        Raises:
            CheckpointError: it is missing, empty or has no blank.
        """
        vocabulary = _read_json(directory / "vocab.json")
        settings: dict[str, Any] = {}
        if (directory / "tokenizer_config.json").is_file():
            settings = _read_json(directory / "tokenizer_config.json")
        if target := settings.get("target_lang"):  # of several languages, one adapter each
            vocabulary = vocabulary.get(target, vocabulary)
        if not vocabulary or sorted(vocabulary.values()) != list(range(len(vocabulary))):
            raise CheckpointError(f"'{directory / 'vocab.json'}' is no vocabulary: labels "
                                  "by their indices from 0 on.")  # fmt: skip
        names = [_name(settings.get("pad_token")), *BLANKS]
        blank = next((vocabulary[name] for name in names if name in vocabulary), None)
        if blank is None:
            raise CheckpointError(f"'{directory / 'vocab.json'}' has no blank ([PAD] or <pad>).")
        named = {_name(settings.get(f"{kind}_token")) for kind in ("pad", "unk", "bos", "eos")}
        return cls(
            tuple(sorted(vocabulary, key=vocabulary.__getitem__)),
            blank,
            vocabulary.get(settings.get("word_delimiter_token", "|")),
            frozenset(vocabulary[name] for name in (SPECIAL | named) & set(vocabulary)),
        )

    def __len__(self) -> int:
        return len(self.texts)

    def spoken(self, index: int) -> str:
        """What a label adds to the text."""
        return " " if index == self.space else self.texts[index]


def _name(token: Any) -> str:
    """A special token's text: configurations have it plain, or in a dictionary."""
    return str(token.get("content", "")) if isinstance(token, dict) else str(token or "")


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"'{path}' is missing, or isn't JSON.") from error
    if not isinstance(content, dict):
        raise CheckpointError(f"'{path}' isn't a JSON object.")
    return content
