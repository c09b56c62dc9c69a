"""Waiting for a tracking server: one that is down, late, or refuses, and none at all."""

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from zoo.building import packaging, tracking
from zoo.building.local_server import free_port
from zoo.building.packaging import ROOT
from zoo.errors import ZooError

REACH = (
    "import sys; from zoo.building import tracking; tracking.reach(sys.argv[1]); print('reached')"
)


@contextmanager
def answering(statuses: list[int], port: int = 0) -> Iterator[str]:
    """The address of a server that answers with these statuses in turn, the last one for ever."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status = statuses.pop(0) if len(statuses) > 1 else statuses[0]
            self.send_response(status)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

    with HTTPServer(("127.0.0.1", port), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_a_server_that_is_down_is_given_up_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(tracking.PATIENCE, "1")
    port = free_port()
    with pytest.raises(ZooError) as refused:
        tracking.reach(f"http://user:secret@127.0.0.1:{port}")
    server = f"the tracking server http://127.0.0.1:{port}"
    sentence = rf"{server} didn't answer within 1 s: \w+\."
    assert re.fullmatch(sentence.replace("the", "The", 1), str(refused.value))
    said = f"Waiting for {server}, up to 1 s ({tracking.PATIENCE}) ...\n"
    assert capsys.readouterr().err.count(said) == 1


def test_a_server_that_comes_up_late_is_waited_for() -> None:
    port = free_port()
    command = [sys.executable, "-c", REACH, f"http://127.0.0.1:{port}"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as waiting:
        assert waiting.stderr is not None
        assert waiting.stderr.readline().startswith("Waiting for the tracking server")
        with answering([200], port):
            assert waiting.communicate(timeout=60)[0] == "reached\n"
    assert waiting.returncode == 0


def test_a_proxy_whose_server_starts_is_waited_for(capsys: pytest.CaptureFixture[str]) -> None:
    with answering([502, 503, 200]) as url:
        tracking.reach(url)
    assert capsys.readouterr().err.count("Waiting") == 1


@pytest.mark.parametrize(
    ("status", "reason"),
    [(401, "MLFLOW_TRACKING_USERNAME"), (404, "404")],
)
def test_a_refusal_isnt_waited_out(
    status: int, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with answering([status]) as url, pytest.raises(ZooError, match=re.escape(reason)):
        tracking.reach(url)
    # Another test's server may write, too.
    assert "Waiting" not in capsys.readouterr().err


@pytest.mark.parametrize(
    "uri", ["", "sqlite:////nowhere/mlflow.db", "/nowhere/mlruns", "file:///n"]
)
def test_what_is_no_server_isnt_waited_for(uri: str, capsys: pytest.CaptureFixture[str]) -> None:
    tracking.reach(uri)
    # Another test's server may write, too.
    assert "Waiting" not in capsys.readouterr().err


@pytest.mark.parametrize("seconds", ["soon", "0", "-1", "nan", "inf"])
def test_a_wrong_patience_is_refused(seconds: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(tracking.PATIENCE, seconds)
    with pytest.raises(ZooError, match=tracking.PATIENCE):
        tracking.reach("http://127.0.0.1:9")


COMMANDS = {
    "hanlp_ner/build.py": [],
    "whisper_asr/evaluate.py": ["demo", "nothing"],
    "hanlp_ner/finetune.py": "--train nothing --dev nothing --output run --from-scratch".split(),
    "batch.py": ["--model", "models:/hanlp_ner@champion", "--input", "x", "--output", "y"],
}
MORE = {
    **{f"{name}/build.py": [] for name in ("whisper_asr", "wav2vec2_asr", "clip_caption")},
    **{
        f"{name}/evaluate.py": ["demo", "nothing"]
        for name in ("hanlp_ner", "wav2vec2_asr", "clip_caption")
    },
}


@pytest.mark.parametrize(
    ("command", "options"),
    [
        *COMMANDS.items(),
        *(pytest.param(*one, marks=pytest.mark.thorough) for one in MORE.items()),
    ],
)
def test_a_command_looks_for_the_server_before_anything_else(
    command: str, options: list[str], tmp_path: Path
) -> None:
    script = [sys.executable, str(ROOT / "mlflow_models" / command), *options]
    uri = f"http://127.0.0.1:{free_port()}"
    done = subprocess.run(
        [*script, "--tracking-uri", uri],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, tracking.PATIENCE: "1"},
    )
    assert done.returncode == 1
    *_, waiting, last = done.stderr.splitlines()
    assert waiting.startswith(f"Waiting for the tracking server {uri}, up to 1 s")
    assert last.startswith(f"error: The tracking server {uri} didn't answer")
    assert "Traceback" not in done.stderr
    assert "Converting" not in done.stdout


def test_an_output_that_is_no_saved_model_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear", encoding="utf-8")
    args = packaging.parser("", "any").parse_args(["--output", str(tmp_path)])
    with pytest.raises(ZooError, match="a saved model"):
        packaging.check(args)
