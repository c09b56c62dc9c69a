"""The places behind the street, by name."""

import random
from collections.abc import Callable

from clip_caption.training.drawing.buildings import market, school, shop, temple
from clip_caption.training.drawing.canvas import Canvas
from clip_caption.training.drawing.open_places import bridge, canal, park, station

PLACES: dict[str, Callable[[Canvas, float, random.Random], None]] = {
    "market": market,
    "bridge": bridge,
    "school": school,
    "canal": canal,
    "temple": temple,
    "shop": shop,
    "park": park,
    "station": station,
}
