#!/usr/bin/env python3
"""Makes kong.yaml from services.yaml, for decK or for a Kong without a database, and checks it.

python kong/declare.py --check                                  makes both kinds and checks them
python kong/declare.py --format deck --output kong.yaml         then `deck gateway sync kong.yaml`
python kong/declare.py MINE.yaml --format dbless --output private/kong.yaml
python kong/declare.py --check-file kong.yaml                   checks a file made elsewhere

Clients' keys aren't in services.yaml: decK fills them in from the environment (DECK_KEY_NAME) when
it syncs, and for a Kong without a database this command does (KEY_NAME), into a folder that only
you may enter.
"""

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:  # run as a script, Python looks beside it only
    sys.path.insert(0, str(ROOT))

from kong.document import check, document  # noqa: E402
from kong.errors import KongError  # noqa: E402
from kong.objects import Body, ClientName  # noqa: E402
from kong.spec import Spec  # noqa: E402

Format = Literal["deck", "dbless"]
HEADER = "# Made by kong/declare.py from {source}; change that instead.\n"


class ServiceCatalog(BaseModel):
    """What services.yaml says."""

    model_config = ConfigDict(extra="forbid")

    models: Annotated[list[Spec], Field(min_length=1)]
    clients: list[ClientName] = Field([], description="Who has a key, which is in the environment.")


def read(path: Path) -> ServiceCatalog:
    """Reads services.yaml.

    Raises:
        KongError: it can't be read, or something in it isn't known or isn't right.
    """
    try:
        return ServiceCatalog.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise KongError(f"'{path}' can't be read: {error.strerror}.") from None
    except yaml.YAMLError as error:
        raise KongError(f"'{path}' is no YAML: {' '.join(str(error).split())}.") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise KongError(f"'{path}', {where}: {first['msg']}.") from None


def keys(services: ServiceCatalog, kind: Format) -> dict[str, str]:
    """Each client's key: what decK replaces by it, or the key itself.

    Raises:
        KongError: one is missing.
    """
    found: dict[str, str] = {}
    variables: dict[str, str] = {}
    for client in services.clients:
        variable = "KEY_" + client.upper().translate(str.maketrans(".-@", "___"))
        if variable in variables.values():
            raise KongError(f"{client}'s key would be in {variable}, as another client's is.")
        variables[client] = variable
        if kind == "deck":
            found[client] = f'${{{{ env "DECK_{variable}" }}}}'
        elif key := os.environ.get(variable):
            found[client] = key
        else:
            raise KongError(f"Which key has {client}? Put it into the variable {variable}.")
    return found


def write(path: Path, made: Body, source: Path, secret: bool) -> None:
    """Writes a file; one with keys only where nobody else can get at it."""
    if secret:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if path.parent.stat().st_mode & 0o077:
            raise KongError(f"The file has keys, and others may enter '{path.parent}': chmod 700.")
    text = yaml.safe_dump(made, sort_keys=False, allow_unicode=True)
    path.write_text(HEADER.format(source=source.name) + text, encoding="utf-8")


def check_with_deck(path: Path) -> str:
    """What decK says of a file; offline."""
    deck = shutil.which("deck")
    if not deck:
        return "deck isn't installed: checked by our own models and rules only"
    helps = subprocess.run([deck, "file", "validate", "--help"], capture_output=True, text=True)
    if helps.returncode or "validate" not in helps.stdout:
        return "this deck is too old for `deck file validate`: checked by our own rules only"
    done = subprocess.run([deck, "file", "validate", str(path)], capture_output=True, text=True)
    if done.returncode:
        raise KongError(f"deck refuses '{path}': {' '.join(done.stderr.split())}.")
    return "deck finds it valid"


def check_all(services: ServiceCatalog, source: Path) -> None:
    """Makes both kinds, with stand-ins for the keys, and checks each."""
    stand_ins = {client: f"stand-in-{client}" for client in services.clients}
    local = any(one.local for one in services.models)
    kinds: tuple[Format, ...] = ("deck", "dbless")
    for kind in kinds:
        check(document(services.models, stand_ins, kind == "deck"), local)
    names = ", ".join(f"{one.name} at {one.path}" for one in services.models)
    print(f"{source}: {names}; fine for decK and for a Kong without a database.")


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="python kong/declare.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    default = Path(__file__).parent / "services.yaml"
    made.add_argument("services", type=Path, nargs="?", default=default, help="(%(default)s)")
    made.add_argument("--format", choices=("deck", "dbless"), default="deck")
    made.add_argument("--output", type=Path, help="the file to write")
    made.add_argument("--check", action="store_true", help="write nothing")
    made.add_argument("--check-file", type=Path, help="check this kong.yaml instead")
    made.add_argument(
        "--local", action="store_true", help="with --check-file: plain HTTP is meant to be there"
    )
    return made


def run(args: argparse.Namespace) -> None:
    """Does what the options say."""
    if args.check_file:
        try:
            given: Any = yaml.safe_load(args.check_file.read_text(encoding="utf-8"))
        except (OSError, yaml.YAMLError) as error:
            raise KongError(f"'{args.check_file}' can't be read: {error}.") from None
        check(given, args.local)
        print(f"{args.check_file}: fine; {check_with_deck(args.check_file)}.")
        return
    services = read(args.services)
    if args.check:
        check_all(services, args.services)
        return
    if not args.output:
        raise KongError("Where to? Give --output, or --check to write nothing.")
    made = document(services.models, keys(services, args.format), args.format == "deck")
    check(made, any(one.local for one in services.models))
    secret = args.format == "dbless" and bool(services.clients)
    write(args.output, made, args.services, secret)
    print(f"Wrote {args.output}.")
    if args.format == "deck":
        print(f"{check_with_deck(args.output)}.")


def main(words: list[str] | None = None) -> int:
    """Reads the command line; returns the exit status."""
    try:
        run(parser().parse_args(words))
    except KongError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
