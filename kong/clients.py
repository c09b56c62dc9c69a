"""The keys of a gateway's clients: what `register.py client` does."""

import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from kong.admin import Admin
from kong.errors import GatewayError, KongError, NotRestored
from kong.objects import Consumer, credentials
from kong.plan import Phase, as_json, shown
from kong.report import Reporter
from kong.spec import REGISTERED
from kong.state import own
from kong.steps import AdminCall, Step
from kong.transaction import transaction
from kong.trial import PROBE


@dataclass(frozen=True)
class Clients:
    """Gives keys, and takes them away.

    Attributes:
        admin: the gateway.
        report: says what happens.
        journals: the folder of the journal.
        dry: whether to show the plan only.
    """

    admin: Admin
    report: Reporter
    journals: Path
    dry: bool = False

    def give(self, consumer: Consumer, key: str | None) -> dict[str, Any]:
        """Gives a client its key, in place of any other; None takes them all away.

        Raises:
            KongError: the name is one of this tool's own.
            NotRestored: the new key is there, but an old one may be, too.
        """
        admin, name = self.admin, consumer.username
        if name.endswith(PROBE):
            raise KongError(f"'{name}': names that end in {PROBE} are this tool's own.")
        admin.check()
        path = f"/consumers/{quote(name, safe='@')}"
        there = admin.get(path)
        if there:
            own(there, f"the consumer {name}")
        old = list(admin.all(f"{path}/key-auth")) if there else []
        admin.hide(*(str(one["key"]) for one in old))
        given: list[Step] = []
        taken: list[Step] = []  # not to be undone: a key that was deleted is in no journal
        if key is None:
            if there:
                says = f"remove consumer {name} and its key"
                taken.append(Step(says, AdminCall("DELETE", path), None))
        else:
            if not there:
                new, gone = AdminCall("PUT", path, consumer.body()), AdminCall("DELETE", path)
                given.append(Step(f"new consumer {name}", new, gone))
            forms, has = credentials(key), {one["key"] for one in old}
            admin.hide(*forms)
            given += [_key(name, path, form) for form in forms if form not in has]
            for one in old:
                if one["key"] not in forms:
                    gone = AdminCall("DELETE", f"{path}/key-auth/{one['id']}")
                    taken.append(Step(f"remove an old key of {name}", gone, None))
        phases = [Phase("client", (*given, *taken))]
        for line in shown(phases):
            self.report.show(line)
        changes = bool(given or taken) and not self.dry
        if changes:
            journal = self.journals / f"client-{name}.json"
            with transaction(admin, journal, self.report) as work:
                for step in given:
                    work.do(step)
            self._take(taken)
        return {"changed": changes, "plan": as_json(phases)}

    def _take(self, steps: list[Step]) -> None:
        try:
            for step in steps:
                self.admin.call(step.do.method, step.do.path, missing_is_fine=True)
                self.report.say(step.says)
        except GatewayError as error:
            raise NotRestored(f"{error} An old key may still work: run this again.") from error


def _key(name: str, path: str, key: str) -> Step:
    own_id = str(uuid.uuid4())
    body = {"id": own_id, "key": key, "tags": [REGISTERED]}
    undo = AdminCall("DELETE", f"{path}/key-auth/{own_id}")
    return Step(f"a key of {name}", AdminCall("POST", f"{path}/key-auth", body), undo)
