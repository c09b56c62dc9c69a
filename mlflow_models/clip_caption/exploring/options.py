"""The command line of explore.py."""

import argparse
from collections.abc import Callable
from pathlib import Path

from clip_caption.building.checkpoint import add_normalize_option
from clip_caption.evaluating.translate import add_options
from clip_caption.exploring.clusters import SELECTIONS
from clip_caption.exploring.embedding import KINDS
from clip_caption.exploring.projection import METRICS, Parameters
from clip_caption.exploring.store import PART
from clip_caption.preparing.copies import NEAR_BITS

MODES = ("greedy", "beam")
BY = ("clip", "captions", "both")
HASH_BITS = 64
PICTURES = (".jpg", ".jpeg", ".png")
SEEDS = 2**32 - 1  # UMAP's


def _at_least(least: int) -> Callable[[str], int]:
    """Reads a number that isn't less."""

    def whole(text: str) -> int:
        if (number := int(text)) < least:
            raise argparse.ArgumentTypeError(f"{number} is less than {least}")
        return number

    return whole


def _between(least: int, most: int) -> Callable[[str], int]:
    """Reads a number within bounds."""

    def whole(text: str) -> int:
        if not least <= (number := int(text)) <= most:
            raise argparse.ArgumentTypeError(f"{text} is not between {least} and {most}")
        return number

    return whole


def _words(text: str) -> str:
    """Reads a text that isn't empty."""
    if not text.strip():
        raise argparse.ArgumentTypeError("is empty")
    return text


def _picture(text: str) -> Path:
    """Reads the path of a picture."""
    if Path(text).suffix.lower() not in PICTURES:
        raise argparse.ArgumentTypeError(f"'{text}' ends with none of {', '.join(PICTURES)}")
    return Path(text)


def _share(text: str) -> float:
    """Reads a number from 0 to 1."""
    if not 0 <= (number := float(text)) <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 1")
    return number


def parser(description: str | None) -> argparse.ArgumentParser:
    """Builds it."""
    cli = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = cli.add_subparsers(dest="command", required=True)
    _add_embed(commands)
    _add_find(commands)
    _add_match(commands)
    _add_map(commands)
    _add_atlas(commands)
    _add_classify(commands)
    _add_duplicates(commands)
    _add_index(commands)
    return cli


def _add(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, text: str
) -> argparse.ArgumentParser:
    return commands.add_parser(
        name, help=text, description=text, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )


def _add_embeddings(cli: argparse.ArgumentParser) -> None:
    cli.add_argument("embeddings", type=Path, metavar="EMBEDDINGS", help="of explore.py embed")


def _add_threads(cli: argparse.ArgumentParser) -> None:
    cli.add_argument("--threads", type=_at_least(1), default=1, help="that compute")


def _add_embed(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    cli = _add(commands, "embed", "Embed images into Parquet. Given again, it goes on after "
               "a stop, and takes in what has changed: photos, rows, columns.")  # fmt: skip
    cli.add_argument("images", type=Path, metavar="IMAGES", help="a folder, a CSV or TSV with a "
                     "column of paths, or a data set of prepare.py (DATA/train)")  # fmt: skip
    cli.add_argument("-o", "--output", type=Path, required=True, help="a directory of Parquet")
    model = cli.add_mutually_exclusive_group()
    model.add_argument("--checkpoint", default="demo", help="demo, a directory, a .pt file; or "
                       "other EMBEDDINGS, whose model is taken")  # fmt: skip
    model.add_argument("--encoder", type=Path, metavar="FILE.onnx", help="any image encoder, with "
                       "FILE.json beside it that says how photos are prepared: to map, compare and "
                       "classify without words; or other EMBEDDINGS of one")  # fmt: skip
    cli.add_argument("--clip", help="the CLIP of a .pt file, as build.py takes it")
    add_normalize_option(cli)
    _add_threads(cli)
    cli.add_argument("--embedding", choices=KINDS, default="clip", help="clip: to search, compare "
                     "and classify; prefix: what the captions are made of")  # fmt: skip
    cli.add_argument("--captions", choices=MODES, help="caption each image, too")
    cli.add_argument(
        "--thumbnail", type=_at_least(0), default=128, help="longer side, pixels; 0: none"
    )
    cli.add_argument("--batch-size", type=_at_least(1), default=32, help="images at a time")
    cli.add_argument(
        "--part", type=_at_least(1), default=PART, help="images a file; a kill loses one at most"
    )
    cli.add_argument("--decoders", type=_at_least(1), default=1, help="threads that decode images")
    cli.add_argument("--image-column", help="of the table (default: image, file, path, photo...)")


def _add_find(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    cli = _add(commands, "find", "Find images by words, by an image, or by both.")
    cli.add_argument("embeddings", type=Path, metavar="EMBEDDINGS", help="of explore.py embed; or "
                     "an index, of explore.py index")  # fmt: skip
    cli.add_argument("--words", type=_words, help="in a language that CLIP reads, or translated")
    cli.add_argument("--image", type=Path, help="a file; finds those like it; with --words, those "
                     "of them that fit the words, too")  # fmt: skip
    cli.add_argument("--model", type=Path, metavar="EMBEDDINGS", help="whose model reads words and "
                     "images, for an index")  # fmt: skip
    cli.add_argument("--by", choices=BY, default="clip", help="what words are compared with: the "
                     "image by CLIP, the captions, or both rankings")  # fmt: skip
    cli.add_argument("--text", default="caption", metavar="COLUMN", help="of the captions")
    add_options(cli, "the words")
    cli.add_argument("-k", type=_at_least(1), default=10, help="how many")
    cli.add_argument("--skip", type=_at_least(0), default=0, help="how many of the nearest to "
                     "leave out, for the next page")  # fmt: skip
    _add_filters(cli)
    cli.add_argument("-o", "--output", type=_picture, help="a picture of them: .jpg or .png")
    cli.add_argument("--json", action="store_true", help="print JSON")
    _add_threads(cli)


def _add_filters(cli: argparse.ArgumentParser) -> None:
    found = cli.add_argument_group("which images may be found")
    found.add_argument("--category", action="append", default=[], metavar="NAME", help="of one of "
                       "these; give it several times for several")  # fmt: skip
    found.add_argument("--place", action="append", default=[], metavar="NAME", help="likewise")
    found.add_argument("--since", default="", metavar="DAY", help="such as 2026-01-31")
    found.add_argument("--until", default="", metavar="DAY", help="the last day")
    found.add_argument("--category-column", default="type", metavar="COLUMN", help="of embeddings; "
                       "an index has its own")  # fmt: skip
    found.add_argument("--place-column", default="place", metavar="COLUMN", help="likewise")
    found.add_argument("--date-column", metavar="COLUMN", help="likewise, in ISO 8601 (default: "
                       "timestamp, time, date, created...)")  # fmt: skip


def _add_match(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    cli = _add(commands, "match", "Score how well each comment fits its photo.")
    _add_embeddings(cli)
    cli.add_argument("--text", required=True, metavar="COLUMN", help="of the comments")
    add_options(cli, "the comments")
    cli.add_argument("-o", "--output", type=Path, required=True, help="a CSV, the least fitting "
                     "first")  # fmt: skip
    cli.add_argument("--sheet", type=_picture, help="a picture of the least fitting: .jpg or .png")
    cli.add_argument("--worst", type=_at_least(0), default=10, help="to print and to draw")
    cli.add_argument(
        "--seed", type=_between(0, SEEDS), default=1, help="which photos others are compared with"
    )
    _add_threads(cli)


def _add_map(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    cli = _add(commands, "map", "Draw a map: StandardScaler, PCA, UMAP; name its groups.")
    _add_embeddings(cli)
    cli.add_argument("-o", "--output", type=Path, required=True, help="a directory")
    cli.add_argument("--reuse", type=Path, metavar="MAP", help="put the images on this map, of an "
                     "earlier run, in the place of making one: those that are on it stay where "
                     "they are")  # fmt: skip
    usual = Parameters()
    making = cli.add_argument_group("how a map is made")
    making.add_argument("--pca", type=_at_least(0), default=usual.pca, help="components; 0: no PCA")
    making.add_argument("--neighbours", type=_at_least(2), default=usual.neighbours, help="UMAP's")
    making.add_argument("--min-dist", type=_share, default=usual.min_dist, help="UMAP's")
    making.add_argument("--metric", choices=METRICS, default=usual.metric, help="UMAP's, of the "
                        "scaled values")  # fmt: skip
    making.add_argument("--seed", type=_between(0, SEEDS), default=usual.seed)
    making.add_argument("--groups", choices=SELECTIONS, default="leaf", help="HDBSCAN's: leaf, the "
                        "smallest; eom, those that hold longest")  # fmt: skip
    making.add_argument("--smallest", type=_at_least(2), help="images that make a group; "
                        "default: one in 50, but 5 at least")  # fmt: skip
    cli.add_argument("--text", metavar="COLUMN", help="whose words name groups (default: caption, "
                     "captions or comment)")  # fmt: skip
    cli.add_argument("--colour", metavar="COLUMN", help="of the picture; default: the groups")
    cli.add_argument("--thumbnails", action=argparse.BooleanOptionalAction, default=True)
    cli.add_argument("--palette", type=_between(2, 256), help="colours of map.png: less, smaller")
    cli.add_argument("--tensorboard", type=Path, metavar="DIRECTORY", help="write the files of "
                     "TensorBoard's projector, too")  # fmt: skip


def _add_atlas(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    cli = _add(commands, "atlas", "Walk the map in a browser, in Embedding Atlas.")
    _add_embeddings(cli)
    cli.add_argument("--map", type=Path, required=True, help="of explore.py map")
    cli.add_argument("--text", metavar="COLUMN", help="shown with a photo (default: caption, "
                     "captions or comment)")  # fmt: skip
    cli.add_argument("-o", "--output", type=Path, help="where to keep the table (default: "
                     "in the map's directory)")  # fmt: skip
    cli.add_argument("--export", type=Path, metavar="FOLDER", help="write a page to share, in the "
                     "place of serving it; any web server shows it, with no network")  # fmt: skip
    cli.add_argument("--neighbours", action=argparse.BooleanOptionalAction, default=True,
                     help="the most similar photos of each")  # fmt: skip
    cli.add_argument("--port", type=int, default=5055)
    cli.add_argument("--table-only", action="store_true", help="write the table, run nothing")


def _add_labelled(cli: argparse.ArgumentParser) -> None:
    _add_embeddings(cli)
    cli.add_argument("-k", type=_at_least(1), default=10, help="neighbours that vote: by their "
                     "similarity, and by how rare a category is")  # fmt: skip
    _add_near(cli, "which leave each other out")
    cli.add_argument("--group", metavar="COLUMN", help="of sites or sources: photos of one leave "
                     "each other out, too, when one is scored")  # fmt: skip
    cli.add_argument("--reject", type=_share, default=0.01, help="share of the labelled images "
                     "that may be lost to the threshold, below which a photo is too unlike all of "
                     "them to be classified; 0: none")  # fmt: skip
    cli.add_argument("--accuracy", type=_share, help="raise the threshold until those that are "
                     "kept reach this, 0 to 1")  # fmt: skip
    cli.add_argument("--exact", action=argparse.BooleanOptionalAction, help="compare with every "
                     "photo, or search by faiss (default: exact up to 100,000)")  # fmt: skip
    cli.add_argument("--seed", type=_between(0, SEEDS), default=1)


def _add_classify(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    cli = _add(commands, "classify", "Classify images by their nearest neighbours.")
    _add_labelled(cli)
    cli.add_argument("--category", default="type", metavar="COLUMN", help="of the categories")
    cli.add_argument("--test", type=Path, metavar="EMBEDDINGS", help="classify these (and score "
                     "them, if they have the column); default: each labelled image by all the "
                     "others")  # fmt: skip
    cli.add_argument("-o", "--output", type=Path, help="a directory for the table and the plot")
    cli.add_argument("--json", action="store_true", help="print the scores as JSON only")


def _add_near(cli: argparse.ArgumentParser, purpose: str) -> None:
    cli.add_argument("--near", type=_between(0, HASH_BITS), default=NEAR_BITS, metavar="BITS",
                     help="of 64 by which the hashes of near copies may differ, "
                     f"{purpose}")  # fmt: skip


def _add_duplicates(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    cli = _add(commands, "duplicates", "List complaints with the same photo, with how far and how "
               "long apart they are.")  # fmt: skip
    _add_embeddings(cli)
    cli.add_argument("-o", "--output", type=Path, required=True, help="a directory for the table "
                     "and the page")  # fmt: skip
    _add_near(cli, "which are listed")
    cli.add_argument("--time", metavar="COLUMN", help="in ISO 8601 (default: timestamp, time, "
                     "date, created...)")  # fmt: skip
    cli.add_argument("--text", metavar="COLUMN", help="shown with a photo (default: caption, "
                     "captions or comment)")  # fmt: skip


def _add_index(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    cli = _add(commands, "index", "Write an index for build.py --index.")
    _add_labelled(cli)
    cli.add_argument("-o", "--output", type=Path, required=True, help="the index's directory")
    cli.add_argument("--category", metavar="COLUMN", help="of the categories: photos that have one "
                     "vote for that of a new photo; a search needs none")  # fmt: skip
    packed = cli.add_argument_group("what is packed of each photo, for the search")
    packed.add_argument("--text", metavar="COLUMN", help="of captions (default: caption, captions "
                        "or comment)")  # fmt: skip
    packed.add_argument("--date", metavar="COLUMN", help="of ISO dates, or dates and times; "
                        "default: none")  # fmt: skip
    packed.add_argument("--place", metavar="COLUMN", help="of places' names; default: none")
    packed.add_argument("--thumbnails", action=argparse.BooleanOptionalAction, default=True,
                        help="the small photos of the embeddings, if they have them")  # fmt: skip
