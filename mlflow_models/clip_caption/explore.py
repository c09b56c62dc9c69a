"""Explores a collection of photos by what a model sees in them.

  explore.py embed PHOTOS -o EMBEDDINGS --captions beam     images to Parquet; the others read it
  explore.py embed PHOTOS -o EMBEDDINGS --encoder X.onnx    by any image encoder, without words
  explore.py find EMBEDDINGS --words "a fallen tree"        images by words, or --image like one
  explore.py match EMBEDDINGS --text comment -o match.csv   does the comment fit its photo?
  explore.py map EMBEDDINGS -o MAP                          a map of them, with named groups
  explore.py atlas EMBEDDINGS --map MAP                     the map in a browser, to walk in
  explore.py classify EMBEDDINGS --category type            by neighbours whose type is known
  explore.py duplicates EMBEDDINGS -o duplicates            the same photo sent twice, and where
  explore.py index EMBEDDINGS -o INDEX                      for build.py --index

explore.py COMMAND --help says more.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np

from clip_caption.evaluating.translate import translate
from clip_caption.exploring import finding, opening, search
from clip_caption.exploring.options import parser
from clip_caption.exploring.store import Embeddings
from zoo.building import packaging
from zoo.data.outputs import check_new
from zoo.data.tables import write_table
from zoo.errors import ZooError


def run_embed(args: argparse.Namespace) -> None:
    """Embeds a collection, or what has changed in it."""
    from clip_caption.exploring import growing

    growing.run(args)


def run_find(args: argparse.Namespace) -> None:
    """Finds photos by words, by a photo, or by both."""
    finding.run(args)


def run_match(args: argparse.Namespace) -> None:
    """Scores comments, the least fitting first."""
    embeddings = Embeddings(args.embeddings)
    vectors, comments = embeddings.features(), embeddings.texts(args.text)
    captioner = opening.captioner(args.embeddings, args.threads)
    if not any(comment.strip() for comment in comments):
        raise ZooError(f"Column '{args.text}' of '{args.embeddings}' is empty.")
    columns = {args.text: comments}
    if args.translate:
        columns["translation"] = translate(
            comments, args.translate, args.from_language, args.to_language
        )
    *_, read = columns.values()
    given = np.array([bool(comment.strip()) for comment in comments])
    known = opening.readable(captioner, read, given)
    if unread := int((given & ~known).sum()):
        print(f"{unread:,} comments are left out: CLIP doesn't read their language")
    given &= known
    texts = opening.text_features(captioner, read)
    cosines, shares = search.match(vectors, texts, given, args.seed)
    order = [row for row in np.lexsort((cosines, shares)).tolist() if given[row]]
    write_table(
        args.output,
        ["id", "match", "better_than", *columns],
        (
            [embeddings.ids[row], f"{cosines[row]:.4f}", f"{shares[row]:.4f}",
             *(one[row] for one in columns.values())]
            for row in order
        ),
    )  # fmt: skip
    print(f"{args.output}: {len(order):,} comments; mean match {np.nanmean(cosines):.3f}; a photo "
          f"fits its comment better than {np.nanmean(shares):.1%} of the others do")  # fmt: skip
    for row in order[: args.worst]:
        print(f"  {cosines[row]:.3f}  better than {shares[row]:.0%}  {embeddings.ids[row]}: "
              f"{comments[row][:80]}")  # fmt: skip
    if args.sheet and order:
        worst = order[: args.worst]
        finding.draw_sheet(embeddings.thumbnails(worst), cosines[worst].tolist(), args.sheet)


def run_map(args: argparse.Namespace) -> None:
    """Makes a map, or puts images on one."""
    from clip_caption.exploring import derived, mapping, projector
    from clip_caption.exploring.projection import Parameters, Projection

    embeddings = Embeddings(args.embeddings)
    text = mapping.text_of(embeddings, args.text)
    colours = embeddings.texts(args.colour) if args.colour else None
    if args.reuse:
        old = mapping.Map.read(args.reuse)
        projection = Projection.load(args.reuse / mapping.PROJECTION)
        made = mapping.place(embeddings, old, projection)
    else:
        parameters = Parameters(args.pca, args.neighbours, args.min_dist, args.metric, args.seed)
        made, projection = mapping.make(embeddings, parameters, args.smallest, args.groups, text)
    args.output.mkdir(parents=True, exist_ok=True)
    if not (args.reuse and args.output.samefile(args.reuse)):
        projection.save(args.output / mapping.PROJECTION)
    made.write(args.output)
    derived.note(args.embeddings, args.output, "map")
    title = f"{len(embeddings):,} images, coloured by {args.colour or 'group'}"
    pictures = args.thumbnails and "thumbnail" in embeddings.columns
    mapping.draw(made, colours or made.groups, args.output / "map.png", title,
                 embeddings.thumbnails if pictures else None, args.palette)  # fmt: skip
    print(f"{args.output}: {len(embeddings):,} images\n{mapping.summary(made)}")
    if args.reuse:
        print(f"against {args.reuse}: {mapping.changed(old.photos, made.photos)}")
    if args.tensorboard:
        columns = {"id": embeddings.ids, "group": made.groups, "text": text}
        if colours:
            columns[args.colour] = colours
        thumbnails = embeddings.thumbnails(range(len(embeddings))) if pictures else None
        projector.write(args.tensorboard, embeddings.vectors(), columns, thumbnails)
        print(f"{args.tensorboard}: tensorboard --logdir {args.tensorboard}")


def run_atlas(args: argparse.Namespace) -> None:
    """Writes Embedding Atlas's table; serves or exports it."""
    from clip_caption.exploring import atlas, mapping

    embeddings = Embeddings(args.embeddings)
    made = mapping.Map.read(args.map).of(embeddings)
    output = args.output or args.map
    table = output / "atlas.parquet"
    # before the table, which takes minutes for a large collection
    command = None if args.table_only else atlas.command(table, args.neighbours)
    if args.export:
        check_new(args.export)
    output.mkdir(parents=True, exist_ok=True)
    text = mapping.text_of(embeddings, args.text)
    atlas.write(table, embeddings, made.places, made.groups, text, args.neighbours)
    print(f"{table}: {len(embeddings):,} images", flush=True)
    if command is None:
        return
    if args.export:
        atlas.export(command, output, args.export)
        print(f"{args.export}: python -m http.server --directory {args.export}")
    else:
        atlas.serve(command, output, args.port)


def run_classify(args: argparse.Namespace) -> None:
    """Classifies photos by their neighbours, and scores that."""
    from clip_caption.exploring import classification as classes
    from clip_caption.exploring import indexing, results
    from clip_caption.exploring.grouping import groups_of

    embeddings = Embeddings(args.embeddings)
    other = Embeddings(args.test) if args.test else None
    if other:
        other.check_encoder(embeddings.settings.probe, f"'{args.embeddings}'")
    groups = groups_of([embeddings, *([other] if other else [])], args.near, args.group)
    data = classes.Labelled.read(embeddings, args.category, groups[: len(embeddings)])
    with tempfile.TemporaryDirectory() as work:
        searcher = indexing.searcher_of(data.vectors, Path(work), args.exact, args.seed)
        outcome = classes.leave_group_out(searcher, data, args.k, args.seed)
        threshold = classes.threshold_for(outcome, args.reject, args.accuracy)
        ids = [data.ids[row] for row in outcome.rows]
        if other:
            named = args.category in other.columns
            cells = other.labels(args.category) if named else [[] for _ in other.ids]
            outcome = classes.classify(
                searcher, data, other.features(), classes.places_of(cells, data.categories),
                groups[len(embeddings) :], args.k,
            )  # fmt: skip
            ids = other.ids
    text = results.describe(outcome, threshold, data)
    print(results.figures(outcome, threshold, data) if args.json else text)
    if args.output:
        results.write(args.output, outcome, threshold, data, ids, text)


def run_index(args: argparse.Namespace) -> None:
    """Writes an index.

    Raises:
        ZooError: --accuracy is given without --category.
    """
    from clip_caption.exploring import classification as classes
    from clip_caption.exploring import derived, indexing, results
    from clip_caption.exploring.columns import TEXTS, column_of
    from clip_caption.exploring.grouping import groups_of

    if args.accuracy is not None and not args.category:
        raise ZooError("--accuracy needs categories; name their column with --category COLUMN.")
    embeddings = Embeddings(args.embeddings)
    groups = groups_of([embeddings], args.near, args.group)
    data = classes.Labelled.read(embeddings, args.category, groups)
    facts = indexing.Facts.read(
        embeddings, column_of(embeddings, args.text, TEXTS),
        column_of(embeddings, args.date), column_of(embeddings, args.place),
        args.thumbnails and "thumbnail" in embeddings.columns,
    )  # fmt: skip
    outcome, threshold, recall = indexing.write_index(
        args.output, data, args.k, args.exact, args.reject, args.accuracy, args.seed,
        embeddings.settings.collection, facts,
    )  # fmt: skip
    derived.note(args.embeddings, args.output, "index")
    known = indexing.summary(data, facts, args.category, args.date, args.place)
    print(f"{args.output}:", "\n  ".join(known))
    if embeddings.settings.kind == "encoder":
        print("build.py refuses this index: the served model sees photos by CLIP, not by --encoder")
    if recall is not None:
        print(f"the search finds {recall:.1%} of the true neighbours")
    if outcome:
        print(results.describe(outcome, threshold, data))


def run_duplicates(args: argparse.Namespace) -> None:
    """Lists near copies, as a table and on a page."""
    from clip_caption.exploring import duplicates

    duplicates.run(args)


def main(argv: list[str] | None = None) -> None:
    """Runs the command line."""
    args = parser(__doc__).parse_args(argv)
    commands = {
        "embed": run_embed,
        "find": run_find,
        "match": run_match,
        "map": run_map,
        "atlas": run_atlas,
        "classify": run_classify,
        "duplicates": run_duplicates,
        "index": run_index,
    }
    commands[args.command](args)


if __name__ == "__main__":
    packaging.run(main)
