"""One change of the gateway, its inverse and what it means to a person: data, and no calls."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from kong.objects import Body, Target

WRITTEN_BY_KONG = ("id", "created_at", "updated_at", "ws_id", "service", "upstream")


@dataclass(frozen=True)
class AdminCall:
    """One call of the Admin API."""

    method: str
    path: str
    body: Body | None = field(default=None, repr=False)  # may carry a key


@dataclass(frozen=True)
class Step:
    """A change, what it means to a person, and its inverse; None where there is nothing to undo."""

    says: str
    do: AdminCall
    undo: AdminCall | None
    changes: tuple[str, ...] = ()


def put(path: str, wanted: Body, current: Body | None) -> list[Step]:
    """The step that makes an object what is wanted; none if it is."""
    what = label(path, wanted)
    if current is None:
        return [Step(f"new {what}", AdminCall("PUT", path, wanted), AdminCall("DELETE", path))]
    changes = differences(wanted, current)
    if not changes:
        return []
    return [
        Step(
            f"change {what}",
            AdminCall("PUT", path, wanted),
            AdminCall("PUT", path, bare(current)),
            tuple(changes),
        )
    ]


def add_target(upstream: str, target: Target) -> Step:
    """Targets have no upsert: POST, and by their address afterwards."""
    path = f"/upstreams/{upstream}/targets"
    return Step(
        f"new target {target.target}: weight {target.weight}",
        AdminCall("POST", path, target.body()),
        AdminCall("DELETE", f"{path}/{target.target}"),
    )


def delete(path: str, current: Body) -> Step:
    """Deletes an object; undone, it is there again under its old id."""
    parent, _, _ = path.rpartition("/")
    undo = AdminCall("PUT", f"{parent}/{current['id']}", bare(current))
    if "/targets/" in path:
        undo = AdminCall("POST", parent, {**bare(current), "id": current["id"]})
    return Step(f"remove {label(path, current)}", AdminCall("DELETE", path), undo)


def label(path: str, body: Mapping[str, Any]) -> str:
    """What a person calls an object."""
    parts = path.strip("/").split("/")
    kind = parts[-2].removesuffix("s")
    name = body.get("name") or body.get("target") or body.get("username") or parts[-1]
    return f"{kind} {name}" + (f" of {parts[1]}" if kind == "plugin" else "")


def bare(current: Body) -> Body:
    """An object as it was, without what Kong writes itself."""
    return {key: value for key, value in current.items() if key not in (*WRITTEN_BY_KONG, "of")}


def differences(wanted: Any, current: Any, at: str = "") -> list[str]:
    """What isn't as wanted, a line each. What we don't speak of isn't compared."""
    if isinstance(wanted, dict) and isinstance(current, dict):
        lines = []
        for key, value in wanted.items():
            lines += differences(value, current.get(key), f"{at}.{key}" if at else key)
        return lines
    if isinstance(wanted, list) and isinstance(current, list):
        same = sorted(map(str, wanted)) == sorted(map(str, current))  # Kong's sets have no order
    else:
        same = wanted == current
    return [] if same else [f"{at}: {current} → {wanted}"]


def to_json(call: AdminCall) -> Body:
    """A call for the journal."""
    return asdict(call)
