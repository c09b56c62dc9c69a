"""What to do to the gateway, and in which order: data, and no calls.

A plan is a list of phases. The steps of a phase are done one after the other, then its checks are
made. What was done before a failure is undone backwards, so that weights go back before anything
is deleted, and what was created first is deleted last.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from kong.objects import Body, Target
from kong.spec import BEFORE, FULL, Objects, plugin_id
from kong.state import GatewayState
from kong.steps import AdminCall, Step, add_target, delete, put

Check = Literal["probe", "flows", "live", "health", "alone", "public", "closed", "idle"]

TRIED: tuple[Check, ...] = ("probe", "flows", "live")  # the last two of speech models only


@dataclass(frozen=True)
class Phase:
    """Steps that belong together, and what has to be true after them.

    Attributes:
        targets: those that `health` is about, or `idle`.
        leaving: whether the steps take the traffic from targets that may be ill: then failures
            count only once Kong has had the time to see the change.
    """

    name: str
    steps: tuple[Step, ...]
    checks: tuple[Check, ...] = ()
    targets: tuple[str, ...] = ()
    leaving: bool = False


def as_json(phases: Sequence[Phase]) -> list[Body]:
    """A plan for scripts; without bodies, which may carry a key."""
    return [
        {
            "phase": phase.name,
            "checks": list(phase.checks),
            "steps": [
                {"says": step.says, "method": step.do.method, "path": step.do.path}
                | {"changes": list(step.changes)}
                for step in phase.steps
            ],
        }
        for phase in phases
    ]


def shown(phases: Sequence[Phase]) -> list[str]:
    """A plan for a person, a line each."""
    if not any(phase.steps for phase in phases):
        return ["Nothing to change: the gateway has all of it already."]
    lines = []
    for phase in phases:
        lines.append(phase.name)
        for step in phase.steps:
            lines.append(f"  {step.says}")
            lines += [f"      {change}" for change in step.changes]
        if phase.checks:
            lines.append(f"  check: {', '.join(phase.checks)}")
    return lines


def register(wanted: Objects, state: GatewayState) -> list[Phase]:
    """The phases that make the gateway what is wanted; none where it is so already.

    New targets come in at weight 0. They get their share once a probe has reached them through the
    gateway; the routes open when they are healthy; and only then do the old targets lose theirs.
    """
    upstream = wanted.upstream.name
    old = {address: int(target["weight"]) for address, target in state.targets.items()}
    new = {target.target: target.weight for target in wanted.targets}
    base = put(f"/upstreams/{upstream}", wanted.upstream.body(), state.upstream)
    base += [
        add_target(upstream, target.model_copy(update={"weight": 0}))
        for target in wanted.targets
        if target.target not in old
    ]
    routes: list[Step] = []
    for service, plugins, opens in wanted.services:
        base += put(f"/services/{service.name}", service.body(), state.services.get(service.name))
        there = state.plugins.get(service.name, {})
        for plugin in plugins:
            current = there.get(plugin.name)
            own = current["id"] if current else plugin_id(service.name, plugin.name)
            base += put(f"/services/{service.name}/plugins/{own}", plugin.body(), current)
        for route in opens:
            path = f"/services/{service.name}/routes/{route.name}"
            routes += put(path, route.body(), state.routes.get(route.name))
    weights = {**dict.fromkeys(old, 0), **new}
    rise, fall = shift(upstream, state, weights, wanted.targets)
    coming = tuple(address for address in new if routes or old.get(address, 0) == 0)
    return _without_empty(
        Phase("prepare", tuple(base)),
        Phase("probe", (), TRIED, coming),
        Phase("raise the weight", rise, ("health",), tuple(new)),
        Phase("open the routes", tuple(routes), ("alone", "public"), tuple(new)),
        Phase("take over", fall, ("health", "public"), tuple(new), leaving=True),
        Phase("close what isn't asked for", _surplus(wanted, state)),
    )


def _surplus(wanted: Objects, state: GatewayState) -> tuple[Step, ...]:
    """Removes the services that the model had and isn't to have any more."""
    kept, steps = {service.name for service, _, _ in wanted.services}, []
    for name, service in state.services.items():
        if name not in kept:
            for route in state.routes.values():
                if route["of"] == name:
                    steps.append(delete(f"/services/{name}/routes/{route['name']}", route))
            for plugin in state.plugins[name].values():
                steps.append(delete(f"/services/{name}/plugins/{plugin['id']}", plugin))
            steps.append(delete(f"/services/{name}", service))
    return tuple(steps)


def move(
    wanted: Objects, state: GatewayState, shares: Sequence[Mapping[str, int]], leaving: bool = False
) -> list[Phase]:
    """The phases that take the weights through these shares, with a look at the traffic between.

    Args:
        wanted: for the upstream's name and the tags of a new target.
        state: what is there.
        shares: weights by address; what isn't named keeps its own.
        leaving: whether targets that lose their traffic may be ill.
    """
    upstream = wanted.upstream.name
    fresh = [target for target in wanted.targets if target.target not in state.targets]
    old = {address: int(target["weight"]) for address, target in state.targets.items()}
    coming = tuple(
        address for address, weight in shares[-1].items() if weight and not old.get(address)
    )
    phases = [
        Phase(
            "prepare",
            tuple(add_target(upstream, one.model_copy(update={"weight": 0})) for one in fresh),
        ),
        Phase("probe", (), TRIED, coming),
    ]
    now = old
    for share in shares:
        after = {**now, **share}
        rise, fall = shift(upstream, state, after, wanted.targets, now)
        name = ", ".join(f"{address} at {weight}" for address, weight in after.items())
        phases.append(Phase(f"raise: {name}", rise, ("health",), coming))
        checks: tuple[Check, ...] = ("health", "probe", "public") if coming else ("public",)
        phases.append(Phase(f"watch: {name}", fall, checks, coming, leaving))
        now = after
    return _without_empty(*phases)


def shift(
    upstream: str,
    state: GatewayState,
    weights: Mapping[str, int],
    fresh: Sequence[Target],
    now: Mapping[str, int] | None = None,
) -> tuple[tuple[Step, ...], tuple[Step, ...]]:
    """The steps that raise weights, and those that lower them; the former come first.

    Every target whose weight changes, and every other one, is marked with the weight that it had
    before all this, which is what `rollback` goes back to.
    """
    old = {address: int(target["weight"]) for address, target in state.targets.items()}
    now = old if now is None else now
    first = now == old
    if all(now.get(address, 0) == weight for address, weight in weights.items()):
        return (), ()
    rise: list[Step] = []
    fall: list[Step] = []
    tags_of = {one.target: one.tags for one in fresh}
    tags_of |= {address: own_tags(one) for address, one in state.targets.items()}
    for address, weight in weights.items():
        before, has = now.get(address, 0), [*tags_of[address], f"{BEFORE}{old.get(address, 0)}"]
        had = has
        if first:
            had = list(state.targets[address].get("tags") or []) if address in old else []
            had = had or tags_of[address]
        if before == weight and sorted(has) == sorted(had):
            continue
        path = f"/upstreams/{upstream}/targets/{address}"
        step = Step(
            f"target {address}: weight {before} → {weight}",
            AdminCall("PATCH", path, {"weight": weight, "tags": has}),
            AdminCall("PATCH", path, {"weight": before, "tags": had}),
        )
        (rise if weight > before else fall).append(step)
    return tuple(rise), tuple(fall)


def own_tags(target: Mapping[str, Any]) -> list[str]:
    """A target's tags without its past."""
    return [tag for tag in target.get("tags") or [] if not tag.startswith(BEFORE)]


def before(state: GatewayState) -> dict[str, int]:
    """The weights before the last change, as the targets' tags have them."""
    found = {}
    for address, target in state.targets.items():
        past = [tag.removeprefix(BEFORE) for tag in target.get("tags") or [] if BEFORE in tag]
        found[address] = int(past[0]) if past and past[0].isdecimal() else 0
    return found


def canary_shares(state: GatewayState, new: str, steps: Sequence[int]) -> list[dict[str, int]]:
    """The weights at each step: the new target's percentage, the rest by the old ones' weights."""
    old = {a: int(t["weight"]) for a, t in state.targets.items() if a != new and t["weight"]}
    total = sum(old.values())
    shares = []
    for percent in steps:
        rest = {
            address: max(1, round(weight / total * (100 - percent))) if percent < 100 else 0
            for address, weight in old.items()
        }
        shares.append({**rest, new: percent if percent < 100 else FULL})
    return shares


def take_out(state: GatewayState, upstream: str, address: str) -> list[Phase]:
    """The phases that drain a target and remove it."""
    target = state.targets[address]
    path = f"/upstreams/{upstream}/targets/{address}"
    quiet = Step(
        f"target {address}: weight {target['weight']} → 0",
        AdminCall("PATCH", path, {"weight": 0}),
        AdminCall("PATCH", path, {"weight": target["weight"]}),
    )
    has_traffic = bool(target["weight"])
    checks: tuple[Check, ...] = ("public", "idle") if has_traffic else ("idle",)
    return [
        Phase("drain", (quiet,) if has_traffic else (), checks, (address,), leaving=True),
        Phase("remove", (delete(path, {**target, "weight": 0}),)),
    ]


def unregister(state: GatewayState) -> list[Phase]:
    """The phases that take a model off the gateway, its routes first."""
    routes, rest = [], []
    for route in state.routes.values():
        routes.append(delete(f"/services/{route['of']}/routes/{route['name']}", route))
    for name, service in state.services.items():
        for plugin in state.plugins[name].values():
            rest.append(delete(f"/services/{name}/plugins/{plugin['id']}", plugin))
        rest.append(delete(f"/services/{name}", service))
    if state.upstream:
        upstream = f"/upstreams/{state.upstream['name']}"
        rest += [delete(f"{upstream}/targets/{a}", one) for a, one in state.targets.items()]
        rest.append(delete(upstream, state.upstream))
    return _without_empty(
        Phase("close the routes", tuple(routes), ("closed", "idle"), tuple(state.targets)),
        Phase("remove", tuple(rest)),
    )


def _without_empty(*phases: Phase) -> list[Phase]:
    """Leaves out what does nothing; a probe only makes sense where some target is new."""
    kept = [one for one in phases if one.steps or (one.name == "probe" and one.targets)]
    return kept if any(one.steps for one in kept) else []
