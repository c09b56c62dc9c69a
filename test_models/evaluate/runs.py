"""Sends a test set to a model, a request per case, and keeps what came back and when."""

import asyncio
import contextlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from test_models.answers import Captions, Entities
from test_models.async_client import AsyncClient
from test_models.calls import ServiceError
from test_models.evaluate import scores
from test_models.evaluate.cases import Case
from test_models.evaluate.scores import Latency, Scores, Span
from test_models.services import Service, Task
from transcripts.answers import Answer, Transcript

OURS = {"on_error", "progress", "texts", "audios", "images"}  # arguments of the client
HOPELESS = 5  # failures without any answer, after which a model isn't asked any more


@dataclass
class Run:
    """What a model answered.

    Args:
        answers: by case; None where there is no answer.
        errors: likewise, why there is none; "" where there is one.
        seconds: likewise, how long it took, with waiting for a busy server.
        wall: seconds that all of it took.
    """

    answers: list[Answer | None]
    errors: list[str]
    seconds: list[float | None]
    wall: float = 0.0
    done: int = field(default=0, repr=False)

    @property
    def latency(self) -> Latency | None:
        """Of the cases that were answered."""
        return scores.latency([one for one in self.seconds if one is not None], self.wall)


def params(given: str) -> dict[str, Any]:
    """A model's parameters, from a JSON object; none from nothing.

    Raises:
        ServiceError: it is none.
    """
    try:
        found = json.loads(given) if given.strip() else {}
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise ServiceError('The parameters are not a JSON object, such as {"beam_size": 1}.')
    if taken := OURS & found.keys():
        raise ServiceError(f"The parameter '{min(taken)}' can't be set here.")
    return found


def started(cases: Sequence[Case]) -> Run:
    """A run that is about to begin."""
    return Run([None] * len(cases), [one.error for one in cases], [None] * len(cases))


async def ask(
    run: Run,
    task: Task,
    service: Service,
    cases: Sequence[Case],
    params: Mapping[str, Any],
    at_once: int,
) -> None:
    """Has cases answered.

    Args:
        run: gets the answers.
        task: what the service does.
        at_once: requests that are under way at a time.

    Raises:
        ServiceError: nothing is answered at all.
    """
    free = asyncio.Semaphore(at_once)
    failures = 0
    async with service.client() as client, asyncio.TaskGroup() as group:
        with contextlib.suppress(ServiceError):  # connects before the first request
            await client.ready()
        began = time.monotonic()

        async def one(number: int, case: Case) -> None:
            nonlocal failures
            try:
                sent = time.monotonic()
                answer = await _answer(client, task, case, params)
                run.errors[number] = answer.error or ""
                if answer.error is None:
                    run.answers[number] = answer
                    run.seconds[number] = time.monotonic() - sent
            except ServiceError as error:
                run.errors[number] = str(error)
                failures += 1
            finally:
                run.done += 1
                free.release()

        for number, case in enumerate(cases):
            if case.error or not case.scored:
                run.done += 1
                continue
            await free.acquire()
            if failures >= HOPELESS and not any(run.answers):
                break
            group.create_task(one(number, case))
    run.wall = time.monotonic() - began
    if failures and not any(run.answers):
        raise ServiceError(next(one for one, case in zip(run.errors, cases, strict=True)
                                if one and not case.error))  # fmt: skip


async def _answer(client: AsyncClient, task: Task, case: Case, params: Mapping[str, Any]) -> Answer:
    """One case's answer; of what a ZIP has, it is read now."""
    if task == "ner":
        (found,) = await client.entities([case.text], on_error="report", **params)
        return found
    assert case.load is not None
    content = await asyncio.to_thread(case.load)
    asking: Callable[..., Any] = client.transcribe_all if task == "asr" else client.caption
    (answer,) = await asking([content], on_error="report", **params)
    assert isinstance(answer, Answer)
    return answer


def scored(task: Task, cases: Sequence[Case], run: Run) -> Scores:
    """The scores of cases that have references; what wasn't answered counts as an empty answer."""
    if task == "ner":
        gold = [case.spans or frozenset() for case in cases]
        texts = [case.text for case in cases]
        return scores.entities(texts, gold, [spans(one) for one in run.answers])
    said = [text(one) for one in run.answers]
    if task == "asr":
        return scores.transcripts([case.references[0] for case in cases], said)
    return scores.captions([case.references for case in cases], said)


def text(answer: Answer | None) -> str:
    """A transcript's text, or the best caption's; "" of none."""
    if isinstance(answer, Transcript):
        return answer.text
    return answer.captions[0].text if isinstance(answer, Captions) and answer.captions else ""


def spans(answer: Answer | None) -> frozenset[Span]:
    """The entities of an answer; none of none."""
    found = answer.entities if isinstance(answer, Entities) else []
    return frozenset((one.start, one.end, one.type) for one in found)
