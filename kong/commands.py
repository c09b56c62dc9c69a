"""What each subcommand of `register.py` does, once its options are read.

Every one reads what is there, makes a plan, shows it (`--dry-run` ends here), and carries it out.
A run that finds nothing to change writes nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from kong.errors import KongError, NotOurs
from kong.lock import held
from kong.plan import (
    Phase,
    as_json,
    before,
    canary_shares,
    move,
    register,
    shown,
    take_out,
    unregister,
)
from kong.rollout import Rollout
from kong.spec import REGISTERED, Spec, objects, plain
from kong.state import GatewayState, refuse_foreign_paths
from kong.transaction import read_journal, undo
from kong.trial import ProbeRoute, leftovers


@dataclass
class Commands:
    """The subcommands, on one model.

    Attributes:
        rollout: carries plans out.
        dry: whether to show the plan only.
        take_over: whether to clear away first what a killed run has left.
    """

    rollout: Rollout
    dry: bool = False
    take_over: bool = False
    _state: GatewayState = field(default_factory=GatewayState)

    def register(self) -> dict[str, Any]:
        """Brings the model up at its route, or makes it what is asked for now."""
        state = self._begin()
        admin, spec = self.rollout.gateway.admin, self.rollout.spec
        self.rollout.claims = self.rollout.brings = True
        refuse_foreign_paths(admin, state, spec.paths, self.rollout.beside)
        if not self.dry:
            self.rollout.prove(spec.targets)
        self.rollout.learn(spec.targets)
        wanted = objects(self.rollout.spec, REGISTERED)
        for service, plugins, _ in wanted.services:  # Kong's own eyes on what we are about to send
            admin.call("POST", "/schemas/services/validate", service.body())
            for plugin in plugins:
                admin.call("POST", "/schemas/plugins/validate", plugin.body())
        return self._run(register(wanted, state), [])

    def canary(self, target: str, steps: Sequence[int]) -> dict[str, Any]:
        """Moves the traffic to a new target in steps (percent), looking at it between."""
        if not steps or list(steps) != sorted(set(steps)) or not 0 < steps[0] <= steps[-1] <= 100:
            raise KongError("--steps are percentages that rise, such as 5,25,100.")
        state = self._begin()
        self._registered(state)
        if not set(state.live) - {target}:
            raise KongError(f"{target} has all the traffic already: there is nobody to take over.")
        self._aim(state, [target])
        self.rollout.brings = True
        phases = move(
            objects(self.rollout.spec, REGISTERED), state, canary_shares(state, target, steps)
        )
        return self._run(phases, [target])

    def drain(self, target: str) -> dict[str, Any]:
        """Takes a target's traffic away, waits for its last request, and removes it."""
        state = self._begin()
        self._registered(state)
        if target not in state.targets:
            raise KongError(f"{self.rollout.spec.name} has no target {target}: see `status`.")
        if state.live and not set(state.live) - {target}:
            raise KongError(f"{target} is the last with traffic: use `unregister`, or `canary`.")
        self._aim(state, [target])
        if not self.dry:
            self.rollout.ask_for_sample(list(state.live))
        phases = take_out(state, self.rollout.spec.upstream, target)
        return self._run(phases, [])

    def rollback(self) -> dict[str, Any]:
        """Goes back to the weights before the last change."""
        state = self._begin()
        self._registered(state)
        share = before(state)
        if not any(share.values()):
            raise KongError(
                f"There is nothing to go back to: no other target of {self.rollout.spec.name} had "
                "traffic before. `unregister` takes the model off the gateway."
            )
        live = [target for target, weight in share.items() if weight]
        if not self.dry:
            self._aim(state, live)
            live = self.rollout.well(live)  # what is well takes over; nobody waits for the rest
            share = {target: weight if target in live else 0 for target, weight in share.items()}
        self._aim(state, live)
        wanted = objects(self.rollout.spec, REGISTERED)
        return self._run(move(wanted, state, [share], leaving=True), [])

    def unregister(self) -> dict[str, Any]:
        """Closes the routes, then removes all of the model's objects."""
        state = self._begin()
        if state.others:
            raise NotOurs(
                f"{', '.join(state.others)} would go too, and isn't ours: remove it first."
            )
        self._aim(state)
        return self._run(unregister(state), [])

    def restore(self, journal: Path) -> dict[str, Any]:
        """Puts back what was there before a run that was killed."""
        admin = self.rollout.gateway.admin
        url, calls = read_journal(journal)
        if url != admin.url:
            raise KongError(f"'{journal}' is of the gateway {url}, not of {admin.url}.")
        if self.dry:
            for call in reversed(calls):
                self.rollout.report.show(f"  {call.method} {call.path}")
            return {"changed": False}
        with held(journal):  # a run that lives looks after its own
            undo(admin, calls, self.rollout.timing.patience, self.rollout.report)
            journal.unlink()
        return {"changed": bool(calls)}

    def _begin(self) -> GatewayState:
        """Checks the gateway, clears away what is left, and reads what is there."""
        admin = self.rollout.gateway.admin
        admin.check()
        if self.take_over and not self.dry:
            with held(self.rollout.journal):
                for step in leftovers(admin, self.rollout.spec.name):
                    admin.call(step.do.method, step.do.path)
                    self.rollout.report.say(step.says)
        self._state = self.rollout.state()
        return self._state

    def _registered(self, state: GatewayState) -> None:
        if not state.upstream or not state.routes:
            raise KongError(f"{self.rollout.spec.name} isn't registered here: see `status`.")

    def _aim(self, state: GatewayState, targets: Sequence[str] = ()) -> None:
        """Takes the model's path and limits from what is there: they aren't to change."""
        self.rollout.spec = spec_of(self.rollout.spec.name, state, targets)

    def _run(self, phases: list[Phase], targets: Sequence[str]) -> dict[str, Any]:
        rollout = self.rollout
        trial = ProbeRoute(rollout.spec.name)
        whole = rollout.plan(phases, trial)
        for line in shown(whole):
            rollout.report.show(line)
        if not self.dry:
            rollout.prove(targets)
            if whole:
                rollout.carry_out(whole, trial, self._state)
        return {"changed": bool(whole) and not self.dry, "plan": as_json(whole)}


def spec_of(name: str, state: GatewayState, targets: Sequence[str] = ()) -> Spec:
    """A model as it is registered.

    Args:
        name: the model.
        state: what the gateway has of it.
        targets: those that the spec is for; a spec needs one, so without any it has a stand-in.

    Raises:
        KongError: the gateway has something that we wouldn't write.
    """
    given: dict[str, Any] = {"name": name, "path": "/unknown", "targets": targets or ["none:1"]}
    route = state.routes.get(f"{name}.predict")
    service, ready = state.services.get(name), state.services.get(f"{name}.ready")
    if route and service and ready:
        limit = state.plugins.get(name, {}).get("rate-limiting", {}).get("config", {})
        given |= {
            "path": plain(str(route["paths"][0])),
            "health": ready["path"],
            "read_seconds": max(1, int(service["read_timeout"]) // 1000),
            "retries": service["retries"],
            "speech": f"{name}.transcriptions" in state.services,
            "collection": f"{name}.collection" in state.services,
            "local": "http" in route["protocols"],
            **({"per_minute": limit["minute"]} if limit.get("minute") else {}),
        }
    try:
        return Spec.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        where, said = ".".join(map(str, first["loc"])), first["msg"]
        raise KongError(
            f"{name}, as the gateway has it: {where} '{first['input']}': {said}."
        ) from None
