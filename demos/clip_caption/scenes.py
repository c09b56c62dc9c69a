r"""Draws street scenes with a problem in each: photographs of a kind that has no photographer.

    python -m demos.clip_caption.scenes --output DIR --count 1000 --seed 1

writes JPEG files and `manifest.csv`, one row for each:

| column | holds |
| --- | --- |
| file | the picture's path, from the manifest's folder |
| captions | several wordings with "\|" between; each names problem and place, and ends with "." |
| comment | what a citizen might write of it |
| type, place, weather | what is to be seen: the names in PROBLEMS, PLACES and WEATHERS |
| thing, colour, count | what the captions also tell, where it applies |
| coords, latitude, longitude | where it was "taken", in Bangkok; `coords` is "longitude,latitude" |

A scene depends on the seed and its number alone, and so is the same at every width.
"""

import argparse
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import ImageChops

from demos.clip_caption.drawing import things, weather
from demos.clip_caption.drawing.canvas import Camera, Canvas, shade
from demos.clip_caption.drawing.places import PLACES
from demos.clip_caption.drawing.problems import ASPHALT, PROBLEMS
from demos.clip_caption.wording import comment, wordings
from zoo.building import packaging
from zoo.data.tables import write_table

if TYPE_CHECKING:
    from PIL import Image

WEATHERS = ("sun", "cloud", "rain", "night")
COLUMNS = ("file", "captions", "comment", "type", "place", "weather", "thing", "colour", "count",
           "coords", "latitude", "longitude")  # fmt: skip
VEHICLE_COLOURS = ("red", "blue", "green", "yellow", "pink", "white")


@dataclass(frozen=True)
class Scene:
    """What is to be seen in a picture.

    Args:
        type: the problem, one of PROBLEMS.
        place: one of PLACES.
        weather: one of WEATHERS.
        thing: what stands in the flood, lies below the tree or is in the way; or "".
        colour: of it, or of the bags; or "".
        count: how many holes, bags (6 stands for a heap), lamps, or things in the way.
        seed: of everything else.
        kerb: distance to the far kerb, in metres.
    """

    type: str
    place: str
    weather: str
    thing: str = ""
    colour: str = ""
    count: int = 1
    seed: str = ""
    kerb: float = field(default=12.0)


def choose(seed: str) -> Scene:
    """A scene by chance: every problem, place and weather is as likely as the others."""
    rng = random.Random(seed)
    problem = rng.choice(list(PROBLEMS))
    place, kind = rng.choice(list(PLACES)), rng.choice(WEATHERS)
    thing, colour, count = "", "", 1
    if problem == "flood":
        thing, colour = rng.choice(list(things.VEHICLES)), rng.choice(VEHICLE_COLOURS)
    elif problem == "pothole":
        count = rng.randint(1, 3)
    elif problem == "rubbish":
        colour, count = rng.choice(["black", "blue", "green", "white"]), rng.choice([2, 3, 6])
    elif problem == "fallen tree":
        if rng.random() < 0.45:
            thing, colour = "car", rng.choice(VEHICLE_COLOURS)
    elif problem == "broken lamp":
        count = rng.randint(1, 2)
    else:
        thing = rng.choice(["motorbike", "car", "box", "barrier"])
        colours = {"barrier": ["red", "blue", "orange"], "box": ["red", "blue", "green", "yellow"]}
        colour = rng.choice(colours.get(thing, list(VEHICLE_COLOURS)))
        count = 1 if thing == "car" else rng.randint(2, 3)
    return Scene(problem, place, kind, thing, colour, count, seed)


def draw(scene: Scene, width: int = 640) -> "Image.Image":
    """Draws a scene.

    Args:
        scene: what is to be seen.
        width: of the picture in pixels; its height is three quarters of it.
    """
    rng = random.Random(f"{scene.seed}/picture")
    camera = Camera(
        height=rng.uniform(1.75, 2.7),
        focal=rng.uniform(0.84, 1.02),
        yaw=rng.uniform(-0.2, 0.2),
        roll=rng.uniform(-0.035, 0.035),
        horizon=rng.uniform(0.26, 0.33),
        shift=rng.uniform(-0.05, 0.05),
    )
    canvas = Canvas(width, camera)
    weather.sky(canvas, scene.weather, rng)
    _ground(canvas, scene, rng)
    PLACES[scene.place](canvas, scene.kerb + 4, rng)
    _bystanders(canvas, scene, rng)
    if scene.weather == "rain" and scene.type != "flood":
        edge = [canvas.spot(x, scene.kerb) for x in (-10.0, 10.0)]
        area = canvas.see([(-60, 0, 0.5), (60, 0, 0.5), (60, 0, scene.kerb), (-60, 0, scene.kerb)])
        weather.reflect(canvas, area, edge, shade(ASPHALT, 0.8), 0.38, rng)
        if scene.type == "blocked pavement":
            _pavement(canvas, rng, 0.85)
    before, canvas.behind = canvas.image.copy(), len(canvas.lights)
    PROBLEMS[scene.type](canvas, scene, rng)
    if scene.weather == "night":
        changed = ImageChops.difference(before, canvas.image).convert("L")
        canvas.front = changed.point(lambda value: 255 * (value > 1))
        weather.darken(canvas, rng)
        weather.shine(canvas)
    if scene.weather == "rain":
        weather.rain(canvas, rng)
    return weather.expose(canvas.finish(), scene.weather, rng)


def _ground(canvas: Canvas, scene: Scene, rng: random.Random) -> None:
    """Road with its markings, kerb and pavements; everything behind the place is grass."""
    canvas.ground(-90, 90, 0.3, 400, (142, 146, 130))
    asphalt = shade(ASPHALT, rng.uniform(0.85, 1.25))
    canvas.ground(-60, 60, 0.3, scene.kerb, asphalt)
    for _ in range(14):
        x, z = rng.uniform(-10, 10), rng.uniform(2, scene.kerb)
        tone = shade(asphalt, rng.choice([0.92, 1.06]))
        canvas.blob(x, z, rng.uniform(0.5, 2.2), tone, 0.5, 0.35)
    paint = rng.choice([(232, 230, 222), (236, 198, 72)])
    dash, gap = rng.uniform(1.4, 2.4), rng.uniform(1.2, 2.4)
    x = -30.0 + rng.uniform(0, 3)
    while x < 30:
        canvas.ground(x, x + dash, 8.9, 9.1, paint, 0.85)
        x += dash + gap
    canvas.ground(-60, 60, scene.kerb - 0.5, scene.kerb - 0.38, (226, 224, 216), 0.8)
    canvas.ground(-60, 60, scene.kerb, scene.kerb + 4.2, (176, 168, 156))
    for i in range(-24, 25):
        tone = (222, 62, 56) if i % 2 else (240, 238, 232)
        canvas.wall(i * 1.5, i * 1.5 + 1.5, 0, 0.16, scene.kerb, tone)
    strewn = scene.type in ("rubbish", "broken lamp") and rng.random() < 0.2
    if scene.type == "blocked pavement" or strewn:
        _pavement(canvas, rng, 1.0)


def _pavement(canvas: Canvas, rng: random.Random, tone: float) -> None:
    """Where people walk, on the camera's side: slabs, and the yellow guide for the blind."""
    slab = shade(rng.choice([(196, 184, 170), (184, 180, 176), (204, 176, 160)]), tone)
    canvas.ground(-60, 60, 0.3, 7.4, slab)
    for z in (2.4, 3.0, 3.6, 4.2, 4.8, 5.4, 6.0, 6.6):
        canvas.ground(-60, 60, z, z + 0.035, shade(slab, 0.8))
    for i in range(-16, 17):
        canvas.ground(0.6 * i, 0.6 * i + 0.035, 0.5, 7.0, shade(slab, 0.8))
    canvas.ground(-60, 60, 4.7, 5.05, shade((232, 190, 52), tone))
    canvas.ground(-60, 60, 7.05, 7.4, (226, 224, 216))


def _bystanders(canvas: Canvas, scene: Scene, rng: random.Random) -> None:
    """What belongs to any street: people, traffic far away, lamps in order, cables."""
    if rng.random() < 0.6:
        things.wires(canvas, scene.kerb + 1, rng)
    if rng.random() < 0.5:
        x = rng.choice([-1, 1]) * rng.uniform(3, 6)
        things.lamp(canvas.pen(x, scene.kerb + 0.8, mirror=x > 0), 4.6, scene.type != "broken lamp")
    for _ in range(rng.randint(0, 3)):
        pen = canvas.pen(rng.uniform(-7, 7), scene.kerb + rng.uniform(0.6, 3))
        things.person(pen, rng, umbrella=scene.weather == "rain")
    if scene.type != "flood" and rng.random() < 0.45:
        x, vehicle = (
            rng.choice([-1, 1]) * rng.uniform(2, 7),
            rng.choice(["car", "motorbike", "tuk-tuk"]),
        )
        colour = things.COLOURS[rng.choice(VEHICLE_COLOURS)]
        things.VEHICLES[vehicle](canvas.pen(x, scene.kerb - 1.2, mirror=x > 0), colour)


def rows(count: int, seed: int) -> Iterator[tuple[Scene, dict[str, str]]]:
    """Scenes with their rows of the manifest."""
    for number in range(count):
        scene = choose(f"{seed}/{number}")
        rng = random.Random(f"{scene.seed}/words")
        latitude, longitude = rng.gauss(13.756, 0.05), rng.gauss(100.53, 0.05)
        yield (
            scene,
            {
                "file": f"{number // 1000:03}/{number:06}.jpg",
                "captions": "|".join(wordings(scene, rng)),
                "comment": comment(scene, rng),
                "type": scene.type,
                "place": scene.place,
                "weather": scene.weather,
                "thing": scene.thing,
                "colour": scene.colour,
                "count": str(scene.count),
                "coords": f"{longitude:.5f},{latitude:.5f}",
                "latitude": f"{latitude:.5f}",
                "longitude": f"{longitude:.5f}",
            },
        )


def write(scene: Scene, row: dict[str, str], output: Path, width: int) -> list[str]:
    """Draws a scene into its file, and returns the cells of its row of the manifest."""
    path = output / row["file"]
    path.parent.mkdir(parents=True, exist_ok=True)
    quality = random.Random(f"{scene.seed}/file").randint(72, 92)
    draw(scene, width).save(path, quality=quality)
    return [row[name] for name in COLUMNS]


def main(argv: list[str] | None = None) -> None:
    """Runs the command line."""
    from tqdm import tqdm

    cli = argparse.ArgumentParser(
        description="Draw street scenes with a problem in each.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    cli.add_argument("-o", "--output", type=Path, required=True, help="JPEG and manifest.csv")
    cli.add_argument("--count", type=int, default=1000, help="pictures")
    cli.add_argument("--seed", type=int, default=1, help="another one, and no scene is the same")
    cli.add_argument("--width", type=int, default=640, help="pixels; the height is 3/4 of it")
    args = cli.parse_args(argv)
    bar = tqdm(rows(args.count, args.seed), total=args.count, desc="draw", disable=None)
    written = (write(scene, row, args.output, args.width) for scene, row in bar)
    write_table(args.output / "manifest.csv", COLUMNS, written)
    print(f"{args.output / 'manifest.csv'}: {args.count} pictures")


if __name__ == "__main__":
    packaging.run(main)
