"""Asks a running model about files.

  python -m test_models transcribe talk.mp3
  python -m test_models transcribe talk.wav --format srt
  python -m test_models transcribe *.flac -o transcripts --format vtt --param word_timestamps=true
  python -m test_models transcribe call.wav --speakers 2 --rename S1=Wang --format srt
  python -m test_models transcribe call.wav --entities http://localhost:8081 --mask label
  python -m test_models entities letters.txt --format table
  python -m test_models caption photos/*.jpg --url https://api.example.com/caption --format json
  python -m test_models search "a fallen tree" --category flood --since 2026-01-01
  python -m test_models search --image photo.jpg
  python -m test_models ready

The text of one recording comes a segment a line; that of a recording longer than a minute as it is
heard. `entities` takes a text from every line of its files, or of the standard input (`-`). The
gateway's key is read from THERESA_API_KEY. Exit status: 0, or 1 where anything couldn't be
answered.
"""

import argparse
import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

from rich.progress import Progress

from test_models import arguments, following, printed
from test_models.answers import Entities
from test_models.async_client import AsyncClient, OnAnswer
from test_models.calls import ServiceError, unreadable
from test_models.linking import Linking
from test_models.masks import without_originals
from test_models.written import WrittenFiles
from transcripts.answers import Answer, Transcript
from transcripts.speakers import SpeakersUnknown, missing, renamed

INTERRUPTED = 130  # the exit status of what Ctrl-C ended, as shells have it
Answers = tuple[Sequence[Answer], list[str | None]]
"""Answers, and for each why it, or a part of it, isn't there."""


def main() -> None:
    """Reads the command line and asks."""
    args = arguments.parsed(str(__doc__))
    try:
        failed = asyncio.run(_run(args))
        sys.stdout.flush()
    except BrokenPipeError:  # `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the flush at the end
        sys.exit("test_models: nobody reads the text any more; the rest isn't there.")
    except (ServiceError, SpeakersUnknown, OSError) as error:
        sys.exit(f"test_models: {error}")
    except KeyboardInterrupt:
        print("test_models: interrupted; the rest isn't there.", file=sys.stderr)
        sys.exit(INTERRUPTED)
    sys.exit(1 if failed else 0)


async def _run(args: argparse.Namespace) -> int:
    """Asks; how many inputs couldn't be answered as they should."""
    key = os.environ.get("THERESA_API_KEY")
    async with AsyncClient(args.url, key=key, timeout=args.timeout) as client:
        if args.task == "ready":
            await client.ready()
            print(f"{client.url} is ready.")
            return 0
        if args.task == "search":
            found = await client.search(args.words, args.image, count=args.count, **args.params)
            printed.write(args, [args.words or str(args.image)], [found])
            return 0
        names, inputs = _inputs(args)
        written = WrittenFiles(args, names) if getattr(args, "output", None) else None
        async with _linking(args, key, written) as linking:
            with following.bar() as bar:
                answers = await _answers(client, args, inputs, bar, linking or written)
                faults = [answer.error for answer in answers]
                if linking is not None:
                    answers, faults = await linking.answers()
    if args.task == "entities" and arguments.masks(args.params):
        answers = [
            without_originals(one) if isinstance(one, Entities) and one.error is None else one
            for one in answers
        ]
    if args.task == "transcribe" and args.rename:
        answers, faults = _renamed(answers, faults, dict(args.rename))
    if written is not None:
        print(f"{args.output}: {written.count} files", file=sys.stderr)
    elif not _comes_by_line(args):
        printed.write(args, names, answers)
    for name, fault in zip(names, faults, strict=True):
        if fault is not None:
            print(f"{name}: {fault}", file=sys.stderr)
    return sum(fault is not None for fault in faults)


@asynccontextmanager
async def _linking(
    args: argparse.Namespace, key: str | None, written: OnAnswer | None
) -> AsyncIterator[Linking | None]:
    """What asks for the entities of transcripts, if that is wanted; its model takes what is asked.

    The key goes to the host that it was given for alone.
    """
    if not getattr(args, "entities", None):
        yield None
        return
    url = urljoin(args.url, args.entities) if args.entities.startswith("/") else args.entities
    shared = key if urlsplit(url).netloc == urlsplit(args.url).netloc else None
    async with AsyncClient(url, key=shared, timeout=args.timeout) as client:
        linking = Linking(client, args.entity_params, written)
        await linking.check()
        yield linking


async def _answers(
    client: AsyncClient,
    args: argparse.Namespace,
    inputs: list[Any],
    bar: Progress,
    answered: OnAnswer | None,
) -> Sequence[Answer]:
    """What the model answers; meanwhile a bar shows how far it is.

    Args:
        answered: called with each transcript, as soon as it is there.
    """
    task = bar.add_task(args.task, total=len(inputs), at="")
    if args.task == "transcribe" and len(inputs) == 1:
        found = following.followed(
            client, inputs[0], args.params, (bar, task), _comes_by_line(args)
        )
        answer = await found
        if answered is not None:
            answered(0, answer)
        return [answer]
    methods: dict[str, Callable[..., Awaitable[Sequence[Answer]]]] = {
        "transcribe": client.transcribe_all,
        "entities": client.entities,
        "caption": client.caption,
    }
    told = {"answered": answered} if answered is not None else {}
    return await methods[args.task](
        inputs, on_error="report", progress=partial(bar.advance, task), **told, **args.params
    )


def _comes_by_line(args: argparse.Namespace) -> bool:
    """Whether the text of one recording is printed, a segment a line."""
    return (
        args.task == "transcribe"
        and args.format == "txt"
        and len(args.files) == 1
        and not args.output
        and not args.entities
        and not arguments.asks_who_speaks(args)
    )


def _renamed(answers: Sequence[Answer], faults: list[str | None], given: dict[str, str]) -> Answers:
    """Transcripts with the speakers' names, and a sentence on each that lacks one of them."""
    found: list[Answer] = []
    told: list[str | None] = []
    for answer, fault in zip(answers, faults, strict=True):
        if answer.error is None and isinstance(answer, Transcript):
            told.append(fault or missing(answer, given))
            found.append(renamed(answer, given))
        else:
            told.append(fault)
            found.append(answer)
    return found, told


def _inputs(args: argparse.Namespace) -> tuple[list[str], list[Any]]:
    """What to ask about, and what to call it."""
    if args.task != "entities":
        return [str(path) for path in args.files], list(args.files)
    names, texts = [], []
    for path in args.files:
        for number, line in enumerate(_text(path).splitlines(), 1):
            if line.strip():
                names.append(f"{path}:{number}")
                texts.append(line)
    return names, texts


def _text(path: Path) -> str:
    """The text of a file in UTF-8, or of the standard input if the path is `-`.

    Raises:
        ServiceError: it can't be read.
    """
    try:
        given = sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
        return given.decode("utf-8-sig")
    except OSError as error:
        raise unreadable(path, error) from None
    except UnicodeDecodeError as error:
        raise ServiceError(f"'{path}' is not in UTF-8: see byte {error.start}.") from None


if __name__ == "__main__":
    main()
