"""Requests that mean harm, made by a seed: thousands of them, each different.

A generator makes what clients, fuzzers and broken proxies send: every form of a table with every
type of value in it, JSON that was cut or changed, parameters, types and encodings that don't fit,
and bytes that are hardly HTTP. Each may be answered or refused; `try_all` holds a server to four
promises about it (`tests.zoo.promises`).
"""

import base64
import gzip
import json
import random
from collections.abc import Callable
from typing import Any

from tests.zoo.wire import get, post

MARK = "SECRETc2VjcmV0"  # in everything that is sent; no refusal may repeat it
FORMS = ("dataframe_split", "dataframe_records", "instances", "inputs", "by column")
TYPES = (
    "application/json",
    "application/json; charset=utf-8",
    "application/json; charset=gbk",
    "text/csv",
    "application/vnd.apache.parquet",
    "text/plain",
    "audio/wav",
    "image/jpeg",
    "video/webm",
    "application/octet-stream",
    "multipart/form-data; boundary=x",
    ";",
    MARK,
)
TARGETS = (
    "/invocations",
    "/invocations/",
    "http://a/invocations",
    "/invocations?colour",
    "/" + MARK,
)


class Mutations:
    """Makes hostile requests.

    Args:
        seed: Of the random choices.
        column: The model's column.
        good: A value that it answers.
        params: Its parameters, to be sent with wrong values.
    """

    def __init__(self, seed: int, column: str, good: str, params: list[str]) -> None:
        self._random = random.Random(seed)
        self._column, self._good, self._params = column, good, params
        self.kinds: dict[str, Callable[[], bytes]] = {
            "values": lambda: post(self._table()),
            "parameters": lambda: post(self._table(self._parameters())),
            "query": lambda: post(self._table(), target=f"/invocations?{self._query()}"),
            "bytes": lambda: post(self._changed(self._table())),
            "nested": lambda: post(self._nested()),
            "types": lambda: post(self._changed(self._table()), kind=self._random.choice(TYPES)),
            "csv": lambda: post(self._csv(), kind="text/csv"),
            "gzip": self._gzip,
            "http": self._http,
            "heads": self._head,
        }

    def __call__(self) -> tuple[str, bytes]:
        """The next request's kind, and its bytes."""
        kind = self._random.choice([*self.kinds])
        return kind, self.kinds[kind]()

    def _scalar(self) -> Any:
        choose = self._random
        return choose.choice(
            [
                None,
                True,
                choose.randint(-(10**20), 10**20),
                choose.random() * 10 ** choose.randint(-300, 300),
                float("nan"),
                "",
                MARK,
                MARK + "\ud800",
                "\0" + MARK,
                base64.b64encode(MARK.encode() * choose.randint(1, 50)).decode(),
                self._good,
            ]
        )

    def _value(self, depth: int = 3) -> Any:
        choose = self._random
        if depth == 0 or choose.random() < 0.6:
            return self._scalar()
        if choose.random() < 0.5:
            return [self._value(depth - 1) for _ in range(choose.randint(0, 3))]
        names = (self._column, MARK, "columns", "data", "")
        return {choose.choice(names): self._value(depth - 1) for _ in range(choose.randint(0, 3))}

    def _table(self, params: Any = None) -> bytes:
        choose, form = self._random, self._random.choice(FORMS)
        values = [self._value() for _ in range(choose.randint(0, 3))]
        name = choose.choice([self._column] * 5 + [MARK, "", "Text"])
        made: dict[str, Any] = {
            "dataframe_split": {"columns": [name], "data": [[one] for one in values]},
            "dataframe_records": [{name: one} for one in values],
            "instances": values,
            "inputs": {name: values},
            "by column": {name: values, "id": [0] * choose.randint(0, 3)},
        }
        table = made[form]
        chance = choose.random()
        if chance < 0.1:
            table = self._value()
        elif chance < 0.2 and isinstance(table, dict):
            table[choose.choice(["index", "columns", "data", MARK])] = self._value()
        body = {form if form in FORMS[:4] else "inputs": table}
        if chance > 0.95:
            body[choose.choice(FORMS)] = self._value()
        if params is not None:
            body["params"] = params
        return json.dumps(body).encode()

    def _parameters(self) -> Any:
        choose = self._random
        if choose.random() < 0.1:
            return choose.choice([self._scalar(), [self._scalar()]])
        names = [*self._params, "on_error", "colour"]
        return {choose.choice(names): self._value() for _ in range(choose.randint(1, 3))}

    def _query(self) -> str:
        choose = self._random
        names = [*self._params, "on_error", "colour", "", "%ff", "a=b"]
        values = ["report", "raise", MARK, "", "1e400", "[[[", "%00", "null", "-1", "a,b"]
        pairs = [f"{choose.choice(names)}={choose.choice(values)}" for _ in range(3)]
        return "&".join(pairs[: choose.randint(1, 3)])

    def _changed(self, body: bytes) -> bytes:
        """A body with a few bytes changed, or cut."""
        choose, changed = self._random, bytearray(body)
        for _ in range(choose.randint(1, 4)):
            place = choose.randrange(len(changed) + 1)
            action = choose.randrange(3)
            if action == 0:
                del changed[place : place + choose.randint(1, 20)]
            elif action == 1:
                changed[place:place] = choose.randbytes(choose.randint(1, 5))
            else:
                changed[place:place] = choose.choice([b'"', b"{", b"]", b",", b"\\u", b"\xff"])
        return bytes(
            changed[: choose.randint(0, len(changed))] if choose.random() < 0.3 else changed
        )

    def _nested(self) -> bytes:
        choose = self._random
        depth = choose.choice([10, 900, 1100, 50_000])
        opening, closing = choose.choice([("[", "]"), ('{"a":', "}")])
        inner = opening * depth + json.dumps(MARK) + closing * depth
        return f'{{"{choose.choice(FORMS)}": {inner}}}'.encode()

    def _csv(self) -> bytes:
        choose = self._random
        cells = [MARK, "", '"', '"' + MARK, "\0", "NA", "a,b", self._good[:100], "\r", "北京"]
        lines = [",".join(choose.choices(cells, k=choose.randint(0, 3))) for _ in range(4)]
        header = choose.choice([self._column, f"id,{self._column}", MARK, ""])
        return "\n".join([header, *lines]).encode(choose.choice(["utf-8", "utf-16", "gb18030"]))

    def _gzip(self) -> bytes:
        choose, packed = self._random, gzip.compress(self._table(), 1)
        packed = choose.choice(
            [packed, packed[:-5], packed + b"x", packed * 2, gzip.compress(packed, 1), b"",
             self._table(), gzip.compress(b" " * 20_000_000, 1)]
        )  # fmt: skip
        return post(packed, f"Content-Encoding: {choose.choice(['gzip', 'GZIP', 'br', MARK])}")

    def _http(self) -> bytes:
        """A good request in an odd manner, or one that asks for something else."""
        choose = self._random
        headers = choose.sample(
            ["Accept-Encoding: gzip", "Accept: text/html", f"X-Request-ID: {MARK} {MARK}",
             "Connection: Upgrade\r\nUpgrade: h2c", "Expect: " + MARK, "X: " + "a" * 8000,
             "Accept-Encoding: " + MARK, "Content-Type: text/csv", "Cookie: " + MARK],
            k=choose.randint(0, 3),
        )  # fmt: skip
        method = choose.choice(["POST"] * 5 + ["PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"])
        target = choose.choice(TARGETS)
        return post(self._table(), *headers, target=target, method=method)

    def _head(self) -> bytes:
        """What isn't HTTP, or ends the connection."""
        choose = self._random
        request = post(self._table())
        head, _, body = request.partition(b"\r\n\r\n")
        return choose.choice(
            [
                self._changed(head) + b"\r\n\r\n",
                choose.randbytes(choose.randint(1, 300)) + b"\r\n\r\n",
                head.replace(b"Content-Length", b"Content-Length: 1\r\nContent-Length")
                + b"\r\n\r\n",
                head.replace(b"POST", MARK.encode() * 1000) + b"\r\n\r\n",
                head + b"\r\nTransfer-Encoding: chunked\r\n\r\n" + body,
                get("/" + MARK * 2000),
                b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
                request[: choose.randrange(1, len(request))],  # and then it hangs up
            ]
        )
