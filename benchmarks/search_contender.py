"""An engine with a mounted collection, in a process of its own: its memory, time and answers.

THERESA_COLLECTION=INDEX python -m benchmarks.search_contender ENGINE QUERIES.npz     prints JSON
"""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil  # type: ignore[import-untyped]

from benchmarks.search import FILTERS, FOUND


def megabytes() -> float:
    """The memory of this process."""
    return float(psutil.Process().memory_info().rss / 1e6)


def main() -> None:
    """Loads the engine without and with the collection, and asks."""
    from clip_caption.captioner import Captioner
    from clip_caption.searching.index import PROBE, Index

    directory, queries = Path(sys.argv[1]), np.load(sys.argv[2])
    captioner = Captioner(directory)
    captioner.embed_texts([PROBE])
    captioner.embed([np.zeros((3, captioner.pixels_of.size, captioner.pixels_of.size), np.float32)])
    before = megabytes()
    index = Index.read(Path(os.environ["THERESA_COLLECTION"]))
    index.check(captioner.embed_texts)
    answers: list[dict[str, Any]] = []
    for name, asked in FILTERS.items():
        for kind in ("photos", "words"):
            found, passing, start = [], len(index), 0.0
            for number, query in enumerate(queries[kind]):
                if number == 1:  # the first one brings the pages into memory
                    start = time.process_time()
                rows = asked.rows(index)
                passing = len(index) if rows is None else len(rows)
                found.append(index.search(query[None], FOUND, rows)[0][0].tolist())
                index.find(query[None], FOUND, 0, rows) if number == 0 else None
            seconds = (time.process_time() - start) / (len(found) - 1)
            answers.append(
                {"kind": kind, "filter": name, "passing": passing, "rows": found,
                 "milliseconds": 1000 * seconds}
            )  # fmt: skip
    now = megabytes()
    print(json.dumps({"answers": answers, "megabytes": now - before, "with_model": now}))


if __name__ == "__main__":
    main()
