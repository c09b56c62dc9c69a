"""Clients of hanlp_ner: short good requests, one in twenty of them bad.

`Client` waits for nothing but its answer; `SteadyClient` sends two requests a second. `GivenClient`
sends any server the good requests that a file has (`LOAD_REQUESTS`).

locust -f tests/load/locustfile.py Client --headless --users 32 --run-time 20s \\
    --host http://127.0.0.1:8080
"""

import base64
import itertools
import json
import os
from pathlib import Path

from locust import FastHttpUser, constant_throughput, task

JSON = "application/json"
SENTENCES = ["我爱中国", "他在北京工作。", "米哈游成立于2011年,致力于为用户提供美好的产品。", "无"]


def body(value: object, column: str = "text", **rest: object) -> str:
    """A request of one row."""
    return json.dumps({"dataframe_split": {"columns": [column], "data": [[value]]}, **rest})


GOOD = [(body(sentence), JSON, 200) for sentence in SENTENCES]
BAD = [
    (body(None), JSON, 400),
    (body("我爱中国", "words"), JSON, 400),
    (body("我爱中国", params={"tasks": ["none"]}), JSON, 400),
    (body("我爱中国")[:-9], JSON, 400),
    (body("我爱中国"), "application/x-unknown", 415),
    ("words\n我爱中国", "text/csv", 400),
]


class Client(FastHttpUser):
    """Posts one request after the other: nineteen good ones, then a bad one."""

    def on_start(self) -> None:
        """Every client goes through the requests from their first."""
        good, bad = itertools.cycle(GOOD), itertools.cycle(BAD)
        self.requests = itertools.cycle([good] * 19 + [bad])

    @task
    def ask(self) -> None:
        """A good request, or a bad one that must be refused."""
        content, type_, status = next(next(self.requests))
        name = "answered" if status == 200 else "refused"
        with self.client.post(
            "/invocations",
            data=content,
            headers={"Content-Type": type_},
            name=name,
            catch_response=True,
        ) as answer:
            if answer.status_code == status:
                answer.success()
            else:
                answer.failure(f"status {answer.status_code} instead of {status}")


class SteadyClient(Client):
    """The same at a steady pace, for a long run beside other work."""

    wait_time = constant_throughput(2)


class GivenClient(FastHttpUser):
    """Posts the requests of the file LOAD_REQUESTS, each client from another one on.

    The file is a list of {"path": ..., "type": the body's, "body": in base64}.
    """

    started = itertools.count()

    def on_start(self) -> None:
        """Reads the requests."""
        given = json.loads(Path(os.environ["LOAD_REQUESTS"]).read_text(encoding="utf-8"))
        first = next(self.started) % len(given)
        ready = [(one["path"], base64.b64decode(one["body"]), one["type"]) for one in given]
        self.requests = itertools.cycle(ready[first:] + ready[:first])

    @task
    def ask(self) -> None:
        """A request; what isn't answered with success is a failure."""
        path, body, type_ = next(self.requests)
        headers = {"Content-Type": type_}
        self.client.post(path, data=body, headers=headers, name="answered")  # type: ignore[arg-type]
