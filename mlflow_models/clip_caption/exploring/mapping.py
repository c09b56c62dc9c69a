"""The map of a collection as files: places and groups of its photos, pictures of it.

DIRECTORY/map.parquet      id, x, y, group
DIRECTORY/projection.npz   how new photos get onto it
DIRECTORY/map.png          with thumbnails
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from clip_caption.exploring import clusters, plots
from clip_caption.exploring.projection import Parameters, Projection
from clip_caption.exploring.store import Embeddings
from zoo.errors import ZooError

TEXTS = ("caption", "captions", "comment")
TABLE, PROJECTION = "map.parquet", "projection.npz"


@dataclass(frozen=True)
class Map:
    """Where photos are.

    Args:
        ids: of the photos.
        places: float32 (n, 2), without unit.
        groups: the name of each one's group.
    """

    ids: Sequence[str]
    places: np.ndarray
    groups: Sequence[str]

    def write(self, directory: Path) -> None:
        """Writes the table."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        columns = {"id": self.ids, "x": self.places[:, 0], "y": self.places[:, 1],
                   "group": self.groups}  # fmt: skip
        pq.write_table(pa.table(columns), directory / TABLE)

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
            return cls(table["id"], places, table["group"])
        except (OSError, KeyError, pa.ArrowInvalid) as error:
            raise ZooError(f"'{directory}' holds no map; explore.py map writes it.") from error

    def of(self, embeddings: Embeddings) -> "Map":
        """Itself, if it is the map of these embeddings.

        Raises:
            ZooError: it is another collection's.
        """
        if list(self.ids) != embeddings.ids:
            raise ZooError(f"The map is not of '{embeddings.directory}': its images are others.")
        return self


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
    projection = Projection.fit(embeddings.vectors(), parameters)
    smallest = smallest or max(5, len(embeddings) // 50)
    labels = clusters.cluster(projection.places, smallest, selection)
    names = clusters.names(labels, texts)
    return Map(embeddings.ids, projection.places, [names[label] for label in labels]), projection


def place(embeddings: Embeddings, old: Map, projection: Projection) -> Map:
    """Puts other photos on a map; they are of the group of their neighbour on it."""
    places = projection.transform(embeddings.vectors())
    names = list(dict.fromkeys(old.groups))
    numbers = np.array([names.index(name) for name in old.groups])
    found = clusters.nearest_cluster(places, old.places, numbers)
    return Map(embeddings.ids, places, [names[number] for number in found])


def text_of(embeddings: Embeddings, column: str | None) -> list[str]:
    """The texts of a collection: of a column, or of the first that it has of the usual ones."""
    column = column or next((name for name in TEXTS if name in embeddings.columns), None)
    return embeddings.texts(column) if column else [""] * len(embeddings)


def draw(
    made: Map,
    embeddings: Embeddings,
    column: str | None,
    path: Path,
    thumbnails: bool,
    palette: int | None,
) -> None:
    """Draws a map, coloured by a column or by its groups."""
    groups = embeddings.texts(column) if column else made.groups
    shown = ["" if group == clusters.NO_GROUP else group for group in groups]
    pictures = embeddings.thumbnails if thumbnails and "thumbnail" in embeddings.columns else None
    title = f"{len(made.ids):,} images, coloured by {column or 'group'}"
    plots.scatter(made.places, shown, path, title, pictures, palette)


def summary(made: Map) -> str:
    """How many photos are in each group."""
    counts = Counter(made.groups).most_common()
    return "\n".join(f"{count:7,}  {name}" for name, count in counts)
