"""Beam search over CTC's labels, with an n-gram model of characters where there is one.

The search is flashlight-text's, without a lexicon. Thai has no spaces between words, so
the model is of characters, and knows every word. Several alignments may give one prefix: together
they are one hypothesis, with the sum of their probabilities (Graves 2012, "Sequence transduction
with recurrent neural networks"). KenLM reads the model: ARPA, or its own binary format.
"""

import math
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from wav2vec2_asr.labels import SPECIAL
from zoo.data.texts import read_object
from zoo.errors import CheckpointError

if TYPE_CHECKING:
    from flashlight.lib.text.decoder import LexiconFreeDecoder
    from flashlight.lib.text.decoder.kenlm import KenLM

WEIGHT, BONUS, BEAM_SIZE = 0.5, 0.0, 64  # until `ngram.py tune` finds better ones
MAX_ORDER = 6  # the wheel of flashlight-text was compiled for n-grams up to this length
SPOKEN = {"|": "|", " ": "|"}  # a model writes `|` between words, whatever the checkpoint writes
MARKERS = ("<s>", "</s>", "<unk>")
SEPARATORS = re.compile("[ \t\r\n]")

CANDIDATE_LABELS = 12  # of a frame, the likeliest: only these are tried
THRESHOLD = 25.0  # natural logarithm: hypotheses this far below the best are dropped
SURE = math.log(0.9999)  # of a blank: only the first frame of such a run is searched
STEP_FRAMES = 25  # at a time: the search holds Python's lock, so other threads wait for it
LOOK_BACK_FRAMES = 250  # what is older is final, which bounds the memory
FLOOR = -1e4  # instead of minus infinity: the difference of two of these isn't a number


@dataclass(frozen=True)
class LanguageModelSettings:
    """A model and how to decode with it: what `ngram.py tune` writes and `build.py` packs.

    Args:
        model: The file, ARPA or KenLM's binary format.
        weight: See `BeamSearch`.
        bonus: See `BeamSearch`.
        beam_size: How many hypotheses are kept.
    """

    model: Path
    weight: float = WEIGHT
    bonus: float = BONUS
    beam_size: int = BEAM_SIZE

    @classmethod
    def read(cls, path: Path) -> "LanguageModelSettings":
        """Read `language_model.json`; for a model itself, give the defaults.

        Raises:
            CheckpointError: The file is missing, or lacks a field.
        """
        if path.suffix != ".json":
            return cls(path)
        content = read_object(path, CheckpointError)
        try:
            return cls(
                path.parent / content["file"],
                float(content["weight"]),
                float(content["bonus"]),
                int(content["beam_size"]),
            )
        except (ValueError, KeyError, TypeError) as error:
            raise CheckpointError(
                f"'{path}' isn't a JSON object with file, weight, bonus and beam_size."
            ) from error


class BeamSearch:
    """Finds the likeliest text of log-probabilities. One object serves any number of threads.

    Args:
        labels: The checkpoint's labels, by index.
        blank: The index of CTC's blank.
        model: An n-gram model of characters, ARPA or KenLM's binary format. None: the sound alone
            decides.
        weight: Weight of the model's natural logarithms; the sound's have 1 (pyctcdecode's alpha).
        bonus: Natural logarithm that a frame with a label gets, and a frame with the blank doesn't.
            If positive, it balances a model's preference for short texts ("blank penalty").
        beam_size: How many hypotheses are kept.
        special: Indices of labels without sound. None: the labels with the usual names.

    Raises:
        CheckpointError: The model can't be read, or doesn't know these labels.
    """

    def __init__(
        self,
        labels: Sequence[str],
        blank: int,
        model: Path | None = None,
        weight: float = WEIGHT,
        bonus: float = BONUS,
        beam_size: int = BEAM_SIZE,
        special: Collection[int] | None = None,
    ) -> None:
        from flashlight.lib.text.decoder import ZeroLM

        if special is None:
            special = [index for index, label in enumerate(labels) if label in SPECIAL]
        spoken = [index for index in range(len(labels)) if index not in {*special, blank}]
        # Columns of the search, (columns,): the labels with sound, then the blank.
        self._columns = np.array([*spoken, blank])
        texts = [SPOKEN.get(labels[index], labels[index]) for index in spoken]
        self._model = ZeroLM() if model is None else load(model, texts)
        self.weight = 0.0 if model is None else weight
        self.bonus, self.beam_size = bonus, beam_size

    def tuned(self, weight: float, bonus: float, beam_size: int) -> "BeamSearch":
        """Make the same search with other settings; it shares the model, which isn't read again."""
        other = object.__new__(BeamSearch)
        other.__dict__.update(self.__dict__, weight=weight, bonus=bonus, beam_size=beam_size)
        return other

    def __call__(self, log_probs: np.ndarray, beam_size: int | None = None) -> np.ndarray:
        """Find the path of the likeliest hypothesis.

        Args:
            log_probs: Natural logarithms, float32 (frames, labels).
            beam_size: How many hypotheses are kept. None: the search's own number.

        Returns:
            Labels, blanks included, int64 (frames,): the likeliest alignment of the likeliest text.
        """
        blank = len(self._columns) - 1
        # (frames, columns)
        scores = np.nan_to_num(log_probs[:, self._columns], nan=FLOOR, neginf=FLOOR)
        sure = scores[:, blank] > SURE  # (frames,)
        # Of a run of sure blanks only the first frame is searched.
        kept = ~(sure & np.r_[False, sure[:-1]]) if len(sure) else sure
        path = np.full(len(scores), blank)
        scores = np.ascontiguousarray(np.maximum(scores[kept], FLOOR), dtype=np.float32)
        path[kept] = self._search(scores, beam_size or self.beam_size)
        return self._columns[path]

    def _search(self, scores: np.ndarray, beam_size: int) -> np.ndarray:
        """Search the kept frames: float32 (frames, columns) to columns, int64 (frames,)."""
        decoder, path = self._decoder(beam_size), list[int]()
        decoder.decode_begin()
        for start in range(0, len(scores), STEP_FRAMES):
            piece = scores[start : start + STEP_FRAMES]
            decoder.decode_step(piece.ctypes.data, *piece.shape)
            if start + len(piece) - len(path) >= 2 * LOOK_BACK_FRAMES:
                path += decoder.get_best_hypothesis(LOOK_BACK_FRAMES).tokens[1:]
                decoder.prune(LOOK_BACK_FRAMES)
        decoder.decode_end()
        # The decoder adds the first token (where it began) and the last (the end of the sentence).
        path += decoder.get_best_hypothesis().tokens[1:-1]
        return np.array(path, dtype=np.int64)

    def _decoder(self, beam_size: int) -> "LexiconFreeDecoder":
        from flashlight.lib.text.decoder import (
            CriterionType,
            LexiconFreeDecoder,
            LexiconFreeDecoderOptions,
        )

        blank = len(self._columns) - 1
        options = LexiconFreeDecoderOptions(
            beam_size=beam_size,
            beam_size_token=min(CANDIDATE_LABELS, len(self._columns)),
            beam_threshold=THRESHOLD,
            lm_weight=self.weight * math.log(10),  # KenLM's logarithms are to base 10
            sil_score=-self.bonus,
            log_add=True,
            criterion_type=CriterionType.CTC,
        )
        # The decoder gives "silence" a score per frame. Here silence is the blank, and its score is
        # the bonus. The search also begins with it, so that `|` in the first frame is a label.
        return LexiconFreeDecoder(options, self._model, blank, blank, [])


def load(path: Path, texts: Sequence[str]) -> "KenLM":
    """Load a model.

    Args:
        path: The file, ARPA or KenLM's binary format.
        texts: The texts that will be scored, by index; the index after the last is <unk>.

    Raises:
        CheckpointError: The model can't be read, isn't of characters, or knows none of the texts.
    """
    from flashlight.lib.text.decoder.kenlm import KenLM
    from flashlight.lib.text.dictionary import Dictionary

    if not path.is_file():
        raise CheckpointError(f"Language model '{path}' not found.")
    check_characters(path, texts)
    try:
        model = KenLM(str(path), Dictionary([*texts, "<unk>"]))
    except RuntimeError as error:
        raise CheckpointError(
            f"KenLM can't read '{path}' (`ngram.py repair` says what is wrong with an ARPA file)."
        ) from error
    start = model.start(False)
    unknown = model.score(start, len(texts))[1]
    if all(model.score(start, index)[1] == unknown for index in range(len(texts))):
        raise CheckpointError(f"The language model '{path}' knows none of the checkpoint's labels.")
    return model


def check_characters(path: Path, texts: Collection[str] = ()) -> None:
    """Refuse an ARPA file that is of words, or that KenLM can't read.

    Args:
        path: The model. A file that doesn't begin like an ARPA file isn't checked.
        texts: Labels that may have more than one character.

    Raises:
        CheckpointError: The model is of words, or has an order or a marker that KenLM refuses.
    """
    if (head := read_head(path)) is None:
        return
    order, found = head
    if not 2 <= order <= MAX_ORDER:
        raise CheckpointError(f"'{path}' has order {order}; KenLM reads 2 to {MAX_ORDER}.")
    if words := sum(len(one) > 1 for one in found.difference(MARKERS, texts)):
        raise CheckpointError(
            f"'{path}' is a model of words ({words:,} unigrams are longer than a character), but a "
            "model of characters is needed; `ngram.py build TEXT -o model.arpa` makes one."
        )
    if missing := [one for one in MARKERS[:2] if one not in found]:
        raise CheckpointError(
            f"'{path}' has no {missing[0]}; `ngram.py repair '{path}' -o NEW.arpa` adds </s>."
        )


def read_head(path: Path) -> tuple[int, set[str]] | None:
    """Read the order and the unigrams of an ARPA file; None if the file isn't ARPA."""
    order, found = 0, set()
    with path.open(encoding="utf-8", errors="replace", newline="\n") as file:
        if file.readline(100).strip() != "\\data\\":
            return None
        for line in file:
            if line.startswith("ngram "):
                order += 1
            elif line.startswith(("\\2-grams:", "\\end\\")):
                break
            # Not at all white space: a label may be a kind of space.
            elif not line.startswith("\\") and (fields := SEPARATORS.split(line))[2:]:
                found.add(fields[1])
    return order, found
