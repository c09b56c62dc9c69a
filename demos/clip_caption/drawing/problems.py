"""The problems that citizens report, each drawn where the camera looks."""

import math
import random
from collections.abc import Callable
from typing import TYPE_CHECKING

from demos.clip_caption.drawing import things
from demos.clip_caption.drawing.canvas import Canvas, Colour, shade
from demos.clip_caption.drawing.things import COLOURS
from demos.clip_caption.drawing.weather import reflect

if TYPE_CHECKING:
    from demos.clip_caption.scenes import Scene

ASPHALT: Colour = (96, 96, 100)


def flood(canvas: Canvas, scene: "Scene", rng: random.Random) -> None:
    """Brown water over the road, and a vehicle that stands in it."""
    water = rng.choice([(124, 108, 84), (112, 104, 90), (132, 118, 92)])
    far = scene.kerb + 0.4
    area = canvas.see([(-60, 0, 0.5), (60, 0, 0.5), (60, 0, far), (-60, 0, far)])
    reflect(canvas, area, [canvas.spot(x, far) for x in (-10.0, 10.0)], water, 0.6, rng)
    for _ in range(70):
        z = rng.uniform(2.2, scene.kerb)
        x, w = rng.uniform(-0.8 * z, 0.8 * z), rng.uniform(0.08, 0.22) * z
        tone = shade(water, rng.choice([0.78, 1.3]))
        canvas.blob(x, z, w, tone, 0.35, 0.12)
    for _ in range(rng.randint(2, 6)):
        litter = canvas.pen(rng.uniform(-3.5, 3.5), rng.uniform(3.5, 9))
        litter.oval(0, 0, 0.16, 0.05, rng.choice([(90, 130, 60), (230, 230, 224), (150, 110, 70)]))
    x, z = rng.uniform(-0.7, 0.7), rng.uniform(6.6, 7.6) + 2.2 * (scene.thing == "bus")
    depth = {"motorbike": 0.35, "tuk-tuk": 0.4, "bus": 0.75}.get(scene.thing, 0.45)
    pen = canvas.pen(x, z, -depth, rng.random() < 0.5)
    length = {"motorbike": 1.1, "tuk-tuk": 1.6, "bus": 4.3}.get(scene.thing, 2.3)
    for i in range(5):  # its dull image below
        tone = shade(COLOURS[scene.colour], 0.5)
        pen.oval(0, depth - 0.2 * i, length * (1 - 0.06 * i), 0.16, tone, 0.22)
    image = canvas.image.copy()
    lights, halos = len(canvas.lights), len(canvas.halos)
    things.VEHICLES[scene.thing](pen, COLOURS[scene.colour])
    line = pen.at(0, depth)[1] * canvas.scale
    row = min(max(round(line), 0), image.height)
    canvas.image.paste(image.crop((0, row, image.width, image.height)), (0, row))
    kept = [
        light
        for light in canvas.lights[lights:]
        if max(p[1] for p in light[0]) * canvas.scale < line
    ]
    canvas.lights[lights:] = kept
    del canvas.halos[halos:]
    for i in range(3):
        pen.oval(0, depth - 0.08 * i, length * (1.05 + 0.12 * i), 0.07, shade(water, 1.25), 0.4)
        pen.oval(0, depth - 0.05 - 0.08 * i, length * (1 + 0.12 * i), 0.06, water, 0.7)


def pothole(canvas: Canvas, scene: "Scene", rng: random.Random) -> None:
    """Holes in the asphalt, with crumbled rims, cracks and sometimes a puddle."""
    spots = {1: [(0.0, 0.0)], 2: [(-1.35, 0.35), (1.35, -0.35)],
             3: [(-1.7, 0.5), (0.1, -1.0), (1.8, 0.9)]}[scene.count]  # fmt: skip
    side = rng.choice([-1, 1])
    wet = scene.weather == "rain"
    for dx, dz in spots:
        x, z = side * dx + rng.uniform(-0.2, 0.2), 6.7 + dz + rng.uniform(-0.2, 0.2)
        radius = rng.uniform(0.85, 1.05) * (1.35, 1.05, 0.9)[scene.count - 1]
        bumps = [rng.uniform(0.78, 1.15) for _ in range(24)]
        for _crack in range(5):
            angle, path = rng.uniform(0, 2 * math.pi), [(x, z)]
            for _ in range(5):
                angle += rng.uniform(-0.5, 0.5)
                px, pz = path[-1]
                step = radius * 0.42
                path.append((px + step * math.cos(angle), pz + 0.8 * step * math.sin(angle)))
            canvas.stroke([canvas.spot(*p) for p in path], (44, 44, 46), 0.005, 0.8)
        canvas.blob(x, z, radius * 1.16, (140, 134, 124), 0.9, 0.8, bumps)
        canvas.blob(x, z, radius, (60, 54, 48), squash=0.8, bumps=bumps)
        canvas.blob(x, z - 0.1, radius * 0.86, (36, 32, 30), squash=0.74, bumps=bumps)
        if wet or rng.random() < 0.25:
            canvas.blob(x, z - 0.12, radius * 0.66, (118, 130, 138), 0.9, 0.6, bumps)
        else:
            canvas.blob(x + 0.05, z - 0.18, radius * 0.6, (92, 78, 62), 0.9, 0.55, bumps)
        for _ in range(12):
            a, r = rng.uniform(0, 2 * math.pi), radius * rng.uniform(1.05, 1.5)
            stone = rng.uniform(0.03, 0.09)
            canvas.blob(x + r * math.cos(a), z + 0.8 * r * math.sin(a), stone,
                        rng.choice([(64, 62, 60), (160, 152, 140)]))  # fmt: skip


def rubbish(canvas: Canvas, scene: "Scene", rng: random.Random) -> None:
    """A heap of bags, with boxes, bottles and scraps about."""
    x, z = rng.uniform(-0.6, 0.6), rng.uniform(5.6, 6.6)
    colour = COLOURS[scene.colour]
    pen = canvas.pen(x, z)
    things.shadow(pen, 4.2, 0.45)
    for _ in range(26):
        a, r = rng.uniform(0, 2 * math.pi), rng.uniform(1.2, 2.3)
        scrap = rng.choice([(236, 236, 230), (206, 176, 120), (90, 150, 190), (200, 70, 60)])
        canvas.blob(x + r * math.cos(a), z + 0.4 * r * math.sin(a), rng.uniform(0.04, 0.12), scrap,
                    squash=0.5)  # fmt: skip
    box = rng.choice([-1, 1]) * rng.uniform(1.35, 1.6)
    pen.shape([(box - 0.5, 0), (box + 0.45, 0.03), (box + 0.47, 0.62), (box - 0.48, 0.6)],
              (186, 142, 92))  # fmt: skip
    pen.shape([(box - 0.48, 0.6), (box + 0.47, 0.62), (box + 0.62, 0.82), (box - 0.2, 0.84)],
              (150, 110, 68))  # fmt: skip
    rows = {2: [2], 3: [2, 1], 6: [4, 2, 1]}[scene.count]
    size = {2: 0.62, 3: 0.58, 6: 0.5}[scene.count]
    for row, bags in reversed(list(enumerate(rows))):
        for i in range(bags):
            bx = (i - (bags - 1) / 2) * size * 1.75 + rng.uniform(-0.1, 0.1)
            tone = shade(colour, rng.uniform(0.85, 1.12))
            things.bag(pen, bx, row * size * 1.15, size * rng.uniform(0.9, 1.08), tone, rng)
    for _ in range(4):
        bx = rng.uniform(-1.6, 1.6)
        tint = rng.choice([(120, 180, 210), (90, 160, 90), (236, 236, 236)])
        pen.shape([(bx, 0), (bx + 0.34, 0.05), (bx + 0.34, 0.15), (bx, 0.12)], tint)


def fallen_tree(canvas: Canvas, scene: "Scene", rng: random.Random) -> None:
    """A tree across the road, torn off at its foot, perhaps upon a car."""
    side = rng.choice([-1, 1])
    x, z = rng.uniform(-0.4, 0.4), rng.uniform(6.2, 7.2)
    bark, leaf = (
        shade(things.WOOD, rng.uniform(0.7, 1.05)),
        shade((66, 130, 52), rng.uniform(0.8, 1.1)),
    )
    lift = 0.0
    if scene.thing == "car":
        things.car(canvas.pen(x + side * 0.7, z + 0.5), COLOURS[scene.colour])
        lift = 0.95
    pen = canvas.pen(x, z, mirror=side < 0)
    things.shadow(pen, 6.6, 0.4)
    pen.shape([(-3.5, 0), (-3.05, 0), (-2.95, 0.75), (-3.1, 0.55), (-3.2, 0.95), (-3.3, 0.6),
               (-3.45, 0.8)], shade(bark, 0.85))  # fmt: skip
    end = 0.5 + lift
    pen.shape([(-2.75, 0.05), (-2.9, 0.32), (-2.6, 0.62), (0.6, end + 0.34), (1.6, end + 0.2),
               (1.6, end), (0.5, end - 0.2)], bark)  # fmt: skip
    pen.shape([(-2.75, 0.05), (-2.9, 0.32), (-2.72, 0.36), (-2.55, 0.2)], (214, 178, 120))
    pen.line([(-2.4, 0.3), (0.4, end + 0.02)], shade(bark, 0.7), 0.06)
    pen.line([(-2.3, 0.48), (0.4, end + 0.2)], shade(bark, 1.2), 0.04)
    for _ in range(7):
        tip = (rng.uniform(0.6, 3.2), rng.uniform(0.1, 2.1))
        pen.line([(rng.uniform(-0.2, 1), end), tip], shade(bark, 0.8), 0.09)
    things.crown(pen, 1.9, 0.85 + 0.5 * lift, 1.35, rng, leaf)
    things.crown(pen, 1.0, 0.6 + 0.7 * lift, 0.8, rng, shade(leaf, 0.92))
    for _ in range(30):
        canvas.blob(x + side * rng.uniform(-2.6, 3.4), z + rng.uniform(-1.6, 0.5),
                    rng.uniform(0.04, 0.1), shade(leaf, rng.uniform(0.7, 1.2)))  # fmt: skip


def broken_lamp(canvas: Canvas, scene: "Scene", rng: random.Random) -> None:
    """Street lamps that are snapped: the upper half hangs down by its cable."""
    xs = [rng.uniform(-0.7, 0.3)] if scene.count == 1 else [-1.5, 1.3]
    side = rng.choice([-1, 1])
    grey = (84, 90, 96)
    for x in xs:
        z = rng.uniform(6.6, 7.6)
        pen = canvas.pen(x, z, mirror=side < 0)
        things.shadow(pen, 1.4)
        pen.lean(rng.uniform(-0.16, 0.02))
        knee = rng.uniform(2.5, 2.9)
        pen.shape([(-0.16, 0), (0.16, 0), (0.11, knee), (-0.11, knee)], grey)
        pen.box(-0.26, 0.26, 0, 0.34, shade(grey, 0.75))
        pen.line([(-0.05, 0.3), (-0.04, knee)], shade(grey, 1.35), 0.05)
        drop = rng.uniform(1.3, 1.9)
        elbow, end = (0.55, knee + 0.26), (1.25, knee - drop * 0.5)
        pen.line([(0, knee - 0.1), (0.12, knee + 0.22), elbow], grey, 0.17)
        pen.line([elbow, (0.95, knee - 0.05), end], grey, 0.14)
        pen.line([(0, knee), (0.3, knee - 0.5), (0.9, knee - 0.75), end], (26, 26, 28), 0.04)
        hx, hy = end
        head = [(hx - 0.3, hy + 0.12), (hx + 0.28, hy + 0.06), (hx + 0.4, hy - 0.5),
                (hx + 0.1, hy - 0.68), (hx - 0.26, hy - 0.46)]  # fmt: skip
        pen.shape(head, shade(grey, 0.7))
        pen.shape([(hx - 0.16, hy - 0.1), (hx + 0.18, hy - 0.12), (hx + 0.24, hy - 0.46),
                   (hx - 0.12, hy - 0.4)], (206, 200, 168))  # fmt: skip
        crack = [(hx - 0.1, hy - 0.14), (hx + 0.08, hy - 0.28), (hx - 0.02, hy - 0.32),
                 (hx + 0.16, hy - 0.44)]  # fmt: skip
        pen.line(crack, (30, 30, 30), 0.05)
        for _ in range(14):
            canvas.blob(
                x + side * hx + rng.uniform(-0.7, 0.7),
                z + rng.uniform(-0.8, 0.3),
                rng.uniform(0.04, 0.09),
                rng.choice([(226, 232, 230), (206, 200, 168)]),
            )
        if scene.weather == "night":
            for _ in range(5):
                sx, sy = rng.uniform(-0.3, 0.3), rng.uniform(-0.5, 0.3)
                pen.light([(sx, knee + sy), (sx + 0.05, knee + sy), (sx + 0.02, knee + sy + 0.09)],
                          (255, 240, 170), 0.35)  # fmt: skip


def blocked_pavement(canvas: Canvas, scene: "Scene", rng: random.Random) -> None:
    """Vehicles, boxes or barriers where people ought to walk."""
    colour, z = COLOURS[scene.colour], rng.uniform(5.6, 6.3)
    x = rng.uniform(-0.4, 0.4)
    mirror = rng.random() < 0.5
    if scene.thing == "car":
        things.car(canvas.pen(x, z, mirror=mirror), colour)
        return
    step = {"motorbike": 1.35, "box": 1.05, "barrier": 1.7}[scene.thing]
    for i in range(scene.count):
        place = x + (i - (scene.count - 1) / 2) * step
        pen = canvas.pen(place, z + rng.uniform(-0.35, 0.35), mirror=mirror)
        if scene.thing == "motorbike":
            things.motorbike(pen, colour)
        elif scene.thing == "box":
            things.boxes(pen, colour, rng)
        else:
            things.barrier(pen, colour)


PROBLEMS: dict[str, Callable[[Canvas, "Scene", random.Random], None]] = {
    "flood": flood,
    "pothole": pothole,
    "rubbish": rubbish,
    "fallen tree": fallen_tree,
    "broken lamp": broken_lamp,
    "blocked pavement": blocked_pavement,
}
