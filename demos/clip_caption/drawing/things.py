"""What stands about in a street: vehicles, trees, people, lamps. Sizes are in metres."""

import math
import random

from demos.clip_caption.drawing.canvas import CIRCLE, Canvas, Colour, Pen, Point, shade

COLOURS: dict[str, Colour] = {
    "red": (205, 38, 42),
    "blue": (38, 84, 190),
    "green": (38, 140, 62),
    "yellow": (242, 196, 22),
    "pink": (240, 96, 160),
    "white": (238, 238, 234),
    "black": (36, 36, 40),
    "orange": (240, 124, 22),
}
GLASS: Colour = (60, 78, 92)
TYRE: Colour = (28, 28, 30)
METAL: Colour = (150, 154, 158)
WOOD: Colour = (122, 84, 52)
LEAF: Colour = (58, 118, 52)
LAMPLIGHT: Colour = (255, 226, 150)


def shadow(pen: Pen, width: float, opacity: float = 0.35) -> None:
    """The dark patch below a thing."""
    pen.oval(0, 0.02, width / 2, 0.09 + 0.03 * width, (20, 20, 26), opacity)


def wheel(pen: Pen, x: float, radius: float) -> None:
    """A wheel that stands on the ground."""
    pen.oval(x, radius, radius, radius, TYRE)
    pen.oval(x, radius, radius * 0.55, radius * 0.55, METAL)
    pen.oval(x, radius, radius * 0.2, radius * 0.2, TYRE)


def car(pen: Pen, colour: Colour) -> None:
    """A car from its side, 4.3 m long."""
    shadow(pen, 4.7)
    dark = shade(colour, 0.72)
    roof = [(-1.5, 0.9), (-1.0, 1.44), (0.55, 1.48), (1.25, 0.92)]
    pen.shape(roof, colour)
    pen.shape([(-1.32, 0.92), (-0.92, 1.34), (-0.3, 1.37), (-0.3, 0.92)], GLASS)
    pen.shape([(-0.2, 0.92), (-0.2, 1.37), (0.5, 1.38), (1.02, 0.92)], GLASS)
    pen.shape([(-1.1, 1.1), (-0.92, 1.3), (-0.7, 1.31), (-0.9, 1.0)], (150, 170, 182), 0.7)
    body = [(-2.15, 0.34), (-2.18, 0.78), (-1.6, 0.93), (1.3, 0.95), (2.0, 0.82), (2.16, 0.6),
            (2.14, 0.34)]  # fmt: skip
    pen.shape(body, colour)
    pen.box(-2.15, 2.14, 0.3, 0.46, dark)
    pen.line([(-0.25, 0.4), (-0.25, 0.92)], dark, 0.03)
    pen.line([(-1.5, 0.72), (1.9, 0.72)], shade(colour, 1.3), 0.035)
    pen.light([(1.94, 0.62), (2.15, 0.6), (2.13, 0.74), (1.98, 0.78)], (255, 244, 200), 0.9)
    pen.light([(-2.17, 0.62), (-2.02, 0.62), (-2.02, 0.78), (-2.17, 0.78)], (220, 30, 30), 0.5)
    for x in (-1.32, 1.34):
        pen.oval(x, 0.36, 0.42, 0.42, shade(dark, 0.5))
        wheel(pen, x, 0.33)


def tuktuk(pen: Pen, colour: Colour) -> None:
    """A three-wheeled taxi, 2.9 m long."""
    shadow(pen, 3.1)
    pen.shape([(-1.35, 0.35), (-1.4, 1.0), (-0.2, 1.05), (0.35, 0.75), (1.2, 0.8), (1.35, 0.4)],
              colour)  # fmt: skip
    pen.box(-1.3, -0.25, 0.95, 1.25, (60, 40, 34))
    for x, top in ((-1.3, 1.78), (-0.1, 1.8), (1.0, 1.72)):
        pen.line([(x, 0.9), (x + 0.04, top)], METAL, 0.06)
    pen.shape([(1.02, 0.8), (1.22, 0.8), (1.05, 1.65), (0.95, 1.65)], (170, 196, 206), 0.75)
    pen.shape([(-1.5, 1.72), (-1.4, 1.92), (0.95, 1.95), (1.2, 1.7)], shade(colour, 0.8))
    pen.line([(-1.5, 1.73), (1.2, 1.71)], (245, 210, 60), 0.07)
    pen.line([(-1.38, 0.7), (1.25, 0.66)], (245, 210, 60), 0.06)
    pen.light([(1.24, 0.55), (1.38, 0.52), (1.38, 0.68), (1.26, 0.72)], (255, 244, 200), 0.7)
    for x in (-0.95, 1.05):
        wheel(pen, x, 0.28)


def motorbike(pen: Pen, colour: Colour) -> None:
    """A scooter, 1.9 m long."""
    shadow(pen, 1.9)
    for x in (-0.62, 0.66):
        wheel(pen, x, 0.3)
    pen.line([(0.66, 0.3), (0.4, 1.02)], METAL, 0.08)
    pen.shape([(-0.85, 0.5), (-0.9, 0.78), (-0.1, 0.74), (0.05, 0.42), (0.36, 0.42), (0.3, 0.95),
               (0.52, 0.98), (0.58, 0.5), (0.4, 0.25), (-0.35, 0.25)], colour)  # fmt: skip
    pen.shape([(0.45, 0.48), (0.5, 0.62), (0.95, 0.58), (0.9, 0.45)], colour)
    pen.shape([(-0.92, 0.76), (-0.85, 0.9), (-0.15, 0.86), (0.0, 0.74)], TYRE)
    pen.line([(0.3, 1.1), (0.5, 1.0)], TYRE, 0.06)
    pen.oval(0.28, 1.22, 0.07, 0.08, METAL)
    pen.light([(0.52, 0.82), (0.64, 0.8), (0.62, 0.96), (0.5, 0.96)], (255, 244, 200), 0.4)
    pen.line([(-0.8, 0.62), (0.0, 0.58)], shade(colour, 1.4), 0.05)


def bus(pen: Pen, colour: Colour) -> None:
    """A city bus, 8 m long."""
    shadow(pen, 8.4)
    pen.box(-4, 4, 0.4, 2.8, colour)
    pen.box(-4, 4, 0.4, 1.0, shade(colour, 0.75))
    pen.box(-4, 4, 1.1, 1.2, (240, 236, 224))
    for x in range(6):
        pane = [(-3.7 + 1.12 * x, 1.5), (-2.8 + 1.12 * x, 1.5), (-2.8 + 1.12 * x, 2.4),
                (-3.7 + 1.12 * x, 2.4)]  # fmt: skip
        pen.light(pane, (186, 206, 214))
    pen.box(3.05, 3.75, 0.5, 2.4, GLASS)
    for axle in (-2.6, 2.4):
        wheel(pen, axle, 0.48)


VEHICLES = {"car": car, "tuk-tuk": tuktuk, "motorbike": motorbike, "bus": bus}


def crown(pen: Pen, x: float, y: float, radius: float, rng: random.Random, leaf: Colour) -> None:
    """Foliage: heaps of leaves, dark below and light above."""
    heaps = []
    for _ in range(16):
        angle, far = rng.uniform(0, 2 * math.pi), radius * 0.75 * math.sqrt(rng.random())
        heaps.append((x + far * math.cos(angle), y + 0.75 * far * math.sin(angle)))
    for offset, tone in ((-0.12, 0.62), (0.0, 0.9), (0.14, 1.12)):
        for hx, hy in heaps:
            r = radius * rng.uniform(0.22, 0.4) * (1.0 - 0.25 * (tone > 1))
            colour = shade(leaf, tone * rng.uniform(0.93, 1.05))
            pen.oval(hx + 0.2 * offset * radius, hy + offset * radius, r, 0.85 * r, colour)


def tree(pen: Pen, height: float, rng: random.Random, leaf: Colour = LEAF) -> None:
    """A tree that stands."""
    shadow(pen, 0.6 * height)
    lean = rng.uniform(-0.05, 0.05) * height
    pen.shape([(-0.04 * height, 0), (0.04 * height, 0), (lean + 0.02 * height, 0.65 * height),
               (lean - 0.02 * height, 0.65 * height)], shade(WOOD, 0.8))  # fmt: skip
    crown(pen, lean, 0.7 * height, 0.34 * height, rng, leaf)


def palm(pen: Pen, height: float, rng: random.Random) -> None:
    """A palm."""
    shadow(pen, 0.4 * height)
    lean = rng.uniform(-0.12, 0.12) * height
    trunk: list[Point] = [(lean * (i / 8) ** 2, height * i / 8) for i in range(9)]
    pen.line(trunk, (132, 108, 80), 0.05 * height)
    for angle in range(-20, 220, 24):
        a, reach = math.radians(angle + rng.uniform(-8, 8)), 0.34 * height
        tip = (lean + reach * math.cos(a), height + reach * (0.75 * math.sin(a) - 0.2))
        middle = (lean + 0.55 * reach * math.cos(a), height + 0.62 * reach * math.sin(a))
        leaf = shade((62, 126, 58), rng.uniform(0.75, 1.1))
        pen.shape([(lean, height), (middle[0], middle[1] + 0.03 * height), tip,
                   (middle[0], middle[1] - 0.04 * height)], leaf)  # fmt: skip


def person(pen: Pen, rng: random.Random, umbrella: bool = False) -> None:
    """Somebody who passes, perhaps under an umbrella."""
    shadow(pen, 0.6)
    skin = rng.choice([(224, 178, 140), (190, 140, 100), (150, 104, 72)])
    shirt = shade(rng.choice(list(COLOURS.values())), rng.uniform(0.8, 1.1))
    legs = rng.choice([(44, 50, 74), (70, 62, 54), (30, 30, 34)])
    step = rng.uniform(0.05, 0.2)
    pen.line([(0, 0.82), (-step, 0.03)], legs, 0.16)
    pen.line([(0, 0.82), (step, 0.03)], legs, 0.16)
    pen.shape([(-0.2, 0.78), (0.2, 0.78), (0.24, 1.4), (-0.24, 1.4)], shirt)
    pen.line([(-0.22, 1.34), (-0.3, 0.9)], skin, 0.09)
    pen.line([(0.22, 1.34), (0.32, 0.95)], skin, 0.09)
    pen.oval(0, 1.56, 0.12, 0.15, skin)
    pen.oval(0, 1.63, 0.13, 0.1, (34, 26, 24))
    if umbrella:
        colour = rng.choice(list(COLOURS.values()))
        pen.line([(0.3, 1.0), (0.3, 2.0)], METAL, 0.04)
        arc = [(0.3 + 0.62 * math.cos(a / 10 * math.pi), 1.85 + 0.36 * math.sin(a / 10 * math.pi))
               for a in range(11)]  # fmt: skip
        pen.shape(arc, colour)


def lamp(pen: Pen, height: float, lit: bool) -> None:
    """A street lamp in order."""
    shadow(pen, 0.5)
    pen.line([(0, 0), (0, height)], (92, 98, 104), 0.12)
    pen.line([(0, height), (0.5, height + 0.22), (1.0, height + 0.2)], (92, 98, 104), 0.08)
    head = [(0.75, height + 0.12), (1.35, height + 0.12), (1.25, height + 0.28),
            (0.8, height + 0.28)]  # fmt: skip
    pen.shape(head, (70, 74, 80))
    if lit:
        pen.light([(0.8, height + 0.04), (1.3, height + 0.04), (1.3, height + 0.12),
                   (0.8, height + 0.12)], LAMPLIGHT, 2.4)  # fmt: skip


def wires(canvas: Canvas, z: float, rng: random.Random) -> None:
    """Two poles out of the picture's middle, and the bundle of cables between them."""
    left, right, height = rng.uniform(-16, -9), rng.uniform(9, 16), rng.uniform(6.0, 7.2)
    for x in (left, right):
        pen = canvas.pen(x, z)
        pen.line([(0, 0), (0, height + 0.8)], (120, 118, 112), 0.26)
        pen.line([(-0.9, height + 0.4), (0.9, height + 0.4)], (96, 92, 86), 0.14)
    ends = [canvas.pen(left, z), canvas.pen(right, z)]
    for _ in range(rng.randint(3, 6)):
        y, sag = height + rng.uniform(-0.8, 0.5), rng.uniform(0.3, 1.1)
        (x0, y0), (x1, y1) = ends[0].at(0, y), ends[1].at(0, y)
        drop = sag * ends[0].scale
        steps = [t / 12 for t in range(13)]
        line = [(x0 + (x1 - x0) * t, y0 + (y1 - y0) * t + drop * 4 * t * (1 - t)) for t in steps]
        canvas.stroke(line, (40, 40, 44), 0.04 * ends[0].scale)


def bag(pen: Pen, x: float, y: float, size: float, colour: Colour, rng: random.Random) -> None:
    """A full bag with a knot; `size` is its radius."""
    bumps = [rng.uniform(0.86, 1.12) for _ in range(12)]
    for scale, tone, shift in ((1.0, 0.72, 0.0), (0.82, 1.0, 0.05), (0.3, 1.35, 0.22)):
        ring = []
        for i, (cos, sin) in enumerate(CIRCLE):
            r = size * scale * bumps[i // 2]
            ring.append((x + r * cos - shift * size, y + 0.86 * r * sin + (shift + 0.82) * size))
        pen.shape(ring, shade(colour, tone))
    top = y + 1.6 * size
    pen.shape(
        [
            (x - 0.12 * size, top),
            (x - 0.34 * size, top + 0.42 * size),
            (x, top + 0.24 * size),
            (x + 0.34 * size, top + 0.42 * size),
            (x + 0.12 * size, top),
        ],
        shade(colour, 0.85),
    )
    for _ in range(3):
        fold = x + rng.uniform(-0.6, 0.6) * size
        pen.line([(x + 0.1 * (fold - x), top - 0.1 * size), (fold, y + rng.uniform(0.5, 1) * size)],
                 shade(colour, 0.55), 0.02)  # fmt: skip


def boxes(pen: Pen, colour: Colour, rng: random.Random) -> None:
    """Two plastic boxes, one upon the other."""
    shadow(pen, 1.2)
    for level in range(2):
        shift, y = rng.uniform(-0.08, 0.08), 0.62 * level
        pen.box(shift - 0.46, shift + 0.46, y, y + 0.6, shade(colour, 0.92 - 0.08 * level))
        pen.box(shift - 0.46, shift + 0.46, y + 0.5, y + 0.6, shade(colour, 1.25))
        for slot in (0.14, 0.32):
            pen.box(shift - 0.34, shift + 0.34, y + slot, y + slot + 0.07, shade(colour, 0.5))


def barrier(pen: Pen, colour: Colour) -> None:
    """A striped barrier of the road works."""
    shadow(pen, 1.7)
    for leg in (-0.6, 0.6):
        pen.line([(leg - 0.14, 0), (leg, 1.05)], (70, 70, 74), 0.09)
        pen.line([(leg + 0.14, 0), (leg, 1.05)], (70, 70, 74), 0.09)
    for y in (0.4, 0.78):
        pen.box(-0.82, 0.82, y, y + 0.27, (244, 242, 236))
        for i in range(4):
            x = -0.82 + 0.41 * i
            pen.shape([(x, y), (x + 0.2, y), (x + 0.36, y + 0.27), (x + 0.16, y + 0.27)], colour)
