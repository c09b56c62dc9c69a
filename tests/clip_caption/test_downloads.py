"""prepare.py downloads photos once, politely, and goes on after a kill."""

import subprocess
import sys
import time
from pathlib import Path

from clip_caption import prepare
from tests.clip_caption.photos import Site, jpeg, save
from tests.clip_caption.prepared import dropped, run, traffy


def test_nothing_is_fetched_twice_and_what_is_gone_only_when_asked(
    site: Site, tmp_path: Path
) -> None:
    table = traffy(
        tmp_path / "export.csv", [f"{site.address}/{p}" for p in ("1.jpg", "404", "busy/9/2.jpg")]
    )
    cache = ["--cache", str(tmp_path / "photos"), "--test-share", "0"]
    run(table, tmp_path / "1", *cache, "--attempts", "1")
    run(table, tmp_path / "2", *cache, "--attempts", "1")
    assert site.asked == {"/1.jpg": 1, "/404": 1, "/busy/9/2.jpg": 2}
    assert dropped(tmp_path / "1") == dropped(tmp_path / "2")
    run(table, tmp_path / "3", *cache, "--attempts", "1", "--retry-failed")
    assert site.asked == {"/1.jpg": 1, "/404": 2, "/busy/9/2.jpg": 3}


def test_a_killed_run_goes_on_where_it_was(site: Site, tmp_path: Path) -> None:
    paths = [*(f"{n}.jpg" for n in range(12)), *(f"held/{n}.jpg" for n in range(12, 24))]
    table = traffy(tmp_path / "export.csv", [f"{site.address}/{path}" for path in paths])
    output, cache = tmp_path / "out", tmp_path / "out-photos"
    options = [str(table), "-o", str(output), "--pause", "0", "--private-addresses"]
    options += ["--connections", "4"]  # then they are fetched in order
    command = [sys.executable, "-m", "clip_caption.prepare", *options]
    running = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    while len(list(cache.glob("*/[!.]*"))) < 12 or not site.serving:
        assert running.poll() is None
        time.sleep(0.02)
    running.kill()  # in the middle of the held ones
    running.wait()
    assert not output.exists()
    whole = {f"/{path}" for path in paths[:12]}
    assert set(site.asked) >= whole
    (cache / "00").mkdir(exist_ok=True)
    (cache / "00" / ".part-left").write_bytes(jpeg(1)[:99])

    site.held.set()
    parts = run(table, output)
    assert sum(map(len, parts.values())) == 24
    assert {path: site.asked[path] for path in whole} == dict.fromkeys(whole, 1)
    assert max(site.asked.values()) == 2  # those that were on their way
    assert not list(cache.glob("*/.part*"))


def test_a_server_is_not_overrun(site: Site, tmp_path: Path) -> None:
    photos = [f"{site.address}/slow/{n}.jpg" for n in range(12)]
    table = traffy(tmp_path / "export.csv", photos)
    run(table, tmp_path / "1", "--per-host", "2", "--connections", "8")
    assert site.busiest == 2
    site.starts.clear()
    run(table, tmp_path / "2", "--pause", "0.1", "--per-host", "8")
    # a start is at least 0.08 s after the one before, of which the network may eat some
    assert max(site.starts) - min(site.starts) > 11 * 0.08 * 0.8


def test_private_addresses_are_for_those_who_ask(site: Site, tmp_path: Path) -> None:
    save(tmp_path / "own.jpg", 7)
    photos = [f"{site.address}/1.jpg", "http://169.254.169.254/latest", "own.jpg"]
    table = traffy(tmp_path / "export.csv", photos)
    prepare.main([str(table), "-o", str(tmp_path / "out"), "--test-share", "0"])
    assert not site.asked
    assert {reason.rpartition(" ")[2] for reason in dropped(tmp_path / "out").values()} == {
        "public"
    }
    # and another time with the switch, which what was found before doesn't prevent
    options = ["--cache", str(tmp_path / "out-photos"), "--private-addresses", "--limit", "1"]
    prepare.main([str(table), "-o", str(tmp_path / "2"), "--test-share", "0", *options])
    assert site.asked == {"/1.jpg": 1}
