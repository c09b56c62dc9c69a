"""Whatever fails at whatever step, the gateway is as it was."""

import itertools
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from kong.objects import credentials
from tests.kong.conftest import Done, Tool, arguments
from tests.kong.gateway import Failure, Gateway
from zoo.building.packaging import ROOT

HOWS = ("refuse", "cut", "break", "cut early")


def changes(tool: Tool, second: str) -> dict[str, Callable[[], Done]]:
    """Every kind of change, on a model that is registered with the first target."""
    model = {"service": "hanlp_ner"}
    new = {**model, "route": "/ner", "target": second, "read_seconds": 100, "per_minute": 50}
    return {
        "register": lambda: tool("register", **new),
        "canary": lambda: tool("canary", **model, target=second, steps="20,100"),
        "unregister": lambda: tool("unregister", **model),
    }


def registered(tool: Tool, target: str) -> None:
    assert tool("register", service="hanlp_ner", route="/ner", target=target)


def test_a_first_registration_that_fails_leaves_nothing(
    fake: Gateway, tool: Tool, target: str
) -> None:
    """Each write fails in turn, in one way after the other."""
    empty = fake.store.config()
    hows = itertools.cycle(HOWS)
    for number in itertools.count():
        fake.writes.clear()
        fake.failure = Failure(number, next(hows))
        done = tool("register", service="hanlp_ner", route="/ner", target=target)
        if len(fake.writes) <= number:  # it had no such write: all have failed once
            break
        assert done.code == 1, (fake.failure, done.err)
        assert fake.store.config() == empty, fake.failure
    assert done
    assert number > 25


@pytest.mark.parametrize(
    "change",
    [
        "canary",
        *(pytest.param(one, marks=pytest.mark.thorough) for one in ("register", "unregister")),
    ],
)
def test_a_change_that_fails_leaves_what_was_there(
    fake: Gateway, tool: Tool, target: str, second: str, change: str
) -> None:
    registered(tool, target)
    before = fake.store.config()
    hows = itertools.cycle(reversed(HOWS))
    for number in itertools.count():
        fake.writes.clear()
        fake.failure = Failure(number, next(hows))
        done = changes(tool, second)[change]()
        if len(fake.writes) <= number:
            break
        assert done.code == 1, (fake.failure, done.err)
        assert fake.store.config() == before, fake.failure
        assert "as it was before" in " ".join(done.result["events"]) or number == 0
    assert done
    assert fake.store.config() != before


def test_a_rollback_and_a_drain_that_fail_leave_what_was_there(
    fake: Gateway, tool: Tool, target: str, second: str
) -> None:
    registered(tool, target)
    assert tool("canary", service="hanlp_ner", target=second, steps="100")
    before = fake.store.config()
    for command, options in (("rollback", {}), ("drain", {"target": target})):
        for number in itertools.count():
            fake.writes.clear()
            fake.failure = Failure(number, HOWS[1 + number % 2])
            done = tool(command, service="hanlp_ner", **options)
            if len(fake.writes) <= number:
                break
            assert done.code == 1, (command, number, done.err)
            assert fake.store.config() == before, (command, number)
        assert done, done.err
        fake.failure = None
        if command == "rollback":
            assert tool("rollback", service="hanlp_ner")  # there and back
            assert fake.store.config() == before


def test_a_client_keeps_its_key_until_the_new_one_is_there(
    fake: Gateway, tool: Tool, tmp_path: Path
) -> None:
    """Each write fails in turn; a second run ends what the first one could not."""
    file = tmp_path / "key"
    file.write_text("the-first-key")
    assert tool("client", "alice", api_key_file=file)
    file.write_text("the-second-key")
    for number, (how, code) in zip((0, 3), (("cut", 1), ("refuse", 3)), strict=True):
        before = keys(fake)
        fake.writes.clear()
        fake.failure = Failure(number, how)
        done = tool("client", "alice", api_key_file=file)
        assert done.code == code, done.err
        assert keys(fake) == before | (set(credentials("the-second-key")) if code == 3 else set())
        assert ("run this again" in done.err) == (code == 3)
    fake.failure = None
    assert tool("client", "alice", api_key_file=file)
    assert keys(fake) == set(credentials("the-second-key"))


def keys(fake: Gateway) -> set[str]:
    return {one["key"] for one in fake.store.config()["keyauth_credentials"].values()}


def test_a_gateway_that_stays_away_is_put_back_from_the_journal(
    fake: Gateway, tool: Tool, target: str, second: str, tmp_path: Path
) -> None:
    registered(tool, target)
    before = fake.store.config()
    fake.writes.clear()
    fake.failure = Failure(12, "cut", lasting=True)
    done = tool("canary", service="hanlp_ner", target=second, steps="50,100", patience=0.0)
    assert done.code == 3
    journal = tmp_path / "state" / "hanlp_ner.json"
    assert f"rollback --journal {journal}" in done.err
    assert journal.stat().st_mode & 0o077 == 0
    fake.failure = None
    refused = tool("canary", service="hanlp_ner", target=second)
    assert refused.code == 1
    assert str(journal) in refused.err
    assert tool("rollback", journal=journal)
    assert fake.store.config() == before
    assert not journal.exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_run_that_is_stopped_puts_all_back_and_one_that_is_killed_can_be(
    fake: Gateway, tool: Tool, target: str, tmp_path: Path, number: signal.Signals
) -> None:
    empty = fake.store.config()
    words = {"service": "hanlp_ner", "route": "/ner", "target": target}
    command = [sys.executable, str(ROOT / "kong" / "register.py"), "--json"]
    running = subprocess.Popen(
        [*command, *arguments(fake, tmp_path, **words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    fake.on_write = lambda write: os.kill(running.pid, number) if write == 20 else None
    _, err = running.communicate()
    fake.on_write = None
    journal = tmp_path / "state" / "hanlp_ner.json"
    if number == signal.SIGKILL:
        assert fake.store.config() != empty
        assert tool("rollback", journal=journal)
    else:
        assert running.returncode == 130, err
        assert f"Stopped by {number.name}" in err
        assert "Traceback" not in err
    assert fake.store.config() == empty
    assert not journal.exists()


def test_without_its_journal_a_killed_run_is_taken_over(
    fake: Gateway, tool: Tool, target: str, tmp_path: Path
) -> None:
    fake.failure = Failure(22, "cut", lasting=True)
    assert tool("register", service="hanlp_ner", route="/ner", target=target, patience=0).code == 3
    fake.failure = None
    (tmp_path / "state" / "hanlp_ner.json").unlink()
    refused = tool("register", service="hanlp_ner", route="/ner", target=target)
    assert refused.code == 1
    assert "--take-over" in refused.err
    assert f"process {os.getpid()} on " in refused.err
    assert tool("register", "--take-over", service="hanlp_ner", route="/ner", target=target)
    names = [one["name"] for one in fake.store.config()["services"].values()]
    assert sorted(names) == ["hanlp_ner", "hanlp_ner.about", "hanlp_ner.ready"]
    assert not fake.store.config()["consumers"]
