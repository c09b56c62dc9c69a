"""Carries out a plan on a gateway, phase by phase, and looks after each whether it is well."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from pathlib import Path

from kong.admin import Gateway
from kong.errors import GatewayError, KongError, NotReady, Unwell
from kong.patience import steady, until
from kong.plan import Phase
from kong.readiness import ModelServer, Proxy, Timeouts
from kong.report import Reporter
from kong.samples import ANY, Sample
from kong.spec import MARK, Spec
from kong.state import GatewayState, healths, look, refuse_foreign_paths, rivals
from kong.steps import Step
from kong.streams import flows, live
from kong.transaction import transaction
from kong.trial import HEADER, PROBE, ProbeRoute, holder

PACE = 120.0  # seconds by a consumer's requests per minute: we never take more than half of them

MAY_BE_ANOTHER = (
    " If another route, such as `/`, answers there: an older version of this tool has registered "
    "the model, so its answers don't name it. Register it again first."
)


@dataclass
class Rollout:
    """One change of one model at the gateway.

    Attributes:
        gateway: the gateway.
        spec: the model.
        sample: its sample request; None until a server of the model is asked for it.
        timing: how long to wait for what.
        report: says what happens.
        journals: the folder of the journal.
        beside: other services' routes that a person has looked at: they don't take our paths.
        claims: whether new routes are opened, at paths that nobody else may have.
        brings: whether a new version is brought up, which has to answer a sample.
    """

    gateway: Gateway
    spec: Spec
    sample: Sample | None
    timing: Timeouts
    report: Reporter
    journals: Path
    beside: tuple[str, ...] = ()
    claims: bool = False
    brings: bool = False
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

    @property
    def journal(self) -> Path:
        """Where the inverses of a run are."""
        return self.journals / f"{self.spec.name}.json"

    def prove(self, targets: Sequence[str]) -> None:
        """Waits for targets, and has each answer its sample.

        Raises:
            NotReady: one doesn't, or not as it should.
        """
        for target in targets:
            with closing(ModelServer(target, self.spec)) as model:
                model.wait(self.timing, self.report)
                if self.sample is None:
                    self.sample = model.sample()
                if self.sample is None and self.brings:
                    raise NotReady(f"{target} tells no sample of its own: give --sample.")
                model.predict(self.sample or ANY)
                if self.brings and self.spec.speech and not model.speaks():
                    raise NotReady(f"{target} has no OpenAI's API, to which the routes lead.")
            self.report.say(f"{target} answers its sample")

    def learn(self, targets: Sequence[str]) -> None:
        """Asks targets whether they are speech models, or have a collection: these have more paths.

        Raises:
            KongError: only some are, or have.
        """
        speaks, shows = dict[str, bool](), dict[str, bool]()
        for target in targets:
            with closing(ModelServer(target, self.spec)) as model:
                speaks[target], shows[target] = model.speaks(), model.has_collection()
        words = ("is a speech model with OpenAI's API", "has a collection of photos")
        for found, what in zip((speaks, shows), words, strict=True):
            if len(set(found.values())) > 1:
                some = ", ".join(target for target, yes in found.items() if yes)
                raise KongError(f"Of the targets only {some} {what}.")
        has = {"speech": all(speaks.values()), "collection": all(shows.values())}
        self.spec = self.spec.model_copy(update=has)

    def ask_for_sample(self, targets: Sequence[str]) -> None:
        """Takes the sample of the first server that tells one, if there is none yet."""
        for target in targets if self.sample is None else ():
            with closing(ModelServer(target, self.spec)) as model:
                self.sample = model.sample()
            if self.sample:
                return

    def well(self, targets: Sequence[str]) -> list[str]:
        """The targets that are well; waits only if no target is well at once.

        A prediction, too, may take no longer than the deadline.

        Raises:
            NotReady: no target is well.
        """
        ill: dict[str, str] = {}
        spec = self.spec.model_copy(update={"read_seconds": max(1, int(self.timing.deadline))})
        for deadline in (0.0, self.timing.deadline):
            timing = replace(self.timing, deadline=deadline)
            hurried = replace(self, spec=spec, timing=timing)
            for target in targets:
                ill.pop(target, None)
                try:
                    hurried.prove([target])
                    self.sample = hurried.sample
                except (NotReady, GatewayError) as error:
                    ill[target] = str(error)
                if deadline and len(ill) < len(targets):
                    break  # one is enough to go back to
            if len(ill) < len(targets):
                break
        found = [target for target in targets if target not in ill]
        if not found:
            raise NotReady(" ".join(ill.values()))
        for why in ill.values():
            self.report.warn(f"{why} It gets no traffic; `canary` brings it in again.")
        return found

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
        mark = self.spec.name if self.claims or planned.marks(MARK) else ""
        if not admin.about().knows_health:
            self.report.warn(
                "This is a control plane: it doesn't know how healthy targets are, so they are "
                "proved through the proxy alone."
            )
        with ExitStack() as stack:
            work = stack.enter_context(
                transaction(
                    admin,
                    self.journal,
                    self.report,
                    self.timing.patience,
                    lambda: self.state().timeless(),
                )
            )
            proxy = stack.enter_context(closing(self._proxy({"apikey": trial.key}, mark)))
            for phase in phases:
                for step in phase.steps:
                    self._do(step, work.do)
                if phase.name == "lock" and self.state().timeless() != planned.timeless():
                    name = self.spec.name  # only now can nobody else change it
                    raise KongError(f"Another run has just changed {name}: run this again.")
                if phase.name == "lock" and self.claims:
                    refuse_foreign_paths(admin, planned, self.spec.paths, self.beside)
                self._check(phase, proxy, trial)

    def _do(self, step: Step, do: Callable[[Step], None]) -> None:
        try:
            do(step)
        except KongError as error:
            if step.do.path == "/consumers" and getattr(error, "status", 0) == 409:
                name, whose = self.spec.name, holder(self.gateway.admin, self.spec.name)
                raise KongError(
                    f"Another run works on {name}, or was killed: {whose} (the consumer "
                    f"{name}{PROBE}). If that process has ended, run this again with --take-over."
                ) from None
            raise

    def _proxy(self, headers: dict[str, str], mark: str) -> Proxy:
        gateway = self.gateway
        return Proxy(gateway.proxy, gateway.context, headers, self.spec.read_seconds, mark)

    def _check(self, phase: Phase, proxy: Proxy, trial: ProbeRoute) -> None:
        """Makes a phase's checks; each waits as long as Kong may need, then must hold."""
        timing, path, sample = self.timing, self.spec.path, self.sample or ANY
        probe = {HEADER: trial.word}
        secrets = {"apikey": trial.key, **probe}
        checks: dict[str, Callable[[], object]] = {
            "probe": lambda: proxy.predict(path, sample, f"{trial.name}{PROBE}", **probe),
            "flows": lambda: self._flows(secrets),
            "live": lambda: live(self.gateway, self.spec, secrets),
            "health": lambda: self._healthy(phase.targets),
            "alone": self._alone,
            "public": lambda: proxy.predict(path, sample),
            "closed": lambda: self._closed(proxy),
        }
        words = {
            "probe": f"the gateway predicts with {', '.join(self._tried)}",
            "flows": "the gateway lets events pass as they are made",
            "live": "a live stream goes through the gateway",
            "health": f"Kong finds {', '.join(phase.targets)} healthy",
            "alone": f"nobody else takes {path}",
            "public": f"{path} predicts",
            "closed": f"{path} is closed",
        }
        rows = {"probe": timing.in_a_row * len(self._tried), "closed": timing.in_a_row}
        if not self.gateway.admin.about().knows_health:
            checks.pop("health")
        if not self.spec.speech:
            del checks["flows"], checks["live"]
        asked = [name for name in phase.checks if name in checks]  # `idle` comes last
        for name in asked:
            if name in self._passed:
                continue  # it worked in this run: from now on, a failure is a failure
            times = rows.get(name, 1)
            until(checks[name], times, timing.propagation, timing.every, self.report, words[name])
            if name != "health":  # Kong has to find it anew after each change
                self._passed.add(name)
        lasting = [checks[name] for name in asked if name not in ("closed", "alone")]
        if "public" in phase.checks:
            what = f"{path} without a failure for {timing.watch:g} s ({phase.name})"

            def all_well() -> None:
                for check in lasting:
                    check()

            every = max(timing.every, PACE / self.spec.per_minute)
            patience = timing.propagation if phase.leaving else 0.0
            steady(all_well, timing.watch, every, self.report, what, patience)
        if "idle" in phase.checks:
            for target in phase.targets:
                with closing(ModelServer(target, self.spec)) as model:
                    model.idle(timing, self.report)

    def _flows(self, headers: dict[str, str]) -> None:
        sample = self.sample or ANY
        flows(self.gateway, self.spec, self._tried[0], sample, headers, self.report)

    def _healthy(self, targets: Sequence[str]) -> None:
        health = healths(self.gateway.admin, self.spec.upstream)
        for target in targets:
            found = health.get(target, "not there").lower().replace("_", " ")
            if found in ("unhealthy", "dns error"):  # it begins as healthy: that was a probe
                raise Unwell(f"Kong finds {target} {found}: it must reach that address itself.")
            if found != "healthy":
                raise NotReady(f"Kong hasn't begun to look at {target} ({found}).")

    def _alone(self) -> None:
        """Of two runs that open one path at once, each sees the other: one of them goes."""
        state, ours = self.state(), f"{self.spec.name}.predict"
        for name, said in rivals(self.gateway.admin, state, self.spec.paths, self.beside):
            sentence = f"The route {name}, which was made meanwhile, {said}"
            if name < ours:
                raise KongError(sentence)
            raise NotReady(sentence)  # until the other one has gone

    def _closed(self, proxy: Proxy) -> None:
        if not proxy.is_gone(self.spec.path, self.sample or ANY):
            hint = "" if proxy.marked else MAY_BE_ANOTHER
            raise NotReady(f"{self.spec.path} still answers.{hint}")
