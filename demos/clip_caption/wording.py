"""Says what is to be seen in a scene: captions in several wordings, and a citizen's comment.

Every caption has the name of the problem and of the place in it, and ends with a period.
"""

import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from demos.clip_caption.scenes import Scene

NUMBERS = {1: "one", 2: "two", 3: "three"}
WEATHERS = {
    "sun": ["in bright sun", "on a sunny day", "in the sun"],
    "cloud": ["under a cloudy sky", "on a cloudy day", "under grey clouds"],
    "rain": ["in the rain", "on a rainy day", "in heavy rain"],
    "night": ["at night", "in the dark", "at night"],
}
NEAR = ["near", "in front of", "beside", "by"]
PLURALS = {"box": "boxes"}


def article(noun: str) -> str:
    """The noun after "a" or "an"."""
    return f"{'an' if noun[0] in 'aeio' else 'a'} {noun}"


def many(count: int, noun: str) -> str:
    """So many of them."""
    if count == 1:
        return article(noun)
    plural = PLURALS.get(noun.split()[-1])
    return f"{NUMBERS[count]} {noun.replace(noun.split()[-1], plural) if plural else noun + 's'}"


def subjects(scene: "Scene") -> list[str]:
    """What is to be seen, in several wordings that a place may follow."""
    thing = f"{scene.colour} {scene.thing}".strip()
    if scene.type == "flood":
        return [f"a flood on the road with {article(thing)}", f"{article(thing)} in a flood",
                f"a flood around {article(thing)}"]  # fmt: skip
    if scene.type == "pothole":
        holes = many(scene.count, "pothole")
        return [f"{holes} in the road", f"a road with {holes}", f"{holes} in the asphalt"]
    if scene.type == "rubbish":
        if scene.count > 3:
            return [
                f"a heap of {scene.colour} rubbish bags",
                f"a pile of {scene.colour} rubbish bags",
            ]
        bags = many(scene.count, f"{scene.colour} rubbish bag")
        return [bags, f"{bags} on the road", f"{bags} left on the street"]
    if scene.type == "fallen tree":
        if scene.thing:
            return [f"a fallen tree on {article(thing)}", f"{article(thing)} under a fallen tree"]
        return ["a fallen tree across the road", "a fallen tree on the road",
                "a road under a fallen tree"]  # fmt: skip
    if scene.type == "broken lamp":
        lamps = many(scene.count, "broken lamp")
        return [f"{lamps} over the street", lamps, f"a street with {lamps}"]
    cause = many(scene.count, thing)
    return [f"a blocked pavement with {cause}", f"a blocked pavement, {cause} in the way",
            f"{cause} on a blocked pavement"]  # fmt: skip


def wordings(scene: "Scene", rng: random.Random, count: int = 3) -> list[str]:
    """Captions of a scene, all different."""
    made: dict[str, None] = {}
    while len(made) < count:
        subject, where = rng.choice(subjects(scene)), f"{rng.choice(NEAR)} {article(scene.place)}"
        when = rng.choice(WEATHERS[scene.weather])
        form = rng.choice(["{s} {w} {t}.", "{s} {w} {t}.", "{t}, {s} {w}."])
        text = form.format(s=subject, w=where, t=when)
        made[text[0].upper() + text[1:]] = None
    return list(made)


def keywords(scene: "Scene", rng: random.Random) -> str:
    """A few words, as people search for them."""
    thing = f"{scene.colour} {scene.thing}".strip()
    forms = [
        scene.type,
        f"{scene.type} {scene.place}",
        f"{scene.type} near {article(scene.place)}",
        f"{scene.type} {rng.choice(WEATHERS[scene.weather])}",
        f"a photo of {rng.choice(subjects(scene))}",
        f"{thing}, {scene.type}" if scene.thing else f"{article(scene.place)}, {scene.type}",
        rng.choice(subjects(scene)),
    ]
    return rng.choice(forms)


def comment(scene: "Scene", rng: random.Random) -> str:
    """What a citizen might write to the city."""
    where = f"{rng.choice(NEAR)} the {scene.place}"
    said = {
        "flood": ["The road {w} is under water again: a flood.", "Flood {w}, cars can't pass."],
        "pothole": ["Deep pothole in the road {w}, dangerous for motorbikes.",
                    "Please mend the pothole {w}."],
        "rubbish": ["Nobody collects the rubbish {w}.", "The rubbish bags {w} smell."],
        "fallen tree": ["A fallen tree {w}, nobody can pass.", "Fallen tree on the road {w}."],
        "broken lamp": ["The broken lamp {w} may fall on us.", "Broken lamp {w}, so dark."],
        "blocked pavement": ["Blocked pavement {w}, we have to walk on the road.",
                             "The pavement {w} is always blocked."],
    }  # fmt: skip
    return rng.choice(said[scene.type]).format(w=where)
