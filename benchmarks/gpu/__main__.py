"""Commands of the GPU's check; docs/gpu.md walks through them.

python -m benchmarks.gpu bundle               gathers wheels, here, for a machine without a network
python -m benchmarks.gpu check                measures, on a machine with a GPU; eight minutes
python -m benchmarks.gpu check --stand-in     tries the checks themselves, on a CPU
"""

import argparse
import sys
from pathlib import Path

from benchmarks.gpu import bundle, check

BUNDLE, REPORTS = Path("gpu-bundle"), Path("reports")


def main() -> int:
    """Read the command line and run; give the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gpu",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    _add_bundle(commands.add_parser("bundle", help="gather wheels, in parts"))
    _add_check(commands.add_parser("check", help="run the checks"))
    join = commands.add_parser("join", help="join and install a bundle's parts; measure nothing")
    join.add_argument("--bundle", type=Path, default=BUNDLE)
    join.add_argument("--work", type=Path, default=REPORTS / "gpu")
    args = parser.parse_args()
    try:
        return _run(args)
    except bundle.BundleError as error:
        print(error, file=sys.stderr)
        return 1


def _add_bundle(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("groups", nargs="*", metavar="GROUP",
                        help=f"which (default: all): {', '.join(bundle.GROUPS)}")  # fmt: skip
    parser.add_argument("--out", type=Path, default=BUNDLE, help="the folder (%(default)s)")
    parser.add_argument("--python", default=bundle.PYTHON, help="the machine's (%(default)s)")
    parser.add_argument("--part-bytes", type=int, default=bundle.PART_BYTES,
                        help="the most of a part (%(default)s)")  # fmt: skip


def _add_check(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--bundle", type=Path, help=f"a bundle to join ({BUNDLE}, if it is here)")
    parser.add_argument("--out", type=Path, default=REPORTS / "gpu.json", help="the JSON file")
    parser.add_argument("--work", type=Path, default=REPORTS / "gpu",
                        help="keeps models and packages for the next run")  # fmt: skip
    parser.add_argument("--seconds", type=float, default=check.SECONDS, help="(%(default)s)")
    parser.add_argument("--only", action="append", default=[], metavar="CHECK",
                        choices=[each.name for each in check.CHECKS],
                        help="one of the checks; may be given again")  # fmt: skip
    parser.add_argument("--stand-in", action="store_true",
                        help="the CPU stands in for the GPU, with small models")  # fmt: skip


def _run(args: argparse.Namespace) -> int:
    """Run a command."""
    if args.command == "bundle":
        if unknown := sorted(set(args.groups) - set(bundle.GROUPS)):
            known = ", ".join(bundle.GROUPS)
            raise bundle.BundleError(f"Group '{unknown[0]}' not found; available: {known}.")
        bundle.gather(args.out, args.groups or list(bundle.GROUPS), args.python, args.part_bytes)
        return 0
    if args.command == "join":
        for group, why in bundle.join(args.bundle, args.work).items():
            print(f"{group}: {why or 'installed'}")
        return 0
    source = args.bundle or (BUNDLE if BUNDLE.is_dir() else None)
    result = check.run(args.out, args.work, source, args.seconds, args.stand_in, args.only)
    for group, why in result["bundle"].items():
        print(f"bundle, {group}: {why or 'installed'}")
    print(f"{args.out} has the results, after {result['took_seconds']:.0f} s.")
    failed = [name for name, one in result["checks"].items() if one["status"] == "failed"]
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
