"""Turns photos with captions into an Arrow data set for finetune.py, evaluate.py and explore.py.

Photos that are elsewhere are downloaded once, with consideration for their servers. If it was
killed, run the same command again: it goes on. OUTPUT appears when it is complete, with its parts
and report.html, a page to read first: what was left out and why, samples, near copies, personal
data. dropped.csv and copies.csv have all rows of it.
"""

import argparse
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from clip_caption.preparing import dataset, download, photos
from clip_caption.preparing.copies import NEAR_BITS
from clip_caption.preparing.metadata import stored
from clip_caption.preparing.privacy import mask, regions
from clip_caption.preparing.report import DroppedPhoto, PhotoReport, write_report
from clip_caption.preparing.sources import Entry, PhotoColumns, merged, read_source
from zoo.building import packaging
from zoo.data.outputs import check_new
from zoo.errors import BadInput, ZooError
from zoo.training.leaks import linked
from zoo.training.page import PAGE, left_out

SOURCES = """
SOURCE is one of
  a table       (.csv, .tsv, .jsonl, .parquet, .geojson) with a row for each photo, which has its
                address (https://...) or its path: an export of Traffy Fondue, or a manifest of
                demos.clip_caption.scenes
  FILE.json     COCO's captions; photos from --images, or from its coco_url
  a folder      of a.jpg with a.txt, a caption a line; or with a metadata.csv
"""
MANNERS = download.Manners()


def parser() -> argparse.ArgumentParser:
    """Builds the command line."""
    cli = argparse.ArgumentParser(
        description=__doc__,
        epilog=SOURCES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    cli.add_argument("source", metavar="SOURCE", type=Path)
    cli.add_argument("-o", "--output", type=Path, required=True, help="a new directory")
    cli.add_argument("--jobs", type=int, default=2, help="threads that decode (%(default)s)")
    cli.add_argument("--limit", type=int, help="take the first so many photos")
    _add_columns(cli.add_argument_group("the source"))
    _add_download(cli.add_argument_group("downloads"))
    keep = cli.add_argument_group("what is kept")
    keep.add_argument("--smallest", type=int, default=32, help="shorter side, px (%(default)s)")
    keep.add_argument(
        "--duplicates",
        choices=photos.KINDS,
        default="none",
        help="leave out what has another photo's bytes, or its look; counted in any case "
        "(%(default)s)",
    )
    keep.add_argument(
        "--near",
        type=int,
        default=NEAR_BITS,
        metavar="BITS",
        help="photos look the same if so many of their hashes' 64 bits differ (%(default)s)",
    )
    keep.add_argument(
        "--mask",
        action="store_true",
        help="replace telephone numbers, e-mail addresses, Line ids and identity numbers in every "
        "text that is kept; take position, device, thumbnail and comments out of the files",
    )
    keep.add_argument("--region", default="TH", help="of telephone numbers (%(default)s)")
    parts = cli.add_argument_group("parts: OUTPUT/train, OUTPUT/dev, OUTPUT/test")
    parts.add_argument("--test-share", type=float, default=0.1, help="(%(default)s)")
    parts.add_argument("--dev-share", type=float, default=0.0, help="(%(default)s)")
    parts.add_argument("--seed", type=int, default=1, help="of shuffling and parts (%(default)s)")
    parts.add_argument(
        "--group", metavar="COLUMN", help="photos with one value here stay in one part: of a site"
    )
    return cli


def check(args: argparse.Namespace) -> None:
    """Refuses options that make no sense, before anything is read.

    Raises:
        ZooError: one of them is out of its bounds.
    """
    shares = (args.dev_share, args.test_share)
    if not (min(shares) >= 0 and sum(shares) < 1):
        raise ZooError("--dev-share and --test-share must leave a share for training.")
    at_least = {"jobs": 1, "limit": 1, "smallest": 1, "connections": 1, "per_host": 1, "pause": 0,
                "attempts": 1, "seconds": 0, "max_bytes": 1, "near": 0}  # fmt: skip
    for name, least in at_least.items():
        value = getattr(args, name)
        if value is not None and not value >= least:
            raise ZooError(f"--{name.replace('_', '-')} must be at least {least}.")
    if args.near > 64:
        raise ZooError("--near must be at most 64: a hash has so many bits.")
    if args.region not in regions():
        raise ZooError("--region must be the code of a region with telephone numbers: TH, TW, CN.")
    check_new(args.output)
    if files := [folder for folder in args.output.parents if folder.is_file()]:
        raise ZooError(f"--output '{args.output}': '{files[0]}' is a file, not a folder.")


def _add_columns(group: argparse._ArgumentGroup) -> None:
    for name, text in (
        ("image", "addresses or paths (photo, image, file, ...)"),
        ("caption", "captions (captions, caption, comment, ...)"),
        ("name", "names (ticket_id, id, name; or the photo's address)"),
        ("type", "types; several as in {a,b} (type)"),
        ("coords", '"longitude,latitude" (coords; or latitude and longitude)'),
    ):
        group.add_argument(f"--{name}-column", metavar="COLUMN", help=text)
    group.add_argument("--separator", help="between captions in a cell (| in `captions`)")
    group.add_argument("--keep", nargs="*", default=[], metavar="COLUMN", help="keep these too")
    group.add_argument("--images", type=Path, metavar="FOLDER", help="where paths start")


def _add_download(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--cache", type=Path, metavar="FOLDER", help="of downloaded photos (OUTPUT-photos)"
    )
    for name, text in (
        ("connections", "at a time (%(default)s)"),
        ("per-host", "at a time from one host (%(default)s)"),
        ("pause", "seconds between two starts at one host (%(default)s)"),
        ("attempts", "for one photo (%(default)s)"),
        ("seconds", "for one photo, all attempts together (%(default)s)"),
        ("max-bytes", "a larger photo is refused (%(default)s)"),
    ):
        default = getattr(MANNERS, name.replace("-", "_"))
        group.add_argument(f"--{name}", type=type(default), default=default, help=text)
    group.add_argument(
        "--retry-failed", action="store_true", help="try again what was gone at an earlier run"
    )
    group.add_argument(
        "--private-addresses",
        action="store_true",
        help="download from this machine and its network, too; never from link-local addresses",
    )


def usable(args: argparse.Namespace, report: PhotoReport) -> list[Entry]:
    """Reads the source; what can't be used goes into the report."""
    columns = PhotoColumns(
        args.image_column,
        args.caption_column,
        args.separator,
        args.name_column,
        args.type_column,
        args.coords_column,
        tuple(dict.fromkeys(args.keep)),
        args.group,
    )
    entries = merged(read_source(args.source, columns, args.images))[: args.limit]
    report.dropped += [DroppedPhoto(entry, entry.reason) for entry in entries if entry.reason]
    return [entry for entry in entries if not entry.reason]


def fetched(
    entries: list[Entry],
    args: argparse.Namespace,
    cache: download.Cache | None,
    report: PhotoReport,
) -> list[tuple[Entry, Path]]:
    """The photos with their files, once all are downloaded."""
    if cache is None:
        return [(entry, Path(entry.source)) for entry in entries]
    if args.retry_failed:
        cache.forget_failures()
    manners = download.Manners(**{name: getattr(args, name) for name in vars(MANNERS)})
    urls = [entry.source for entry in entries if entry.is_remote]
    failed = download.download_all(urls, cache, manners, args.private_addresses)
    report.dropped += [
        DroppedPhoto(e, "not downloaded", failed[e.source]) for e in entries if e.source in failed
    ]
    return [
        (entry, cache.path(entry.source) if entry.is_remote else Path(entry.source))
        for entry in entries
        if entry.source not in failed
    ]


def seen(found: list[tuple[Entry, Path]], args: argparse.Namespace, report: PhotoReport) -> None:
    """Looks at the photos; keeps in the report those that can be used."""
    looks = photos.look_at_all([path for _, path in found], args.smallest, args.jobs)
    pairs = [(entry, look) for (entry, _), look in zip(found, looks, strict=True)]
    report.dropped += [
        DroppedPhoto(e, look.reason, look.detail) for e, look in pairs if look.reason
    ]
    pairs = [(entry, look) for entry, look in pairs if not look.reason]
    files, near = photos.copies([look for _, look in pairs], args.near)
    repeated: dict[str, set[int]] = {"none": set(), "bytes": {later for _, later in files}}
    repeated["look"] = repeated["bytes"] | {later for _, later, _ in near}
    gone = repeated[args.duplicates]
    report.dropped += [DroppedPhoto(pairs[row][0], "duplicate") for row in sorted(gone)]
    place = {row: n for n, row in enumerate(row for row in range(len(pairs)) if row not in gone)}
    report.kept = [pairs[row][0] for row in place]
    report.looks = [pairs[row][1] for row in place]
    report.same_files = [(place[a], place[b]) for a, b in files if {a, b} <= place.keys()]
    report.near = [(place[a], place[b], bits) for a, b, bits in near if {a, b} <= place.keys()]
    near_files = ((a, b) for a, b, _ in report.near)
    links = [*report.same_files, *near_files, *dataset.grouped(report.kept)]
    report.groups = linked(len(report.kept), links)


def hide(report: PhotoReport, args: argparse.Namespace) -> None:
    """Counts personal data in the texts, and takes them out if that is asked for."""
    names: Counter[str] = Counter()
    for place, entry in enumerate(report.kept):
        clean, found = masked(entry, args.region)
        report.personal += found
        if args.mask:
            names[clean.name] += 1
            again = clean.name != entry.name and names[clean.name] > 1
            name = f"{clean.name} ({names[clean.name]})" if again else clean.name
            report.kept[place] = replace(clean, name=name)
    if args.mask:
        report.dropped = [_hidden(one, args.region) for one in report.dropped]


def _hidden(one: DroppedPhoto, region: str) -> DroppedPhoto:
    entry, _ = masked(one.entry, region)
    return replace(one, entry=replace(entry, source=mask(entry.source, region)[0]))


def masked(entry: Entry, region: str) -> tuple[Entry, Counter[str]]:
    """The entry without personal data in any of its texts, and how many there were of each kind."""
    found: Counter[str] = Counter()

    def clean(text: str) -> str:
        text, kinds = mask(text, region)
        found.update(kinds)
        return text

    extra = {k: clean(v) if isinstance(v, str) else v for k, v in entry.extra.items()}
    captions = [clean(text) for text in entry.captions]
    return replace(entry, name=clean(entry.name), captions=captions, extra=extra), found


def reader(args: argparse.Namespace, cache: download.Cache | None) -> Callable[[Entry], bytes]:
    """What gives a photo's file as the data set has it."""

    def read(entry: Entry) -> bytes:
        path = cache.path(entry.source) if cache and entry.is_remote else Path(entry.source)
        try:
            return stored(path.read_bytes(), args.mask)
        except (OSError, BadInput) as error:  # it could be read a moment ago
            raise ZooError(f"The photo '{entry.name}' can't be read any more: {error}.") from error

    return read


def main(argv: list[str] | None = None) -> None:
    """Runs the command line."""
    args = parser().parse_args(argv)
    check(args)
    report = PhotoReport(masked=args.mask)
    entries = usable(args, report)
    remote = any(entry.is_remote for entry in entries)
    folder = args.cache or args.output.with_name(args.output.name + "-photos")
    cache = download.Cache(folder) if remote else None
    seen(fetched(entries, args, cache, report), args, report)
    if not report.kept:
        first = {one.reason: one.entry.name for one in reversed(report.dropped)}
        raise ZooError(f"Nothing can be kept: {left_out(report.reasons(), first)}.")
    hide(report, args)
    shares = {name: share for name in ("dev", "test") if (share := getattr(args, f"{name}_share"))}
    report.parts = dataset.split(report.looks, report.groups, shares, args.seed)
    read, said = reader(args, cache), list[str]()
    dataset.write(
        report.parts,
        report.kept,
        read,
        args.output,
        lambda ready: said.append(write_report(report, ready, args.output.name, read)),
    )
    for name, count in report.reasons().most_common():
        print(f"  left out, {name}: {count:,}")
    print(f"{args.output / PAGE}: {said[0]}")


if __name__ == "__main__":
    packaging.run(main)
