"""Which column of a collection has its captions, its dates, its places."""

from collections.abc import Sequence

from clip_caption.exploring.store import Embeddings
from zoo.data.tables import ColumnNotFound

TEXTS = ("caption", "captions", "comment")
TIMES = ("timestamp", "time", "date", "created", "created_at", "datetime")


def column_of(embeddings: Embeddings, asked: str | None, usual: Sequence[str] = ()) -> str | None:
    """The column that is asked for, or the first of the usual ones that there is.

    Raises:
        ColumnNotFound: the collection lacks the column that is asked for.
    """
    if asked and asked not in embeddings.columns:
        raise ColumnNotFound(embeddings.directory, asked, embeddings.columns)
    return asked or next((name for name in usual if name in embeddings.columns), None)
