"""The command `find`: photos of embeddings, or of an index, by words, by a photo, or by both.

The search is that of the served model; here words can be compared with captions, too.
"""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from clip_caption.evaluating.translate import translate
from clip_caption.exploring import opening, search
from clip_caption.exploring.classification import categories_of
from clip_caption.exploring.columns import TIMES, column_of
from clip_caption.exploring.store import Embeddings
from clip_caption.searching.filters import Filter
from clip_caption.searching.index import Index, normalised
from clip_caption.searching.nearest import Exact, Rows
from clip_caption.searching.photos import Photos, table_of
from zoo.errors import ZooError

DEPTH = 1_000  # of each ranking, where two are joined
OPTIONS = {
    "in_categories": "--category",
    "in_places": "--place",
    "since": "--since",
    "until": "--until",
}


@dataclass(frozen=True)
class Searched:
    """What is searched.

    Attributes:
        index: The photos.
        model: The directory of embeddings whose model reads words and photos.
        thumbnails: Gives the thumbnails of rows.
    """

    index: Index
    model: Path
    thumbnails: Callable[[Sequence[int]], list[bytes]]


def run(args: argparse.Namespace) -> None:
    """Prints the photos that were found, and draws them.

    Raises:
        ZooError: There is no such collection, or it has nothing that a filter asks for.
    """
    if not (args.words or args.image):
        raise ZooError("Give --words, --image, or both.")
    if args.words and args.translate:
        languages = args.from_language, args.to_language
        (args.words,) = translate([args.words], args.translate, *languages)
        print(f"Translated: {args.words}", file=sys.stderr)
    by_clip = bool(args.image) or args.by != "captions"
    packed = (args.embeddings / "index.json").is_file()
    searched = _packed(args, by_clip) if packed else _embedded(args, by_clip)
    asked = Filter(args.category, args.place, args.since, args.until)
    rows = asked.rows(searched.index, lambda name, why: ZooError(f"{OPTIONS[name]}: {why}."))
    rankings = [_by_clip(args, searched, rows)] if by_clip else []
    if args.words and args.by != "clip":
        captions = searched.index.photos.captions()
        rankings.append(search.by_captions(captions, args.words, _depth(args), rows))
    hits = rankings[0] if len(rankings) == 1 else search.fused(rankings, _depth(args))
    _tell(args, searched, hits[args.skip : args.skip + args.k])


def _depth(args: argparse.Namespace) -> int:
    """How much of a ranking is needed; of two that are joined it doesn't depend on the page."""
    page: int = args.skip + args.k
    return page if not args.words or args.by == "clip" else max(page, DEPTH)


def _by_clip(args: argparse.Namespace, searched: Searched, rows: Rows) -> list[search.Hit]:
    """Rank the photos by CLIP: by the photo that is given, by the words, or by both."""
    words = None
    if args.words and args.by != "captions":
        captioner = opening.captioner(searched.model, args.threads)
        opening.check_words(captioner, args.words)
        words = normalised(captioner.embed_texts([args.words]))[0]
    if args.image:
        encoder = opening.encoder(searched.model, args.threads)
        query = opening.features(encoder, args.image)
    else:
        assert words is not None
        query, words = words, None
    found, _, cosines = searched.index.search(query[None], _depth(args), rows, words)
    pairs = zip(found[0].tolist(), cosines[0].tolist(), strict=True)
    return [search.Hit(row, cosine) for row, cosine in pairs if row >= 0]


def _packed(args: argparse.Namespace, by_clip: bool) -> Searched:
    """Open an index."""
    index = Index.read(args.embeddings)
    if by_clip and not args.model:
        raise ZooError(
            f"'{args.embeddings}' is an index, which has no model; give the embeddings that it was "
            "made of: --model EMBEDDINGS."
        )
    if by_clip:
        Embeddings(args.model).check_encoder(index.probe, f"'{args.embeddings}'")

    def thumbnails(rows: Sequence[int]) -> list[bytes]:
        found = [index.photos.thumbnail(row) for row in rows]
        if None in found:
            raise ZooError(f"'{args.embeddings}' has no thumbnails; draw nothing, or pack them.")
        return [one for one in found if one is not None]

    return Searched(index, args.model or args.embeddings, thumbnails)


def _embedded(args: argparse.Namespace, by_clip: bool) -> Searched:
    """Make an index of embeddings, in memory."""
    embeddings = Embeddings(args.embeddings)
    count, names = len(embeddings), embeddings.columns
    vectors = normalised(embeddings.features()) if by_clip else np.empty((count, 0), np.float32)
    category = args.category_column
    kinds, labels = categories_of(embeddings, category if category in names else None)
    date, place = column_of(embeddings, args.date_column, TIMES), args.place_column
    if args.words and args.by != "clip":
        column_of(embeddings, args.text)  # or it is refused
    columns = [
        embeddings.texts(name) if name and name in names else None
        for name in (args.text, date, place)
    ]
    photos = Photos(table_of(embeddings.ids, *columns))
    probe = np.array(embeddings.settings.probe, np.float32)
    index = Index(Exact(vectors), photos, labels, kinds, args.k, -1.0, probe)
    return Searched(index, args.embeddings, embeddings.thumbnails)


def _tell(args: argparse.Namespace, searched: Searched, hits: Sequence[search.Hit]) -> None:
    """Print a page of what was found, and draw it."""
    found: list[dict[str, Any]] = []
    for hit in hits:
        about = searched.index.named(hit.row)
        found.append({"id": about.pop("id"), "score": round(hit.score, 4), **about})
    if args.json:
        print(json.dumps(found, ensure_ascii=False, indent=1))
    else:
        lines = [
            f"{one['score']:.4f}  {one['id']}  {one.get('caption') or ''}".rstrip() for one in found
        ]
        print("\n".join(lines) or "Nothing was found.")
    if args.output and hits:
        pictures = searched.thumbnails([hit.row for hit in hits])
        draw_sheet(pictures, [hit.score for hit in hits], args.output)


def draw_sheet(pictures: Sequence[bytes], scores: Sequence[float], path: Path) -> None:
    """Draws photos with their scores."""
    from clip_caption.exploring import plots

    plots.sheet(pictures, [f"{score:.3f}" for score in scores], path)
    print(f"Drawn: {path}")
