"""How a test set is sent to a model that answers, fails, or is down."""

import json

import pytest

from test_models.calls import ServiceError
from test_models.evaluate import runs
from test_models.evaluate.cases import Case
from test_models.services import Service
from tests.test_models.servers import Flaky, awaited, serving

CASES = [Case(str(number), text="我爱中国", spans=frozenset({(2, 4, "X")})) for number in range(9)]
FOUND = {"predictions": [{"entities": [{"text": "中国", "type": "X", "start": 2, "end": 4}]}]}


def run(flaky: Flaky, cases: list[Case]) -> runs.Run:
    """The run, with three requests at a time."""
    with serving(flaky) as url:
        found = runs.started(cases)
        awaited(runs.ask(found, "ner", Service("x", url), cases, {}, 3))
    return found


def test_what_fails_is_scored_as_empty_and_isnt_timed() -> None:
    cases = [*CASES, Case("10", text="?", spans=frozenset(), error="It is too long.")]
    found = run(Flaky(lambda _: json.dumps(FOUND).encode(), [400, 500]), cases)
    assert found.done == 10
    assert sorted(found.errors, key=bool)[:7] == [""] * 7
    assert found.errors[9] == "It is too long."
    assert sum(one is not None for one in found.seconds) == 7
    scores = runs.scored("ner", cases, found)
    assert (scores.types["X"].right, scores.types["X"].gold) == (7, 9)
    assert sorted(row.score for row in scores.rows) == [0] * 2 + [100] * 8


def test_a_model_that_only_fails_is_given_up() -> None:
    flaky = Flaky(lambda _: b"nonsense", [])
    with pytest.raises(ServiceError, match="isn't a model's"):
        run(flaky, CASES * 10)
    assert len(flaky.sizes) < 10


@pytest.mark.parametrize("given", ["beam", "[1]", '{"on_error": "raise"}'])
def test_wrong_parameters_are_refused(given: str) -> None:
    with pytest.raises(ServiceError, match="parameter"):
        runs.params(given)
    assert runs.params(' {"beam_size": 1}') == {"beam_size": 1}
    assert runs.params(" ") == {}
