"""Carries out a plan on a gateway, phase by phase, and looks after each whether it is well."""

import ssl
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from pathlib import Path

from kong.admin import Admin
from kong.errors import KongError, NotReady, Unwell
from kong.plan import Phase
from kong.readiness import ModelServer, Proxy, Sample, Timeouts, steady, until
from kong.report import Reporter
from kong.spec import Spec
from kong.state import GatewayState, look
from kong.steps import Step
from kong.transaction import transaction
from kong.trial import HEADER, ProbeRoute

PACE = 120.0  # seconds by a consumer's requests per minute: we never take more than half of them


@dataclass(frozen=True)
class Gateway:
    """Where the gateway is and how it is spoken to."""

    admin: Admin
    proxy: str
    context: ssl.SSLContext


@dataclass
class Rollout:
    """One change of one model at the gateway.

    Attributes:
        gateway: the gateway.
        spec: the model.
        sample: its sample request.
        timing: how long to wait for what.
        report: says what happens.
        journals: the folder of the journal.
    """

    gateway: Gateway
    spec: Spec
    sample: Sample
    timing: Timeouts
    report: Reporter
    journals: Path
    _tried: tuple[str, ...] = ()
    _passed: set[str] = field(default_factory=set)

    def state(self) -> GatewayState:
        """What the gateway has of the model."""
        return look(self.gateway.admin, self.spec.name)

    def plan(self, phases: Sequence[Phase], trial: ProbeRoute) -> list[Phase]:
        """The phases with the run's own way through the gateway, if there is anything to do."""
        if not phases:
            return []
        whole = [trial.lock()]
        opened: tuple[Step, ...] = ()
        for phase in phases:
            if phase.name == "probe":
                self._tried = phase.targets
                opened = trial.opening(self.spec, phase.targets)
                phase = replace(phase, steps=opened)
            whole.append(phase)
        return [*whole, *([trial.closing(opened)] if opened else []), trial.unlock()]

    def prove(self, targets: Sequence[str]) -> None:
        """Waits for targets, and has each answer its sample.

        Raises:
            NotReady: one doesn't, or not as it should.
        """
        for target in targets:
            with closing(ModelServer(target, self.spec)) as model:
                model.wait(self.timing, self.report)
                model.predict(self.sample)
            self.report.say(f"{target} answers its sample")

    def carry_out(self, phases: Sequence[Phase], trial: ProbeRoute, planned: GatewayState) -> None:
        """Does all of it, or puts back what was there before.

        Args:
            phases: what to do.
            trial: the run's own way through the gateway; its first phase is the lock.
            planned: what the plan is made for.

        Raises:
            KongError: why it failed.
        """
        admin = self.gateway.admin
        admin.hide(*trial.secrets)
        self.journals.mkdir(parents=True, exist_ok=True, mode=0o700)
        journal = self.journals / f"{self.spec.name}.json"
        with ExitStack() as stack:
            work = stack.enter_context(
                transaction(
                    admin,
                    journal,
                    self.report,
                    self.timing.patience,
                    lambda: self.state().timeless(),
                )
            )
            proxy = stack.enter_context(closing(self._proxy({"apikey": trial.key})))
            for phase in phases:
                for step in phase.steps:
                    self._do(step, work.do)
                if phase.name == "lock" and self.state().timeless() != planned.timeless():
                    name = self.spec.name  # only now can nobody else change it
                    raise KongError(f"Another run has just changed {name}: run this again.")
                self._check(phase, proxy, trial)

    def _do(self, step: Step, do: Callable[[Step], None]) -> None:
        try:
            do(step)
        except KongError as error:
            if step.do.path == "/consumers" and getattr(error, "status", 0) == 409:
                raise KongError(
                    f"Another run works on {self.spec.name}, or was killed (there is a consumer "
                    f"{self.spec.name}.probe): when none does, run this again with --take-over."
                ) from None
            raise

    def _proxy(self, headers: dict[str, str]) -> Proxy:
        return Proxy(self.gateway.proxy, self.gateway.context, headers, self.spec.read_seconds)

    def _check(self, phase: Phase, proxy: Proxy, trial: ProbeRoute) -> None:
        """Makes a phase's checks; each waits as long as Kong may need, then must hold."""
        timing, path = self.timing, self.spec.path
        probe = {HEADER: trial.word}
        checks: dict[str, Callable[[], object]] = {
            "probe": lambda: proxy.predict(path, self.sample, **probe),
            "health": lambda: self._healthy(phase.targets),
            "public": lambda: proxy.predict(path, self.sample),
            "closed": lambda: self._closed(proxy),
        }
        words = {
            "probe": f"the gateway predicts with {', '.join(self._tried)}",
            "health": f"Kong finds {', '.join(phase.targets)} healthy",
            "public": f"{path} predicts",
            "closed": f"{path} is closed",
        }
        for name in phase.checks:
            if name == "idle":
                continue  # once everybody has seen the change
            if name in self._passed:
                continue  # it worked in this run: from now on, a failure is a failure
            times = timing.in_a_row * len(self._tried) if name == "probe" else 1
            until(checks[name], times, timing.propagation, timing.every, self.report, words[name])
            if name != "health":  # Kong has to find it anew after each change
                self._passed.add(name)
        lasting = [checks[name] for name in phase.checks if name not in ("closed", "idle")]
        if "public" in phase.checks:
            what = f"{path} without a failure for {timing.watch:g} s ({phase.name})"

            def all_well() -> None:
                for check in lasting:
                    check()

            every = max(timing.every, PACE / self.spec.per_minute)
            patience = timing.propagation if phase.leaving else 0.0
            steady(all_well, timing.watch, every, self.report, what, patience)
        if "idle" in phase.checks:
            self._idle(phase.targets)

    def _healthy(self, targets: Sequence[str]) -> None:
        health = self.health()
        for target in targets:
            found = health.get(target, "not there").lower().replace("_", " ")
            if found in ("unhealthy", "dns error"):  # it begins as healthy: that was a probe
                raise Unwell(f"Kong finds {target} {found}: it must reach that address itself.")
            if found != "healthy":
                raise NotReady(f"Kong hasn't begun to look at {target} ({found}).")

    def health(self) -> dict[str, str]:
        """What Kong thinks of each target."""
        path = f"/upstreams/{self.spec.upstream}/health"
        return {
            str(one["target"]): str(one.get("health", "HEALTHCHECKS_OFF"))
            for one in self.gateway.admin.all(path)
        }

    def _closed(self, proxy: Proxy) -> None:
        if not proxy.is_gone(self.spec.path, self.sample):
            raise NotReady(f"{self.spec.path} still answers.")

    def _idle(self, targets: Sequence[str]) -> None:
        """Waits until targets work on nothing, or as long as a request may take."""
        for target in targets:
            with (
                closing(ModelServer(target, self.spec)) as model,
                self.report.waiting(f"requests in flight at {target}") as waiting,
            ):
                end, quiet = time.monotonic() + self.timing.drain, 0
                while time.monotonic() < end and quiet < self.timing.in_a_row:
                    count = model.in_flight()
                    quiet = quiet + 1 if count == 0 else 0
                    waiting.seen("unknown" if count is None else str(count))
                    if quiet < self.timing.in_a_row:
                        time.sleep(self.timing.poll)
            self.report.say(
                f"{target} has no request in flight" if quiet else f"waited for {target}"
            )
