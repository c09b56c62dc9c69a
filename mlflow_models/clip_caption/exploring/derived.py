"""What was made of embeddings: indexes and maps, which are outdated once the embeddings change.

EMBEDDINGS/_derived.json      the directory of each, the command that made it, and of which state
"""

import json
from pathlib import Path

from clip_caption.exploring.contents import digest
from clip_caption.exploring.store import Embeddings
from zoo.data.outputs import write_json
from zoo.data.texts import read_object

DERIVED = "_derived.json"
AGAIN = {"index": "explore.py index", "map": "explore.py map --reuse"}


def note(embeddings: Path, made: Path, command: str) -> None:
    """Remember that a directory was made of embeddings as they are now.

    Args:
        embeddings: their directory.
        made: the directory of an index or a map.
        command: "index", which is made of photos and columns, or "map", which is made of photos.
    """
    known = read_object(embeddings / DERIVED, missing={})
    known[str(made.resolve())] = [command, _states(embeddings)[command]]
    write_json(embeddings / DERIVED, known)


def stale(embeddings: Path) -> list[str]:
    """Say which directories were made of embeddings as they were before."""
    known = read_object(embeddings / DERIVED, missing={})
    if not known:
        return []
    states = _states(embeddings)
    return [
        f"  older than these embeddings: {name}; run {AGAIN[command]} again"
        for name, (command, made_of) in known.items()
        if made_of != states[command] and Path(name).is_dir()
    ]


def _states(embeddings: Path) -> dict[str, str]:
    """The hash of what each command reads, by its name."""
    found = Embeddings(embeddings)
    photos = digest(json.dumps(sorted(found.photos.items())).encode())
    return {"index": found.settings.collection, "map": photos}
