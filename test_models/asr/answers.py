"""One recording's transcripts by several models, as the page's script shows them."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from test_models import frame
from test_models.calls import RowFailed, ServiceError
from test_models.services import Service

Shown = dict[str, Any]


async def answers(
    audio: bytes, services: Sequence[Service], params: Mapping[str, Mapping[str, Any]]
) -> AsyncIterator[list[Shown]]:
    """All models' answers so far, in the models' order; again whenever one more is there.

    Args:
        audio: a recording's file.
        services: the models that are asked, all at once.
        params: of each, by its name.

    Yields:
        For each model `{"model"}` while it works; then with `"seconds"` that it took and
        `"transcript"`, or with `"error"`, a sentence.
    """
    shown: list[Shown] = [{"model": one.name} for one in services]
    yield list(shown)
    tasks = [asyncio.create_task(_answer(audio, one, params[one.name])) for one in services]
    try:
        waiting = set(tasks)
        while waiting:
            _, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            yield [
                {**known, **task.result()} if task.done() else known
                for known, task in zip(shown, tasks, strict=True)
            ]
    finally:
        for task in tasks:
            task.cancel()


async def _answer(audio: bytes, service: Service, params: Mapping[str, Any]) -> Shown:
    """One model's answer."""
    began = time.perf_counter()
    try:
        async with service.client() as client:
            transcript = await client.transcribe(audio, **params)
    except RowFailed as error:
        return {"error": error.reason}
    except ServiceError as error:
        return {"error": str(error)}
    except Exception:
        logging.getLogger(__name__).exception("a transcript failed")
        return {"error": frame.PAGE_FAILED}
    return {
        "seconds": time.perf_counter() - began,
        "transcript": transcript.model_dump(exclude_none=True),
    }
