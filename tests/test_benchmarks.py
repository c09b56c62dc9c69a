"""The benchmarks work, and their pages are what their results give."""

import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from benchmarks import pages
from benchmarks.__main__ import MODULES, SLOW
from benchmarks.peers import environment
from zoo.building.packaging import ROOT

# tests/batch runs Spark on a real cluster; the other servers' code is that of hanlp_ner's;
# tests/zoo/test_mutations.py sends hostile requests.
ELSEWHERE = ("batch", "hostile", "peers_captions", "peers_speech")
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
        if f"{name} is left out: no CUDA" not in said:
            assert f"{MODULES[name].TITLE}\n\n" in said, said[-3000:]
    assert pages.results() == before  # a quick run's figures are worth nothing
