"""The scenes: each shows what its captions say, and no two are the same."""

import csv
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from demos.clip_caption import scenes
from demos.clip_caption.drawing.places import PLACES
from demos.clip_caption.drawing.problems import PROBLEMS
from demos.clip_caption.drawing.things import VEHICLES
from demos.clip_caption.scenes import Scene, choose, draw
from demos.clip_caption.wording import comment, keywords, wordings

CAR = Scene("flood", "temple", "sun", "car", "red", 1, "a scene")


def pixels(scene: Scene, width: int = 96) -> np.ndarray:
    return np.asarray(draw(scene, width), np.float32)


def apart(one: np.ndarray, other: np.ndarray) -> float:
    """Mean difference of two pictures, of 255."""
    return float(np.abs(one - other).mean())


def test_a_scene_is_the_same_whenever_and_however_large_it_is_drawn() -> None:
    for number in range(8):
        scene = choose(f"again/{number}")
        assert choose(f"again/{number}") == scene
        small = pixels(scene)
        assert np.array_equal(pixels(scene), small)
        large = draw(scene, 384).resize((96, 72), Image.Resampling.BOX)
        assert apart(np.asarray(large, np.float32), small) < 0.5 * apart(
            pixels(replace(scene, seed="another")), small
        )


@pytest.mark.parametrize("problem", PROBLEMS)
def test_a_problem_is_where_the_camera_looks(problem: str) -> None:
    others = [other for other in PROBLEMS if other != problem]
    for place in PLACES:
        rng = random.Random(place)
        scene = replace(choose(f"{problem}/{place}"), place=place)
        while scene.type != problem:
            scene = replace(choose(f"{problem}/{place}/{rng.random()}"), place=place)
        shown = pixels(scene, 64)
        instead = replace(scene, type=rng.choice(others), thing="car", colour="blue", count=2)
        middle = np.abs(shown - pixels(instead, 64))[20:45, 12:52].mean()
        assert middle > 8, f"{scene} looks like {instead}"


@pytest.mark.parametrize("weather", scenes.WEATHERS)
def test_weather_changes_the_light(weather: str) -> None:
    light = {kind: pixels(replace(CAR, weather=kind)) for kind in scenes.WEATHERS}
    own = light.pop(weather)
    assert all(apart(own, other) > 10 for other in light.values())
    darkest = min(light, key=lambda kind: light[kind].mean())
    assert weather == "night" or darkest == "night"


def test_colours_are_seen() -> None:
    for weather in ("sun", "night"):
        mean = {
            colour: pixels(replace(CAR, weather=weather, colour=colour))[40:60, 30:66].mean((0, 1))
            for colour in ("red", "green", "blue")
        }
        for band, colour in enumerate(mean):
            assert max(mean, key=lambda name: mean[name][band]) == colour


def test_every_vehicle_stands_in_the_flood() -> None:
    drawn = {thing: pixels(replace(CAR, thing=thing)) for thing in VEHICLES}
    empty = pixels(replace(CAR, type="pothole"))
    for thing, picture in drawn.items():
        assert apart(picture, empty) > 5
        assert all(apart(picture, drawn[other]) > 1 for other in drawn if other != thing)


def test_captions_say_what_is_to_be_seen() -> None:
    seen = set()
    for number in range(300):
        scene = choose(f"captions/{number}")
        rng = random.Random(number)
        texts = wordings(scene, rng)
        assert len(set(texts)) == 3
        for text in texts:
            assert scene.type in text.lower()
            assert scene.place in text.lower()
            assert scene.colour in text.lower()
            assert text.endswith(".")
            assert text.count(".") == 1
            assert text[0].isupper()
            assert not any(name in text for name in PLACES if name != scene.place)
            assert " a orange" not in text
        assert scene.place in comment(scene, rng)
        assert keywords(scene, rng)
        seen.add((scene.type, scene.place, scene.weather))
    assert len(seen) > 120  # of 192


def test_the_manifest_is_what_prepare_reads(tmp_path: Path) -> None:
    from datasets import load_from_disk

    from clip_caption import prepare

    scenes.main(["-o", str(tmp_path / "drawn"), "--count", "5", "--seed", "3", "--width", "64"])
    manifest = tmp_path / "drawn" / "manifest.csv"
    with manifest.open(encoding="utf-8", newline="") as file:
        rows = {row["file"]: row for row in csv.DictReader(file)}
    assert len(rows) == 5
    output = tmp_path / "data"
    prepare.main([str(manifest), "-o", str(output), "--test-share", "0", "--keep", "place"])
    data = load_from_disk(str(output / "train"))
    assert len(data) == 5
    for row in data:
        source = rows[row["name"]]
        assert row["captions"] == source["captions"].split("|")
        assert (row["type"], row["place"]) == (source["type"], source["place"])
        assert row["image"] == (tmp_path / "drawn" / source["file"]).read_bytes()
        assert row["longitude"] == pytest.approx(float(source["coords"].split(",")[0]))


def test_other_seeds_are_other_scenes() -> None:
    ours = {row["captions"] for _, row in scenes.rows(50, 1)}
    theirs = {row["captions"] for _, row in scenes.rows(50, 2)}
    assert len(ours & theirs) < 3
