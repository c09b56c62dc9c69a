"""clip_caption's decoding against the reference's loops and Transformers, on the same weights.

python -m benchmarks clip_caption               prefixes of the MLP mapper: 5 minutes
python -m benchmarks clip_caption_transformer   of the Transformer mapper: 5 minutes
"""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.clip_contender import ENGINES, LIMITS
from benchmarks.contender import Contender, render_speed
from benchmarks.harness import compare, machine
from benchmarks.inputs import CLIP_WIDTH, write_captioner
from benchmarks.plots import Panel, Range, times
from tests.clip_caption.checkpoints import PUBLISHED, write_clip
from zoo.building.packaging import ROOT

MODULE = "benchmarks.clip_contender"
DEMO = ROOT / "mlflow_models" / "clip_caption" / "demo"
TOKENS = 67  # of every caption
TOGETHER = 16
BEAMS = {"beam": "beam 5"}
SCENES = 1000  # that the demo hasn't seen


def convert_for_all(work: Path, layout: str, gpt2: dict[str, int]) -> Path:
    """What each contender loads. CLIP is a small one: the contenders are given features."""
    from clip_caption.building.convert import convert

    clip = write_clip(work / "clip", width=CLIP_WIDTH)
    checkpoint = write_captioner(work / "checkpoint", layout, gpt2)
    for precision in ("fp32", "int8"):
        convert(checkpoint, work / precision, str(clip), precision)
    return work


class PerImage(Contender):
    """A contender whose times are those of one of its images."""

    def __init__(self, name: str, directory: Path, features: list[str], images: int) -> None:
        super().__init__(MODULE, name, directory)
        self._features, self.images = features[:images], images

    def ask(self, mode: str, tokens: int) -> None:
        """Sets what is to be written."""
        options = {"mode": mode, "max_tokens": tokens}
        self.request = {"inputs": self._features, "options": options}

    def timed(self) -> tuple[Any, float, float]:
        """The captions, and the seconds of CPU and wall time of one."""
        captions, cpu, wall = super().timed()
        return captions, cpu / self.images, wall / self.images


def agreement() -> Callable[[list[str], list[str]], None]:
    """A check that whoever captions an image says what all before have said of it: the reference of
    its one, Transformers and we of as many as we have."""
    known: list[str] = []

    def check(expected: list[str], captions: list[str]) -> None:
        known.extend(captions[len(known) :])
        for said in (expected, captions):
            assert said == known[: len(said)]

    return check


def equal_in_int8(scenes: int) -> dict[str, int]:
    """Of how many scenes the demo's trained weights say the same in int8 as in fp32, by mode."""
    from clip_caption.building.convert import convert
    from clip_caption.captioner import Captioner
    from clip_caption.options import Options
    from demos.clip_caption.scenes import choose, draw

    with tempfile.TemporaryDirectory() as work:
        engines = []
        for precision in ("fp32", "int8"):
            convert(DEMO, Path(work) / precision, precision=precision)
            engines.append(Captioner(Path(work) / precision))
        images = [draw(choose(f"benchmark/{number}"), 160) for number in range(scenes)]
        features = engines[0].embed([engines[0].pixels(image) for image in images])
        found = {}
        for mode in ("beam", "greedy"):
            texts = [
                [image[0].text for image in engine.caption(features, Options(mode=mode))]
                for engine in engines
            ]
            found[mode] = sum(one == other for one, other in zip(*texts, strict=True))
    return found


class Decoding:
    """A benchmark of GPT-2 after prefixes of one mapper.

    Args:
        layout: of the mapper, as `make_model` names it.
        name: how people call it.
        turns: by mode; the reference's beams take half a minute of an image and more.
    """

    def __init__(self, layout: str, name: str, turns: dict[str, int]) -> None:
        self.TITLE = f"clip_caption against CLIP_prefix_caption's loops, {name}"
        self._layout, self._turns = layout, turns

    def measure(self, _: Path | None, quick: bool) -> dict[str, Any]:
        """Runs everything; `quick` takes a small GPT-2, a few tokens and batches alone."""
        tokens = 8 if quick else TOKENS
        with tempfile.TemporaryDirectory() as work_:
            work = convert_for_all(Path(work_), self._layout, PUBLISHED if quick else {})
            rng = np.random.default_rng(1)
            features = [str(work / f"{number}.npy") for number in range(TOGETHER)]
            for path in features:
                np.save(path, rng.normal(size=CLIP_WIDTH).astype(np.float32))
            engines = {"reference": PerImage("reference", work, features, 1)}
            for name in list(ENGINES)[1:]:
                for images, how in ((1, "alone"), (TOGETHER, f"in {TOGETHER}s"))[quick:]:
                    if images == 1 or name not in LIMITS:
                        engines[f"{name}, {how}"] = PerImage(name, work, features, images)
            rows = {}
            for mode, turns in {"beam": 1}.items() if quick else self._turns.items():
                for name, engine in engines.items():  # what a first run allocates isn't timed
                    engine.ask(mode, 2 if name == "reference" else tokens)
                    engine.timed()
                    engine.ask(mode, tokens)
                inexact = [name for name in engines if "int8" in name]
                found = compare(engines, agreement(), turns, 1, warm=False, inexact=inexact)
                rows[mode] = found
            peaks = {name: engine.peak for name, engine in engines.items()}
            for engine in engines.values():
                engine.stop()
        scenes = 0 if quick else SCENES
        return {
            "machine": machine(("transformers", "torch", "onnxruntime")),
            "rows": rows,
            "peaks": peaks,
            "scenes": scenes,
            "equal": equal_in_int8(scenes) if scenes else {},
        }

    def chart(self, result: dict[str, Any]) -> list[Panel]:
        """The speed as bars."""
        groups: dict[str, dict[str, Range]] = {}
        for mode, rows in result["rows"].items():
            for name, found in times(rows).items():
                engine, _, how = name.partition(", ")
                groups.setdefault(f"{BEAMS.get(mode, mode)}, {how}", {})[engine] = found
        return [Panel("× the reference, in CPU time", groups, log=True)]

    def render(self, result: dict[str, Any]) -> str:
        """The results as Markdown."""
        lines = [
            f"GPT-2 small of random weights, {TOKENS} tokens, one thread; seconds of CPU time of "
            "an image, from CLIP's features to its caption. The reference has no cache and takes "
            "one image at a time; captions were the same, but for int8. Reading weights: to sum up "
            "as many bytes as GPT-2's weights have, once for each token, and nothing else.",
            "",
            "| mode | engine | CPU seconds per image | against the reference | peak memory |",
            "| --- | --- | ---: | ---: | ---: |",
        ]
        for mode, rows in result["rows"].items():
            search = BEAMS.get(mode, mode)
            for name, one in rows.items():
                lines.append(
                    f"| {search} | {name} | {one['seconds']:.3f} | {render_speed(one)} "
                    f"| {result['peaks'][name]:.2f} GB |"
                )
        if not result["equal"]:
            return "\n".join(lines)
        shares = ", ".join(
            f"{100 * count / result['scenes']:.1f} % ({mode})"
            for mode, count in result["equal"].items()
        )
        lines += [
            "",
            f"The demo's trained weights, {result['scenes']} scenes that it hasn't seen: captions "
            f"that are the same in int8 as in fp32: {shares}.",
        ]
        return "\n".join(lines)


MLP = Decoding("mlp", "MLP mapper", {"beam": 2, "greedy": 3})
TRANSFORMER = Decoding("transformer", "Transformer mapper", {"beam": 1, "greedy": 2})
