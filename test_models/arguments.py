"""The command line of `python -m test_models`."""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from transcripts.formats import FORMATS
from transcripts.speakers import renaming

FILTERS = ("skip", "in_categories", "in_places", "since", "until")  # of a search
MASKS = ("replace", "hash", "label")


def parsed(description: str) -> argparse.Namespace:
    """What is asked for; ends the command if it makes no sense.

    Attributes of what `transcribe` and `entities` give, besides the options:
        params: those of the model at `--url`.
        entity_params: those of the model that finds entities, with `transcribe --entities`.
    """
    parser = _parser(description)
    args = parser.parse_args()
    if args.task == "ready":
        return args
    if args.task == "search":
        if not (args.words or args.image):
            parser.error("search needs WORDS, --image, or both")
        filters = {name: getattr(args, name) for name in FILTERS}
        args.params = {name: value for name, value in filters.items() if value}
        return args
    args.params, args.entity_params = dict(args.param), {}
    if args.task == "entities":
        args.params |= _findings(args)
    if args.task == "transcribe":
        args.params |= {"speakers": args.speakers} if args.speakers else {}
        args.entity_params = dict(args.entity_param) | _findings(args)
        _check(parser, args)
    return args


def asks_who_speaks(args: argparse.Namespace) -> bool:
    """Whether the transcript will have speakers."""
    separate = args.params.get("channels") == "separate"
    return separate or args.params.get("speakers", "off") != "off"


def masks(params: Mapping[str, Any]) -> bool:
    """Whether the parameters of a model of entities ask for a mask."""
    return bool(params.get("mask", "none") != "none")


def _parameter(given: str) -> tuple[str, Any]:
    """A model's parameter, `NAME=JSON` or `NAME=TEXT`; an object, as of words, goes as a text."""
    name, equals, text = given.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"'{given}' is not NAME=VALUE")
    try:
        value = json.loads(text)
    except ValueError:
        return name, text
    return name, text if isinstance(value, dict) else value


def _findings(args: argparse.Namespace) -> dict[str, Any]:
    """The parameters that the options of `_finding` are."""
    params: dict[str, Any] = {"mask": args.mask} if args.mask else {}
    return params | ({"reference_date": args.reference_date} if args.reference_date else {})


def _check(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Ends a `transcribe` whose options don't go together; chooses its format."""
    if args.entity_params and not args.entities:
        parser.error("--mask, --reference-date and --entity-param need --entities")
    shown = args.entities and not masks(args.entity_params)
    if args.format is None:
        args.format = "table" if shown else "txt"
    elif shown and args.format not in ("json", "table"):
        parser.error(f"--format {args.format} has no entities; choose json or table, or --mask")
    if args.output and args.format == "table":
        parser.error("--output writes files of another --format than table")
    if not asks_who_speaks(args):
        for option, given in (("--rename", args.rename), ("--format rttm", args.format == "rttm")):
            if given:
                parser.error(f"{option} needs --speakers, or --param channels=separate")


def _parser(description: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m test_models",
        description=description,
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
        first = None if task == "transcribe" else formats[0]
        sub.add_argument("--format", choices=formats, default=first,
                         help=f"json is a line for each input ({formats[0]})")  # fmt: skip
        sub.add_argument("--param", type=_parameter, action="append", default=[],
                         metavar="NAME=VALUE", help="a parameter of the model")  # fmt: skip
        if task == "transcribe":
            _speech(sub)
        if task != "caption":
            _finding(sub)
    _search(tasks.add_parser("search", parents=[common], help="find photos of the model's "
                             "collection by words, by a photo, or by both"))  # fmt: skip
    return parser


def _search(sub: argparse.ArgumentParser) -> None:
    """The options of `search`."""
    sub.add_argument("words", nargs="?", default="", metavar="WORDS", help="what they should show")
    sub.add_argument("--image", type=Path, metavar="FILE", help="a photo that they should be like")
    sub.add_argument("-n", "--count", type=int, default=20, metavar="NUMBER",
                     help="how many photos (%(default)s)")  # fmt: skip
    sub.add_argument("--skip", type=int, default=0, metavar="NUMBER",
                     help="leave out the most similar ones, for the next page")  # fmt: skip
    for option, name in (("--category", "in_categories"), ("--place", "in_places")):
        sub.add_argument(option, action="append", default=[], dest=name, metavar="NAME",
                         help="only photos of it; may be given several times")  # fmt: skip
    for option in ("--since", "--until"):
        sub.add_argument(option, metavar="YYYY-MM-DD", help="only photos of days from, or up to")
    sub.add_argument("--format", choices=("table", "json"), default="table", help="(%(default)s)")


def _speech(sub: argparse.ArgumentParser) -> None:
    """The options of `transcribe` alone."""
    sub.add_argument("--speakers", metavar="auto|NUMBER",
                     help="say who speaks; how many people, or auto, which finds out")  # fmt: skip
    sub.add_argument("--rename", type=renaming, action="append", default=[], metavar="LABEL=NAME",
                     help="a speaker's name: S1=Wang; where channels are heard apart, "
                          "C1=Wang")  # fmt: skip
    sub.add_argument("-o", "--output", type=Path, metavar="DIRECTORY",
                     help="write a file for each recording there")  # fmt: skip
    sub.add_argument("--entities", metavar="ADDRESS",
                     help="find the entities of the text, and their times, with the model at this "
                          "address; /ROUTE is a route of the gateway of --url. Without --mask the "
                          "format is table or json")  # fmt: skip
    sub.add_argument("--entity-param", type=_parameter, action="append", default=[],
                     metavar="NAME=VALUE", help="a parameter of that model")  # fmt: skip


def _finding(sub: argparse.ArgumentParser) -> None:
    """What becomes of entities."""
    sub.add_argument("--mask", choices=MASKS,
                     help="give the text, in whatever format, without names, numbers and addresses "
                          "of people, and nothing of what was there")  # fmt: skip
    sub.add_argument(
        "--reference-date", metavar="YYYY-MM-DD", help="the day that 'last year' is counted from"
    )
