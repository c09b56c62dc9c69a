"""What the tool refuses, what it never shows, and what it leaves alone."""

import re
import threading
from pathlib import Path
from typing import Any

import pytest

from kong.objects import credentials
from kong.register import main
from kong.spec import DECLARED, REGISTERED
from tests.kong.certificates import Certificates
from tests.kong.conftest import Client, Tool, administer, arguments, eventually
from tests.kong.gateway import Gateway, gateway
from tests.kong.stub import Stub

MODEL = {"service": "hanlp_ner", "route": "/ner"}


def test_a_second_run_changes_nothing(fake: Gateway, tool: Tool, target: str) -> None:
    assert tool("register", **MODEL, target=target).result["changed"]
    before, writes = fake.store.config(timeless=False), len(fake.writes)
    again = tool("register", **MODEL, target=target)
    assert again.result["changed"] is False
    assert len(fake.writes) == writes
    assert fake.store.config(timeless=False) == before


def test_a_dry_run_shows_the_difference_and_writes_nothing(
    fake: Gateway, tool: Tool, target: str
) -> None:
    assert tool("register", **MODEL, target=target)
    writes = len(fake.writes)
    done = tool("register", "--dry-run", **MODEL, target=target, read_seconds=120, json=False)
    assert done
    assert "read_timeout: 300000 → 120000" in done.out
    assert "new" not in re.sub(
        r"new (consumer|upstream|service|plugin|route) ?\S*probe", "", done.out
    )
    assert len(fake.writes) == writes
    assert tool("register", **MODEL, target=target, read_seconds=120)
    services = {one["name"]: one for one in fake.store.config()["services"].values()}
    assert services["hanlp_ner"]["read_timeout"] == 120_000


def test_a_new_target_takes_over_at_once_and_the_old_one_stays_at_hand(
    fake: Gateway, tool: Tool, target: str, second: str
) -> None:
    assert tool("register", **MODEL, target=target)
    assert tool("register", **MODEL, target=second)
    found = {one["target"]: one["weight"] for one in fake.store.config()["targets"].values()}
    assert found == {target: 0, second: 100}

    def health() -> dict[str, str]:
        (shown,) = tool("status").result["models"]
        return {one["target"]: one["health"] for one in shown["targets"]}

    eventually(lambda: health() == {target: "HEALTHCHECKS_OFF", second: "HEALTHY"})


def test_the_model_never_sees_the_key_and_gets_an_id(
    tool: Tool, model: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert tool("register", **MODEL, target=model.address)
    monkeypatch.setenv("THERESA_API_KEY", "the-key-of-alice")
    assert tool("client", "alice")
    assert model.seen
    assert not any("apikey" in headers for headers in model.seen)


def test_secrets_are_in_no_output_no_file_and_no_plan(
    fake: Gateway, tool: Tool, target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even where Kong repeats a key, as it does when another client has it already."""
    monkeypatch.setenv("THERESA_API_KEY", "the-key-of-alice")
    texts: list[str] = []
    seen: set[str] = set()

    def look(_: int) -> None:
        config = fake.store.config()
        seen.update(one["key"] for one in config["keyauth_credentials"].values())
        headers = (one["headers"] or {} for one in config["routes"].values())
        seen.update(value for one in headers for values in one.values() for value in values)
        files = (tmp_path / "state").glob("*.json")
        texts.extend(path.read_text() for path in files)

    fake.on_write = look
    for done in (
        tool("register", **MODEL, target=target),
        tool("client", "alice"),
        tool("client", "bob"),  # the same key: a conflict, in which Kong shows it
        tool("status", api_key_file=None),
    ):
        texts += [done.out, done.err]
    assert "409" in texts[-3]
    assert "(hidden)" in texts[-3]
    assert len(seen) == 5  # of the run, of its route, of alice in three forms
    assert texts
    for secret in seen:
        assert not any(secret in text for text in texts)


@pytest.mark.parametrize("admin", ["http://127.0.0.1:8001", "ftp://x", "https://me:word@host:8444"])
def test_only_https_and_no_password_in_the_address(
    admin: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["status", "--admin", admin]) == 1
    said = capsys.readouterr().err
    assert "has to be an https:// address" in said or "must not carry a password" in said
    assert "word" not in said.replace("password", "")


def test_certificates_are_verified_on_both_sides(tool: Tool, certificates: Certificates) -> None:
    wrong = tool("status", ca=certificates.stranger_ca)
    assert wrong.code == 1
    assert "can't be trusted" in wrong.err
    assert "is --ca the one that signed it" in wrong.err
    stranger, its_key = certificates.stranger
    for cert, key in ((None, None), (stranger, its_key)):
        refused = tool("status", cert=cert, key=key)
        assert refused.code == 1
        assert "give --cert and --key" in refused.err
        assert "<" not in refused.err
    assert tool("status")


def test_files_that_are_no_certificates_are_named(tool: Tool, tmp_path: Path) -> None:
    broken = tmp_path / "broken.pem"
    broken.write_text("no certificate")
    for option in ({"ca": broken}, {"ca": tmp_path / "missing"}, {"cert": broken}):
        done = tool("status", **option)
        assert done.code == 1
        assert str(next(iter(option.values()))) in done.err


def test_a_gateway_without_a_database_is_told_from_one_with(
    certificates: Certificates, tmp_path: Path, target: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with gateway(certificates, database="off") as bare:
        words = arguments(bare, tmp_path, **MODEL, target=target)
        assert main(["register", *words]) == 1
    assert "python kong/declare.py" in capsys.readouterr().err


@pytest.mark.parametrize("tags", [None, ["somebody"], [DECLARED]])
def test_a_service_of_somebody_else_is_left_alone(
    fake: Gateway, tool: Tool, target: str, tags: list[str] | None
) -> None:
    administer(fake, "POST", "/services", {"name": "hanlp_ner", "host": "x", "tags": tags})
    before = fake.store.config()
    for command, options in (
        ("register", {**MODEL, "target": target}),
        ("unregister", {"service": "hanlp_ner"}),
    ):
        done = tool(command, **options)
        assert done.code == 1
        assert ("services.yaml" if tags == [DECLARED] else "isn't ours") in done.err
    assert fake.store.config() == before


def test_a_route_by_our_name_is_not_stolen(fake: Gateway, tool: Tool, target: str) -> None:
    """Kong would move it here without a word."""
    administer(fake, "PUT", "/services/other", {"host": "x"})
    theirs = {"paths": ["/elsewhere"], "tags": [REGISTERED]}
    administer(fake, "PUT", "/services/other/routes/hanlp_ner.predict", theirs)
    before = fake.store.config()
    done = tool("register", **MODEL, target=target)
    assert "belongs to another service" in done.err
    assert fake.store.config() == before


def test_what_others_hang_on_our_service_stays_and_keeps_it_from_being_removed(
    fake: Gateway, tool: Tool, target: str
) -> None:
    assert tool("register", **MODEL, target=target)
    administer(fake, "POST", "/services/hanlp_ner/plugins", {"name": "ip-restriction"})
    assert tool("register", **MODEL, target=target, per_minute=10)
    assert "ip-restriction" in {one["name"] for one in fake.store.config()["plugins"].values()}
    assert "ip-restriction" in tool("unregister", service="hanlp_ner").err
    assert fake.store.config()["routes"]


BAD = [
    ({"route": "ner"}, "--route 'ner'"),
    ({"route": "/ner$"}, "--route"),
    ({"service": "Big Name"}, "--service 'Big Name'"),
    ({"target": "10.0.0.5"}, "--target"),
    ({"sample": "/nowhere.json"}, "give --sample"),
]


@pytest.mark.parametrize(("wrong", "sentence"), BAD)
def test_options_that_make_no_sense_are_named(
    tool: Tool, target: str, wrong: dict[str, Any], sentence: str
) -> None:
    done = tool("register", **{**MODEL, "target": target, **wrong})
    assert done.code == 1
    assert sentence in done.err


ILL: list[tuple[dict[str, Any], str]] = [
    ({"ready": [503]}, "wasn't ready within"),
    ({"ready": [200, 200, 503]}, "wasn't ready within"),
    ({"ready": [404]}, "--health /ping"),
    ({"status": 500}, "answers its sample with 500"),
    ({"answer": {"predictions": []}}, "another number"),
    ({"answer": {"predictions": [{"error": "no"}, {"entities": []}]}}, "no prediction for row 0"),
    ({"answer": "hello"}, "not with predictions"),
]


@pytest.mark.parametrize(("illness", "sentence"), ILL)
def test_a_model_that_is_not_well_gets_no_route(
    fake: Gateway, tool: Tool, model: Stub, illness: dict[str, Any], sentence: str
) -> None:
    for name, value in illness.items():
        setattr(model, name, value)
    done = tool("register", **MODEL, target=model.address, deadline=0.5)
    assert done.code == 1
    assert sentence in done.err
    assert not fake.writes


def test_mlflows_own_server_is_asked_by_ping(fake: Gateway, tool: Tool, model: Stub) -> None:
    model.ready = [404]
    assert tool("register", **MODEL, target=model.address, health="/ping")
    (upstream,) = fake.store.config()["upstreams"].values()
    assert upstream["healthchecks"]["active"]["http_path"] == "/ping"


def test_a_drain_waits_for_the_last_request(tool: Tool, model: Stub, second: str) -> None:
    assert tool("register", **MODEL, target=model.address)
    assert tool("canary", service="hanlp_ner", target=second, steps="50")  # both have traffic
    model.in_flight = [3, 2, 1, 0]
    assert tool("drain", service="hanlp_ner", target=model.address)
    assert model.in_flight == [0]
    assert tool("register", **MODEL, target=model.address)
    model.in_flight = [2, 1, 0]
    assert tool("register", **MODEL, target=second)  # the model has none any more
    assert tool("drain", service="hanlp_ner", target=model.address)
    assert model.in_flight == [0]


@pytest.mark.parametrize("way", ["rollback", "register", "drain"])
def test_a_version_that_is_ready_but_fails_can_be_left(
    fake: Gateway, tool: Tool, model: Stub, target: str, second: str, way: str
) -> None:
    """Until Kong sees the change, it still gets requests; they aren't held against the other."""
    assert tool("register", **MODEL, target=second)
    steps = "50" if way == "drain" else "100"
    assert tool("canary", service="hanlp_ner", target=target, steps=steps)
    model.status = 500
    options = {"rollback": {}, "register": {"route": "/ner", "target": second}}
    left = tool(way, service="hanlp_ner", watch=0.2, **options.get(way, {"target": target}))
    assert left, left.err
    found = {one["target"]: one["weight"] for one in fake.store.config()["targets"].values()}
    assert found.pop(target, 0) == 0
    assert found[second] > 0


def test_a_canary_that_fails_now_and_then_is_not_taken(
    fake: Gateway, tool: Tool, model: Stub, second: str
) -> None:
    assert tool("register", **MODEL, target=second)
    before = fake.store.config()
    answered = len(model.seen)

    def fail_once_it_has_traffic(_: int) -> None:
        if len(model.seen) >= answered + 4:  # asked itself, and tried three times
            model.status = 500

    fake.on_write = fail_once_it_has_traffic
    done = tool("canary", service="hanlp_ner", target=model.address, steps="50,100", watch=0.2)
    assert done.code == 1
    assert "500" in done.err
    assert fake.store.config() == before


def test_the_watch_stays_below_the_limit_of_a_consumer(
    fake: Gateway, tool: Tool, target: str, second: str
) -> None:
    assert tool("register", **MODEL, target=target, per_minute=200, watch=0.7)
    assert tool("canary", service="hanlp_ner", target=second, steps="100", watch=0.7)
    config = fake.store.config()["plugins"].values()
    limits = [one["config"]["minute"] for one in config if one["name"] == "rate-limiting"]
    assert set(limits) == {200}
    assert max(fake.requests.values()) < 20  # at every=0.01 they would have been over a hundred


def test_two_runs_on_one_model_dont_undo_each_other(
    fake: Gateway, tool: Tool, target: str, second: str, tmp_path: Path
) -> None:
    assert tool("register", **MODEL, target=target)
    words = arguments(fake, tmp_path, service="hanlp_ner", target=second, journals=tmp_path / "b")
    codes: list[int] = []
    other = threading.Thread(target=lambda: codes.append(main(["canary", *words])))
    fake.on_write = lambda _: other.start() if other.ident is None else None  # after the lock
    assert tool("canary", service="hanlp_ner", target=second, steps="50,100", json=False)
    other.join()
    assert codes == [1]
    found = {one["target"]: one["weight"] for one in fake.store.config()["targets"].values()}
    assert found == {target: 0, second: 100}
    assert not fake.store.config()["consumers"]


def test_a_client_gets_a_new_key_in_place_of_the_old_and_loses_it(
    fake: Gateway, tool: Tool, target: str, tmp_path: Path
) -> None:
    assert tool("register", **MODEL, target=target)
    file = tmp_path / "key"
    for key in ("the-first-key", "the-second-key"):
        file.write_text(key)
        assert tool("client", "alice", api_key_file=file).result["changed"]
    assert not tool("client", "alice", api_key_file=file).result["changed"]
    kept = fake.store.config()["keyauth_credentials"].values()
    assert {one["key"] for one in kept} == set(credentials("the-second-key"))
    with Client(fake, "the-second-key") as alice:
        while alice.ask().status_code == 401:
            pass
        assert alice.ask().status_code == 200
    assert tool("client", "alice", "--remove")
    assert not fake.store.config()["consumers"]
