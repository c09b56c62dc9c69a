"""Beam search over CTC's labels, with an n-gram model of characters where there is one.

The search is flashlight-text's, without a lexicon: Thai has no spaces between words, so the model
is of characters, and no word is out of its vocabulary. A prefix that several alignments reach is
one hypothesis, with the sum of their probabilities (Graves 2012, "Sequence transduction with
recurrent neural networks"). KenLM reads the model, ARPA or its own binary format.
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
        model: ARPA, or KenLM's binary format.
        weight: of the model's natural logarithms beside those of the sound.
        bonus: see `BeamSearch`.
        beam_size: how many hypotheses are kept.
    """

    model: Path
    weight: float = WEIGHT
    bonus: float = BONUS
    beam_size: int = BEAM_SIZE

    @classmethod
    def read(cls, path: Path) -> "LanguageModelSettings":
        """Reads `language_model.json`; of a model itself, the defaults.

        Raises:
            CheckpointError: the file is missing or isn't what it should be.
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
        labels: of the checkpoint, by index.
        blank: the index of CTC's blank.
        model: ARPA or KenLM's binary, of characters; None: the sound alone decides.
        weight: of the model's natural logarithms beside those of the sound (pyctcdecode's alpha).
        bonus: what a frame with a label has over one with the blank, natural logarithm; positive
            makes up for a model's liking of short texts (the "blank penalty" of others).
        beam_size: how many hypotheses are kept.
        special: indices that are never spoken; None: those of the usual names.

    Raises:
        CheckpointError: the model can't be read, or isn't one of these labels.
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
        # Columns of the search: the labels that are spoken, and the blank.
        self._columns = np.array([*spoken, blank])
        texts = [SPOKEN.get(labels[index], labels[index]) for index in spoken]
        self._model = ZeroLM() if model is None else load(model, texts)
        self.weight = 0.0 if model is None else weight
        self.bonus, self.beam_size = bonus, beam_size

    def tuned(self, weight: float, bonus: float, beam_size: int) -> "BeamSearch":
        """The same search with other settings; the model is shared, not read again."""
        other = object.__new__(BeamSearch)
        other.__dict__.update(self.__dict__, weight=weight, bonus=bonus, beam_size=beam_size)
        return other

    def __call__(self, log_probs: np.ndarray, beam_size: int | None = None) -> np.ndarray:
        """The path of the likeliest hypothesis.

        Args:
            log_probs: float32 (frames, labels), natural logarithm.
            beam_size: other than the search's own.

        Returns:
            int64 (frames,) labels, blanks among them: the likeliest alignment of the likeliest
            text.
        """
        blank = len(self._columns) - 1
        scores = np.nan_to_num(log_probs[:, self._columns], nan=FLOOR, neginf=FLOOR)
        sure = scores[:, blank] > SURE
        kept = ~(sure & np.r_[False, sure[:-1]]) if len(sure) else sure
        path = np.full(len(scores), blank)
        scores = np.ascontiguousarray(np.maximum(scores[kept], FLOOR), dtype=np.float32)
        path[kept] = self._search(scores, beam_size or self.beam_size)
        return self._columns[path]

    def _search(self, scores: np.ndarray, beam_size: int) -> np.ndarray:
        """(frames, columns) to (frames,) columns."""
        decoder, path = self._decoder(beam_size), list[int]()
        decoder.decode_begin()
        for start in range(0, len(scores), STEP_FRAMES):
            piece = scores[start : start + STEP_FRAMES]
            decoder.decode_step(piece.ctypes.data, *piece.shape)
            if start + len(piece) - len(path) >= 2 * LOOK_BACK_FRAMES:
                path += decoder.get_best_hypothesis(LOOK_BACK_FRAMES).tokens[1:]
                decoder.prune(LOOK_BACK_FRAMES)
        decoder.decode_end()
        # The first and the last are the decoder's own: where it began, and the end of the sentence.
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
        # The "silence" takes a score per frame: with the blank in its place, that is the bonus. It
        # is also what the search begins with, so that `|` in the first frame counts as a label.
        return LexiconFreeDecoder(options, self._model, blank, blank, [])


def load(path: Path, texts: Sequence[str]) -> "KenLM":
    """Loads a model.

    Args:
        path: ARPA, or KenLM's binary format.
        texts: what will be scored, by index; beyond the last, <unk>.

    Raises:
        CheckpointError: it can't be read, isn't of characters, or knows none of the texts.
    """
    from flashlight.lib.text.decoder.kenlm import KenLM
    from flashlight.lib.text.dictionary import Dictionary

    if not path.is_file():
        raise CheckpointError(f"The language model '{path}' doesn't exist.")
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
    """Refuses an ARPA file of words, and one that KenLM would refuse in words of its own.

    Args:
        path: a model; what doesn't begin as an ARPA file does is left to KenLM.
        texts: labels that may have more than one character.
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
    """The order and the unigrams of an ARPA file; None where it isn't one."""
    order, found = 0, set()
    with path.open(encoding="utf-8", errors="replace", newline="\n") as file:
        if file.readline(100).strip() != "\\data\\":
            return None
        for line in file:
            if line.startswith("ngram "):
                order += 1
            elif line.startswith(("\\2-grams:", "\\end\\")):
                break
            # Not any white space: a label may be a kind of it.
            elif not line.startswith("\\") and (fields := SEPARATORS.split(line))[2:]:
                found.add(fields[1])
    return order, found
