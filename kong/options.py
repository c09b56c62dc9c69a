"""The options of `register.py`, and what they say, if it makes sense."""

import argparse
import os
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from kong.errors import KongError
from kong.readiness import Timeouts
from kong.spec import Spec

Kind = TypeVar("Kind", bound=BaseModel)
COMMANDS = ("register", "canary", "rollback", "drain", "unregister", "client", "status")
KEY = "THERESA_API_KEY"
TOKEN = "KONG_ADMIN_TOKEN"
ROLLBACK_SECONDS = 10.0  # what runs already is ready at once, or it isn't
JOURNALS = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state") / "theresa/kong"
SECONDS = {
    "deadline": "until a target is ready",
    "poll": "between two looks at a target",
    "propagation": "for Kong to see a change",
    "watch": "that the route must be without a failure after each change",
    "every": "between two predictions meanwhile",
    "drain": "for requests in flight to finish, at most",
    "patience": "for putting back against a gateway that doesn't answer",
}


def parser(description: str = "") -> argparse.ArgumentParser:
    """The command line of `register.py`."""
    whole = argparse.ArgumentParser(
        prog="python kong/register.py",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    kinds = whole.add_subparsers(dest="command", required=True, metavar="COMMAND")
    common = _common()
    made = {
        name: kinds.add_parser(
            name,
            parents=[common],
            help=f"see above; `{name} --help` has its options",
            formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        )
        for name in COMMANDS
    }
    for name, one in made.items():
        if name not in ("status", "client"):
            needed = name != "rollback"  # a journal says what it is about
            one.add_argument("--service", required=needed, help="the model's name at the gateway")
        if name not in ("status",):
            one.add_argument("--dry-run", action="store_true", help="show what would be done")
    _of_register(made["register"])
    made["rollback"].set_defaults(deadline=ROLLBACK_SECONDS)
    for name in ("canary", "drain"):
        made[name].add_argument("--target", required=True, help="the model server, HOST:PORT")
    made["canary"].add_argument(
        "--steps", default="5,25,50,100", help="percent of the traffic, rising"
    )
    made["rollback"].add_argument(
        "--journal", type=_path, help="what a run that was killed has left: put that back instead"
    )
    made["client"].add_argument("name", help="the client's name")
    made["client"].add_argument("--remove", action="store_true", help="take its key away")
    made["status"].add_argument("service", nargs="*", help="models; all if none is named")
    made["status"].add_argument("--probes", type=int, default=20, help="predictions to time")
    for name in ("client", "status"):
        made[name].add_argument(
            "--api-key-file", type=_path, help=f"the key, in a file; else in the variable {KEY}"
        )
    return whole


def _of_register(register: argparse.ArgumentParser) -> None:
    """The options of a registration: those of a model, with its defaults."""
    register.add_argument("--route", required=True, help="the public path, such as /ner")
    register.add_argument(
        "--target",
        action="append",
        required=True,
        help="a model server, HOST:PORT; again for more. Others lose their traffic",
    )
    fields = Spec.model_fields
    for option, name in (
        ("--read-seconds", "read_seconds"),
        ("--body-megabytes", "body_megabytes"),
        ("--per-minute", "per_minute"),
        ("--retries", "retries"),
    ):
        default, says = fields[name].default, fields[name].description
        register.add_argument(option, type=int, default=default, help=says)
    register.add_argument(
        "--health", choices=("/ready", "/ping"), default="/ready", help=fields["health"].description
    )
    register.add_argument(
        "--beside",
        action="append",
        default=[],
        metavar="ROUTE",
        help="somebody else's route whose rule isn't understood and that doesn't take our path",
    )


def _common() -> argparse.ArgumentParser:
    """The options of every subcommand."""
    common = argparse.ArgumentParser(add_help=False)

    def variables(name: str) -> str | None:
        return os.environ.get(name) or None  # an empty one is none

    gateway = common.add_argument_group("the gateway (each also as the variable in brackets)")
    gateway.add_argument(
        "--admin", default=variables("KONG_ADMIN"), help="its Admin API, https://… (KONG_ADMIN)"
    )
    gateway.add_argument(
        "--proxy",
        default=variables("KONG_PROXY"),
        help="where clients ask; else the host of --admin at port 8443 (KONG_PROXY)",
    )
    for option, variable, says in (
        ("--ca", "KONG_CA", "the authority that signed its certificates, else the system's"),
        ("--cert", "KONG_CLIENT_CERT", "our certificate, where it asks for one"),
        ("--key", "KONG_CLIENT_KEY", "the key of our certificate"),
    ):
        gateway.add_argument(
            option, type=_path, default=variables(variable), help=f"{says}, in PEM ({variable})"
        )
    gateway.add_argument(
        "--token-file",
        type=_path,
        help=f"the token, where its Admin API has users ({TOKEN} has it)",
    )
    gateway.add_argument(
        "--workspace",
        default=variables("KONG_WORKSPACE"),
        help="of Kong Enterprise (KONG_WORKSPACE)",
    )
    common.add_argument("--sample", type=_path, help="a request that works (the model's own)")
    common.add_argument("--json", action="store_true", help="the result as JSON on stdout")
    common.add_argument(
        "--take-over", action="store_true", help="clear away first what a killed run has left"
    )
    common.add_argument("--journals", type=_path, default=JOURNALS, help=argparse.SUPPRESS)
    times = common.add_argument_group("times, in seconds")
    for name, says in SECONDS.items():
        times.add_argument(f"--{name}", type=float, default=getattr(Timeouts, name), help=says)
    return common


def _path(text: str) -> Path | None:
    """A file; an empty word, as an unset variable gives it, is none."""
    return Path(text) if text else None


def valid(kind: type[Kind], **given: object) -> Kind:
    """What the options say, if it makes sense.

    Raises:
        KongError: it doesn't; with the option's name.
    """
    try:
        return kind(**given)
    except ValidationError as error:
        first = error.errors()[0]
        options = {
            "path": "--route",
            "name": "--service",
            "targets": "--target",
            "username": "NAME",
        }
        where, said = str(first["loc"][0]), first["msg"].removeprefix("Value error, ")
        option = options.get(where, "--" + where.replace("_", "-"))
        raise KongError(f"{option} '{first['input']}': {said[0].lower()}{said[1:]}.") from None


def secret(file: Path | None, variable: str) -> str | None:
    """A key or a token, from a file or the environment."""
    if not file:
        return os.environ.get(variable)
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        said = getattr(error, "strerror", None) or "the file is not text"
        raise KongError(f"The file '{file}' can't be read: {said}.") from None
