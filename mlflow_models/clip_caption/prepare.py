"""Turns photos with captions into an Arrow data set for finetune.py, evaluate.py and explore.py.

Photos that are elsewhere are downloaded once, with consideration for their servers. If it was
killed, run the same command again: it goes on. OUTPUT appears when it is complete,
with its parts and a report of what was left out and why (report.md, dropped.csv, types.svg,
sizes.png).
"""

import argparse
from dataclasses import replace
from pathlib import Path

from clip_caption.preparing import dataset, download, photos
from clip_caption.preparing.privacy import mask
from clip_caption.preparing.report import DroppedPhoto, PhotoReport, markdown, write_report
from clip_caption.preparing.sources import Entry, PhotoColumns, merged, read_source
from zoo.building import packaging
from zoo.data.outputs import check_new
from zoo.errors import ZooError

SOURCES = """
SOURCE is one of
  FILE.csv, FILE.tsv   a row for each photo, with its address (https://...) or its path: an export
                       of Traffy Fondue, or a manifest of demos.clip_caption.scenes
  FILE.json            COCO's captions; photos from --images, or from its coco_url
  a folder             of a.jpg with a.txt, a caption a line; or with a metadata.csv
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
        "--mask",
        action="store_true",
        help="replace telephone numbers, e-mail addresses and identity numbers in captions",
    )
    keep.add_argument("--region", default="TH", help="of telephone numbers (%(default)s)")
    parts = cli.add_argument_group("parts: OUTPUT/train, OUTPUT/dev, OUTPUT/test")
    parts.add_argument("--test-share", type=float, default=0.1, help="(%(default)s)")
    parts.add_argument("--dev-share", type=float, default=0.0, help="(%(default)s)")
    parts.add_argument("--seed", type=int, default=1, help="of shuffling and parts (%(default)s)")
    return cli


def _add_columns(group: argparse._ArgumentGroup) -> None:
    for name, text in (
        ("image", "addresses or paths (photo, image, file, ...)"),
        ("caption", "captions (captions, caption, comment, ...)"),
        ("name", "names (ticket_id, id, name; or the photo's address)"),
        ("type", "types, of several in braces the first (type)"),
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
        help="download from this machine and its network, too",
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
    repeated, report.repeated = photos.duplicates([look for _, look in pairs], args.duplicates)
    for (entry, look), is_repeated in zip(pairs, repeated, strict=True):
        if is_repeated:
            report.dropped.append(DroppedPhoto(entry, "duplicate"))
        else:
            report.kept.append(entry)
            report.looks.append(look)


def main(argv: list[str] | None = None) -> None:
    """Runs the command line."""
    args = parser().parse_args(argv)
    shares = {"dev": args.dev_share, "test": args.test_share}
    if min(shares.values()) < 0 or sum(shares.values()) >= 1:
        raise ZooError("--dev-share and --test-share must leave a share for training.")
    check_new(args.output)
    report = PhotoReport(masked=args.mask)
    entries = usable(args, report)
    remote = any(entry.is_remote for entry in entries)
    folder = args.cache or args.output.with_name(args.output.name + "-photos")
    cache = download.Cache(folder) if remote else None
    seen(fetched(entries, args, cache, report), args, report)
    if not report.kept:
        raise ZooError(f"Nothing can be kept: {dict(report.reasons()) or 'there are no photos'}.")
    for place, entry in enumerate(report.kept):
        masked = [mask(text, args.region) for text in entry.captions]
        report.personal += sum(count for _, count in masked)
        if args.mask:
            report.kept[place] = replace(entry, captions=[text for text, _ in masked])
    parts = dataset.split(report.looks, {k: v for k, v in shares.items() if v}, args.seed)
    report.parts = {name: len(rows) for name, rows in sorted(parts.items())}

    def read(entry: Entry) -> bytes:
        path = cache.path(entry.source) if cache and entry.is_remote else Path(entry.source)
        return path.read_bytes()

    dataset.write(parts, report.kept, read, args.output, lambda ready: write_report(report, ready))
    print(f"{args.output}: {markdown(report)}")


if __name__ == "__main__":
    packaging.run(main)
