"""What runs where at the gateway, how healthy it is, and how fast it answers."""

import statistics
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from kong.admin import Gateway
from kong.commands import spec_of
from kong.errors import KongError
from kong.readiness import Proxy, Sample
from kong.spec import DECLARED, REGISTERED
from kong.state import GatewayState, healths, look


def status(
    gateway: Gateway, names: list[str], samples: Path, key: str | None, probes: int
) -> dict[str, Any]:
    """Each model's route, targets, and the latency of a probe.

    Args:
        gateway: the gateway.
        names: the models; all that are ours if there are none.
        samples: the folder of `NAME/sample.json`.
        key: a client's key; there is no probe without.
        probes: how many predictions a probe is.
    """
    admin = gateway.admin
    about = admin.about()
    found = {
        str(one["name"]): one
        for tag in (REGISTERED, DECLARED)
        for one in admin.all(f"/services?tags={tag}")
        if "." not in one["name"]
    }
    models = []
    for name in names or sorted(found):
        if name not in found:
            raise KongError(f"The gateway has no model {name} of ours; it has {', '.join(found)}.")
        by_file = DECLARED in (found[name].get("tags") or [])
        state = _look_on(gateway, name) if by_file else look(admin, name)
        models.append(_model(gateway, name, state, samples, key, probes))
        models[-1]["from"] = "services.yaml" if by_file else "register.py"
    return {"admin": admin.url, "version": about.version, "role": about.role, "models": models}


def _look_on(gateway: Gateway, name: str) -> GatewayState:
    """What a file has brought there: to be looked at, not to be changed."""
    admin, upstream = gateway.admin, f"/upstreams/{name}.upstream"
    routes = [admin.get(f"/routes/{name}.predict")]
    services = [admin.get(f"/services/{one}") for one in (name, f"{name}.ready")]
    return GatewayState(
        admin.get(upstream),
        {str(one["target"]): one for one in admin.all(f"{upstream}/targets")},
        {str(one["name"]): one for one in services if one},
        {},
        {str(one["name"]): one for one in routes if one},
    )


def _model(
    gateway: Gateway, name: str, state: GatewayState, samples: Path, key: str | None, probes: int
) -> dict[str, Any]:
    spec = spec_of(name, state)
    health: dict[str, str] = {}
    if state.upstream and gateway.admin.about().knows_health:
        health = healths(gateway.admin, spec.upstream)
    targets = [
        {"target": target, "weight": body["weight"], "health": health.get(target, "UNKNOWN")}
        for target, body in sorted(state.targets.items())
    ]
    route = spec.path if state.routes else None
    model: dict[str, Any] = {"name": name, "route": route, "targets": targets}
    sample = samples / name / "sample.json"
    if key and route and sample.is_file():
        proxy = Proxy(gateway.proxy, gateway.context, {"apikey": key}, spec.read_seconds)
        with closing(proxy):
            model["probe"] = _probe(proxy, spec.path, Sample.read(sample), probes)
    return model


def _probe(proxy: Proxy, path: str, sample: Sample, probes: int) -> dict[str, Any]:
    """The latency of some predictions, one after the other, or why there is none."""
    seconds = []
    try:
        for _ in range(probes):
            start = time.perf_counter()
            proxy.predict(path, sample)
            seconds.append(time.perf_counter() - start)
    except KongError as error:
        return {"error": str(error)}
    cuts = statistics.quantiles(seconds, n=100, method="inclusive")
    return {"predictions": probes, "p50_ms": _ms(cuts[49]), "p99_ms": _ms(cuts[98])}


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 1)


def show(document: dict[str, Any]) -> None:
    """The document as a table."""
    table = Table(title=f"{document['admin']} (Kong {document['version']}, {document['role']})")
    for column in ("model", "route", "target", "weight", "health", "p50", "p99"):
        table.add_column(column)
    for model in document["models"]:
        probe = model.get("probe", {})
        speed = [f"{probe[one]} ms" if one in probe else "" for one in ("p50_ms", "p99_ms")]
        first = [model["name"], model["route"] or "closed"]
        for one in model["targets"] or [{"target": "none", "weight": 0, "health": ""}]:
            table.add_row(*first, one["target"], str(one["weight"]), one["health"], *speed)
            first, speed = ["", ""], ["", ""]
    console = Console()
    console.print(table)
    for model in document["models"]:
        if error := model.get("probe", {}).get("error"):
            console.print(f"{model['name']}: {error}", markup=False)
