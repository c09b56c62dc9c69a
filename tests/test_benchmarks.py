"""The benchmarks work, and their pages are what their results give."""

import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from benchmarks import pages
from benchmarks import whisper_quality_scores as scores
from benchmarks.__main__ import MODULES, SLOW
from benchmarks.peers import environment
from benchmarks.whisper_quality_recordings import QualityRecording, Stretch
from zoo.building.packaging import ROOT

# What other tests run: Spark on a real cluster (tests/batch), the GPU's check (tests/gpu), hostile
# requests (tests/zoo/test_mutations.py), what "prepare" measures (each model's test_prepare.py),
# how speakers are told apart (tests/zoo/test_clustering.py), the search of photos and unknown ones
# (tests/clip_caption/test_searched.py, test_usual.py); the scores of "whisper_quality" are
# tested below. Of the benchmarks beside a reference, "hanlp_ner" and "clip_caption" stand for all,
# of those of servers "sharing". `make bench-quick` runs all.
ELSEWHERE = (
    *("batch", "clip_serving", "fairness", "gpu", "hanlp_ner_layout", "hostile", "live"),
    *(
        "peers_captions",
        "peers_ner",
        "peers_people",
        "peers_speech",
        "prepare",
        "search",
        "speakers",
        "starts",
        "usual",
        "wav2vec2_asr",
    ),
    *("whisper_asr", "whisper_quality"),
)
COMPUTING = ("mlflow-skinny", "numpy", "onnxruntime", "ctranslate2", "faster-whisper", "pillow")
PEERS = sorted(path.parent.name for path in environment.HERE.glob("*/requirements.in"))


def test_the_pages_are_what_the_results_give(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    for path in pages.write(MODULES, tmp_path):
        new, old = path.read_text(), (ROOT / path.relative_to(tmp_path)).read_text()
        if path.suffix == ".svg":  # whose last digits are the processor's
            new, old = (" ".join(re.findall(">([^<]+)</text>", text)) for text in (new, old))
        assert new == old, f"{path.name} is stale; `python -m benchmarks --render` writes it"


def test_every_result_is_on_the_page() -> None:
    assert set(pages.results()) <= set(MODULES)


@pytest.mark.parametrize("peer", PEERS)
def test_a_peer_computes_with_the_zoos_versions(peer: str) -> None:
    pins = environment.pins(peer).read_text()
    assert "://" not in pins
    own, ours = (dict(re.findall(r"^([\w.-]+)==(\S+)", text, re.MULTILINE))
                 for text in (pins, (ROOT / "requirements.txt").read_text()))  # fmt: skip
    shared = [name for name in COMPUTING if name in own]
    assert shared
    for name in shared:
        assert own[name] == ours.get(name), name


@pytest.mark.thorough
def test_every_benchmark_works(tmp_path: Path, ner_model: Path, clip_model: Path) -> None:
    """`make bench-quick` without `ELSEWHERE`, on models that are built already."""
    for model in (ner_model, clip_model):
        (tmp_path / model.name).symlink_to(model)
    before = pages.results()
    names = [name for name in MODULES if name not in (*SLOW, *ELSEWHERE)]
    command = [sys.executable, "-m", "benchmarks", "--quick", "--models", str(tmp_path)]

    def run(half: list[str]) -> str:
        done = subprocess.run([*command, *half], cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout

    with ThreadPoolExecutor(2) as pool:
        said = "".join(pool.map(run, (names[::2], names[1::2])))
    for name in names:
        assert f"{MODULES[name].TITLE}\n\n" in said, said[-3000:]
    assert pages.results() == before  # a quick run's figures are worth nothing


# Two clips, and what is said in each; a pause of 20 s between them.
TWO_CLIPS = QualityRecording(
    "two",
    np.zeros(1, np.float32),
    (Stretch("二零一五年房价上涨", 0.5, 3.0), Stretch("需求将可能难以支撑房价", 23.0, 27.0)),
)


@pytest.mark.parametrize(
    ("segments", "lost", "off"),
    [
        ([(0.4, 3.1, "2015年,房價上漲。"), (22.8, 27.2, "需求将可能难以支撑房价")], 0, 0),
        ([(0.4, 3.1, "2015年房价上涨")], 1, 0),
        ([(0.4, 3.1, "2015年房价上涨"), (4.0, 27.2, "需求将可能难以支撑房价")], 0, 1),
        ([(0.4, 3.1, "2015年房价上涨"), (22.8, 25.0, "需求将可能"),
          (25.0, 29.0, "难以支撑房价")], 0, 1),
        ([(0.4, 3.1, "2015年房价上涨"), (10.0, 12.0, "谢谢观看")], 1, 1),
    ],
    ids=["right", "a clip is lost", "from the pause on", "too long", "said by nobody"],
)  # fmt: skip
def test_lost_clips_and_wrong_times_are_counted(
    segments: list[tuple[float, float, str]], lost: int, off: int
) -> None:
    found = scores.joined_counts([TWO_CLIPS], [{"segments": segments}])
    assert (found["lost"], found["off"]) == (lost, off)


def test_mistakes_are_those_of_the_clip_that_they_are_in() -> None:
    found = scores.align(TWO_CLIPS, [(0, 3, "2015年放价上涨"), (23, 27, "需求将可能支撑房价")])
    assert [(one.mistakes, one.length) for one in found.errors] == [(1, 9), (2, 11)]
    assert scores.rate(found.errors)["cer"] == pytest.approx(15.0)
