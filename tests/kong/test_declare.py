"""kong.yaml: made from services.yaml, held against Kong's schemas, and refused when it is wrong.

Also the calls by hand, for those who want neither tool.
"""

import copy
import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from kong.declare import main, read
from kong.document import check, document
from kong.errors import KongError
from kong.spec import DECLARED
from tests.kong.gateway import Gateway
from zoo.building.packaging import ROOT

FILES = ["services.yaml", "compose/services.yaml"]
PLUGINS = {
    "key-auth": "KeyAuth",
    "rate-limiting": "RateLimiting",
    "request-size-limiting": "RequestSizeLimiting",
    "correlation-id": "CorrelationId",
    "prometheus": "Prometheus",
}
UNKNOWN = ("response-transformer", "request-transformer")  # their schemas aren't among them


@pytest.fixture
def schemas(shared: Path) -> Path:
    """Kong's own."""
    return shared / "kong"


def made(name: str = "services.yaml", deck: bool = True) -> dict[str, Any]:
    services = read(ROOT / "kong" / name)
    return document(services.models, dict.fromkeys(services.clients, "stand-in-key"), deck)


def strict(schema: Any) -> Any:
    """The same schema, with no room for keys that it doesn't know."""
    if isinstance(schema, list):
        return [strict(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    stricter = {key: strict(value) for key, value in schema.items() if key != "required"}
    if "properties" in schema and isinstance(schema["properties"], dict):
        stricter.setdefault("additionalProperties", False)
    return stricter


@pytest.mark.parametrize("name", FILES)
def test_what_we_write_is_what_kongs_schemas_allow(name: str, schemas: Path) -> None:
    schema = json.loads((schemas / "deck-file.schema.json").read_text())
    file = made(name)
    jsonschema.Draft4Validator(schema).validate(file)
    seen = set()
    for service in file["services"]:
        for plugin in service["plugins"]:
            if plugin["name"] in UNKNOWN:
                continue
            path = schemas / "plugins" / f"{PLUGINS[plugin['name']]}.json"
            config = json.loads(path.read_text())["properties"]["config"]
            jsonschema.Draft7Validator(strict(config)).validate(plugin["config"])
            seen.add(plugin["name"])
    assert seen == set(PLUGINS)


def test_the_schemas_would_notice(schemas: Path) -> None:
    """A test of the test above: a misspelt key in each kind of object is refused."""
    validator = jsonschema.Draft4Validator(
        json.loads((schemas / "deck-file.schema.json").read_text())
    )
    for kind in ("services", "upstreams"):
        file = made()
        file[kind][0]["read_timeouts"] = 1
        assert not validator.is_valid(file), kind
    config = json.loads((schemas / "plugins" / "KeyAuth.json").read_text())["properties"]["config"]
    assert not jsonschema.Draft7Validator(strict(config)).is_valid({"hide_credential": True})


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("deck", [True, False])
def test_what_we_make_is_fine(name: str, deck: bool) -> None:
    file = made(name, deck)
    check(file, local="compose" in name)
    assert ("_info" in file) == deck  # Kong itself refuses it
    if deck:
        assert file["_info"] == {"select_tags": [DECLARED]}


def service(file: Any) -> Any:
    return file["services"][0]


def upstream(file: Any) -> Any:
    return file["upstreams"][0]


def without_auth(file: Any) -> None:
    service(file)["plugins"] = [p for p in service(file)["plugins"] if p["name"] != "key-auth"]


def hands_over_nothing(file: Any) -> None:
    (one,) = (one for one in file["services"] if one["name"] == "whisper_asr.live")
    one["plugins"] = [p for p in one["plugins"] if p["name"] != "request-transformer"]


WRONG: list[tuple[Callable[[Any], Any], str]] = [
    (lambda file: service(file).update(read_timeouts=1), "read_timeouts"),
    (lambda file: service(file).pop("host"), "host"),
    (lambda file: service(file).update(host="nowhere"), "no upstream nowhere"),
    (lambda file: service(file).update(retries=6), "retries"),
    (lambda file: service(file).update(protocol="https"), "protocol"),
    (lambda file: service(file).update(read_timeout=0), "read_timeout"),
    (without_auth, "no key-auth"),
    (hands_over_nothing, "keys to the model"),
    (lambda file: service(file)["plugins"][0]["config"].update(hide_credential=True), "hide_cred"),
    (
        lambda file: service(file)["plugins"][0]["config"].update(hide_credentials=False),
        "hide_cred",
    ),
    (lambda file: service(file)["plugins"][0].update(name="key-aut"), "no such plugin"),
    (lambda file: service(file)["routes"][0].update(paths=["/ner"]), "paths"),
    (lambda file: service(file)["routes"][0].update(paths=[]), "paths"),
    (lambda file: service(file)["routes"][0].update(methods=["BREW"]), "methods"),
    (lambda file: service(file)["routes"][0].update(protocols=["http"]), "plain HTTP"),
    (lambda file: service(file)["routes"][0].update(tags=["x"]), "no tag"),
    (lambda file: file["services"].append(copy.deepcopy(service(file))), "2 of the service"),
    (lambda file: file["services"][3]["routes"][0].update(paths=["~/ner$"]), "both take"),
    (lambda file: [one.update(weight=0) for one in upstream(file)["targets"]], "weight 0"),
    (lambda file: upstream(file)["targets"][0].update(weight=-1), "weight"),
    (lambda file: upstream(file)["targets"][0].update(target="host"), "target"),
    (lambda file: upstream(file).update(targets=[]), "targets"),
    (lambda file: upstream(file).pop("healthchecks"), "no health checks"),
    (lambda file: file["_info"].update(select_tags=[]), "select_tags"),
    (lambda file: file.update(_format_version="1.1"), "_format_version"),
    (lambda file: file["consumers"][0]["keyauth_credentials"][0].update(key="x"), "key"),
]


@pytest.mark.parametrize(("spoil", "named"), WRONG)
def test_a_file_that_is_wrong_is_refused_by_name(spoil: Callable[[Any], Any], named: str) -> None:
    file = made()
    spoil(file)
    with pytest.raises(KongError, match=named):
        check(file)


def test_keys_come_from_the_environment_and_go_where_nobody_else_looks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [str(ROOT / "kong" / "services.yaml"), "--format", "dbless", "--output"]
    private = tmp_path / "private" / "kong.yaml"
    assert main([*words, str(private)]) == 1
    assert "KEY_EXAMPLE_APP" in capsys.readouterr().err
    monkeypatch.setenv("KEY_EXAMPLE_APP", "the-key-of-the-app")
    assert main([*words, str(private)]) == 0
    (consumer,) = yaml.safe_load(private.read_text())["consumers"]
    assert consumer["keyauth_credentials"][0]["key"] == "the-key-of-the-app"
    assert private.parent.stat().st_mode & 0o077 == 0
    tmp_path.chmod(0o755)
    assert main([*words, str(tmp_path / "kong.yaml")]) == 1
    assert not (tmp_path / "kong.yaml").exists()
    assert main([words[0], "--output", str(tmp_path / "deck.yaml")]) == 0  # decK fills them in
    assert "the-key-of-the-app" not in (tmp_path / "deck.yaml").read_text()
    assert "the-key-of-the-app" not in str(capsys.readouterr())


def test_mistakes_in_services_yaml_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "services.yaml"
    for text, named in (
        ("models: []", "models"),
        ("models: [{name: ner, path: ner, targets: ['a:1']}]", "models.0.path"),
        ("models: [{name: ner, path: /ner, target: ['a:1']}]", "models.0.target"),
        ("models: [", "no YAML"),
    ):
        file.write_text(text)
        assert main([str(file), "--check"]) == 1
        assert named in capsys.readouterr().err
    assert main([str(tmp_path / "none.yaml"), "--check"]) == 1


def test_the_compose_file_pins_images_and_listens_on_this_machine_only() -> None:
    """It wasn't run where this was written: at least its parts are there and fit each other."""
    folder = ROOT / "kong"
    file = yaml.safe_load((folder / "compose.yaml").read_text())
    for name, one in file["services"].items():
        image, _, tag = one["image"].partition(":")
        assert tag, name
        assert tag != "latest" or image.startswith("theresa/"), name
        assert all(str(port).startswith("127.0.0.1:") for port in one.get("ports", [])), name
        assert set(one["networks"]) <= set(file["networks"]), name
        for volume in one.get("volumes", []):
            source = volume.split(":")[0]
            inside = source.startswith("./") and "/private/" not in source
            assert not inside or (folder / source).exists(), source
    hosts = {
        target for one in read(folder / "compose/services.yaml").models for target in one.targets
    }
    assert {host.partition(":")[0] for host in hosts} <= set(file["services"])
    scraped = yaml.safe_load((folder / "compose/prometheus.yml").read_text())["scrape_configs"]
    asked = {one for job in scraped for part in job["static_configs"] for one in part["targets"]}
    assert hosts <= asked
    board = json.loads((folder / "compose/grafana/dashboards/theresa.json").read_text())
    source = yaml.safe_load(
        (folder / "compose/grafana/provisioning/datasources/prometheus.yaml").read_text()
    )
    (uid,) = {panel["datasource"]["uid"] for panel in board["panels"]}
    assert uid == source["datasources"][0]["uid"]


def test_the_calls_by_hand_make_a_route_that_logs_no_key(fake: Gateway, target: str) -> None:
    text = (ROOT / "kong" / "README.md").read_text()
    (block,) = re.findall(r"```bash\n(ROUTE_NAME=.*?)```", text, re.DOTALL)
    certificate, key = fake.certificates.client
    known = {"KONG_ADMIN": fake.admin, "KONG_CA": str(fake.certificates.ca)}
    known |= {"KONG_CLIENT_CERT": str(certificate), "KONG_CLIENT_KEY": str(key)}
    block = block.replace("10.0.0.5:8080", target)
    done = subprocess.run(
        ["bash", "-ec", block], env={**os.environ, **known}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    config = fake.store.config()
    (auth,) = config["plugins"].values()
    assert (auth["config"]["key_in_query"], auth["config"]["hide_credentials"]) == (False, True)
    (service,) = config["services"].values()
    assert (service["retries"], service["read_timeout"]) == (1, 300_000)
    (route,) = config["routes"].values()
    assert (route["paths"], route["methods"]) == (["~/ner$"], ["POST"])
    assert route["response_buffering"] is False
