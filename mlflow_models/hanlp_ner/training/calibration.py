"""Fits a temperature to annotated sentences, so that confidences are shares of right entities.

The temperature divides all scores of a network (Guo et al., 2017). The one that is taken gives what
became of the entities that were found the greatest likelihood.
"""

import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from hanlp_ner.engine import Engine, Found
from hanlp_ner.network.confidence import PACKED
from hanlp_ner.training.corpora import Corpus, check_annotated, counted
from hanlp_ner.training.formats import DataError
from hanlp_ner.training.reliability import Reliability, Sure, sure_spans
from zoo.data.outputs import write_json
from zoo.training.reliability import fit_temperature

BOUNDS = (0.2, 5.0)  # of a temperature
DIGITS = 4  # of an error
MIN_ENTITIES = 50  # that are found; of fewer the temperature would be chance


@dataclass(frozen=True)
class Calibration:
    """A temperature, and what it was fitted to.

    Attributes:
        temperature: Divides all scores.
        entities: How many were found in the sentences.
        error_before: The expected calibration error with a temperature of 1.
        error: The same with this one.
        fitted_to: The names of the files.
    """

    temperature: float
    entities: int
    error_before: float
    error: float
    fitted_to: list[str]

    def write(self, directory: Path) -> None:
        """Write the file that an engine reads, beside its `config.json`."""
        write_json(directory / PACKED, asdict(self))

    def __str__(self) -> str:
        return (
            f"temperature {self.temperature}, fitted to {self.entities} entities: expected "
            f"calibration error {self.error_before} before, {self.error} after"
        )


def reliability(engine: Engine, corpus: Corpus, temperature: float | None = None) -> Reliability:
    """Hold an engine's confidences against annotated sentences.

    Labels that no sentence has don't count: they may not be annotated.

    Args:
        engine: Its temperature stays changed.
        corpus: The sentences.
        temperature: Divides the scores. None: the engine's own does.
    """
    if temperature is not None:
        engine.confidence.set_temperature(temperature)
    answers = engine([text for text, _ in corpus.examples])
    found: list[Sure] = [
        sure_spans(answer.record()) if isinstance(answer, Found) else {} for answer in answers
    ]
    gold = [set(entities) for _, entities in corpus.examples]
    return Reliability.of(gold, found, {label for spans in gold for _, _, label in spans})


def fit(engine: Engine, corpus: Corpus) -> Calibration:
    """Find the temperature of the greatest likelihood.

    Args:
        engine: Has the temperature afterwards.
        corpus: Sentences that the network wasn't trained on.

    Raises:
        DataError: The sentences have no entities, or too few are found, or none of them is right.
    """
    check_annotated(corpus, "set to calibrate with")
    before = reliability(engine, corpus, 1.0)
    if len(before.right) < MIN_ENTITIES or not before.right.any():
        labels = sorted({label for _, own in corpus.examples for _, _, label in own})
        raise DataError(
            f"{len(before.right)} entities of {', '.join(labels)} are found in the "
            f"{counted(corpus.examples, 'sentence')} to calibrate with, {before.right.sum()} of "
            f"them right, and at least {MIN_ENTITIES} are needed: give more sentences; or if the "
            "model has other labels, rename these with a profile."
        )
    temperature = fit_temperature(lambda each: reliability(engine, corpus, each).loss, BOUNDS)
    after = reliability(engine, corpus, temperature)
    names = [Path(name).name for name in corpus.names]
    first, last = (round(one.error, DIGITS) for one in (before, after))
    return Calibration(temperature, len(after.right), first, last, names)


def calibrate(directory: Path, corpus: Corpus) -> None:
    """Fit a temperature to what was converted, and pack and print it.

    Args:
        directory: What `hanlp_ner.building.convert` wrote.
        corpus: Sentences that the network wasn't trained on.

    Raises:
        DataError: As `fit` does.
    """
    print("Calibrating ...", file=sys.stderr, flush=True)
    calibration = fit(Engine(directory), corpus)
    calibration.write(directory)
    print(calibration)
