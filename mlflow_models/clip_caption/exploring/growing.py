"""The command `embed`: a new collection, or what has changed in one that is embedded already."""

import argparse
import functools
from pathlib import Path

from clip_caption.exploring import derived, opening, parts
from clip_caption.exploring.collection import ImageCollection, counted, read_collection
from clip_caption.exploring.contents import Contents
from clip_caption.exploring.embedding import Embedder, embed
from clip_caption.exploring.store import FAILURES, SETTINGS, EmbeddingSettings
from clip_caption.index import PROBE, normalised
from clip_caption.options import Options
from zoo.data.fingerprints import fingerprint
from zoo.data.outputs import check_output, write_text


def run(args: argparse.Namespace) -> None:
    """Embeds what isn't embedded, and says what has changed.

    Raises:
        ZooError: the source or the directory can't be used, or no image of it can be read.
    """
    output: Path = args.output
    collection = read_collection(args.images, args.image_column, bool(args.captions))
    check_output(output, SETTINGS, "embeddings")
    parts.finish(output)
    _tell_left_out(collection)

    @functools.cache
    def embedder() -> Embedder:
        opening.keep(args.checkpoint, args.clip, args.normalize_prefix, output)
        captioner = opening.captioner(output, args.threads)
        longest = min(Options().max_tokens, captioner.max_tokens)
        options = Options(mode=args.captions, max_tokens=longest) if args.captions else None
        return Embedder(captioner, args.embedding, options, args.thumbnail, args.batch_size,
                        args.decoders)  # fmt: skip

    complete = (output / SETTINGS).is_file()
    places = [output] if complete else parts.begun(output)
    old = EmbeddingSettings.read(places[0]) if places else None
    settings = EmbeddingSettings(
        checkpoint=args.checkpoint,
        clip=args.clip,
        kind=args.embedding,
        width=old.width if old else 0,
        captions=args.captions,
        thumbnail=args.thumbnail,
        collection="",
        images=len(collection),
        probe=old.probe if old else (),
        part=args.part,
        weights=_weights(args.checkpoint),
    )
    if old:
        settings.check(output, old)
    else:
        probe = normalised(embedder().captioner.embed_texts([PROBE]))[0].round(6).tolist()
        settings = settings.of(width=embedder().width(), probe=probe)
    contents = Contents.read(collection, output)
    settings = settings.of(collection=contents.state)
    before = parts.summary(output, settings) if complete else {}
    if complete and old and old.collection == contents.state:
        parts.clear(output)
    else:
        embed(collection, contents, settings, embedder, output)
    _report(output, before, settings)


def _weights(checkpoint: str) -> str:
    """The hash of a checkpoint's files: its name may stand for another one tomorrow."""
    path = Path(checkpoint)
    if checkpoint == "demo" or not path.exists():
        return ""
    return fingerprint(path / opening.MODEL if (path / opening.MODEL).is_dir() else path)


def _tell_left_out(collection: ImageCollection) -> None:
    """Says which files and columns of the source are passed over."""
    if collection.passed:
        print(f"skipped files that are not images: {counted(collection.passed)}")
    if collection.left_out:
        print(f"columns left out, which embeddings have themselves or which aren't plain: "
              f"{', '.join(collection.left_out)}")  # fmt: skip


def _report(output: Path, before: dict[str, tuple[str, str]], settings: EmbeddingSettings) -> None:
    """Says what has changed, which images can't be read, and what is older now."""
    now = parts.summary(output, settings)
    failed = parts.all_failures(output)
    print(f"{output}: {len(now):,} of {settings.images:,} images: {parts.changes(before, now)}")
    if failed:
        lines = "".join(f"{name}\t{reason}\n" for name, reason in failed.items())
        write_text(output / FAILURES, lines)
        for name, reason in list(failed.items())[:5]:
            print(f"  left out: {name}: {reason}")
        print(f"  all {len(failed):,} that were left out are in {output / FAILURES}")
    else:
        (output / FAILURES).unlink(missing_ok=True)
    for line in derived.stale(output):
        print(line)
