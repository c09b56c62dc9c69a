#!/usr/bin/env python3
"""Registers models with Kong, moves traffic between their versions, and takes them off again.

  register    waits for the model, tries it through the gateway, opens its route   (the default)
  canary      moves the traffic to a new target in steps, looking at it between
  rollback    goes back to the weights before the last change; or after a killed run (--journal)
  drain       takes a target's traffic away, waits for its last request, and removes it
  unregister  closes the route and removes all of the model's objects
  client      gives a client of the gateway its key, or takes it away (--remove)
  status      what runs where, how healthy, how fast

python kong/register.py --admin https://kong.internal:8444 --ca ca.pem --cert me.pem --key me.key \\
    --service hanlp_ner --route /ner --target 10.0.0.5:8080 --dry-run

Whatever fails, or is stopped by Ctrl-C: the gateway is put back as it was. A second run with the
same options changes nothing. Exit status: 0 done, 1 failed and put back, 2 wrong options, 3 failed
and NOT put back (the message says how), 130 stopped and put back.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import ValidationError

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:  # run as a script, Python looks beside it only
    sys.path.insert(0, str(ROOT))

from kong import status as overview  # noqa: E402
from kong.admin import Admin, tls  # noqa: E402
from kong.commands import Commands  # noqa: E402
from kong.errors import Interrupted, KongError  # noqa: E402
from kong.readiness import Sample, Timeouts  # noqa: E402
from kong.report import Reporter  # noqa: E402
from kong.rollout import Gateway, Rollout  # noqa: E402
from kong.spec import Spec  # noqa: E402

COMMANDS = ("register", "canary", "rollback", "drain", "unregister", "client", "status")
MODELS = ROOT / "mlflow_models"
KEY = "THERESA_API_KEY"
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


def parser() -> argparse.ArgumentParser:
    """The command line."""
    whole = argparse.ArgumentParser(
        prog="python kong/register.py",
        description=__doc__,
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
    register = made["register"]
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
    ):
        default, says = fields[name].default, fields[name].description
        register.add_argument(option, type=int, default=default, help=says)
    register.add_argument(
        "--health", choices=("/ready", "/ping"), default="/ready", help=fields["health"].description
    )
    for name in ("canary", "drain"):
        made[name].add_argument("--target", required=True, help="the model server, HOST:PORT")
    made["canary"].add_argument(
        "--steps", default="5,25,50,100", help="percent of the traffic, rising"
    )
    made["rollback"].add_argument(
        "--journal", type=Path, help="what a run that was killed has left: put that back instead"
    )
    made["client"].add_argument("name", help="the client's name")
    made["client"].add_argument("--remove", action="store_true", help="take its key away")
    made["status"].add_argument("service", nargs="*", help="models; all if none is named")
    made["status"].add_argument("--probes", type=int, default=20, help="predictions to time")
    for name in ("client", "status"):
        made[name].add_argument(
            "--api-key-file", type=Path, help=f"the key, in a file; else in the variable {KEY}"
        )
    return whole


def _common() -> argparse.ArgumentParser:
    """The options of every subcommand."""
    common = argparse.ArgumentParser(add_help=False)
    variables = os.environ.get
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
            option, type=Path, default=variables(variable), help=f"{says}, in PEM ({variable})"
        )
    common.add_argument("--sample", type=Path, help="a request that works (the model's own)")
    common.add_argument("--json", action="store_true", help="the result as JSON on stdout")
    common.add_argument(
        "--take-over", action="store_true", help="clear away first what a killed run has left"
    )
    common.add_argument("--journals", type=Path, default=JOURNALS, help=argparse.SUPPRESS)
    times = common.add_argument_group("times, in seconds")
    for name, says in SECONDS.items():
        times.add_argument(f"--{name}", type=float, default=getattr(Timeouts, name), help=says)
    return common


def main(words: Sequence[str] | None = None) -> int:
    """Reads the command line and runs the subcommand; returns the exit status."""
    words = list(sys.argv[1:] if words is None else words)
    if words and words[0] not in (*COMMANDS, "-h", "--help"):
        words.insert(0, "register")
    args = parser().parse_args(words)
    report = Reporter(args.json)
    try:
        document = run(args, report)
    except (KongError, Interrupted) as error:
        report.result({"ok": False, "error": str(error), "events": report.events})
        print(f"error: {error}", file=sys.stderr)
        return error.code
    report.result({"ok": True, **document, "events": report.events})
    return 0


def run(args: argparse.Namespace, report: Reporter) -> dict[str, object]:
    """Runs the subcommand; what it found or did."""
    if not args.admin:
        raise KongError("Where is the gateway? Give --admin https://HOST:8444, or KONG_ADMIN.")
    context = tls(args.ca, args.cert, args.key)
    with closing(Admin(args.admin, context)) as admin:
        proxy = args.proxy or f"https://{urlsplit(admin.url).hostname}:8443"
        gateway = Gateway(admin, proxy, context)
        if args.command == "status":
            key = api_key(args.api_key_file)
            samples = args.sample or MODELS
            found = overview.status(gateway, args.service, samples, key, max(2, args.probes))
            if not args.json:
                overview.show(found)
            return found
        if args.command == "rollback" and not (args.service or args.journal):
            raise KongError("Which model? Give --service, or the --journal of a killed run.")
        spec = specification(args)
        timing = Timeouts(**{name: getattr(args, name) for name in SECONDS})
        path = args.sample or MODELS / spec.name / "sample.json"
        needless = args.command == "client" or getattr(args, "journal", None)
        sample = Sample(b"", 0) if needless else Sample.read(path)
        rollout = Rollout(gateway, spec, sample, timing, report, args.journals)
        return dispatch(args, Commands(rollout, args.dry_run, args.take_over))


def dispatch(args: argparse.Namespace, commands: Commands) -> dict[str, object]:
    """Calls the subcommand's function with its own options."""
    if args.command == "canary":
        try:
            steps = [int(step) for step in args.steps.split(",")]
        except ValueError:
            steps = []
        return commands.canary(args.target, steps)
    if args.command == "drain":
        return commands.drain(args.target)
    if args.command == "rollback":
        return commands.restore(args.journal) if args.journal else commands.rollback()
    if args.command == "unregister":
        return commands.unregister()
    if args.command == "client":
        key = None if args.remove else api_key(args.api_key_file)
        if not args.remove and not key:
            raise KongError(f"Which key? Give --api-key-file, or {KEY} in the environment.")
        return commands.client(key)
    return commands.register()


def specification(args: argparse.Namespace) -> Spec:
    """The model, as the options have it; those not asked for are read from the gateway."""
    given = {name: getattr(args, name) for name in Spec.model_fields if hasattr(args, name)}
    target = getattr(args, "target", None) or "unknown:1"
    given["name"] = args.name if args.command == "client" else args.service or "unknown"
    given["path"] = getattr(args, "route", None) or "/unknown"
    given["targets"] = target if isinstance(target, list) else [target]
    try:
        return Spec.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        option = {"path": "--route", "name": "--service", "targets": "--target"}
        where = str(first["loc"][0])
        raise KongError(
            f"{option.get(where, '--' + where.replace('_', '-'))} '{first['input']}': "
            f"{first['msg'][0].lower()}{first['msg'][1:]}."
        ) from None


def api_key(file: Path | None) -> str | None:
    """A client's key, from a file or the environment."""
    if not file:
        return os.environ.get(KEY)
    try:
        return file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise KongError(f"The key's file '{file}' can't be read: {error.strerror}.") from None


if __name__ == "__main__":
    sys.exit(main())
