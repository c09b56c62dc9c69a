"""The map of a collection as files: places and groups of its photos, pictures of it.

DIRECTORY/map.parquet      id, x, y, group, fingerprint: the hash of the photo's file
DIRECTORY/projection.npz   how new photos get onto it
DIRECTORY/map.png          with thumbnails
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from clip_caption.exploring import clusters, plots
from clip_caption.exploring.columns import TEXTS, column_of
from clip_caption.exploring.projection import Parameters, Projection
from clip_caption.exploring.store import Embeddings
from zoo.data.outputs import whole_file
from zoo.errors import ZooError

TABLE, PROJECTION = "map.parquet", "projection.npz"


@dataclass(frozen=True)
class Map:
    """Where photos are.

    Args:
        ids: of the photos.
        places: float32 (n, 2), without unit.
        groups: the name of each one's group.
        fingerprints: the hash of each one's file.
    """

    ids: Sequence[str]
    places: np.ndarray
    groups: Sequence[str]
    fingerprints: Sequence[str]

    def write(self, directory: Path) -> None:
        """Writes the table."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        columns = {"id": self.ids, "x": self.places[:, 0], "y": self.places[:, 1],
                   "group": self.groups, "fingerprint": self.fingerprints}  # fmt: skip
        with whole_file(directory / TABLE) as part:
            pq.write_table(pa.table(columns), part)

    @classmethod
    def read(cls, directory: Path) -> "Map":
        """Reads what `write` wrote.

        Raises:
            ZooError: the directory has no map.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            table = pq.read_table(directory / TABLE).to_pydict()
            places = np.stack([table["x"], table["y"]], axis=1).astype(np.float32)
            return cls(table["id"], places, table["group"], table["fingerprint"])
        except (OSError, KeyError, pa.ArrowInvalid) as error:
            raise ZooError(
                f"'{directory}' holds no map as explore.py map writes it now; make one."
            ) from error

    @property
    def photos(self) -> dict[str, str]:
        """The hash of each photo's file, by its id."""
        return dict(zip(self.ids, self.fingerprints, strict=True))

    def of(self, embeddings: Embeddings) -> "Map":
        """Itself, if it is the map of these embeddings as they are now.

        Raises:
            ZooError: it is another collection's, or older.
        """
        mine, theirs = self.photos, embeddings.photos
        if mine != theirs:
            raise ZooError(
                f"The map is not of '{embeddings.directory}' as it is now: "
                f"{changed(mine, theirs)}; run explore.py map --reuse MAP."
            )
        return self.in_order(embeddings.ids)

    def in_order(self, ids: Sequence[str]) -> "Map":
        """The map of some of its photos, in their order."""
        rows = {name: row for row, name in enumerate(self.ids)}
        order = [rows[name] for name in ids]
        return Map(ids, self.places[order], [self.groups[row] for row in order],
                   [self.fingerprints[row] for row in order])  # fmt: skip


def changed(mine: dict[str, str], theirs: dict[str, str]) -> str:
    """Say how embeddings differ from a map: "12 photos are new, 2 are gone"."""
    both = mine.keys() & theirs.keys()
    numbers = {
        "new": len(theirs) - len(both),
        "replaced": sum(mine[name] != theirs[name] for name in both),
        "gone": len(mine) - len(both),
        "as they were": sum(mine[name] == theirs[name] for name in both),
    }
    return ", ".join(f"{count:,} photos {word}" for word, count in numbers.items() if count)


def make(
    embeddings: Embeddings,
    parameters: Parameters,
    smallest: int | None,
    selection: str,
    texts: Sequence[str],
) -> tuple[Map, Projection]:
    """Makes the map of a collection and names its groups.

    Args:
        embeddings: the collection's.
        parameters: of the projection.
        smallest: how many photos make a group; None: one in 50, but 5 at least.
        selection: as `clusters.cluster` takes it.
        texts: of each photo, whose words name groups.
    """
    projection = Projection.fit(embeddings.vectors(), parameters, embeddings.settings.probe)
    smallest = smallest or max(5, len(embeddings) // 50)
    labels = clusters.cluster(projection.places, smallest, selection)
    names = clusters.names(labels, texts)
    groups = [names[label] for label in labels]
    made = Map(embeddings.ids, projection.places, groups, embeddings.column("fingerprint"))
    return made, projection


def place(embeddings: Embeddings, old: Map, projection: Projection) -> Map:
    """Puts photos on a map: those that are on it stay where they are.

    The others get a place, and the group of their nearest neighbour on the map.

    Raises:
        ZooError: they were embedded by another CLIP than the map's.
    """
    embeddings.check_encoder(projection.probe, "the map")
    known = old.photos
    fingerprints = embeddings.column("fingerprint")
    stay = np.array([known.get(name) == one
                     for name, one in zip(embeddings.ids, fingerprints, strict=True)])  # fmt: skip
    places = np.empty((len(embeddings), 2), np.float32)
    groups = np.empty(len(embeddings), object)
    if stay.any():
        kept = old.in_order([embeddings.ids[row] for row in np.flatnonzero(stay)])
        places[stay], groups[stay] = kept.places, kept.groups
    if not stay.all():
        places[~stay] = projection.transform(embeddings.vectors()[~stay])
        numbers = np.arange(len(old.ids))
        groups[~stay] = [old.groups[row] for row in
                         clusters.nearest_cluster(places[~stay], old.places, numbers)]  # fmt: skip
    return Map(embeddings.ids, places, groups.tolist(), fingerprints)


def text_of(embeddings: Embeddings, column: str | None) -> list[str]:
    """The texts of a collection: of a column, or of the first that it has of the usual ones."""
    column = column_of(embeddings, column, TEXTS)
    return embeddings.texts(column) if column else [""] * len(embeddings)


def draw(
    made: Map,
    groups: Sequence[str],
    path: Path,
    title: str,
    thumbnails: Callable[[Sequence[int]], list[bytes]] | None,
    palette: int | None,
) -> None:
    """Draws a map with a colour for each group; arguments as `plots.scatter` takes them."""
    shown = ["" if group == clusters.NO_GROUP else group for group in groups]
    plots.scatter(made.places, shown, path, title, thumbnails, palette)


def summary(made: Map) -> str:
    """How many photos are in each group."""
    counts = Counter(made.groups).most_common()
    return "\n".join(f"{count:7,}  {name}" for name, count in counts)
