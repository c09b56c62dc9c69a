"""Sky, light, rain and night, and what the camera adds: noise, vignette, tint."""

import random
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageOps

from demos.clip_caption.drawing.canvas import ASPECT, CIRCLE, Canvas, Colour, Point

SKIES: dict[str, tuple[Colour, Colour]] = {  # at the zenith and at the horizon
    "sun": ((70, 144, 226), (206, 232, 248)),
    "cloud": ((158, 168, 180), (216, 220, 222)),
    "rain": ((104, 114, 126), (164, 172, 178)),
    "night": ((70, 88, 150), (140, 140, 178)),  # it becomes dark later
}


def sky(canvas: Canvas, weather: str, rng: random.Random) -> None:
    """Paints the sky over the whole picture."""
    top, low = (np.array(c, np.float32) for c in SKIES[weather])
    height = canvas.image.height
    reach = canvas.camera.horizon * canvas.scale
    t = np.clip(np.arange(height, dtype=np.float32) / max(reach, 1), 0, 1)[:, None]
    column = (top + (low - top) * t + rng.uniform(-10, 10)).clip(0, 255).astype(np.uint8)
    canvas.image = Image.fromarray(column[:, None]).resize(canvas.image.size)
    if weather == "sun":
        x, y = rng.uniform(0.08, 0.92), rng.uniform(0.03, 0.12)
        for radius, opacity in ((0.085, 0.22), (0.062, 0.35), (0.042, 1.0)):
            disc(canvas, (x, y), radius, (255, 244, 190), opacity)
        clouds(canvas, rng, rng.randint(1, 3), (255, 255, 255), 0.8)
    elif weather == "cloud":
        clouds(canvas, rng, 9, (236, 238, 240), 0.7)
        clouds(canvas, rng, 6, (142, 150, 160), 0.5)
    elif weather == "rain":
        clouds(canvas, rng, 9, (92, 100, 110), 0.6)
    else:
        if rng.random() < 0.5:
            disc(canvas, (rng.uniform(0.1, 0.9), rng.uniform(0.03, 0.1)), 0.026, (255, 255, 255))
        clouds(canvas, rng, 2, (110, 112, 140), 0.5)


def disc(canvas: Canvas, at: Point, radius: float, colour: Colour, opacity: float = 1.0) -> None:
    """A circle in the picture's coordinates."""
    canvas.flat(
        [(at[0] + radius * cos, at[1] + radius * sin) for cos, sin in CIRCLE], colour, opacity
    )


def clouds(canvas: Canvas, rng: random.Random, count: int, colour: Colour, opacity: float) -> None:
    """Soft heaps in the upper part, blurred at an eighth of the size."""
    small = (canvas.image.width // 8, canvas.image.height // 8)
    mask = Image.new("L", small)
    draw = ImageDraw.Draw(mask)
    for _ in range(count):
        x, y, w = rng.uniform(0, 1), rng.uniform(0.0, 0.24), rng.uniform(0.1, 0.26)
        for _ in range(9):
            dx, dy, r = rng.uniform(-w, w), rng.uniform(-0.02, 0.015), rng.uniform(0.02, 0.045)
            box = [(x + dx - 1.7 * r) * small[0], (y + dy - r) * small[0],
                   (x + dx + 1.7 * r) * small[0], (y + dy + 0.8 * r) * small[0]]  # fmt: skip
            draw.ellipse(box, fill=round(255 * opacity))
    mask = mask.filter(ImageFilter.GaussianBlur(small[0] / 80)).resize(canvas.image.size)
    canvas.image.paste(Image.new("RGB", canvas.image.size, colour), mask=mask)


def reflect(
    canvas: Canvas,
    area: Sequence[Point],
    edge: Sequence[Point],
    water: Colour,
    opacity: float,
    rng: random.Random,
) -> None:
    """Turns part of the picture into water that mirrors what is above its far edge.

    Args:
        canvas: what is painted so far.
        area: the water's outline, in the picture's coordinates.
        edge: its far edge, from left to right.
        water: its own colour.
        opacity: of what is mirrored.
        rng: makes the waves.
    """
    image = np.asarray(canvas.image)
    height, width = image.shape[:2]
    (x0, y0), (x1, y1) = edge[0], edge[-1]
    canvas.shore = y0 + (y1 - y0) * (0.5 - x0) / (x1 - x0)
    slope = (y1 - y0) / (x1 - x0)
    columns = np.arange(width)
    line = (y0 + slope * (columns / canvas.scale - x0)) * canvas.scale
    rows = np.arange(height)[:, None]
    below = np.maximum(rows - line, 0)
    phase, pace = rng.uniform(0, 6), rng.uniform(0.035, 0.06)
    wave = np.sin(below / (pace * canvas.scale) * 6.28 + phase + 0.004 * columns) * (
        2 + 0.05 * below
    )
    source = np.clip(line - 0.9 * below + 0.6 * wave, 0, height - 1).astype(np.int32)
    sideways = np.clip(columns + 0.5 * wave, 0, width - 1).astype(np.int32)
    mirrored = image[source, sideways].astype(np.float32)
    far = np.clip(1 - below / height * 1.1, 0.35, 1)[..., None]
    mixed = mirrored * opacity * far + np.array(water, np.float32) * (1 - opacity * far)
    mask = Image.new("L", (width, height))
    ImageDraw.Draw(mask).polygon([(x * canvas.scale, y * canvas.scale) for x, y in area], fill=255)
    wet = Image.fromarray(mixed.clip(0, 255).astype(np.uint8))
    canvas.image.paste(wet.filter(ImageFilter.GaussianBlur(canvas.scale / 500)), mask=mask)


def darken(canvas: Canvas, rng: random.Random) -> None:
    """Night falls: all is dim and blue but for the lights."""
    dim = rng.uniform(0.4, 0.54)
    red, green, blue = canvas.image.split()
    tables = [[round(dim * share * v) for v in range(256)] for share in (0.8, 0.92, 1.3)]
    bands = [band.point(table) for band, table in zip((red, green, blue), tables, strict=True)]
    canvas.image = Image.merge("RGB", bands)


def shine(canvas: Canvas) -> None:
    """Paints what shines, with a glow around, and its image in water."""
    small = (canvas.image.width // 4, canvas.image.height // 4)
    glow = Image.new("RGB", small)
    draw = ImageDraw.Draw(glow)
    quarter = canvas.scale / 4
    unlit = canvas.image.copy()
    for number, (points, colour) in enumerate(canvas.lights):
        if number == canvas.behind and canvas.front is not None:
            canvas.image.paste(unlit, mask=canvas.front)  # it hides the lights so far
            hidden = canvas.front.resize(small)
            glow.paste((0, 0, 0), mask=hidden)
        canvas.flat(points, colour, 0.82)
        if len(points) > 2:
            draw.polygon([(x * quarter, y * quarter) for x, y in points], fill=colour)
    wide = glow.filter(ImageFilter.GaussianBlur(small[0] / 60)).point(lambda value: value * 0.6)
    for (x, y), radius, colour in canvas.halos:
        patch = Image.new("RGB", small)
        r = 0.45 * radius * quarter
        box = [x * quarter - r, y * quarter - r, x * quarter + r, y * quarter + r]
        ImageDraw.Draw(patch).ellipse(box, fill=tuple(c * 2 // 5 for c in colour))
        wide = ImageChops.add(wide, patch.filter(ImageFilter.BoxBlur(r / 1.5)))
    if canvas.shore is not None:
        row = min(max(round(canvas.shore * quarter), 1), small[1])
        above = ImageOps.flip(wide.crop((0, 0, small[0], row)))
        above = ImageChops.multiply(above, Image.new("RGB", above.size, (120, 116, 110)))
        mirrored = Image.new("RGB", small)
        mirrored.paste(above, (0, row))
        wide = ImageChops.add(wide, mirrored.filter(ImageFilter.BoxBlur((1, quarter / 40))))
    canvas.image = ImageChops.screen(canvas.image, wide.resize(canvas.image.size))


def rain(canvas: Canvas, rng: random.Random) -> None:
    """Streaks of rain, near and far, and rings where they fall on the ground."""
    slant = rng.uniform(-0.25, 0.25)
    for _ in range(rng.randint(170, 260)):
        x, y, length = rng.uniform(-0.1, 1.1), rng.uniform(-0.05, ASPECT), rng.uniform(0.02, 0.07)
        ends = [(x, y), (x + slant * length, y + length)]
        canvas.stroke(ends, (226, 234, 240), 0.0016, rng.uniform(0.25, 0.6))
    for _ in range(40):
        z = rng.uniform(2.5, 9)
        canvas.blob(rng.uniform(-0.6, 0.6) * z, z, 0.09, (220, 228, 232), 0.4, 0.6)


def expose(picture: np.ndarray, weather: str, rng: random.Random) -> Image.Image:
    """What the camera makes of it: exposure, tint, vignette, grain.

    Args:
        picture: float32 (height, width, 3), 0 to 1.
        weather: decides how much grain there is.
        rng: decides the rest.
    """
    height, width = picture.shape[:2]
    generator = np.random.default_rng(rng.getrandbits(32))
    y, x = np.ogrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    picture = picture * (1 - rng.uniform(0.0, 0.22) * (x * x + y * y) / 2)[..., None]
    tint = np.array([rng.uniform(0.94, 1.06) for _ in range(3)], np.float32)
    gain, contrast = rng.uniform(0.88, 1.12), rng.uniform(0.88, 1.12)
    if weather in ("cloud", "rain"):
        grey = picture.mean(-1, keepdims=True)
        share = 0.28 if weather == "cloud" else 0.42
        picture = picture + (grey - picture) * share
        gain *= 0.96 if weather == "cloud" else 0.8
    picture = (picture * tint * gain - 0.45) * contrast + 0.45
    coarse = generator.normal(0, 1, (height // 8 + 1, width // 8 + 1)).astype(np.float32)
    texture = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
    grain = rng.uniform(0.008, 0.022) * (1.5 if weather == "night" else 1)
    picture = picture + 0.006 * np.asarray(texture)[..., None]
    # Grain is finer than pixels are when the picture is small, so that it fades there.
    noise = generator.normal(0, grain * min(1.0, width / 320), picture.shape).astype(np.float32)
    return Image.fromarray(((picture + noise).clip(0, 1) * 255).round().astype(np.uint8))
