"""Pictures of a collection: its map with thumbnails, a sheet of photos, a confusion matrix."""

import io
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from zoo.training.plots import drawing

DPI = 120
THUMBNAIL = 48  # pixels on the map
APART = 0.1  # of the map, between thumbnails; one is 0.05 wide
TRIED = 5000  # points that may get a thumbnail
NAMED = 20  # groups in the legend; what is left is grey
GREY = (0.75, 0.75, 0.75)
SIDE, CAPTION = 160, 16  # pixels of a photo on a sheet, and below it


def scatter(
    places: np.ndarray,
    groups: Sequence[str],
    path: Path,
    title: str,
    thumbnails: Callable[[Sequence[int]], list[bytes]] | None = None,
    colours: int | None = None,
) -> None:
    """Draws a map, a colour a group; where there is room, photos in the place of points.

    Args:
        places: float32 (n, 2), without unit.
        groups: of each point; "" is grey.
        path: of the PNG or SVG.
        title: above it.
        thumbnails: gives the JPEGs of some rows; None: points only.
        colours: of the palette in a PNG, to keep the file small; None: all.
    """
    from matplotlib import colormaps
    from matplotlib.offsetbox import AnnotationBbox, OffsetImage

    file = io.BytesIO()
    with drawing(file if colours else path, (10, 8), DPI) as figure:
        axis = figure.subplots()
        names = [name for name, _ in Counter(filter(None, groups)).most_common(NAMED)]
        palette = colormaps["tab10" if len(names) <= 10 else "tab20"]
        colour = {name: palette(number) for number, name in enumerate(names)}
        kinds = np.array([name if name in colour else "" for name in groups])
        size = float(np.clip(16_000 / len(places), 2, 40))
        for name in ["", *names]:
            rows = kinds == name
            if rows.any():
                shown = f"{name or 'others'} ({rows.sum():,})"
                axis.scatter(
                    places[rows, 0],
                    places[rows, 1],
                    s=size,
                    color=colour.get(name, GREY),
                    label=shown,
                    lw=0,
                )
        axis.set(xticks=[], yticks=[], title=title)
        if thumbnails:
            rows = chosen(places, APART)
            for row, content in zip(rows, thumbnails(rows), strict=True):
                picture = OffsetImage(_small(content, THUMBNAIL), zoom=72 / DPI)
                edge = {"edgecolor": colour.get(kinds[row], GREY), "linewidth": 2}
                box = AnnotationBbox(picture, places[row], pad=0.08, bboxprops=edge)
                axis.add_artist(box)
        axis.legend(
            loc="center left",
            bbox_to_anchor=(1, 0.5),
            markerscale=(60 / size) ** 0.5,
            frameon=False,
        )
    if colours:
        Image.open(file).convert("RGB").quantize(colours).save(path, optimize=True)


def chosen(places: np.ndarray, apart: float) -> list[int]:
    """Points by chance, none of which is near another.

    Args:
        places: on the map, float32 (n, 2).
        apart: how far at least, to the side or in height, as a share of the map's own.
    """
    low, high = places.min(0), places.max(0)
    relative = (places - low) / np.maximum(high - low, 1e-9)
    taken: list[int] = []
    for row in np.random.default_rng(1).permutation(len(places))[:TRIED].tolist():
        if not taken or np.abs(relative[taken] - relative[row]).max(1).min() >= apart:
            taken.append(row)
    return sorted(taken)


def sheet(pictures: Sequence[bytes], lines: Sequence[str], path: Path) -> None:
    """Writes photos side by side, each with a line below it.

    Args:
        pictures: JPEGs.
        lines: a short one for each.
        path: of the PNG or JPEG.
    """
    across = min(5, len(pictures))
    down = -(-len(pictures) // across)
    page = Image.new("RGB", (across * SIDE, down * (SIDE + CAPTION)), "white")
    draw = ImageDraw.Draw(page)
    for number, (content, line) in enumerate(zip(pictures, lines, strict=True)):
        left, top = number % across * SIDE, number // across * (SIDE + CAPTION)
        picture = Image.fromarray(_small(content, SIDE - 6))
        page.paste(picture, (left + (SIDE - picture.width) // 2, top + 3))
        draw.text((left + SIDE // 2, top + SIDE), line, "black", anchor="ma")
    page.save(path)


def _small(content: bytes, side: int) -> np.ndarray:
    """An image in a square of `side` pixels, uint8 (height, width, 3)."""
    with Image.open(io.BytesIO(content)) as image:
        image.thumbnail((side, side))
        return np.asarray(image.convert("RGB"))
