"""clip_caption's search of 10,000, 100,000 and a million photos: memory, time, and what it misses.

Features are drawn so that they lie as CLIP's do: around one direction, in 4,000 clusters within 100
larger ones, of very different sizes, with a spread whose k-th component falls as k^-0.5. Photos to
search by are drawn in the same way. Words are, too, and then moved away from all photos by one
direction, as the words of CLIP are (Liang et al. 2022, arXiv 2203.02053).
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.contender import ONE_THREAD
from benchmarks.harness import machine
from benchmarks.inputs import CLIP_WIDTH, write_captioner, write_clip
from benchmarks.plots import Panel, exact
from clip_caption.building.convert import convert
from clip_caption.captioner import Captioner
from clip_caption.exploring.classification import Labelled
from clip_caption.exploring.indexing import Facts, write_index
from clip_caption.searching.filters import Filter
from clip_caption.searching.index import PROBE, Index, normalised
from clip_caption.searching.nearest import Exact
from clip_caption.searching.photos import table_of
from zoo.building.packaging import ROOT

TITLE = "clip_caption: the search of a collection"
SIZES = (10_000, 100_000, 1_000_000)
QUERIES, FOUND = 200, 10
TOPICS, CLUSTERS = 100, 4_000
BLOCK = 10_000
CATEGORIES, PLACES, DAYS = 8, 500, 1_000
FILTERS = {
    "": Filter(),
    "1 of 8 categories": Filter(in_categories=("category 3",)),
    "1 of 500 places": Filter(in_places=("place 007",)),
    "30 of 1,000 days": Filter(since="2023-05-01", until="2023-05-30"),
}


@dataclass(frozen=True)
class Drawn:
    """A world of photos to draw from; arrays are float (rows, CLIP_WIDTH)."""

    generator: np.random.Generator
    clusters: np.ndarray
    shares: np.ndarray
    basis: np.ndarray
    middle: np.ndarray
    gap: np.ndarray

    @classmethod
    def of(cls, seed: int) -> "Drawn":
        """Draw the clusters."""
        generator = np.random.default_rng(seed)
        spectrum = np.arange(1, CLIP_WIDTH + 1) ** -0.5
        turned = np.linalg.qr(generator.standard_normal((CLIP_WIDTH, CLIP_WIDTH)))[0]
        basis = spectrum[:, None] * turned.T / np.linalg.norm(spectrum)
        topics = generator.standard_normal((TOPICS, CLIP_WIDTH)) @ basis
        clusters = 0.8 * generator.standard_normal((CLUSTERS, CLIP_WIDTH)) @ basis
        clusters += np.repeat(topics, CLUSTERS // TOPICS, axis=0)
        shares = generator.permutation(np.arange(1, CLUSTERS + 1) ** -0.7)
        middle, gap = normalised(generator.standard_normal((2, CLIP_WIDTH)))
        return cls(generator, clusters, shares / shares.sum(), basis, middle, gap)

    def _around(self, count: int) -> np.ndarray:
        chosen = self.generator.choice(CLUSTERS, count, p=self.shares)
        spread = self.generator.standard_normal((count, CLIP_WIDTH)) @ self.basis
        return np.asarray(0.6 * self.clusters[chosen] + 0.6 * spread)

    def photos(self, count: int) -> np.ndarray:
        """Draw photos' features, L2-normalised, float32."""
        found = np.empty((count, CLIP_WIDTH), np.float32)
        for start in range(0, count, BLOCK):
            part = found[start : start + BLOCK]
            part[:] = normalised(self.middle + self._around(len(part)))
        return found

    def words(self, count: int) -> np.ndarray:
        """Draw words' features, L2-normalised, float32."""
        return normalised(1.2 * self.gap - 0.4 * self.middle + self._around(count))


def collection(vectors: np.ndarray, probe: np.ndarray) -> tuple[Labelled, Facts]:
    """A collection of these photos, with a category, a caption, a day and a place each."""
    rows, generator = range(len(vectors)), np.random.default_rng(2)
    days = np.datetime64("2022-01-01") + generator.integers(0, DAYS, len(vectors))
    places = generator.integers(0, PLACES, len(vectors))
    table = table_of(
        [f"photos/2026/{row:07d}.jpg" for row in rows],
        [
            f"Photo {row} of a street, with what is to be seen in it, at some length."
            for row in rows
        ],
        days.astype(str).tolist(),
        [f"place {number:03d}" for number in places.tolist()],
    )
    labels = generator.integers(0, CATEGORIES, (len(vectors), 1), np.int32)
    names = [f"category {number}" for number in range(CATEGORIES)]
    ids = table.column("id").to_pylist()
    return Labelled(ids, vectors, names, labels, probe, np.arange(len(vectors))), Facts(table)


def searched(
    work: Path, engine: Path, size: int, exact_search: bool | None
) -> list[dict[str, Any]]:
    """Index a collection, and ask a server's engine about it in a process of its own."""
    drawn, place = Drawn.of(1), work / "index"
    probe = normalised(Captioner(engine).embed_texts([PROBE]))[0]
    vectors = drawn.photos(size)
    queries = {"photos": drawn.photos(QUERIES), "words": drawn.words(QUERIES)}
    data, facts = collection(vectors, probe)
    write_index(place, data, FOUND, exact_search, 0.01, None, 1, facts=facts)
    index, true = Index.read(place), {}
    for name, asked in FILTERS.items():
        rows = asked.rows(index)
        for kind, query in queries.items():
            true[kind, name] = Exact(vectors)(query, FOUND, rows)[1]
    np.savez(work / "queries.npz", **queries)  # type: ignore[arg-type]
    del vectors, data, facts, index
    command = [sys.executable, "-m", "benchmarks.search_contender", str(engine)]
    environment = {**ONE_THREAD, "THERESA_COLLECTION": str(place)}
    done = subprocess.run(
        [*command, str(work / "queries.npz")], env=environment, cwd=ROOT, check=True,
        capture_output=True, text=True,
    )  # fmt: skip
    return list(_rows(size, true, json.loads(done.stdout)))


def _rows(
    size: int, true: dict[Any, np.ndarray], found: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    for one in found["answers"]:
        expected = true[one["kind"], one["filter"]]
        shared = [len({*a} & {*b}) for a, b in zip(expected.tolist(), one["rows"], strict=True)]
        yield {
            "size": size,
            **{name: one[name] for name in ("kind", "filter", "passing", "milliseconds")},
            "recall": float(sum(shared) / expected.size),
            "megabytes": found["megabytes"],
            "with_model": found["with_model"],
        }


def measure(_: Path | None, quick: bool) -> dict[str, Any]:
    """All sizes; the quick ones exactly, and by faiss."""
    rows = []
    sizes: list[tuple[int, bool | None]] = [(one, None) for one in SIZES]
    if quick:
        sizes = [(2_000, True), (5_000, False)]
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        gpt2 = {"n_layer": 1, "n_embd": 64, "n_head": 2} if quick else {}
        checkpoint = write_captioner(work / "checkpoint", "mlp", gpt2)
        clip = write_clip(work / "clip")
        convert(checkpoint, work / "engine", str(clip), normalize="no", precision="int8")
        for size, way in sizes:
            rows += searched(work, work / "engine", size, way)
    return {"machine": machine(("faiss-cpu", "numpy", "onnxruntime")), "rows": rows}


def render(result: dict[str, Any]) -> str:
    """The table, as Markdown."""
    lines = [
        f"Photos with {CLIP_WIDTH} numbers each, a caption, a category, a day and a place; drawn, "
        f"in {CLUSTERS:,} clusters of very different sizes. {QUERIES} photos and {QUERIES} words "
        f"that aren't among them are searched for, one after the other, {FOUND} neighbours each. "
        "Time is of a processor, with the filter. Recall: the share of the true nearest that is "
        "found. Memory is the engine's own process (RSS): what the collection adds, which workers "
        "share, and with a model of CLIP ViT-B/32 and GPT-2 small in int8.",
        "",
        "| photos | by | filter | photos that pass | ms | recall | collection, MB | all, MB |",
        "| ---: | --- | --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    lines += [
        f"| {row['size']:,} | {row['kind']} | {row['filter'] or 'none'} | {row['passing']:,} | "
        f"{row['milliseconds']:.1f} | {row['recall']:.3f} | {row['megabytes']:,.0f} | "
        f"{row['with_model']:,.0f} |"
        for row in result["rows"]
    ]
    return "\n".join(lines)


def chart(result: dict[str, Any]) -> list[Panel]:
    """Time by the size of the collection, without a filter."""
    groups: dict[str, dict[str, Any]] = {}
    for row in result["rows"]:
        if not row["filter"]:
            group = groups.setdefault(f"{row['size']:,} photos", {})
            group[f"by {row['kind']}"] = exact(row["milliseconds"])
    return [Panel("ms of a processor for a search", groups, log=True)]
