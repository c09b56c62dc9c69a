"""Finds the weight, the bonus and the beam size that make the fewest mistakes on a development set.

The log-probabilities are those that `evaluate.py --save-logits` keeps, so that the acoustic model
runs once. A coarse grid, a finer one around its best, then the smallest beam that is as good.
"""

import itertools
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from wav2vec2_asr import ctc
from wav2vec2_asr.labels import Labels
from wav2vec2_asr.language_model import BeamSearch, read_head
from wav2vec2_asr.training.words import Convention
from zoo.data.outputs import write_json
from zoo.data.tables import open_table
from zoo.errors import ZooError
from zoo.training import plots
from zoo.training.error_rates import ErrorCounts, total

WEIGHTS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0)
BONUSES = (-1.0, 0.0, 1.0, 2.0, 3.0)
BEAM_SIZES = (8, 16, 32, 64, 128)
GRID_BEAM_SIZE = 32
SLACK = 0.01  # of the rate, in points, that a smaller beam may cost

Score = Callable[[str, str], ErrorCounts]  # of a reference and a hypothesis


@dataclass(frozen=True)
class Trial:
    """Settings and the error rate that they came to, percent."""

    weight: float
    bonus: float
    beam_size: int
    rate: float


@dataclass(frozen=True)
class Development:
    """A development set.

    Args:
        files: log-probabilities (frames, labels), float32, one file an utterance.
        references: what was said.
    """

    files: list[Path]
    references: list[str]

    @classmethod
    def read(cls, folder: Path, most: int) -> "Development":
        """Reads what `evaluate.py --save-logits` wrote: logits/*.npy and references.tsv.

        Args:
            folder: where it is.
            most: utterances; of more, some are chosen by chance, always the same ones.

        Raises:
            ZooError: it isn't there, or it isn't complete.
        """
        table, files = folder / "references.tsv", sorted((folder / "logits").glob("*.npy"))
        if not table.is_file():
            raise ZooError(f"'{table}' not found; evaluate.py --save-logits writes it.")
        found = open_table(table)
        column = found.column("reference")
        references = [cells[column] for _, cells in found.strict_rows()]
        if not references:
            raise ZooError(f"'{table}' has no rows.")
        if len(references) != len(files):
            raise ZooError(f"'{folder}' has {len(references)} references, but {len(files)} logits.")
        chosen = np.sort(np.random.default_rng(1).permutation(len(files))[:most])
        return cls([files[index] for index in chosen], [references[index] for index in chosen])

    def rate(self, search: ctc.Search, labels: Labels, score: Score) -> float:
        """The error rate, percent, of what a search finds."""
        return total(
            [
                score(reference, ctc.transcript(search, self._load(file, labels), labels))
                for file, reference in zip(self.files, self.references, strict=True)
            ]
        ).rate

    def _load(self, file: Path, labels: Labels) -> np.ndarray:
        try:
            found: np.ndarray = np.load(file, allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise ZooError(f"'{file}' is no NumPy array.") from error
        if found.ndim != 2 or found.shape[1] != len(labels):
            raise ZooError(
                f"'{file}' has shape {found.shape}, but the checkpoint has {len(labels)} labels."
            )
        return found


def scorer(measure: str) -> Score:
    """How mistakes are counted: `cer`, or `wer` by newmm; see `Convention`."""
    convention = Convention()
    if measure == "wer":
        convention.check()
    return lambda reference, heard: convention.compare(reference, heard)[measure == "cer"]


def search_settings(
    search: BeamSearch, data: Development, labels: Labels, score: Score
) -> tuple[Trial, list[Trial]]:
    """Looks for the best settings.

    Returns:
        The choice, and all that was tried.
    """
    from tqdm import tqdm

    tried: dict[tuple[float, float, int], Trial] = {}

    def attempt(points: Iterable[tuple[float, float, int]], stage: str) -> None:
        fresh = [point for point in points if point not in tried]
        for point in tqdm(fresh, desc=stage, unit=" settings"):
            rate = data.rate(search.tuned(*point), labels, score)
            tried[point] = Trial(*point, rate)

    attempt(itertools.product(WEIGHTS, BONUSES, [GRID_BEAM_SIZE]), "coarse grid")
    best = min(tried.values(), key=_preference)
    weights = [best.weight + step for step in (-0.125, 0.0, 0.125) if best.weight + step >= 0]
    bonuses = [best.bonus + step for step in (-0.5, 0.0, 0.5)]
    attempt(itertools.product(weights, bonuses, [GRID_BEAM_SIZE]), "fine grid")
    best = min(tried.values(), key=_preference)
    attempt([(best.weight, best.bonus, size) for size in BEAM_SIZES], "beam sizes")
    sizes = [one for one in tried.values() if (one.weight, one.bonus) == (best.weight, best.bonus)]
    bound = min(one.rate for one in sizes) + SLACK
    choice = min((one for one in sizes if one.rate <= bound), key=lambda one: one.beam_size)
    return choice, list(tried.values())


def _preference(trial: Trial) -> tuple[float, float, float]:
    """The lowest rate; of equal ones the gentlest settings."""
    return trial.rate, trial.weight, abs(trial.bonus)


def write_settings(
    choice: Trial, model: Path, path: Path, measure: str, greedy: float, size: int
) -> None:
    """Writes `language_model.json` for `language_model.LanguageModelSettings` and `build.py`."""
    head = read_head(model)
    content = {
        "file": os.path.relpath(model, path.parent),
        "order": head[0] if head else None,  # KenLM's binary format keeps it to itself
        "weight": choice.weight,
        "bonus": choice.bonus,
        "beam_size": choice.beam_size,
        "tuned": {
            "measure": measure,
            "rate": round(choice.rate, 3),
            "greedy": round(greedy, 3),
            "utterances": size,
        },
    }
    write_json(path, content)


def plot(tried: list[Trial], choice: Trial, measure: str, path: Path) -> None:
    """Draws the error rate over weight and bonus, and over the beam size."""
    with plots.drawing(path, (11, 4)) as figure:
        left, right = figure.subplots(1, 2, width_ratios=(3, 2))
        grid = [one for one in tried if one.beam_size == GRID_BEAM_SIZE]
        rates = {(one.weight, one.bonus): one.rate for one in grid}
        table = [[rates[weight, bonus] for weight in WEIGHTS] for bonus in BONUSES]
        image = left.imshow(table, origin="lower", aspect="auto", cmap="viridis_r")
        for row, column in itertools.product(range(len(BONUSES)), range(len(WEIGHTS))):
            left.text(column, row, f"{table[row][column]:.1f}", ha="center", va="center",
                      bbox={"facecolor": "white", "alpha": 0.7, "linewidth": 0})  # fmt: skip
        left.set_xticks(range(len(WEIGHTS)), list(map(str, WEIGHTS)))
        left.set_yticks(range(len(BONUSES)), list(map(str, BONUSES)))
        left.set(xlabel="weight", ylabel="bonus", title=f"{measure} %, beam size {GRID_BEAM_SIZE}")
        figure.colorbar(image, ax=left)
        at = (choice.weight, choice.bonus)
        sizes = sorted(
            (one.beam_size, one.rate) for one in tried if (one.weight, one.bonus) == at
        )  # fmt: skip
        right.plot(*zip(*sizes, strict=True), marker="o")
        right.axvline(choice.beam_size, linestyle=":")
        right.set_xscale("log", base=2)
        right.set(xlabel="beam size", ylabel=f"{measure} %",
                  title=f"weight {choice.weight:g}, bonus {choice.bonus:g}")  # fmt: skip
