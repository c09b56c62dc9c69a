"""The labels of a CTC checkpoint: what each of its outputs stands for."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zoo.data.texts import read_object
from zoo.errors import CheckpointError

BLANKS = ("[PAD]", "<pad>")
SPECIAL = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "<pad>", "<unk>", "<s>", "</s>"}


@dataclass(frozen=True)
class Labels:
    """What the outputs of a model stand for.

    Args:
        texts: The text of each label, by index.
        blank: The index of CTC's blank.
        space: The index of the word delimiter; None if there is none.
        special: Indices of labels without sound: blank, unknown, start and end.
    """

    texts: tuple[str, ...]
    blank: int
    space: int | None
    special: frozenset[int]

    @classmethod
    def read(cls, directory: Path, outputs: int | None = None) -> "Labels":
        """Read `vocab.json`, and what the tokenizer's other files add to it.

        Args:
            directory: The checkpoint.
            outputs: How many outputs the model has. None: as many as there are labels.

        Raises:
            CheckpointError: The vocabulary is missing, empty, without a blank, or doesn't fit the
                model.
        """
        path = directory / "vocab.json"
        settings = read_object(directory / "tokenizer_config.json", CheckpointError, {})
        vocabulary = _vocabulary(directory, settings)
        names = [_name(settings.get("pad_token")), *BLANKS]
        blank = next((vocabulary[name] for name in names if name in vocabulary), None)
        named = {_name(settings.get(f"{kind}_token")) for kind in ("pad", "unk", "bos", "eos")}
        special = (SPECIAL | named) & set(vocabulary)
        if outputs is not None:  # <s> and </s> of many tokenizers have no output
            beyond = {name for name in special if blank != vocabulary[name] >= outputs}
            vocabulary = {n: i for n, i in vocabulary.items() if n not in beyond}
            special -= beyond
            if len(vocabulary) != outputs:
                raise CheckpointError(
                    f"'{path}' has {len(vocabulary)} labels, but the model has {outputs} outputs."
                )
        if not vocabulary or sorted(vocabulary.values()) != list(range(len(vocabulary))):
            raise CheckpointError(f"'{path}' is not a vocabulary: labels by index, from 0 on.")
        if blank is None:
            raise CheckpointError(f"'{path}' has no blank ([PAD] or <pad>).")
        lower = bool(settings.get("do_lower_case"))  # then the vocabulary has capitals
        texts = sorted(vocabulary, key=vocabulary.__getitem__)
        return cls(
            tuple(text.lower() if lower and text not in special else text for text in texts),
            blank,
            vocabulary.get(settings.get("word_delimiter_token", "|")),
            frozenset(vocabulary[name] for name in special),
        )

    def __len__(self) -> int:
        return len(self.texts)

    def spoken(self, index: int) -> str:
        """Give what a label adds to the text."""
        return " " if index == self.space else self.texts[index]


def _vocabulary(directory: Path, settings: dict[str, Any]) -> dict[str, int]:
    """Read the indices of `vocab.json`, and of what the tokenizer's other files add."""
    path = directory / "vocab.json"
    added = read_object(directory / "added_tokens.json", CheckpointError, {})
    vocabulary, target = read_object(path, CheckpointError), settings.get("target_lang")
    try:
        if target:  # a checkpoint of several languages has an adapter for each
            vocabulary = dict(vocabulary.get(target, vocabulary))
        for index, token in settings.get("added_tokens_decoder", {}).items():
            vocabulary.setdefault(_name(token), int(index))
        for name, index in added.items():
            vocabulary.setdefault(name, index)
    except (AttributeError, TypeError, ValueError) as error:
        raise CheckpointError(f"The tokenizer's files in '{directory}' are damaged.") from error
    if not all(isinstance(index, int) for index in vocabulary.values()):
        raise CheckpointError(f"'{path}' is not a vocabulary: labels by index, from 0 on.")
    return vocabulary


def _name(token: Any) -> str:
    """Give a special token's text; some configurations have it in a dictionary."""
    return str(token.get("content", "")) if isinstance(token, dict) else str(token or "")
