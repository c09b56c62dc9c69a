"""The times of the server, its gateway and its host fit each other: none gives up too early.

They stand in four places that can't import each other: the server's settings, what Kong is told,
the unit of a host, and the file of Docker Compose.
"""

import re

import yaml

from kong.objects import FAILURES, PROBE_SECONDS, Healthchecks
from kong.readiness import Timeouts
from kong.spec import MEGABYTE, Spec
from zoo.building.packaging import ROOT
from zoo.settings import Settings

SERVER = Settings.model_construct()  # the defaults, whatever the environment says
MODEL = Spec(name="ner", path="/ner", targets=["a:1"])
KONGS_IDLE_SECONDS = 60  # how long Kong keeps a connection to a target
UNIT = (ROOT / "deploy" / "theresa@.service").read_text()
COMPOSE = yaml.safe_load((ROOT / "kong" / "compose.yaml").read_text())["services"]


def of_unit(pattern: str) -> int:
    (found,) = re.findall(rf"{pattern}[= ](\d+)", UNIT)
    return int(found)


def test_a_server_that_stops_listens_until_the_gateway_knows() -> None:
    probes = Healthchecks().active
    assert probes.unhealthy.interval == probes.healthy.interval == PROBE_SECONDS
    assert 503 in probes.unhealthy.http_statuses
    until_seen = PROBE_SECONDS * max(probes.unhealthy.http_failures, FAILURES)
    assert until_seen + PROBE_SECONDS == SERVER.drain_seconds


def test_whoever_stops_a_server_waits_for_its_last_request() -> None:
    stop = SERVER.drain_seconds + SERVER.grace_seconds
    docker = of_unit("docker stop --time")
    assert stop < docker == of_unit("--stop-timeout") < of_unit("TimeoutStopSec")
    for name in ("ner", "thai"):
        assert stop < int(COMPOSE[name]["stop_grace_period"].removesuffix("s"))


def test_the_gateway_waits_longer_than_the_server_for_a_request_and_shorter_for_none() -> None:
    assert SERVER.idle_seconds > KONGS_IDLE_SECONDS
    assert SERVER.request_seconds + SERVER.body_seconds < MODEL.read_seconds
    assert Timeouts().drain > MODEL.read_seconds


def test_the_largest_body_is_one_number() -> None:
    assert MODEL.body_megabytes * MEGABYTE == SERVER.max_body_bytes


def test_the_gateways_image_has_the_fixes_of_nginx() -> None:
    image, _, version = COMPOSE["kong"]["image"].partition(":")
    assert (image, tuple(map(int, version.split(".")))) >= ("kong", (3, 9, 3))
