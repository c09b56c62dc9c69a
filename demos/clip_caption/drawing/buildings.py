"""Places with walls, each drawn upright along x at a distance z: school, shop, market, temple."""

import math
import random

from demos.clip_caption.drawing import things
from demos.clip_caption.drawing.canvas import Canvas, Colour, shade
from demos.clip_caption.drawing.surroundings import (
    AWNINGS,
    FAR,
    GOLD,
    WARM,
    greenery,
    windows,
)


def market(canvas: Canvas, z: float, rng: random.Random) -> None:
    """Stalls under striped awnings, heaped with fruit, and bulbs on a string."""
    base = shade((170, 160, 146), rng.uniform(0.85, 1.1))
    canvas.wall(-FAR, FAR, 0, 5.2, z + 3, base)
    canvas.wall(-FAR, FAR, 4.6, 5.6, z + 2.9, shade(base, 0.7))
    x = -21.0 + rng.uniform(0, 2)
    while x < 20:
        width = rng.uniform(2.6, 3.6)
        colour = rng.choice(AWNINGS)
        canvas.wall(x, x + width, 0, 2.2, z + 1.2, (74, 60, 54))
        for side in (x + 0.08, x + width - 0.08):
            canvas.wall(side - 0.06, side + 0.06, 0, 2.7, z, (120, 116, 110))
        canvas.wall(x + 0.1, x + width - 0.1, 0, 0.95, z + 0.1, rng.choice(AWNINGS))
        _fruit(canvas, x + 0.2, x + width - 0.2, z, rng)
        stripes = 6
        for i in range(stripes):
            left, right = x + width * i / stripes, x + width * (i + 1) / stripes
            tone = colour if i % 2 else (244, 240, 230)
            canvas.face([(left, 3.2, z + 1.2), (right, 3.2, z + 1.2), (right, 2.45, z - 0.7),
                         (left, 2.45, z - 0.7)], tone)  # fmt: skip
            canvas.face([(left, 2.45, z - 0.7), (right, 2.45, z - 0.7), (right, 2.2, z - 0.7),
                         ((left + right) / 2, 2.1, z - 0.7), (left, 2.2, z - 0.7)],
                        shade(tone, 0.85))  # fmt: skip
        bulb = canvas.pen(x + width / 2, z - 0.3, 2.0)
        bulb.light([(-0.1, 0), (0.1, 0), (0.1, 0.2), (-0.1, 0.2)], WARM, 1.3)
        if rng.random() < 0.5:
            things.person(canvas.pen(x + rng.uniform(0.4, 2), z - 0.8), rng)
        x += width + rng.uniform(0.1, 0.7)


def _fruit(canvas: Canvas, x0: float, x1: float, z: float, rng: random.Random) -> None:
    fruits: list[Colour] = [(238, 140, 24), (206, 40, 40), (120, 176, 52), (242, 206, 60)]
    x = x0 + 0.15
    while x < x1:
        colour = rng.choice(fruits)
        for _ in range(3):
            pen = canvas.pen(x, z, 0.95)
            for row in range(3):
                pen.oval(rng.uniform(-0.05, 0.05), 0.1 + 0.14 * row, 0.14, 0.12,
                         shade(colour, rng.uniform(0.8, 1.1)))  # fmt: skip
            x += 0.22


def school(canvas: Canvas, z: float, rng: random.Random) -> None:
    """A long building of two floors with a clock, a gate and a flag."""
    greenery(canvas, z + 6, rng, 7)
    base = rng.choice([(240, 222, 168), (232, 196, 160), (206, 220, 226), (238, 232, 214)])
    trim = rng.choice([(60, 92, 150), (140, 62, 52), (64, 122, 92)])
    middle = rng.uniform(-4, 4)
    canvas.wall(middle - 15, middle + 15, 0, 5.6, z + 3, base)
    canvas.face([(middle - 15.6, 5.5, z + 2.8), (middle + 15.6, 5.5, z + 2.8),
                 (middle + 14, 7, z + 4), (middle - 14, 7, z + 4)], trim)  # fmt: skip
    for y in (0.9, 3.5):
        windows(canvas, middle - 14.6, middle + 14.6, y, z + 2.95, 1.9, rng)
    canvas.wall(middle - 15, middle + 15, 2.75, 3.05, z + 2.9, trim)
    canvas.wall(middle - 1.9, middle + 1.9, 0, 6.8, z + 2.4, shade(base, 0.92))
    canvas.face([(middle - 2.3, 6.7, z + 2.3), (middle + 2.3, 6.7, z + 2.3),
                 (middle, 8.3, z + 2.3)], trim)  # fmt: skip
    canvas.wall(middle - 0.9, middle + 0.9, 0, 2.3, z + 2.3, shade(trim, 0.7))
    clock = canvas.pen(middle, z + 2.2, 5.2)
    clock.oval(0, 0, 0.75, 0.75, (60, 60, 64))
    clock.oval(0, 0, 0.62, 0.62, (250, 248, 240))
    hour = rng.uniform(0, 2 * math.pi)
    clock.line([(0, 0), (0.3 * math.sin(hour), 0.3 * math.cos(hour))], (20, 20, 20), 0.08)
    clock.line([(0, 0), (0.5 * math.sin(12 * hour), 0.5 * math.cos(12 * hour))], (20, 20, 20), 0.05)
    canvas.wall(-FAR, middle - 2.4, 0, 1.0, z, shade(base, 0.85))
    canvas.wall(middle + 2.4, FAR, 0, 1.0, z, shade(base, 0.85))
    canvas.wall(-FAR, middle - 2.4, 0.9, 1.1, z - 0.05, trim)
    canvas.wall(middle + 2.4, FAR, 0.9, 1.1, z - 0.05, trim)
    _flag(canvas, middle + rng.choice([-1, 1]) * rng.uniform(3.4, 5), z + 1.2)


def _flag(canvas: Canvas, x: float, z: float) -> None:
    pen = canvas.pen(x, z)
    pen.line([(0, 0), (0, 8.2)], (214, 214, 210), 0.12)
    bands: list[tuple[Colour, float]] = [((196, 34, 44), 1), ((244, 244, 240), 1),
        ((44, 44, 110), 2), ((244, 244, 240), 1), ((196, 34, 44), 1)]  # fmt: skip
    y = 8.1
    for colour, share in bands:
        pen.shape([(0.06, y), (1.1, y + 0.12), (2.1, y), (2.1, y - 0.24 * share),
                   (1.1, y - 0.24 * share + 0.12), (0.06, y - 0.24 * share)], colour)  # fmt: skip
        y -= 0.24 * share


def temple(canvas: Canvas, z: float, rng: random.Random) -> None:
    """A hall with tiered roofs edged with gold, a golden stupa, and a white wall."""
    greenery(canvas, z + 12, rng, 6)
    middle, side = rng.uniform(-3, 3), rng.choice([-1, 1])
    _stupa(canvas, middle + side * rng.uniform(5.5, 7.5), z + 4, rng.uniform(9, 11))
    tile = rng.choice([(206, 84, 36), (190, 62, 40), (214, 110, 38)])
    edge = rng.choice([(44, 104, 72), (40, 76, 140), (44, 104, 72)])
    canvas.wall(middle - 4.2, middle + 4.2, 0, 3.2, z + 3, (246, 242, 232))
    for x in (-3.6, -2.2, 2.2, 3.6):
        canvas.wall(middle + x - 0.25, middle + x + 0.25, 0, 3.2, z + 2.6, (252, 250, 244))
        canvas.wall(middle + x - 0.32, middle + x + 0.32, 2.9, 3.2, z + 2.5, GOLD)
    canvas.wall(middle - 0.8, middle + 0.8, 0, 2.5, z + 2.5, (150, 40, 36))
    canvas.face([(middle - 0.95, 2.4, z + 2.4), (middle + 0.95, 2.4, z + 2.4),
                 (middle, 3.5, z + 2.4)], GOLD)  # fmt: skip
    for wide, low, high in ((5.2, 3.0, 6.2), (4.0, 4.2, 7.4), (2.8, 5.4, 8.8)):
        depth = z + 2.4 - 0.1 * low
        outer = [(middle - wide, low, depth), (middle, high, depth), (middle + wide, low, depth)]
        canvas.face(outer, edge)
        canvas.face([(middle - wide + 0.5, low + 0.1, depth), (middle, high - 0.35, depth),
                     (middle + wide - 0.5, low + 0.1, depth)], tile)  # fmt: skip
        for end in (-1, 1):
            canvas.stroke(canvas.see([(middle + end * (wide + 0.4), low + 0.25, depth),
                                      (middle + end * wide, low, depth),
                                      (middle, high, depth)]), GOLD, 0.0075)  # fmt: skip
        canvas.stroke(canvas.see([(middle - 0.2, high + 0.9, depth), (middle, high, depth),
                                  (middle, high - 0.2, depth)]), GOLD, 0.007)  # fmt: skip
    canvas.face([(middle - 1.3, 5.5, z + 1.7), (middle + 1.3, 5.5, z + 1.7),
                 (middle, 7.3, z + 1.7)], (150, 40, 36))  # fmt: skip
    pediment = canvas.pen(middle, z + 1.6, 6.0)
    pediment.light([(-0.4, -0.3), (0.4, -0.3), (0, 0.7)], GOLD)
    for left, right in ((-FAR, middle - 2), (middle + 2, FAR)):
        canvas.wall(left, right, 0, 1.1, z, (244, 240, 230))
        canvas.wall(left, right, 1.0, 1.25, z - 0.05, tile)


def _stupa(canvas: Canvas, x: float, z: float, height: float) -> None:
    pen = canvas.pen(x, z)
    outline = [(0.30, 0.0), (0.30, 0.08), (0.25, 0.08), (0.25, 0.16), (0.2, 0.16), (0.21, 0.2),
               (0.18, 0.38), (0.11, 0.47), (0.06, 0.5), (0.07, 0.53), (0.03, 0.7),
               (0.0, 1.0)]  # fmt: skip
    right = [(height * a, height * b) for a, b in outline]
    pen.shape(right + [(-a, b) for a, b in reversed(right)], GOLD)
    pen.shape([(0.0, 0.0), *[(a * 0.96, b) for a, b in right]], shade(GOLD, 0.8))
    pen.shape([(-0.14 * height, 0.2 * height), (-0.12 * height, 0.38 * height),
               (-0.07 * height, 0.42 * height), (-0.1 * height, 0.2 * height)],
              shade(GOLD, 1.5))  # fmt: skip
    for y in (0.08, 0.16, 0.5):
        pen.line([(-0.27 * height * (1 - y), y * height), (0.27 * height * (1 - y), y * height)],
                 shade(GOLD, 0.65), 0.06)  # fmt: skip


def shop(canvas: Canvas, z: float, rng: random.Random) -> None:
    """A row of shophouses with signs, shop windows and shutters."""
    x = -23.0 + rng.uniform(0, 2)
    while x < 22:
        width, top = rng.uniform(4.2, 5.2), rng.uniform(6.6, 8)
        tone = rng.choice([(214, 206, 190), (226, 196, 168), (190, 206, 206), (224, 214, 160),
                           (206, 190, 200)])  # fmt: skip
        sign = rng.choice(AWNINGS)
        canvas.wall(x, x + width, 0, top, z + 1, tone)
        canvas.wall(x, x + width, top - 0.35, top, z + 0.9, shade(tone, 0.75))
        windows(canvas, x + 0.3, x + width - 0.2, 4.6, z + 0.95, 1.5, rng)
        if rng.random() < 0.75:
            canvas.wall(x + 0.3, x + width - 0.3, 0.25, 2.5, z + 0.9, (196, 216, 214), glow=True)
            for i in range(3):
                shelf = 0.5 + 0.6 * i
                for j in range(9):
                    goods = x + 0.5 + j * (width - 1.0) / 9
                    tint = shade(rng.choice(AWNINGS), 1.2)
                    canvas.wall(goods, goods + 0.3, shelf, shelf + 0.36, z + 0.85, tint)
            door = x + width / 2
            canvas.wall(door - 0.55, door + 0.55, 0, 2.4, z + 0.8, (146, 178, 182), glow=True)
            canvas.wall(door - 0.04, door + 0.04, 0, 2.4, z + 0.78, (240, 240, 240))
        else:
            for i in range(9):
                canvas.wall(x + 0.3, x + width - 0.3, 0.28 * i, 0.28 * i + 0.25, z + 0.9,
                            shade((150, 156, 160), 0.9 + 0.05 * (i % 2)))  # fmt: skip
        canvas.wall(x + 0.1, x + width - 0.1, 2.9, 4.0, z + 0.7, sign, glow=True)
        for i in range(rng.randint(4, 7)):
            letter = x + 0.6 + 0.5 * i
            if letter < x + width - 0.6:
                canvas.wall(letter, letter + 0.3, 3.2, rng.uniform(3.5, 3.75), z + 0.65,
                            (250, 246, 230), glow=True)  # fmt: skip
        canvas.face([(x, 2.9, z + 0.7), (x + width, 2.9, z + 0.7), (x + width, 2.6, z - 0.4),
                     (x, 2.6, z - 0.4)], shade(sign, 0.85))  # fmt: skip
        x += width
