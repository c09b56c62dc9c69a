"""What an operator meets at night: hybrid gateways, dead targets, runs that live, certificates."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kong.declare import read
from kong.document import document
from kong.lock import held
from kong.register import main
from kong.spec import BEFORE, REGISTERED
from tests.kong.certificates import Certificates
from tests.kong.conftest import SAMPLE, Tool, administer, arguments, parsed
from tests.kong.gateway import Gateway, gateway
from tests.kong.stub import Stub, stub
from zoo.building.local_server import free_port
from zoo.building.packaging import ROOT

MODEL = {"service": "hanlp_ner", "route": "/ner"}
NAMELESS = {"service": "nameless", "route": "/nameless"}  # has no folder with a sample


def weights(fake: Gateway) -> dict[str, int]:
    return {one["target"]: one["weight"] for one in fake.store.config()["targets"].values()}


def run(fake: Gateway, folder: Path, command: str, *words: str, **options: Any) -> int:
    return main([command, *words, *arguments(fake, folder, **options)])


def test_a_control_plane_is_told_by_its_role(
    certificates: Certificates,
    tmp_path: Path,
    target: str,
    second: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with gateway(certificates, role="control_plane") as fake:
        assert run(fake, tmp_path, "register", "--json", **MODEL, target=target) == 0
        events = parsed(capsys.readouterr().out)["events"]
        assert any("proved through the proxy" in one for one in events)
        assert (
            run(fake, tmp_path, "canary", service="hanlp_ner", target=second, steps="50,100") == 0
        )
        assert weights(fake) == {target: 0, second: 100}
        capsys.readouterr()
        assert run(fake, tmp_path, "status", "--json") == 0
        shown = parsed(capsys.readouterr().out)
        assert shown["role"] == "control_plane"
        assert {one["health"] for one in shown["models"][0]["targets"]} == {"UNKNOWN"}
    with gateway(certificates, role="data_plane") as fake:
        assert run(fake, tmp_path, "register", **MODEL, target=target) == 1
        assert "is a data plane" in capsys.readouterr().err


def test_a_rollback_moves_what_is_well_and_waits_for_nobody(
    fake: Gateway, tool: Tool, model: Stub, target: str
) -> None:
    with stub() as well, stub() as new:
        with stub() as dying:
            more = ("--target", well.address, "--target", dying.address)
            assert tool("register", *more, **MODEL, target=target)
            assert tool("canary", service="hanlp_ner", target=new.address, steps="100")
        model.seconds = 30.0  # it is ready, but it hangs
        done = tool("rollback", service="hanlp_ner", deadline=1)
        assert done, done.err
        found = {well.address: 100, dying.address: 0, target: 0, new.address: 0}
        assert weights(fake) == found
        assert dying.address in done.err
        assert target in done.err


def test_a_rollback_to_what_is_dead_fails_in_seconds(
    fake: Gateway, tool: Tool, target: str
) -> None:
    assert tool("register", **MODEL, target=target)
    (upstream,) = fake.store.config()["upstreams"]
    gone = {"target": f"127.0.0.1:{free_port()}", "weight": 0, "tags": [REGISTERED, f"{BEFORE}100"]}
    administer(fake, "POST", f"/upstreams/{upstream}/targets", gone)
    before = fake.store.config()
    done = tool("rollback", service="hanlp_ner", deadline=0.1)
    assert done.code == 1
    assert f"{gone['target']}/ready wasn't ready" in done.err
    assert fake.store.config() == before


# One table of wrong or odd words: the command's, and what its sentence has to name. Nobody waits
# for a name without an address: no deadline is given here, and the usual one is 20 minutes.
ODD: list[tuple[list[str], str]] = [
    (
        ["canary", "--target", "model.invalid:8080"],
        "model.invalid",
    ),  # at once: no deadline is given
    (["register", "--route", "/x", "--target", "model.invalid:8080"], "model.invalid"),
    (["canary", "--target", "127.0.0.1:99999"], "65535"),
    (["canary", "--target", "127.0.0.1:0"], "65535"),
    (["canary", "--target", "999.0.0.1:80"], "not an IPv4 address"),
    (["canary", "--target", "::1:8080"], "brackets"),
    (["canary", "--target", "[::zz]:8080"], "not an IPv6 address"),
    (["canary", "--target", "a..b:8080"], "not a host name"),
    (["drain", "--target", "http://a:8080"], "--target"),
    (["drain", "--target", ""], "HOST:PORT"),
    (["drain", "--target", "10.0.0.9:8080"], "no target 10.0.0.9:8080"),
    (["register", "--route", "/x", "--target", "a:1", "--target", "a:1"], "named twice"),
    (["register", "--route", "/x", "--target", "a:1", "--retries", "6"], "--retries"),
    (["register", "--route", "/x", "--target", "a:1", "--body-megabytes", "3000"], "--body-m"),
    (["unregister", "--workspace", "a/b"], "a/b"),
    (["unregister", "--token-file", "/nowhere"], "/nowhere"),
    (["unregister", "--ca", "/nowhere"], "/nowhere"),
    (["unregister", "--sample", "/nowhere"], "/nowhere"),
    (["rollback", "--journal", "/nowhere"], "/nowhere"),
]


@pytest.mark.parametrize(("words", "named"), ODD, ids=[" ".join(words) for words, _ in ODD])
def test_odd_words_end_in_one_sentence(
    empty: Gateway,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    named: str,
) -> None:
    command, *more = words
    service = {} if command == "rollback" else {"service": "hanlp_ner"}
    assert main([command, *arguments(empty, tmp_path, **service), *more]) == 1
    said = capsys.readouterr().err
    assert named in said
    assert "Traceback" not in said
    assert not empty.store.config()["services"].keys() - {SERVICE}


SERVICE = "00000000-0000-4000-8000-000000000001"


@pytest.fixture(scope="module")
def empty(certificates: Certificates) -> Iterator[Gateway]:
    """A gateway with one model of no targets' traffic, which nothing here may change."""
    with gateway(certificates) as fake:
        tagged = {"tags": [REGISTERED]}
        administer(fake, "PUT", "/upstreams/hanlp_ner.upstream", tagged)
        target = {"target": "127.0.0.1:1", **tagged}
        administer(fake, "POST", "/upstreams/hanlp_ner.upstream/targets", target)
        service = {"name": "hanlp_ner", "host": "hanlp_ner.upstream", **tagged}
        administer(fake, "PUT", f"/services/{SERVICE}", service)
        route = {"paths": ["~/ner$"], **tagged}
        administer(fake, "PUT", f"/services/{SERVICE}/routes/hanlp_ner.predict", route)
        yield fake


def test_an_empty_variable_is_none(tool: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KONG_CA", "KONG_CLIENT_CERT", "KONG_CLIENT_KEY", "KONG_ADMIN_TOKEN"):
        monkeypatch.setenv(name, "")
    assert "give --cert and --key" in tool("status", cert=None, key=None).err


def test_a_run_that_lives_is_left_alone(
    fake: Gateway, tool: Tool, target: str, tmp_path: Path
) -> None:
    journal = tmp_path / "state" / "hanlp_ner.json"
    with held(journal):
        journal.write_text(f'{{"admin": "{fake.admin}", "undo": []}}')
        for done in (
            tool("register", **MODEL, target=target),
            tool("rollback", journal=journal),
            tool("register", "--take-over", **MODEL, target=target),
        ):
            assert done.code == 1
            assert f"process {os.getpid()}" in done.err
            assert "was killed" not in done.err
        assert journal.exists()
    assert not fake.writes
    assert "was killed" in tool("register", **MODEL, target=target).err
    assert tool("rollback", journal=journal)
    assert tool("register", **MODEL, target=target)


def test_status_shows_a_gateway_without_a_database(
    certificates: Certificates, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    models = read(ROOT / "kong" / "services.yaml").models
    with gateway(certificates, database="off") as fake:
        whole = document(models, {"app": "the-key-of-the-app"}, deck=False)
        assert fake.store.answer("POST", "/config", "", whole)[0] == 201
        assert run(fake, tmp_path, "status", "--json") == 0
    shown = {one["name"]: one for one in parsed(capsys.readouterr().out)["models"]}
    assert {name: one["route"] for name, one in shown.items()} == {m.name: m.path for m in models}
    assert {one["from"] for one in shown.values()} == {"services.yaml"}


def test_a_model_without_a_sample_file_tells_its_own_or_needs_none(
    fake: Gateway, tool: Tool, model: Stub, second: str
) -> None:
    refused = tool("register", **NAMELESS, target=model.address)
    assert "give --sample" in refused.err
    example = parsed(SAMPLE.read_text())
    content = {"application/json": {"example": example}}
    path = {"post": {"requestBody": {"content": content}}}
    model.openapi = {"paths": {"/invocations": path}}
    assert tool("register", **NAMELESS, target=model.address)
    given = {"service": "nameless", "sample": SAMPLE}
    assert tool("canary", **given, target=second, steps="50,100")
    model.openapi = {}
    assert tool("rollback", service="nameless")
    assert tool("canary", **given, target=second, steps="50")
    assert tool("drain", service="nameless", target=second)
    assert tool("unregister", service="nameless")
    assert not any(fake.store.config().values())


def test_a_target_that_we_would_not_write_ends_in_a_sentence(
    fake: Gateway, tool: Tool, target: str
) -> None:
    assert tool("register", **MODEL, target=target)
    (upstream,) = fake.store.config()["upstreams"]
    odd = {"target": "a..b:80", "weight": 0, "tags": [REGISTERED, f"{BEFORE}100"]}
    administer(fake, "POST", f"/upstreams/{upstream}/targets", odd)
    assert "'a..b:80'" in tool("rollback", service="hanlp_ner").err
    assert tool("status")


def test_a_client_may_be_named_as_services_yaml_names_one(
    fake: Gateway, tool: Tool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THERESA_API_KEY", "the-key-of-alice")
    assert tool("client", "alice.smith@example.com")
    (consumer,) = fake.store.config()["consumers"].values()
    assert consumer["username"] == "alice.smith@example.com"
    for name in ("alice.smith@example.com", "app-1.eu", "Alice"):
        assert tool("client", name, "--remove")
    assert "tool's own" in tool("client", "hanlp_ner.probe", "--remove").err
    assert "'a/b'" in tool("client", "a/b", "--remove").err


def test_an_ipv6_target_is_found_again(fake: Gateway, tool: Tool, target: str) -> None:
    try:
        opened = stub("::1")
        sixth = opened.__enter__()
    except OSError:
        pytest.skip("this machine has no IPv6")
    try:
        assert tool("register", **MODEL, target=sixth.address)
        assert tool("register", **MODEL, target=sixth.address).result["changed"] is False
        assert tool("canary", service="hanlp_ner", target=target, steps="50,100")
        assert tool("drain", service="hanlp_ner", target=sixth.address)
        assert weights(fake) == {target: 100}
    finally:
        opened.__exit__(None, None, None)


def test_an_admin_api_with_users_and_workspaces(
    fake: Gateway, tool: Tool, target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake.token, fake.workspace = "a-token-of-mine", "team"
    assert "--token-file" in tool("status", workspace="team").err
    file = tmp_path / "token"
    file.write_text("a-token-of-mine\n")
    assert tool("register", **MODEL, target=target, token_file=file, workspace="team")
    monkeypatch.setenv("KONG_ADMIN_TOKEN", "a-token-of-mine")
    monkeypatch.setenv("KONG_WORKSPACE", "team")
    done = tool("status")
    assert [one["name"] for one in done.result["models"]] == ["hanlp_ner"]
    assert "a-token-of-mine" not in done.out + done.err
    assert tool("unregister", service="hanlp_ner")
