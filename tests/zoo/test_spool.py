"""Files that are larger than memory allows: as a body, in a form, and what is left of them."""

import base64
import gzip
import hashlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.zoo import files
from tests.zoo.helpers import HTTP
from tests.zoo.launched import Launched, launched
from tests.zoo.wire import assert_refused, post, wire
from zoo.serving.launch import is_ready

LIMIT, MOST, DISK = 500_000, 60_000_000, 100_000_000  # bytes: in memory, in the spool, of its disk
KIND = "application/octet-stream"
LIMITS = {
    "THERESA_MAX_BODY_BYTES": str(LIMIT),
    "THERESA_SPOOL_BYTES": str(MOST),
    "THERESA_BODY_SECONDS": "1",
}
LARGE = os.urandom(1 << 20) * 20


def found(content: bytes, spooled: bool) -> dict[str, object]:
    digest = hashlib.md5(content).hexdigest()
    return {"bytes": len(content), "digest": digest, "spooled": spooled}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return files.save(tmp_path_factory.mktemp("models") / "files")


@pytest.fixture(scope="module")
def spool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a disk of its own, where the tests may mount one."""
    folder = tmp_path_factory.mktemp("spool")
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(folder)]
    mounted = os.geteuid() == 0 and not subprocess.run(mount, capture_output=True).returncode
    yield folder
    if mounted:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture(scope="module")
def server(model: Path, spool: Path) -> Iterator[Launched]:
    with launched(model, {**LIMITS, "THERESA_SPOOL": str(spool)}, workers=1) as one:
        yield one


def until(done: Callable[[], bool], seconds: float = 30) -> None:
    """Waits for something that is about to happen."""
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end


def free(folder: Path) -> int:
    disk = os.statvfs(folder)
    return disk.f_bavail * disk.f_frsize


def peak(server: Launched) -> int:
    """The most bytes that the worker ever had in memory."""
    (worker,) = server.workers()
    status = Path(f"/proc/{worker.pid}/status").read_text()
    return 1024 * int(status.partition("VmHWM:")[2].split()[0])


def test_a_large_file_is_answered_in_little_memory(server: Launched, spool: Path) -> None:
    small, before = LARGE[:LIMIT], peak(server)
    chunks = (LARGE[start : start + 100_000] for start in range(0, len(LARGE), 100_000))
    packed = gzip.compress(LARGE, 1)
    bodies: dict[str, tuple[Any, dict[str, str]]] = {
        "length": (LARGE, {}),
        "chunked": (chunks, {}),
        "gzip": (packed, {"Content-Encoding": "gzip"}),
        "small": (small, {}),
    }
    for name, (body, headers) in bodies.items():
        sent = HTTP.post(
            f"{server.url}/invocations", content=body, headers={"Content-Type": KIND, **headers}
        )
        assert sent.status_code == 200, (name, sent.text)
        content = small if name == "small" else LARGE
        assert sent.json() == {"predictions": [found(content, name != "small")]}
    assert peak(server) - before < len(LARGE) / 2
    assert free(spool) > DISK - LIMIT
    assert not list(spool.iterdir())


def test_a_form_has_its_fields_and_a_file_of_any_size(server: Launched) -> None:
    for content, spooled in ((b"\r\n--no boundary", False), (b"", False), (LARGE, True)):
        sent = HTTP.post(
            f"{server.url}/form",
            data={"model": "whisper", "include[]": ["字", "b"]},
            files={"file": ("../録音.wav", content, "audio/wav")},
        )
        assert sent.status_code == 200, sent.text
        answer = sent.json()
        assert answer["fields"] == {"model": ["whisper"], "include[]": ["字", "b"]}
        assert answer["file"] == found(content, spooled)
        assert answer["names"] == ["file", "../録音.wav", "audio/wav"]


@pytest.mark.parametrize(
    ("body", "boundary", "status"),
    [
        (b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\nb\r\n", "x", 400),  # no end
        (b"--x\r\n\r\nb\r\n--x--\r\n", "x", 400),  # no name
        (b"nothing of the kind", "x", 400),
        (b"--x--\r\n", "", 415),
        (
            b'--x\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\n\r\n' * 2,
            "x",
            400,
        ),
        (b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\nb\r\n" * 65, "x", 400),
        (b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\n" + b"b" * 1_500_000, "x", 413),
        (b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\n\xff\r\n--x--\r\n", "x", 400),
    ],
)
def test_what_is_no_form_is_refused(
    server: Launched, body: bytes, boundary: str, status: int
) -> None:
    kind = f"multipart/form-data; boundary={boundary}"
    with wire(server.url) as one:
        one.send(post(body, target="/form", kind=kind))
        assert_refused(one.read(), status)


def test_what_is_too_large_isnt_asked_for(server: Launched, model: Path) -> None:
    head = f"POST /invocations HTTP/1.1\r\nHost: a\r\nContent-Type: {KIND}\r\nExpect: 100-continue"
    for length in (MOST + 1, MOST):
        with wire(server.url) as one:
            one.send(f"{head}\r\nContent-Length: {length}\r\n\r\n".encode())
            answer = one.read()
            if length > MOST:
                assert_refused(answer, 413)
            else:
                assert answer.status == 100
    encoded = base64.b64encode(LARGE[:LIMIT]).decode()
    with wire(server.url) as one:  # JSON is read in memory
        one.send(post(json.dumps({"dataframe_records": [{"file": encoded}]}).encode()))
        assert_refused(one.read(), 413)
    with launched(model, LIMITS, workers=1) as other, wire(other.url) as one:
        one.send(post(LARGE[: LIMIT + 1], kind=KIND))
        answer = one.read()
        assert_refused(answer, 413)
        assert "THERESA_SPOOL" in answer.json()["message"]


def test_what_grows_over_the_limit_is_refused_and_gone(server: Launched, spool: Path) -> None:
    url, kind = f"{server.url}/invocations", {"Content-Type": KIND}
    zeros = bytes(MOST + (2 << 20))
    packed = gzip.compress(zeros, 1)
    sent = HTTP.post(url, content=packed, headers={**kind, "Content-Encoding": "gzip"})
    assert (sent.status_code, sent.json()["error_code"]) == (413, "TOO_LARGE")
    with wire(server.url) as one:
        one.send(chunked(), b"%x\r\n" % len(zeros), zeros)
        assert_refused(one.read(), 413)
    assert free(spool) > DISK - LIMIT


def chunked() -> bytes:
    """The head of a request whose length isn't told."""
    lines = ["POST /invocations HTTP/1.1", "Host: a", f"Content-Type: {KIND}"]
    return "\r\n".join([*lines, "Transfer-Encoding: chunked", "", ""]).encode()


def test_a_full_disk_is_told_and_others_go_on(server: Launched, spool: Path) -> None:
    if not spool.is_mount():
        pytest.skip("only root can give the spool a disk of its own")
    (spool / "else").write_bytes(bytes(DISK - len(LARGE) // 2))
    try:
        for body in (LARGE, iter([LARGE])):  # told by its length; noticed on the way
            sent = HTTP.post(
                f"{server.url}/invocations", content=body, headers={"Content-Type": KIND}
            )
            assert (sent.status_code, sent.json()["error_code"]) == (503, "NO_ROOM")
            assert free(spool) >= len(LARGE) // 2 - LIMIT
    finally:
        (spool / "else").unlink()
    sent = HTTP.post(f"{server.url}/invocations", content=LARGE, headers={"Content-Type": KIND})
    assert sent.json() == {"predictions": [found(LARGE, True)]}


def test_a_client_that_pauses_or_leaves_and_a_killed_worker_leave_nothing(
    server: Launched, spool: Path
) -> None:
    if not spool.is_mount():
        pytest.skip("only root can give the spool a disk of its own")
    part = b"%x\r\n" % len(LARGE) + LARGE
    with wire(server.url) as slow, wire(server.url) as killed:
        slow.send(chunked(), part[:-1])  # for so much it may take 40 times its second
        with wire(server.url) as gone:
            gone.send(chunked(), part)
        killed.send(chunked(), part)
        until(lambda: free(spool) < DISK - 2 * len(LARGE) + 5 * LIMIT)
        assert HTTP.get(f"{server.url}/health").status_code == 200
        (worker,) = server.workers()
        worker.send_signal(signal.SIGKILL)
        assert slow.is_closed()
    until(lambda: free(spool) > DISK - LIMIT)
    assert not list(spool.iterdir())
    until(lambda: bool(server.workers()) and is_ready(int(server.url.rpartition(":")[2])))
    sent = HTTP.post(f"{server.url}/invocations", content=LARGE, headers={"Content-Type": KIND})
    assert sent.json() == {"predictions": [found(LARGE, True)]}
