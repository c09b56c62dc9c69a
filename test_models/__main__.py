"""Asks a running model about files.

  python -m test_models transcribe talk.mp3
  python -m test_models transcribe talk.wav --format srt
  python -m test_models transcribe *.flac -o transcripts --format vtt --param word_timestamps=true
  python -m test_models transcribe call.wav --speakers 2 --rename S1=Wang --format srt
  python -m test_models entities letters.txt --format table
  python -m test_models caption photos/*.jpg --url https://api.example.com/caption --format json
  python -m test_models ready

The text of one recording comes a segment a line; that of a recording longer than a minute as it is
heard. `entities` takes a text from every line of its files, or of the standard input (`-`). The
gateway's key is read from THERESA_API_KEY. Exit status: 0, or 1 where anything couldn't be
answered.
"""

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from test_models import following
from test_models.answers import Captions, Entities
from test_models.calls import ServiceError, parameter
from test_models.client import AsyncClient
from test_models.written import WrittenFiles
from transcripts.answers import Answer, Transcript
from transcripts.formats import FORMATS
from transcripts.speakers import SpeakersUnknown, by_name, missing, renamed, renaming, said

INTERRUPTED = 130  # the exit status of what Ctrl-C ended, as shells have it


def main() -> None:
    """Reads the command line and asks."""
    parser = _parser()
    args = parser.parse_args()
    if args.task == "transcribe" and args.output and args.format == "table":
        parser.error("--output writes files of another --format than table")
    if args.task == "transcribe" and not _asks_who_speaks(args):
        for option, given in (("--rename", args.rename), ("--format rttm", args.format == "rttm")):
            if given:
                parser.error(f"{option} needs --speakers, or --param channels=separate")
    try:
        failed = asyncio.run(_run(args))
        sys.stdout.flush()
    except BrokenPipeError:  # `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the flush at the end
        sys.exit("test_models: nobody reads the text any more; the rest isn't there.")
    except (ServiceError, SpeakersUnknown, OSError, UnicodeDecodeError) as error:
        sys.exit(f"test_models: {error}")
    except KeyboardInterrupt:
        print("test_models: interrupted; the rest isn't there.", file=sys.stderr)
        sys.exit(INTERRUPTED)
    sys.exit(1 if failed else 0)


def _asks_who_speaks(args: argparse.Namespace) -> bool:
    params = _params(args)
    return params.get("speakers", "off") != "off" or params.get("channels") == "separate"


def _params(args: argparse.Namespace) -> dict[str, Any]:
    """The model's parameters."""
    speakers = {"speakers": args.speakers} if getattr(args, "speakers", None) else {}
    return {**dict(args.param), **speakers}


async def _run(args: argparse.Namespace) -> int:
    """Asks; how many inputs couldn't be answered as they should."""
    key = os.environ.get("THERESA_API_KEY")
    async with AsyncClient(args.url, key=key, timeout=args.timeout) as client:
        if args.task == "ready":
            await client.ready()
            print(f"{client.url} is ready.")
            return 0
        names, inputs = _inputs(args)
        written = WrittenFiles(args, names) if getattr(args, "output", None) else None
        with following.bar() as bar:
            answers = await _answers(client, args, inputs, bar, written)
    faults = [answer.error for answer in answers]
    if args.task == "transcribe" and args.rename:
        answers, faults = _renamed(answers, dict(args.rename))
    if written is not None:
        print(f"{args.output}: {written.count} files", file=sys.stderr)
    elif not _comes_by_line(args):
        _write(args, names, answers)
    for name, fault in zip(names, faults, strict=True):
        if fault is not None:
            print(f"{name}: {fault}", file=sys.stderr)
    return sum(fault is not None for fault in faults)


async def _answers(
    client: AsyncClient,
    args: argparse.Namespace,
    inputs: list[Any],
    bar: Progress,
    written: WrittenFiles | None,
) -> Sequence[Answer]:
    """What the model answers; meanwhile a bar shows how far it is."""
    task = bar.add_task(args.task, total=len(inputs), at="")
    if args.task == "transcribe" and len(inputs) == 1:
        found = following.followed(
            client, inputs[0], _params(args), (bar, task), _comes_by_line(args)
        )
        answer = await found
        if written is not None:
            written(0, answer)
        return [answer]
    methods: dict[str, Callable[..., Awaitable[Sequence[Answer]]]] = {
        "transcribe": client.transcribe_all,
        "entities": client.entities,
        "caption": client.caption,
    }
    told = {"answered": written} if written is not None else {}
    return await methods[args.task](
        inputs, on_error="report", progress=partial(bar.advance, task), **told, **_params(args)
    )


def _comes_by_line(args: argparse.Namespace) -> bool:
    """Whether the text of one recording is printed, a segment a line."""
    return (
        args.task == "transcribe"
        and args.format == "txt"
        and len(args.files) == 1
        and not args.output
        and not _asks_who_speaks(args)
    )


def _renamed(
    answers: Sequence[Answer], given: dict[str, str]
) -> tuple[list[Answer], list[str | None]]:
    """Transcripts with the speakers' names, and a sentence on each that lacks one of them."""
    found: list[Answer] = []
    faults: list[str | None] = []
    for answer in answers:
        if answer.error is None and isinstance(answer, Transcript):
            faults.append(missing(answer, given))
            found.append(renamed(answer, given))
        else:
            faults.append(answer.error)
            found.append(answer)
    return found, faults


def _inputs(args: argparse.Namespace) -> tuple[list[str], list[Any]]:
    """What to ask about, and what to call it."""
    if args.task != "entities":
        return [str(path) for path in args.files], list(args.files)
    names, texts = [], []
    for path in args.files:
        given = sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8")
        for number, line in enumerate(given.splitlines(), 1):
            if line.strip():
                names.append(f"{path}:{number}")
                texts.append(line)
    return names, texts


def _write(args: argparse.Namespace, names: Sequence[str], answers: Sequence[Answer]) -> None:
    """Prints the answers."""
    if args.format == "table":
        Console().print(table(names, answers), highlight=False)
    elif args.format == "json":
        for name, answer in zip(names, answers, strict=True):
            record = {"input": name, **answer.model_dump(exclude_none=True)}
            print(json.dumps(record, ensure_ascii=False))
    else:
        between = "" if args.format == "rttm" else "\n"  # an RTTM may be on several recordings
        print(
            between.join(
                _rendered(args, answer, Path(name).stem)
                for name, answer in zip(names, answers, strict=True)
                if answer.error is None
            ),
            end="",
        )


def _rendered(args: argparse.Namespace, answer: Answer, name: str) -> str:
    assert isinstance(answer, Transcript)
    return FORMATS[args.format](answer, name)


def table(names: Sequence[str], answers: Sequence[Answer]) -> Table:
    """What was found, a line for each segment, entity or caption."""
    view = Table()
    for column in ("input", "", "text"):
        view.add_column(column, overflow="fold")
    for name, answer in zip(names, answers, strict=True):
        found = _lines(answer) or [("", "(nothing found)")]
        for number, (label, text) in enumerate(found):
            view.add_row("" if number else name, label, text)
    return view


def _lines(answer: Answer) -> list[tuple[str, str]]:
    if answer.error is not None:
        return [("error", answer.error)]
    if isinstance(answer, Transcript):
        return [
            (f"{one.start:.2f}-{one.end:.2f} s", said(name, one.text))
            for name, one in by_name(answer)
        ]
    if isinstance(answer, Entities):
        return [(f"{one.type} {one.start}-{one.end}", one.text) for one in answer.entities]
    assert isinstance(answer, Captions)
    category = [("category", answer.category)] if answer.category else []
    return [*category, *(("" if one.score is None else f"{one.score:.3f}", one.text)
                         for one in answer.captions)]  # fmt: skip


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m test_models",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    tasks = parser.add_subparsers(dest="task", required=True, metavar="TASK")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--url", default="http://localhost:8080",
                        help="the server, or a gateway's route to it (%(default)s)")  # fmt: skip
    common.add_argument("--timeout", type=float, default=70.0, metavar="SECONDS",
                        help="that one answer may take; of a recording longer than "
                             "a minute, between two signs of life (%(default)g)")  # fmt: skip
    tasks.add_parser("ready", parents=[common], help="is it up?")
    for task, what, formats in (
        ("transcribe", "recordings", (*FORMATS, "table")),
        ("entities", "text files, a text a line; - is the standard input", ("table", "json")),
        ("caption", "photos", ("table", "json")),
    ):
        sub = tasks.add_parser(task, parents=[common], help=what)
        sub.add_argument("files", nargs="+", type=Path, metavar="FILE", help=what)
        sub.add_argument("--format", choices=formats, default=formats[0],
                         help="json is a line for each input (%(default)s)")  # fmt: skip
        sub.add_argument("--param", type=parameter, action="append", default=[],
                         metavar="NAME=VALUE", help="a parameter of the model")  # fmt: skip
        if task == "transcribe":
            sub.add_argument("--speakers", metavar="auto|NUMBER", help="say who speaks; how many "
                             "people, or auto, which finds out")  # fmt: skip
            sub.add_argument("--rename", type=renaming, action="append", default=[],
                             metavar="LABEL=NAME", help="a speaker's name: S1=Wang; where channels "
                             "are heard apart, C1=Wang")  # fmt: skip
            sub.add_argument("-o", "--output", type=Path, metavar="DIRECTORY",
                             help="write a file for each recording there")  # fmt: skip
    return parser


if __name__ == "__main__":
    main()
