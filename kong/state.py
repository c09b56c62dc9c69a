"""What the gateway has of a model now, and whether it is ours to change."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from kong.admin import Admin
from kong.errors import NotOurs
from kong.objects import CONFIGS, Body
from kong.paths import NotUnderstood, takes
from kong.spec import DECLARED, PARTS, REGISTERED

TIMES = ("created_at", "updated_at")


@dataclass(frozen=True)
class GatewayState:
    """The objects of one model; a snapshot, to compare with and to put back.

    Attributes:
        upstream: the upstream, if there is one.
        targets: by address.
        services: by name.
        plugins: by service and plugin.
        routes: by name; `of` is the name of the route's service.
        others: what somebody else has hung on these services, in words; it stays as it is.
    """

    upstream: Body | None = None
    targets: dict[str, Body] = field(default_factory=dict)
    services: dict[str, Body] = field(default_factory=dict)
    plugins: dict[str, dict[str, Body]] = field(default_factory=dict)
    routes: dict[str, Body] = field(default_factory=dict)
    others: list[str] = field(default_factory=list)

    @property
    def live(self) -> dict[str, int]:
        """The weights of the targets that get traffic."""
        return {a: int(one["weight"]) for a, one in self.targets.items() if one["weight"]}

    def marks(self, header: str) -> bool:
        """Whether the service that predicts names itself in its answers."""
        transformers = (part.get("response-transformer") for part in self.plugins.values())
        headers = (one["config"]["add"]["headers"] for one in transformers if one)
        return any(str(one).startswith(f"{header}:") for some in headers for one in some)

    def timeless(self) -> Any:
        """For comparing: all but the times of the last changes."""
        return _timeless(
            {
                "upstream": self.upstream,
                "targets": self.targets,
                "services": self.services,
                "plugins": self.plugins,
                "routes": self.routes,
            }
        )


def _timeless(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _timeless(one) for key, one in value.items() if key not in TIMES}
    return sorted(map(str, value)) if isinstance(value, list) else value


def look(admin: Admin, name: str) -> GatewayState:
    """Reads all of a model.

    Raises:
        NotOurs: something by one of its names is somebody else's.
    """
    upstream = admin.get(f"/upstreams/{name}.upstream")
    targets: dict[str, Body] = {}
    if upstream:
        own(upstream, f"the upstream {name}.upstream")
        found = admin.all(f"/upstreams/{name}.upstream/targets")
        targets = {str(target["target"]): target for target in found}
        for address, target in targets.items():
            own(target, f"the target {address} of {name}")
    services: dict[str, Body] = {}
    plugins: dict[str, dict[str, Body]] = {}
    routes: dict[str, Body] = {}
    others: list[str] = []
    for service in (name, *(f"{name}.{part}" for part in PARTS)):
        if (body := admin.get(f"/services/{service}")) is None:
            continue
        own(body, f"the service {service}")
        services[service] = body
        plugins[service] = {}
        for plugin in admin.all(f"/services/{service}/plugins"):
            narrow = plugin.get("route") or plugin.get("consumer")
            if narrow or (plugin["name"] not in CONFIGS and not _is_ours(plugin)):
                others.append(f"the plugin {plugin['name']} of the service {service}")
                continue
            own(plugin, f"the plugin {plugin['name']} of the service {service}")
            plugins[service][str(plugin["name"])] = plugin
    by_id = {str(service["id"]): service["name"] for service in services.values()}
    for route in (f"{name}.{part}" for part in ("predict", *PARTS)):
        if found_route := admin.get(f"/routes/{route}"):
            its_service = str((found_route.get("service") or {}).get("id"))
            if its_service not in by_id:  # a PUT would move it here without a word
                raise NotOurs(f"The route {route} belongs to another service; it is left there.")
            own(found_route, f"the route {route}")
            routes[route] = {**found_route, "of": by_id[its_service]}
    known = {str(route["id"]) for route in routes.values()}
    for service in services:
        for one in admin.all(f"/services/{service}/routes"):
            if str(one["id"]) not in known:
                others.append(f"the route {one.get('name') or one['id']}")
    return GatewayState(upstream, targets, services, plugins, routes, others)


def healths(admin: Admin, upstream: str) -> dict[str, str]:
    """What Kong thinks of each target of an upstream, by address."""
    return {
        str(one["target"]): str(one.get("health", "HEALTHCHECKS_OFF"))
        for one in admin.all(f"/upstreams/{upstream}/health")
    }


def own(body: Mapping[str, Any], what: str) -> None:
    """Raises NotOurs unless the object's tags say that we wrote it."""
    if _is_ours(body):
        return
    sentence = f"{what[0].upper()}{what[1:]} "
    if DECLARED in (body.get("tags") or []):
        raise NotOurs(f"{sentence}comes from services.yaml: change it there.")
    raise NotOurs(f"{sentence}isn't ours (it has no tag {REGISTERED}); choose another name.")


def _is_ours(body: Mapping[str, Any]) -> bool:
    return REGISTERED in (body.get("tags") or [])


def rivals(
    admin: Admin, state: GatewayState, paths: Collection[str], beside: Collection[str]
) -> list[tuple[str, str]]:
    """Other services' routes that take one of these paths, or may; and a sentence on each.

    Ours would win over a prefix of somebody else's, and take its traffic.

    Args:
        admin: the gateway.
        state: what is ours.
        paths: that clients ask at.
        beside: names of routes that a person has looked at: they take none of the paths.
    """
    ours = {str(route["id"]) for route in state.routes.values()}
    found = []
    for route in admin.all("/routes"):
        name = str(route.get("name") or route["id"])
        if str(route["id"]) in ours or name in beside or (route.get("headers") and _is_ours(route)):
            continue  # with a header: a run that tests its model through the gateway
        for path in paths:
            try:
                if by := takes(route, path):
                    said = f"takes {path} already (by {by}): choose another --route"
                    found.append((name, f"{said}, or have that one removed."))
                    break
            except NotUnderstood as error:
                said = f"may take {path}: its rule {error} can't be understood here"
                found.append((name, f"{said}. If it doesn't, say so by --beside {name}."))
                break
    return found


def refuse_foreign_paths(
    admin: Admin, state: GatewayState, paths: Collection[str], beside: Collection[str]
) -> None:
    """Raises NotOurs where another service's route takes requests for these paths, or may."""
    for name, said in rivals(admin, state, paths, beside):
        raise NotOurs(f"The route {name}, which isn't this model's, {said}")
