"""Published checkpoints, from a mirror of HanLP's file server on this machine."""

import functools
import http.server
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hanlp_ner.checkpoints import random_component
from tests.hanlp_ner.multitask_checkpoints import random_multitask

TRANSFORMER = "hfl/chinese-electra-180g-small-discriminator"
PUBLISHED = {
    "MSRA_NER_ELECTRA_SMALL_ZH": "ner/msra_ner_electra_small_20220215_205503",
    "CLOSE_TOK_POS_NER_SRL_DEP_SDP_CON_ELECTRA_SMALL_ZH": (
        "mtl/close_tok_pos_ner_srl_dep_sdp_con_electra_small_20210111_124159"
    ),
}
CONVERT = """
import sys
from pathlib import Path
from hanlp_ner.network.component import fetch
from hanlp_ner.building.convert import convert
from hanlp_ner.engine import Engine
from zoo.errors import CheckpointError
import urllib3
urllib3.Retry.sleep = lambda *_: None  # HanLP asks nine times, with waits of 25 s in all
try:
    for name in sys.argv[2:]:
        (served := Path(sys.argv[1], name)).mkdir(parents=True)
        convert(fetch(name), served)
        print(len(Engine(served)(["我爱中国"])[0].entities) > 0)
except CheckpointError as error:
    sys.exit(str(error))
"""


@pytest.fixture(scope="module")
def mirror(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server that has what HanLP's has, under the same names."""
    root = tmp_path_factory.mktemp("mirror")
    transformer = root / "transformers" / "electra_zh_small_20210706_125427"
    for name, path in PUBLISHED.items():
        directory = root / path
        if name.startswith("MSRA"):
            random_component(directory, "electra")
        else:
            random_multitask(directory)
        if not transformer.exists():
            shutil.copytree(directory / "transformer", transformer)
        shutil.rmtree(directory / "transformer")  # which HanLP's archives lack, too
        config = (directory / "config.json").read_text()
        config = config.replace(str(directory / "transformer"), TRANSFORMER)
        table = directory / "utils" / "char_table.json"
        if table.exists():
            (root / "utils").mkdir()
            shutil.move(table, root / "utils" / "char_table_20210602_202632.json")
            table.parent.rmdir()
            url = "{HANLP}utils/char_table_20210602_202632.json"
            config = config.replace(str(table), url)
        (directory / "config.json").write_text(config)
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(root))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        url = f"http://127.0.0.1:{server.server_port}/"
        for directory in (*(root / path for path in PUBLISHED.values()), transformer):
            config_file = directory / "config.json"
            config_file.write_text(config_file.read_text().replace("{HANLP}", url))
            shutil.make_archive(str(directory), "zip", directory.parent, directory.name)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield url
        server.shutdown()


def fetch_and_convert(
    home: Path, served: Path, url: str, *names: str
) -> subprocess.CompletedProcess[str]:
    """Does what build.py does first, with HanLP's own download into an empty home."""
    environment = {**os.environ, "HANLP_HOME": str(home), "HANLP_URL": url}
    return subprocess.run(
        [sys.executable, "-c", CONVERT, str(served), *names],
        capture_output=True,
        text=True,
        env=environment,
    )


def test_published_checkpoints_are_fetched_and_converted(mirror: str, tmp_path: Path) -> None:
    single, multi = PUBLISHED
    done = fetch_and_convert(tmp_path / "home", tmp_path / "served", mirror, single, multi)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[-2:] == ["True", "True"]
    configs = [
        json.loads((tmp_path / "served" / name / "config.json").read_text(encoding="utf-8"))
        for name in (single, multi)
    ]
    assert [config["kind"] for config in configs] == ["single", "multi"]
    assert configs[1]["normal"]["體"] == "体"
    packed = {path.name for path in (tmp_path / "served" / multi / "hanlp").iterdir()}
    assert {"config.json", "model.pt", "transformer", "utils"} <= packed


def test_what_cant_be_reached_says_how_to_go_on(tmp_path: Path) -> None:
    nowhere = "http://127.0.0.1:9/"
    name = "MSRA_NER_ELECTRA_SMALL_ZH"
    done = fetch_and_convert(tmp_path / "home", tmp_path / "served", nowhere, name)
    assert done.returncode == 1
    assert "http://127.0.0.1:9/ner/msra" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unknown_name_is_met_with_the_nearest(tmp_path: Path) -> None:
    nowhere = "http://127.0.0.1:9/"
    name = "MSRA_NER_ELECTRA"
    done = fetch_and_convert(tmp_path / "home", tmp_path / "served", nowhere, name)
    assert done.returncode == 1
    assert "did you mean MSRA_NER_ELECTRA_SMALL_ZH" in done.stderr
