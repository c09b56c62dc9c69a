"""Scores who says what: the diarization error rate, and cpCER where the words are known."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo.data.texts import open_text
from zoo.errors import ZooError
from zoo.training.error_rates import ErrorCounts, count_errors, total

if TYPE_CHECKING:
    from pyannote.core import Annotation

RTTM, STM = ".rttm", ".stm"
COMMENT = ";"
NOBODY = "inter_segment_gap"  # what an STM calls time that isn't scored for anybody


@dataclass(frozen=True)
class SpeakerTurn:
    """A stretch in which one person speaks, in seconds; `text` is what, where that is known."""

    start: float
    end: float
    speaker: str
    text: str = ""


@dataclass(frozen=True)
class DiarizationCounts:
    """Seconds of a reference's speech, and of what is wrong in them.

    Attributes:
        seconds: Of speech; where two speak at once, twice.
        missed: Speech that isn't found.
        false_alarm: What is found where nobody speaks, or one person more than there is.
        confusion: Speech that another speaker is given.
    """

    seconds: float = 0.0
    missed: float = 0.0
    false_alarm: float = 0.0
    confusion: float = 0.0

    @property
    def rate(self) -> float:
        """The diarization error rate (DER), percent."""
        return sum(self.rates.values())

    @property
    def rates(self) -> dict[str, float]:
        """Its parts, percent of the reference's speech; without any, a false alarm is 100."""
        wrong = {
            "missed": self.missed, "false_alarm": self.false_alarm, "confusion": self.confusion
        }  # fmt: skip
        if not self.seconds:
            return {name: 100.0 * bool(value) for name, value in wrong.items()}
        return {name: 100 * value / self.seconds for name, value in wrong.items()}

    def __add__(self, other: "DiarizationCounts") -> "DiarizationCounts":
        """Sum two recordings."""
        return DiarizationCounts(
            self.seconds + other.seconds,
            self.missed + other.missed,
            self.false_alarm + other.false_alarm,
            self.confusion + other.confusion,
        )


def read_references(path: Path) -> dict[str, list[SpeakerTurn]]:
    """Read who speaks when, by the name of the recording.

    Args:
        path: An RTTM; an STM, which has the words, too; or a directory of such files.

    Raises:
        ZooError: There is no such file or turn, or a line isn't as its format asks.
    """
    files = [path]
    if path.is_dir():
        files = sorted(one for one in path.iterdir() if one.suffix.lower() in (RTTM, STM))
        if not files:
            raise ZooError(f"'{path}' has no file {RTTM} or {STM}.")
    found: dict[str, list[SpeakerTurn]] = defaultdict(list)
    for file in files:
        parse = _of_stm if file.suffix.lower() == STM else _of_rttm
        with open_text(file) as lines:
            for number, line in enumerate(lines, 1):
                try:
                    if line.strip() and not line.startswith(COMMENT):
                        for name, turn in parse(line):
                            found[name].append(turn)
                except (IndexError, ValueError):
                    raise ZooError(
                        f"'{file}', line {number}: not a line of {file.suffix[1:].upper()}."
                    ) from None
    if not found:
        raise ZooError(f"'{path}' says of nobody when they speak.")
    return dict(found)


def _of_rttm(line: str) -> Iterable[tuple[str, SpeakerTurn]]:
    """Read `SPEAKER NAME CHANNEL START SECONDS <NA> <NA> WHO ...`; other lines aren't of turns."""
    fields = line.split()
    if fields[0] == "SPEAKER":
        start, seconds = float(fields[3]), float(fields[4])
        yield fields[1], SpeakerTurn(start, start + seconds, fields[7])


def _of_stm(line: str) -> Iterable[tuple[str, SpeakerTurn]]:
    """Read `NAME CHANNEL WHO START END [<LABELS>] WORDS`."""
    name, _, who, start, end, *rest = line.split(maxsplit=5)
    text = rest[0] if rest else ""
    if text.startswith("<"):
        text = text.partition(">")[2]
    if who != NOBODY:
        yield name, SpeakerTurn(float(start), float(end), who, text.strip())


def rttm(name: str, turns: Iterable[SpeakerTurn]) -> str:
    """Write turns as the lines of an RTTM."""
    return "".join(
        f"SPEAKER {name} 1 {one.start:.3f} {one.end - one.start:.3f} <NA> <NA> {one.speaker} "
        "<NA> <NA>\n"
        for one in turns
    )


def heard(record: Mapping[str, Any]) -> tuple[list[SpeakerTurn], list[SpeakerTurn]]:
    """Give what a model's record says: who speaks when, and who says what.

    A speaker of one channel isn't one of another.
    """
    return _turns(record.get("turns") or []), _turns(record.get("segments") or [])


def _turns(items: Iterable[Mapping[str, Any]]) -> list[SpeakerTurn]:
    return [
        SpeakerTurn(
            one["start"],
            one["end"],
            "-".join(str(one[key]) for key in ("channel", "speaker") if one.get(key)) or "nobody",
            one.get("text") or "",
        )
        for one in items
    ]


def diarization_errors(
    reference: Sequence[SpeakerTurn], hypothesis: Sequence[SpeakerTurn], duration: float
) -> DiarizationCounts:
    """Count what is wrong, by pyannote.metrics: no collar, and where several speak, all count.

    Args:
        reference: Who speaks when.
        hypothesis: What a model makes of it; its speakers are paired with the reference's as fits
            best.
        duration: Of the recording, in seconds.
    """
    from pyannote.core import Segment, Timeline
    from pyannote.metrics.diarization import DiarizationErrorRate

    parts = DiarizationErrorRate().compute_components(
        _annotation(reference), _annotation(hypothesis), uem=Timeline([Segment(0, duration)])
    )
    wrong = (parts[name] for name in ("missed detection", "false alarm", "confusion"))
    return DiarizationCounts(float(parts["total"]), *map(float, wrong))


def _annotation(turns: Sequence[SpeakerTurn]) -> "Annotation":
    """Give turns to pyannote; those of one speaker that overlap or touch are one."""
    from pyannote.core import Annotation, Segment

    whole = Annotation()
    for number, one in enumerate(turns):
        if one.end > one.start:
            whole[Segment(one.start, one.end), number] = one.speaker
    return whole.support()


def speaker_errors(
    reference: Sequence[SpeakerTurn],
    hypothesis: Sequence[SpeakerTurn],
    spell: Callable[[str], str],
) -> ErrorCounts:
    """Count the characters that are wrong or another speaker's: cpCER's counts.

    All that a speaker says is one text, and speakers are paired so that the fewest characters are
    wrong (concatenated minimum permutation, Watanabe et al. 2020); a speaker without a partner is
    missing, or too much.

    Args:
        reference: With the words.
        hypothesis: Likewise.
        spell: Brings a text to the spelling that is compared.
    """
    from scipy.optimize import linear_sum_assignment

    said, found = (_texts(turns, spell) for turns in (reference, hypothesis))
    size = max(len(said), len(found))
    said += [""] * (size - len(said))
    found += [""] * (size - len(found))
    errors = [[count_errors(one, other) for other in found] for one in said]
    costs = np.array([[one.mistakes for one in row] for row in errors]).reshape(size, size)
    return total([errors[i][j] for i, j in zip(*linear_sum_assignment(costs), strict=True)])


def _texts(turns: Sequence[SpeakerTurn], spell: Callable[[str], str]) -> list[str]:
    """Join what each speaker says, in the order in which it is said."""
    texts: dict[str, list[str]] = defaultdict(list)
    for one in sorted(turns, key=lambda turn: turn.start):
        texts[one.speaker].append(one.text)
    return [spell(" ".join(text)) for text in texts.values()]
