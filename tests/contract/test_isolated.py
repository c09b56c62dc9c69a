"""The saved model where nothing can be downloaded or written, for an unprivileged user."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.hanlp_ner.helpers import CHINA
from zoo.building.packaging import ROOT

SERVE_AND_ASK = """
import json, os, sys, time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
import httpx2, psutil
from zoo.building.local_server import serve

def is_server(process):
    try:
        return "gunicorn" in process.cmdline()
    except psutil.NoSuchProcess:
        return False

facts = {"user": os.getuid()}
for place in ("/mnt/model", "/", "/mnt", "/tmp", sys.prefix):
    try:
        Path(place, "written").write_text("")
        facts["wrote"] = place
    except OSError:
        pass
try:
    httpx2.get("http://192.0.2.1", timeout=2)
    facts["network"] = True
except httpx2.TransportError:
    facts["network"] = False
request = {"dataframe_split": {"columns": ["text"], "data": [["我爱中国"]]}}
with serve(Path("/mnt/model"), {"MLFLOW_MODELS_WORKERS": "4"}) as url:
    ask = lambda _: httpx2.post(url + "/invocations", json=request, timeout=60).json()
    with ThreadPoolExecutor(16) as pool:
        facts["answers"] = list(pool.map(ask, range(64)))
    end = time.monotonic() + 60  # the first worker answers while the last is being started
    while facts.get("processes") != 5 and time.monotonic() < end:
        facts["processes"] = sum(map(is_server, psutil.Process().children(recursive=True)))
print(json.dumps(facts))
"""

namespaces = subprocess.run(["unshare", "--net", "--mount", "true"], capture_output=True)


@pytest.mark.skipif(
    os.getuid() != 0 or namespaces.returncode != 0, reason="needs root, to make namespaces"
)
def test_it_serves_without_network_disk_or_privileges(ner_model: Path) -> None:
    isolated = ["unshare", "--net", "--mount", str(ROOT / "tests" / "isolated.sh")]
    done = subprocess.run(
        [
            *isolated,
            sys.base_prefix,
            str(ROOT),
            str(ner_model),
            sys.executable,
            "-c",
            SERVE_AND_ASK,
        ],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert facts["answers"] == [{"predictions": [{"entities": [CHINA]}]}] * 64
    assert facts["processes"] == 5  # gunicorn's master and four workers
    assert facts["user"] == 65534
    assert facts["network"] is False
    assert "wrote" not in facts


def test_serving_needs_neither_torch_nor_hanlp(ner_model: Path) -> None:
    script = """
import sys
from mlflow.pyfunc import load_model
import pandas as pd
model = load_model(sys.argv[1])
model.predict(pd.DataFrame({"text": ["我爱中国"]}))
heavy = {"torch", "transformers", "hanlp", "onnx", "tokenizers", "matplotlib", "rich"}
print(sorted(heavy & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(ner_model)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
