"""One recording's transcripts by several models, as the page's script shows them."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from test_models import frame
from test_models.calls import RowFailed, ServiceError, of_file
from test_models.flowing import Progress
from test_models.services import Service
from transcripts.answers import Segment, Transcript

Shown = dict[str, Any]
PAUSE_SECONDS = 0.5  # from one look at what is new to the next


async def answers(
    audio: Path, services: Sequence[Service], params: Mapping[str, Mapping[str, Any]]
) -> AsyncIterator[list[Shown]]:
    """All models' answers so far, in the models' order; again whenever there is more.

    Args:
        audio: a recording's file.
        services: the models that are asked, all at once.
        params: of each, by its name.

    Yields:
        For each model `{"model"}` while it works; of a long recording with `"progress"` and the
        `"segments"` so far, without their words. Then with `"seconds"` that it took and
        `"transcript"`, or with `"error"`, a sentence.
    """
    shown: list[Shown] = [{"model": one.name} for one in services]
    yield list(shown)
    news = asyncio.Event()

    async def follow(place: int, service: Service) -> None:
        async for part in _parts(audio, service, params[service.name]):
            shown[place] = {"model": service.name, **part}
            news.set()

    tasks = [asyncio.create_task(follow(*one)) for one in enumerate(services)]
    try:
        while True:
            await news.wait()
            news.clear()
            yield list(shown)
            if all("transcript" in one or "error" in one for one in shown):
                return
            await asyncio.wait(tasks, timeout=PAUSE_SECONDS)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _parts(audio: Path, service: Service, params: Mapping[str, Any]) -> AsyncIterator[Shown]:
    """One model's answer, as it grows."""
    began = time.perf_counter()
    segments: list[Shown] = []
    progress: Shown = {}
    try:
        async with service.client() as client:
            async for step in client.transcribe_stream(audio, **params):
                if isinstance(step, Transcript):
                    whole = step.model_dump(exclude_none=True)
                    yield {"seconds": time.perf_counter() - began, "transcript": whole}
                    return
                if isinstance(step, Segment):
                    segments.append(step.model_dump(exclude_none=True, exclude={"words"}))
                elif isinstance(step, Progress):
                    progress = step.model_dump()
                yield {"progress": progress, "segments": list(segments)}
    except RowFailed as error:
        yield {"error": of_file(error.reason, "audio")}
    except ServiceError as error:
        yield {"error": str(error)}
    except Exception:
        logging.getLogger(__name__).exception("a transcript failed")
        yield {"error": frame.PAGE_FAILED}
