"""Translates captions and search words by packed checkpoints, on CTranslate2. No torch.

`build.py --translator` packs Marian (one pair of languages) and NLLB (200 languages), each in a
directory of `translators/`:

    translator.json             the pairs, and which tokens stand before a text
    model.bin ...               the weights in int8, as CTranslate2's converter writes them
    source.spm, target.spm      Marian's tokenizers; or tokenizer.json, NLLB's

CTranslate2 doesn't survive a fork, so a checkpoint is opened where it is first used: each worker
has a copy of its own, and a model without translators never imports CTranslate2.
"""

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from clip_caption.options import Options
from clip_caption.translating.languages import (
    ENGLISH,
    check_parameter,
    is_read,
    language_of,
    why_unread,
)
from zoo.data.texts import read_object
from zoo.errors import BadInput, CheckpointError
from zoo.serving.ctranslate2 import COMPUTE_TYPES

FOLDER, ABOUT = "translators", "translator.json"
BEAMS = 4  # as Helsinki-NLP's checkpoints were published with
MAX_TOKENS = 256  # of a text or its translation; what is longer is cut off
MAX_BATCH_TEXTS = 32  # translated at once: 4 beams of 32 texts need a few hundred MB at most
REMEDY = "write English, or build with a translator (--translator) or a multilingual CLIP (--clip)"
PAD = "<pad>"  # stands for nothing; a decoder starts from it, and never says it
Pair = tuple[str, str]  # from which language to which


class Pieces(Protocol):
    """Cuts texts into tokens, and joins these again."""

    def cut(self, text: str) -> list[str]:
        """Cut a text into tokens."""

    def join(self, tokens: Sequence[str]) -> str:
        """Join the tokens of a translation."""


class SentencePieces:
    """Marian's two tokenizers.

    Args:
        directory: It has `source.spm` and `target.spm`.
    """

    def __init__(self, directory: Path) -> None:
        from sentencepiece import SentencePieceProcessor

        self._source = SentencePieceProcessor(model_file=str(directory / "source.spm"))
        self._target = SentencePieceProcessor(model_file=str(directory / "target.spm"))

    def cut(self, text: str) -> list[str]:
        """Cut a text into tokens."""
        return list(self._source.encode(text, out_type=str))

    def join(self, tokens: Sequence[str]) -> str:
        """Join the tokens of a translation."""
        return str(self._target.decode(list(tokens)))


class FastPieces:
    """NLLB's tokenizer, in the format of `tokenizers`.

    Args:
        directory: It has `tokenizer.json`.
    """

    def __init__(self, directory: Path) -> None:
        from tokenizers import Tokenizer

        self._tokenizer = Tokenizer.from_file(str(directory / "tokenizer.json"))

    def cut(self, text: str) -> list[str]:
        """Cut a text into tokens."""
        return list(self._tokenizer.encode(text, add_special_tokens=False).tokens)

    def join(self, tokens: Sequence[str]) -> str:
        """Join the tokens of a translation."""
        ids = [self._tokenizer.token_to_id(one) for one in tokens]
        return str(self._tokenizer.decode([one for one in ids if one is not None]))


class Translator:
    """A packed checkpoint; any number of threads may use it.

    Args:
        directory: What `building.translators` wrote.
        threads: Threads of one translation.

    Attributes:
        pairs: From which language to which it translates.

    Raises:
        CheckpointError: The directory isn't complete.
    """

    def __init__(self, directory: Path, threads: int = 1) -> None:
        about = read_object(directory / ABOUT, CheckpointError)
        self._before: dict[Pair, tuple[list[str], list[str]]] = {
            (one["from"], one["to"]): (one["source"], one["target"]) for one in about["pairs"]
        }
        self.pairs = tuple(self._before)
        self._directory, self._threads, self._lock = directory, threads, threading.Lock()
        self._model: Any = None
        self._pieces: Pieces | None = None

    def __call__(self, texts: Sequence[str], pair: Pair) -> list[str]:
        """Translate texts, each different one once; a text without words stays empty."""
        pieces = self._open()
        source, target = self._before[pair]
        different = [one for one in dict.fromkeys(texts) if one.strip()]
        rows = [[*source, *pieces.cut(one)[:MAX_TOKENS], "</s>"] for one in different]
        found = self._model.translate_batch(
            rows,
            target_prefix=[target] * len(rows) if target else None,
            beam_size=BEAMS,
            max_batch_size=MAX_BATCH_TEXTS,
            max_decoding_length=MAX_TOKENS,
            suppress_sequences=[[PAD]],
        )
        said = [pieces.join(one.hypotheses[0][len(target) :]).strip() for one in found]
        done = dict(zip(different, said, strict=True))
        return [done.get(one, "") for one in texts]

    def _open(self) -> Pieces:
        """Open the checkpoint in this process, once."""
        with self._lock:
            if self._pieces is None:
                import ctranslate2

                self._model = ctranslate2.Translator(
                    str(self._directory),
                    compute_type=COMPUTE_TYPES["int8", "cpu"],
                    inter_threads=1,
                    intra_threads=self._threads,
                )
                marian = (self._directory / "source.spm").is_file()
                self._pieces = (SentencePieces if marian else FastPieces)(self._directory)
            return self._pieces


class Languages:
    """What a model reads and writes: in its own languages, or by packed translators.

    Args:
        reads: The languages that the checkpoint's CLIP reads, or `languages.EVERY`.
        directory: The engine's; translators may be packed there.
        threads: Threads of one translation.

    Attributes:
        captions: The languages that captions can be in, English first.
    """

    def __init__(self, reads: Sequence[str], directory: Path, threads: int = 1) -> None:
        packed = sorted((directory / FOLDER).glob(f"*/{ABOUT}"))
        self._of: dict[Pair, Translator] = {}
        for one in packed:
            translator = Translator(one.parent, threads)
            self._of |= dict.fromkeys(translator.pairs, translator)
        self._clip_reads = tuple(reads)
        self._reads = (*reads, *(source for source, target in self._of if target == ENGLISH))
        self.captions = (ENGLISH, *(target for source, target in self._of if source == ENGLISH))

    def check(self, options: Options, labels: Sequence[str]) -> None:
        """Refuse parameters with texts that CLIP can't read, before anything is computed.

        Args:
            options: Of the request.
            labels: Those of its labels whose features aren't known.

        Raises:
            BadParameter: One is in a language that neither CLIP nor a translator reads.
        """
        texts = [("match_text", options.match_text), ("with_text", options.with_text)]
        for name, text in (*texts, *(("labels", one) for one in labels)):
            check_parameter(name, text, self._reads, REMEDY)

    def is_read_as_it_is(self, text: str) -> bool:
        """Tell whether CLIP reads a text itself, without a translator."""
        return text.isascii() or is_read(language_of(text), self._clip_reads)

    def refusal(self, text: str) -> BadInput | None:
        """Give the error of a row whose search words can't be read; None if they can."""
        why = why_unread(text, self._reads, REMEDY)
        return BadInput(why) if why else None

    def to_read(self, text: str) -> str:
        """Translate a text that CLIP doesn't read itself.

        Raises:
            BadInput: No translator reads it either.
        """
        if self.is_read_as_it_is(text):
            return text
        if error := self.refusal(text):
            raise error
        language = language_of(text)
        return self._of[language, ENGLISH]([text], (language, ENGLISH))[0]

    def to_write(self, texts: Sequence[str], language: str) -> list[str]:
        """Translate English captions to one of `captions`."""
        if language == ENGLISH:
            return list(texts)
        return self._of[ENGLISH, language](texts, (ENGLISH, language))
