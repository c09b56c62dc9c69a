"""The command `embed`: a new collection, or what has changed in one that is embedded already."""

import argparse
import functools
from collections.abc import Callable
from pathlib import Path

import numpy as np

from clip_caption.captioner import Captioner
from clip_caption.exploring import derived, encoders, opening, parts
from clip_caption.exploring.collection import ImageCollection, counted, read_collection
from clip_caption.exploring.contents import Contents
from clip_caption.exploring.embedding import Embedder, embed
from clip_caption.exploring.encoders import PhotoEncoder
from clip_caption.exploring.store import FAILURES, SETTINGS, EmbeddingSettings
from clip_caption.options import Options
from zoo.data.fingerprints import fingerprint
from zoo.data.outputs import check_output, write_text
from zoo.errors import ZooError


def run(args: argparse.Namespace) -> None:
    """Embeds what isn't embedded, and says what has changed.

    Raises:
        ZooError: the source or the directory can't be used, or no image of it can be read.
    """
    _check(args)
    output: Path = args.output
    collection = read_collection(args.images, args.image_column, bool(args.captions))
    check_output(output, SETTINGS, "embeddings")
    parts.finish(output)
    _tell_left_out(collection)

    model = str(args.encoder) if args.encoder else args.checkpoint

    @functools.cache
    def embedder() -> Embedder:
        opening.keep(model, _converter(args), output)
        return _embedder(args, opening.encoder(output, args.threads))

    complete = (output / SETTINGS).is_file()
    places = [output] if complete else parts.begun(output)
    old = EmbeddingSettings.read(places[0]) if places else None
    settings = EmbeddingSettings(
        checkpoint=model,
        clip=args.clip,
        kind="encoder" if args.encoder else args.embedding,
        width=old.width if old else 0,
        captions=args.captions,
        thumbnail=args.thumbnail,
        collection="",
        images=len(collection),
        probe=old.probe if old else (),
        part=args.part,
        weights=_weights(model),
    )
    if old:
        settings.check(output, old)
    else:
        probe = encoders.probe_of(embedder().encoder).round(6).tolist()
        settings = settings.of(width=embedder().width(), probe=probe)
    contents = Contents.read(collection, output)
    settings = settings.of(collection=contents.state)
    before = parts.summary(output, settings) if complete else {}
    if complete and old and old.collection == contents.state:
        parts.clear(output)
    else:
        embed(collection, contents, settings, embedder, output)
    _report(output, before, settings)


def _check(args: argparse.Namespace) -> None:
    """Refuses what an image encoder has no words for, and the other kind of embeddings.

    Raises:
        ZooError: the options don't go together.
    """
    wordy = {"--captions": args.captions, "--clip": args.clip,
             "--normalize-prefix": args.normalize_prefix,
             "--embedding prefix": args.embedding == "prefix"}  # fmt: skip
    if args.encoder and (given := [name for name, value in wordy.items() if value]):
        raise ZooError(f"--encoder sees photos and knows no words; leave out {', '.join(given)}.")
    model = Path(args.encoder or args.checkpoint) / opening.MODEL
    if model.is_dir() and encoders.is_kept(model) != bool(args.encoder):
        right = "--checkpoint" if args.encoder else "--encoder"
        raise ZooError(f"'{model.parent}' was made with {right}; give it as {right}.")


def _converter(args: argparse.Namespace) -> Callable[[Path], None]:
    """What writes the files of the model that is asked for."""
    if args.encoder:
        return functools.partial(encoders.convert, args.encoder)
    return functools.partial(
        opening.convert_checkpoint, args.checkpoint, args.clip, args.normalize_prefix
    )


def _embedder(args: argparse.Namespace, encoder: PhotoEncoder) -> Embedder:
    """What embeds, and captions, as it is asked for."""
    vectors = captions = None
    if isinstance(encoder, Captioner):
        if args.embedding == "prefix":
            vectors = functools.partial(_prefixes, encoder)
        if args.captions:
            longest = min(Options().max_tokens, encoder.max_tokens)
            options = Options(mode=args.captions, max_tokens=longest)
            captions = functools.partial(_captions, encoder, options)
    return Embedder(encoder, vectors, captions, args.thumbnail, args.batch_size, args.decoders)


def _prefixes(captioner: Captioner, features: np.ndarray) -> np.ndarray:
    """Prefixes of CLIP's features in one row each, float32 (n, length x width)."""
    return captioner.prefixes(features).reshape(len(features), -1)


def _captions(captioner: Captioner, options: Options, features: np.ndarray) -> list[str]:
    """The best caption for each of CLIP's features."""
    return [captions[0].text for captions in captioner.caption(features, options)]


def _weights(model: str) -> str:
    """The hash of a model's files: its name may stand for another one tomorrow."""
    path = Path(model)
    if model == "demo" or not path.exists():
        return ""
    if path.suffix == ".onnx":
        return fingerprint(path) + fingerprint(path.with_suffix(".json"))
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
