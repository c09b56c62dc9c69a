"""How far a command is, for a person at a terminal; a recording's text as it comes."""

import asyncio
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from test_models import flowing
from test_models.async_client import AsyncClient
from test_models.calls import RowFailed
from transcripts.answers import Transcript


def bar() -> Progress:
    """A bar on the terminal, if there is one; what is printed meanwhile stands above it."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[at]}"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        redirect_stdout=sys.stdout.isatty(),
        transient=True,
        disable=not sys.stderr.isatty(),
    )


async def followed(
    client: AsyncClient,
    file: Path,
    params: dict[str, Any],
    shown: tuple[Progress, TaskID],
    by_line: bool,
) -> Transcript:
    """A recording's transcript, or what is wrong with the recording.

    Args:
        params: the model's.
        shown: the bar that follows it.
        by_line: whether each segment is printed as it comes.

    Raises:
        ServiceError: as `AsyncClient.transcribe`.
    """
    progress, task = shown
    lines, found = 0, Transcript()
    steps: asyncio.Queue[flowing.Step | None] = asyncio.Queue()

    async def fill() -> None:
        try:
            async for step in client.transcribe_stream(file, **params):
                steps.put_nowait(step)
        finally:
            steps.put_nowait(None)

    asking = asyncio.create_task(fill())
    try:
        while (step := await steps.get()) is not None:
            if isinstance(step, flowing.Progress):
                at = f"{_clock(step.seconds)} / {_clock(step.duration)}"
                progress.update(task, completed=step.seconds, total=step.duration, at=at)
            elif isinstance(step, Transcript):
                found = step
            elif by_line:
                print(step.text, flush=True)
                lines += 1
        await asking
    except RowFailed as error:
        return Transcript(error=error.reason)
    finally:
        asking.cancel()  # where nobody reads the text any more, the request is given up
        await asyncio.wait([asking])
    if by_line and not lines:
        print(f"{file}: no speech was found.", file=sys.stderr)
    return found


def _clock(seconds: float | None) -> str:
    return "?" if seconds is None else str(timedelta(seconds=round(seconds)))
