"""Places that one looks over, from a distance z on: bridge, canal, park, station."""

import random

from demos.clip_caption.drawing import things
from demos.clip_caption.drawing.canvas import Canvas, shade
from demos.clip_caption.drawing.surroundings import (
    AWNINGS,
    FAR,
    WARM,
    greenery,
    railing,
    ripples,
    skyline,
    windows,
)


def bridge(canvas: Canvas, z: float, rng: random.Random) -> None:
    """A cable-stayed bridge over the river."""
    skyline(canvas, z + 10, rng)
    water = (96, 124, 136)
    canvas.ground(-FAR, FAR, z, z + 45, water)
    ripples(canvas, z + 1, z + 25, water, rng)
    far, deck = z + 14, rng.uniform(2.6, 3.4)
    pylon, top = rng.uniform(-4, 4), rng.uniform(11.5, 13.5)
    paint = rng.choice([(226, 220, 206), (196, 200, 206), (222, 190, 96)])
    for x in range(-36, 37, 12):
        canvas.wall(pylon + x - 0.7, pylon + x + 0.7, -0.5, deck, far, shade(paint, 0.65))
    for side in (-1, 1):
        for i in range(1, 11):
            deck_end, top_end = (
                (pylon + side * 2.2 * i, deck + 0.4, far),
                (pylon, top - 0.45 * i, far),
            )
            canvas.stroke(canvas.see([deck_end, top_end, top_end])[:2], (238, 226, 170), 0.004)
    canvas.face([(pylon - 1.1, deck, far), (pylon + 1.1, deck, far), (pylon + 0.35, top, far),
                 (pylon - 0.35, top, far)], paint)  # fmt: skip
    canvas.face([(pylon - 0.5, deck + 0.5, far), (pylon + 0.5, deck + 0.5, far),
                 (pylon, top - 3, far)], shade(paint, 0.75))  # fmt: skip
    canvas.wall(-FAR, FAR, deck, deck + 0.9, far - 0.1, shade(paint, 0.85))
    canvas.wall(-FAR, FAR, deck, deck + 0.25, far - 0.2, shade(paint, 0.55))
    for x in range(-30, 31, 5):
        lamp = canvas.pen(x, far, deck + 0.9)
        lamp.line([(0, 0), (0, 1.2)], things.METAL, 0.08)
        lamp.light([(-0.15, 1.2), (0.15, 1.2), (0.15, 1.4), (-0.15, 1.4)], WARM, 1.2)
    for _ in range(4):
        roof = rng.uniform(-20, 20)
        canvas.wall(roof, roof + 1.8, deck + 0.9, deck + 1.7, far, rng.choice(AWNINGS))
    railing(canvas, z, (206, 206, 200))


def canal(canvas: Canvas, z: float, rng: random.Random) -> None:
    """A canal with boats, and houses on stilts at its far bank."""
    greenery(canvas, z + 20, rng, 4)
    water = rng.choice([(92, 120, 98), (98, 116, 92), (110, 122, 96)])
    canvas.ground(-FAR, FAR, z, z + 14, water)
    ripples(canvas, z + 0.5, z + 13, water, rng)
    x = -24.0 + rng.uniform(0, 3)
    while x < 24:
        width, top, tone = rng.uniform(4, 6), rng.uniform(3.4, 4.6), rng.uniform(0.8, 1.25)
        wood = shade(rng.choice([things.WOOD, (96, 122, 128), (150, 112, 76)]), tone)
        for i in range(5):
            post = x + 0.3 + i * (width - 0.6) / 4
            canvas.wall(post - 0.1, post + 0.1, -0.4, 1.2, z + 12, (70, 54, 40))
        canvas.wall(x, x + width, 1.1, top, z + 12, wood)
        for i in range(5):
            canvas.wall(x, x + width, 1.3 + 0.5 * i, 1.36 + 0.5 * i, z + 11.9, shade(wood, 0.8))
        windows(canvas, x + 0.4, x + width - 0.4, 1.8, z + 11.9, 1.7, rng)
        roof = rng.choice([(150, 66, 50), (120, 124, 128), (92, 108, 84)])
        canvas.face([(x - 0.6, top, z + 11.5), (x + width + 0.6, top, z + 11.5),
                     (x + width - 0.7, top + 1.5, z + 13), (x + 0.7, top + 1.5, z + 13)],
                    roof)  # fmt: skip
        x += width + rng.uniform(0.2, 2)
    for x in (rng.uniform(-6, -1), rng.uniform(1, 6)):
        _boat(canvas, x, z + rng.uniform(2.5, 6), rng)
    railing(canvas, z, rng.choice([(200, 196, 186), (96, 130, 104)]))


def _boat(canvas: Canvas, x: float, z: float, rng: random.Random) -> None:
    pen = canvas.pen(x, z, 0.0, rng.random() < 0.5)
    colour = rng.choice(AWNINGS)
    pen.shape([(-2.6, 0.6), (-2.1, 0), (1.8, 0), (3.0, 1.1), (2.2, 0.55)], things.WOOD)
    pen.line([(-2.5, 0.55), (2.2, 0.5), (2.9, 1.0)], colour, 0.12)
    for post in (-1.4, 0.8):
        pen.line([(post, 0.4), (post, 1.5)], (60, 50, 40), 0.07)
    pen.shape([(-1.8, 1.45), (-1.3, 1.75), (0.8, 1.75), (1.2, 1.45)], colour)


def park(canvas: Canvas, z: float, rng: random.Random) -> None:
    """A lawn with trees, a pond with a fountain, and a low hedge."""
    skyline(canvas, z + 16, rng, 9)
    lawn = shade((108, 160, 74), rng.uniform(0.85, 1.1))
    canvas.ground(-FAR, FAR, z, z + 45, lawn)
    for _ in range(8):
        canvas.blob(rng.uniform(-15, 15), z + rng.uniform(3, 22), rng.uniform(1.5, 4),
                    shade(lawn, rng.choice([0.88, 1.12])), 0.6, 0.5)  # fmt: skip
    greenery(canvas, z + 18, rng, 3.6)
    pond = rng.uniform(-4, 4)
    canvas.blob(pond, z + 8, 5.2, (150, 140, 120), squash=0.6)
    canvas.blob(pond, z + 8, 4.8, (112, 160, 184), squash=0.6)
    jet = canvas.pen(pond, z + 8)
    for i in range(-4, 5):
        path = [(0.28 * i * t / 6, 3.4 * (t / 3) * (2 - t / 3)) for t in range(7)]
        jet.line(path, (232, 242, 248), 0.09, 0.8)
    for _ in range(4):
        x = rng.choice([-1, 1]) * rng.uniform(2.5, 12)
        tone = shade((84, 142, 62), rng.uniform(0.8, 1.1))
        things.tree(canvas.pen(x, z + rng.uniform(2, 6)), rng.uniform(4.5, 6), rng, tone)
    bench = canvas.pen(pond + rng.uniform(-5, 5), z + 1.5)
    bench.box(-1, 1, 0.4, 0.52, things.WOOD)
    bench.box(-1, 1, 0.7, 0.95, things.WOOD)
    for x in (-0.8, 0.8):
        bench.line([(x, 0), (x, 0.9)], (60, 60, 62), 0.09)
    x = -23.0
    while x < 23:
        heap = canvas.pen(x, z)
        heap.oval(0, 0.3, 0.62, 0.5, shade((50, 108, 48), rng.uniform(0.85, 1.15)))
        if rng.random() < 0.4:
            heap.oval(0.1, 0.55, 0.09, 0.09, rng.choice([(236, 90, 130), (246, 210, 70)]))
        x += 0.6


def station(canvas: Canvas, z: float, rng: random.Random) -> None:
    """A railway on pillars, with a train at the platform."""
    skyline(canvas, z + 8, rng)
    canvas.ground(-FAR, FAR, z, z + 30, (150, 152, 146))
    greenery(canvas, z + 14, rng, 8)
    concrete = shade((186, 186, 180), rng.uniform(0.9, 1.06))
    deck, far, shift = rng.uniform(3.6, 4.2), z + 4, rng.uniform(-4, 4)
    for x in range(-27, 28, 9):
        pillar = x + shift
        canvas.wall(pillar - 0.75, pillar + 0.75, 0, deck, far, shade(concrete, 0.85))
        canvas.wall(pillar + 0.3, pillar + 0.75, 0, deck, far, shade(concrete, 0.7))
        canvas.face([(pillar - 0.75, deck - 1, far), (pillar + 0.75, deck - 1, far),
                     (pillar + 2.2, deck, far), (pillar - 2.2, deck, far)],
                    shade(concrete, 0.8))  # fmt: skip
    canvas.wall(-FAR, FAR, deck, deck + 1.3, far - 0.6, concrete)
    canvas.wall(-FAR, FAR, deck, deck + 0.3, far - 0.7, shade(concrete, 0.7))
    stripe = rng.choice([(200, 40, 46), (40, 90, 176), (40, 140, 80)])
    front = shift + rng.uniform(-2, 5)
    canvas.wall(-FAR, front, deck + 1.3, deck + 3.5, far - 0.5, (236, 238, 240))
    canvas.wall(-FAR, front, deck + 1.45, deck + 1.85, far - 0.55, stripe)
    for i in range(24):
        pane = front - 1.4 - 1.5 * i
        canvas.wall(pane - 1, pane, deck + 2.2, deck + 3.1, far - 0.55, (66, 86, 100), glow=False)
        canvas.lights.append((canvas.see([(pane - 1, deck + 2.2, far), (pane, deck + 2.2, far),
            (pane, deck + 3.1, far), (pane - 1, deck + 3.1, far)]), (240, 236, 206)))  # fmt: skip
    left = shift - 14
    canvas.face([(left, deck + 4.6, far - 1), (shift + 9, deck + 4.6, far - 1),
                 (shift + 7.6, deck + 5.5, far), (left + 1.4, deck + 5.5, far)],
                rng.choice([(108, 124, 140), (90, 136, 128)]))  # fmt: skip
    for post in (left + 1, shift - 2.5, shift + 8):
        canvas.wall(post - 0.12, post + 0.12, deck + 1.3, deck + 4.6, far - 0.9, (120, 124, 128))
    canvas.wall(shift - 3.4, shift + 3.4, deck + 0.2, deck + 1.1, far - 0.9, (30, 66, 130), True)
    for i in range(7):
        canvas.wall(shift - 2.6 + 0.75 * i, shift - 2.1 + 0.75 * i, deck + 0.42, deck + 0.88,
                    far - 0.95, (248, 248, 248), True)  # fmt: skip
