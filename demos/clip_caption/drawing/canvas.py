"""A picture that is painted in metres: a camera in a street, and what it projects.

World coordinates are metres: x to the right, y up, z away from the camera, whose foot is at the
origin. The ground is y = 0. Image coordinates are widths of the picture: x from 0 to 1, y from 0 at
the top to 0.75.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from PIL import Image, ImageDraw

Colour = tuple[int, int, int]
Point = tuple[float, float]
Place = tuple[float, float, float]

ASPECT = 0.75
NEAR = 0.4  # metres; what is nearer is cut off
CIRCLE = [(math.cos(math.pi * i / 12), math.sin(math.pi * i / 12)) for i in range(24)]


def shade(colour: Colour, factor: float) -> Colour:
    """A colour made darker (below 1) or lighter (above 1: towards white)."""
    if factor <= 1:
        red, green, blue = (round(c * factor) for c in colour)
    else:
        red, green, blue = (round(c + (255 - c) * (factor - 1)) for c in colour)
    return red, green, blue


@dataclass(frozen=True)
class Camera:
    """Where the picture is taken from.

    Args:
        height: of the lens, in metres.
        focal: focal length, in widths of the picture.
        yaw: how far the camera has gone around what it looks at, in radians.
        roll: radians.
        horizon: from the top, in widths.
        shift: of the picture's middle, in widths.
        focus: distance of what it looks at, in metres.
    """

    height: float = 2.0
    focal: float = 0.9
    yaw: float = 0.0
    roll: float = 0.0
    horizon: float = 0.32
    shift: float = 0.0
    focus: float = 6.0

    @cached_property
    def turning(self) -> Point:
        """Cosine and sine of the yaw."""
        return math.cos(self.yaw), math.sin(self.yaw)

    @cached_property
    def rolling(self) -> Point:
        """Cosine and sine of the roll."""
        return math.cos(self.roll), math.sin(self.roll)

    def turn(self, place: Place) -> Place:
        """World coordinates to the camera's."""
        x, y, z = place[0], place[1], place[2] - self.focus
        cos, sin = self.turning
        return x * cos + z * sin, y, z * cos - x * sin + self.focus

    def flatten(self, place: Place) -> Point:
        """The camera's coordinates to the picture's."""
        x = self.focal * place[0] / place[2]
        y = self.focal * (self.height - place[1]) / place[2]
        cos, sin = self.rolling
        return 0.5 + self.shift + x * cos - y * sin, self.horizon + x * sin + y * cos


def clip(corners: Sequence[Place]) -> list[Place]:
    """The part of a polygon that is in front of the camera (Sutherland and Hodgman 1974)."""
    kept: list[Place] = []
    for here, then in zip(corners, [*corners[1:], corners[0]], strict=True):
        if here[2] >= NEAR:
            kept.append(here)
        if (here[2] >= NEAR) != (then[2] >= NEAR):
            t = (NEAR - here[2]) / (then[2] - here[2])
            kept.append(
                (here[0] + t * (then[0] - here[0]), here[1] + t * (then[1] - here[1]), NEAR)
            )
    return kept


class Canvas:
    """A picture under way.

    Args:
        width: of the finished picture, in pixels.
        camera: what it is seen by.
        finer: it is painted so many times larger, and made smaller at the end: no jagged edges.

    Attributes:
        lights: polygons that shine at night, painted when it has become dark.
        halos: middles, radii and colours of their glow.
        front: a mask of what stands before the first `behind` lights.
        shore: where water that mirrors begins, in widths from the top.
    """

    def __init__(self, width: int, camera: Camera, finer: int = 2) -> None:
        self.width, self.finer, self.camera = width, finer, camera
        self.scale = width * finer
        self.image = Image.new("RGB", (self.scale, round(self.scale * ASPECT)))
        self.lights: list[tuple[list[Point], Colour]] = []
        self.halos: list[tuple[Point, float, Colour]] = []
        self.shore: float | None = None
        self.front: Image.Image | None = None
        self.behind = 0
        self._brush, self._brushed = ImageDraw.Draw(self.image, "RGBA"), self.image

    def draw(self) -> ImageDraw.ImageDraw:
        """Pillow's brush for the picture as it is now."""
        if self._brushed is not self.image:
            self._brush, self._brushed = ImageDraw.Draw(self.image, "RGBA"), self.image
        return self._brush

    def flat(self, points: Iterable[Point], colour: Colour, opacity: float = 1.0) -> None:
        """A polygon in the picture's coordinates."""
        corners = [(x * self.scale, y * self.scale) for x, y in points]
        if len(corners) > 2:
            self.draw().polygon(corners, (*colour, round(255 * opacity)))

    def stroke(
        self, points: Iterable[Point], colour: Colour, width: float, opacity: float = 1.0
    ) -> None:
        """A line in the picture's coordinates; `width` is in widths of the picture."""
        corners = [(x * self.scale, y * self.scale) for x, y in points]
        pixels = max(1, round(width * self.scale))
        self.draw().line(corners, (*colour, round(255 * opacity)), pixels, "curve")

    def see(self, places: Sequence[Place]) -> list[Point]:
        """What a polygon of the world becomes in the picture."""
        return [self.camera.flatten(p) for p in clip([self.camera.turn(p) for p in places])]

    def spot(self, x: float, z: float) -> Point:
        """Where a place on the ground is in the picture; it must be before the camera."""
        return self.camera.flatten(self.camera.turn((x, 0.0, z)))

    def face(self, places: Sequence[Place], colour: Colour, opacity: float = 1.0) -> None:
        """A polygon in the world."""
        self.flat(self.see(places), colour, opacity)

    def wall(
        self,
        x0: float,
        x1: float,
        y0: float,
        y1: float,
        z: float,
        colour: Colour,
        glow: bool = False,
    ) -> None:
        """An upright rectangle that faces the street; one that glows is lit at night."""
        points = self.see([(x0, y0, z), (x1, y0, z), (x1, y1, z), (x0, y1, z)])
        self.flat(points, colour)
        if glow and len(points) > 2:
            self.lights.append((points, colour))

    def ground(
        self, x0: float, x1: float, z0: float, z1: float, colour: Colour, opacity: float = 1.0
    ) -> None:
        """A rectangle that lies on the ground."""
        self.face([(x0, 0, z0), (x1, 0, z0), (x1, 0, z1), (x0, 0, z1)], colour, opacity)

    def blob(
        self,
        x: float,
        z: float,
        radius: float,
        colour: Colour,
        opacity: float = 1.0,
        squash: float = 1.0,
        bumps: Sequence[float] = (),
    ) -> None:
        """A round patch on the ground; `bumps` are its 24 radii, as shares."""
        ring = []
        for i, (cos, sin) in enumerate(CIRCLE):
            r = radius * (bumps[i] if bumps else 1.0)
            ring.append((x + r * cos, 0.0, z + squash * r * sin))
        self.face(ring, colour, opacity)

    def pen(self, x: float, z: float, y: float = 0.0, mirror: bool = False) -> "Pen":
        """Something to paint a thing with, as a picture that stands at a place."""
        return Pen(self, (x, y, z), mirror)

    def finish(self) -> np.ndarray:
        """The picture in its own size: float32 (height, width, 3), 0 to 1."""
        small = self.image.reduce(self.finer)
        return np.asarray(small, np.float32) / 255


class Pen:
    """Paints in metres around a place: x to the right, y up, upright towards the camera."""

    def __init__(self, canvas: Canvas, place: Place, mirror: bool = False) -> None:
        self.canvas, camera = canvas, canvas.camera
        x, y, depth = camera.turn(place)
        self.scale = camera.focal / max(depth, NEAR)
        self.x, self.y = camera.flatten((x, y, max(depth, NEAR)))
        self.side = -1 if mirror else 1
        self.lean(0.0)

    def lean(self, angle: float) -> None:
        """Turns what is painted from now on by so many radians, against the clock."""
        angle -= self.side * self.canvas.camera.roll
        self.cos, self.sin = self.scale * math.cos(angle), self.scale * math.sin(angle)

    def at(self, x: float, y: float) -> Point:
        """From metres to the picture's coordinates."""
        across, up = x * self.cos - y * self.sin, x * self.sin + y * self.cos
        return self.x + self.side * across, self.y - up

    def shape(self, points: Iterable[Point], colour: Colour, opacity: float = 1.0) -> None:
        """A polygon."""
        self.canvas.flat([self.at(*point) for point in points], colour, opacity)

    def box(self, x0: float, x1: float, y0: float, y1: float, colour: Colour) -> None:
        """A rectangle."""
        self.shape([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], colour)

    def oval(
        self, x: float, y: float, rx: float, ry: float, colour: Colour, opacity: float = 1.0
    ) -> None:
        """An ellipse."""
        self.shape([(x + rx * cos, y + ry * sin) for cos, sin in CIRCLE], colour, opacity)

    def line(
        self, points: Sequence[Point], colour: Colour, width: float, opacity: float = 1.0
    ) -> None:
        """A line, `width` in metres."""
        self.canvas.stroke([self.at(*p) for p in points], colour, width * self.scale, opacity)

    def light(self, points: Sequence[Point], colour: Colour, halo: float = 0.0) -> None:
        """A polygon that shines at night; `halo` is the radius of its glow, in metres."""
        self.shape(points, colour)
        seen = [self.at(*point) for point in points]
        self.canvas.lights.append((seen, colour))
        if halo:
            x = sum(p[0] for p in seen) / len(seen)
            y = sum(p[1] for p in seen) / len(seen)
            self.canvas.halos.append(((x, y), halo * self.scale, colour))
