"""The places behind the street, by name."""

import random
from collections.abc import Callable

from demos.clip_caption.drawing.buildings import market, school, shop, temple
from demos.clip_caption.drawing.canvas import Canvas
from demos.clip_caption.drawing.open_places import bridge, canal, park, station

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
