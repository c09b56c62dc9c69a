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
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:  # run as a script, Python looks beside it only
    sys.path.insert(0, str(ROOT))

from kong import status as overview  # noqa: E402
from kong.admin import Admin, Gateway, tls  # noqa: E402
from kong.clients import Clients  # noqa: E402
from kong.commands import Commands  # noqa: E402
from kong.errors import Interrupted, KongError  # noqa: E402
from kong.objects import Consumer  # noqa: E402
from kong.options import COMMANDS, KEY, SECONDS, TOKEN, parser, secret, valid  # noqa: E402
from kong.readiness import Timeouts  # noqa: E402
from kong.report import Reporter  # noqa: E402
from kong.rollout import Rollout  # noqa: E402
from kong.samples import Sample  # noqa: E402
from kong.spec import REGISTERED, Spec  # noqa: E402

MODELS = ROOT / "mlflow_models"


def main(words: Sequence[str] | None = None) -> int:
    """Reads the command line and runs the subcommand; returns the exit status."""
    words = list(sys.argv[1:] if words is None else words)
    if words and words[0] not in (*COMMANDS, "-h", "--help"):
        words.insert(0, "register")
    args = parser(__doc__ or "").parse_args(words)
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
    token = secret(args.token_file, TOKEN) or ""
    with closing(Admin(args.admin, context, token, args.workspace or "")) as admin:
        proxy = args.proxy or f"https://{urlsplit(admin.url).hostname}:8443"
        gateway = Gateway(admin, proxy, context)
        if args.command == "status":
            key = secret(args.api_key_file, KEY)
            samples = args.sample or MODELS
            found = overview.status(gateway, args.service, samples, key, max(2, args.probes))
            if not args.json:
                overview.show(found)
            return found
        if args.command == "client":
            key = None if args.remove else secret(args.api_key_file, KEY)
            if not args.remove and not key:
                raise KongError(f"Which key? Give --api-key-file, or {KEY} in the environment.")
            consumer = valid(Consumer, username=args.name, tags=[REGISTERED])
            return Clients(admin, report, args.journals, args.dry_run).give(consumer, key)
        if args.command == "rollback" and not (args.service or args.journal):
            raise KongError("Which model? Give --service, or the --journal of a killed run.")
        spec = specification(args)
        timing = Timeouts(**{name: getattr(args, name) for name in SECONDS})
        usual = MODELS / spec.name / "sample.json"
        path = args.sample or (usual if usual.is_file() else None)
        rollout = Rollout(
            gateway,
            spec,
            Sample.read(path) if path else None,
            timing,
            report,
            args.journals,
            tuple(getattr(args, "beside", ())),
        )
        return dispatch(args, Commands(rollout, args.dry_run, args.take_over))


def dispatch(args: argparse.Namespace, commands: Commands) -> dict[str, object]:
    """Calls the subcommand's function with its own options."""
    (target, *_) = commands.rollout.spec.targets  # as Kong keeps it
    if args.command == "canary":
        try:
            steps = [int(step) for step in args.steps.split(",")]
        except ValueError:
            steps = []
        return commands.canary(target, steps)
    if args.command == "drain":
        return commands.drain(target)
    if args.command == "rollback":
        return commands.restore(args.journal) if args.journal else commands.rollback()
    if args.command == "unregister":
        return commands.unregister()
    return commands.register()


def specification(args: argparse.Namespace) -> Spec:
    """The model, as the options have it; those not asked for are read from the gateway."""
    given = {name: getattr(args, name) for name in Spec.model_fields if hasattr(args, name)}
    target = getattr(args, "target", None)
    target = "unknown:1" if target is None else target
    given["name"] = args.service or "unknown"
    given["path"] = getattr(args, "route", None) or "/unknown"
    given["targets"] = target if isinstance(target, list) else [target]
    return valid(Spec, **given)


if __name__ == "__main__":
    sys.exit(main())
