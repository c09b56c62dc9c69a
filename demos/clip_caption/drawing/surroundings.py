"""What several places have: towers far away, trees, rows of windows, water, railings."""

import random

from demos.clip_caption.drawing import things
from demos.clip_caption.drawing.canvas import Canvas, Colour, shade

FAR = 60.0  # metres to either side: beyond the picture's edges
AWNINGS: list[Colour] = [
    (206, 52, 48),
    (44, 96, 180),
    (36, 138, 84),
    (238, 150, 34),
    (142, 66, 150),
]
WARM: Colour = (255, 214, 130)
PANE: Colour = (116, 142, 158)
GOLD: Colour = (228, 178, 52)


def skyline(canvas: Canvas, z: float, rng: random.Random, height: float = 14.0) -> None:
    """Towers in the haze."""
    x = -FAR
    while x < FAR:
        width, top = rng.uniform(4, 10), rng.uniform(0.25, 1.0) * height
        grey = rng.randint(140, 178)
        canvas.wall(x, x + width, 0, top, z + 40, (grey, grey + 6, grey + 14))
        x += width + rng.uniform(0, 5)


def greenery(canvas: Canvas, z: float, rng: random.Random, step: float = 5.0) -> None:
    """A row of trees and palms."""
    x = -22.0
    while x < 22:
        pen = canvas.pen(x, z)
        if rng.random() < 0.3:
            things.palm(pen, rng.uniform(4, 6.5), rng)
        else:
            things.tree(pen, rng.uniform(4, 6.5), rng, shade(things.LEAF, rng.uniform(0.75, 1.1)))
        x += rng.uniform(0.5, 1.3) * step


def windows(
    canvas: Canvas, x0: float, x1: float, y: float, z: float, step: float, rng: random.Random
) -> None:
    """A row of windows, some of them lit at night."""
    x = x0 + 0.25 * step
    while x + 0.5 * step < x1:
        lit = rng.random() < 0.55
        canvas.wall(x - 0.08, x + 0.5 * step + 0.08, y - 0.08, y + 1.38, z, (236, 232, 222))
        pane = shade(PANE, rng.uniform(0.8, 1.1))
        canvas.wall(x, x + 0.5 * step, y, y + 1.3, z, pane)
        if lit:
            canvas.lights.append(
                (canvas.see([(x, y, z), (x + 0.5 * step, y, z), (x + 0.5 * step, y + 1.3, z),
                             (x, y + 1.3, z)]), WARM))  # fmt: skip
        canvas.wall(x + 0.23 * step, x + 0.27 * step, y, y + 1.3, z, (236, 232, 222))
        x += step


def ripples(canvas: Canvas, z0: float, z1: float, water: Colour, rng: random.Random) -> None:
    """Short bright and dark strokes on water."""
    for _ in range(60):
        z, x, w = rng.uniform(z0, z1), rng.uniform(-30, 30), rng.uniform(1, 4)
        canvas.ground(x, x + w, z, z + 0.12 + 0.02 * z, shade(water, rng.choice([0.85, 1.25])), 0.6)


def railing(canvas: Canvas, z: float, colour: Colour) -> None:
    """A rail with posts."""
    for y in (0.35, 0.95):
        canvas.wall(-FAR, FAR, y, y + 0.1, z, colour)
    for i in range(-22, 23):
        canvas.wall(i - 0.06, i + 0.06, 0, 1.05, z, colour)
