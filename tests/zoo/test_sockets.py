"""The zoo's server over raw sockets: what no client library sends, and what networks do."""

import gzip
import json
import select
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pandas as pd
import pytest

from tests.zoo.helpers import metric
from tests.zoo.hostile import PARQUET, parquet
from tests.zoo.wire import GOOD, Answer, get, post, wire
from zoo.serving import serve

LIMITS = {
    "MLFLOW_MODELS_WORKERS": "2",
    "THERESA_HEADER_SECONDS": "1",
    "THERESA_IDLE_SECONDS": "2",
    "THERESA_BODY_SECONDS": "1",
    "THERESA_MAX_BODY_BYTES": "2000000",
}


@pytest.fixture(scope="module")
def url(echo_model: Path) -> Iterator[str]:
    """A server with short deadlines."""
    with serve(echo_model, LIMITS) as address:
        yield address


def assert_good(answer: Answer) -> None:
    assert answer.status == 200, answer
    assert answer.json() == {"predictions": [{"text": "我爱中国"}]}


def assert_refused(answer: Answer, *statuses: int) -> None:
    """As every other error: JSON, under an id that the header names, too."""
    assert answer.status in statuses, answer
    error = answer.json()
    assert set(error) == {"error_code", "message", "request_id"}
    assert error["request_id"] == answer.headers["x-request-id"]


def test_pipelined_requests_are_answered_in_order(url: str) -> None:
    with wire(url) as one:
        bad = post(b"{", "X-Request-ID: second")
        one.send(post(GOOD, "X-Request-ID: first"), bad, get("/ping"), post())
        answers = [one.read() for _ in range(4)]
    assert [answer.status for answer in answers] == [200, 400, 200, 200]
    assert [answer.headers["x-request-id"] for answer in answers[:2]] == ["first", "second"]
    assert_good(answers[0])
    assert_good(answers[3])


def test_what_isnt_http_after_a_good_request_is_answered_after_it(url: str) -> None:
    with wire(url) as one:
        one.send(post(), b"\0garbage\r\n\r\n")
        assert_good(one.read())
        assert_refused(one.read(), 400)
        assert one.is_closed()


POST = b"POST /invocations HTTP/1.1\r\nContent-Type: application/json\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
BAD_HEADS = {
    "a proxy's method": (b"CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "a target without a path": (b"GET http://a HTTP/1.1\r\n\r\n", 400),
    "a trailer without end": (POST + CHUNKED + b"0\r\nA: " + b"a" * 2_000_000, 431),
    "garbage": (b"garbage\r\n\r\n", 400),
    "no such version": (b"GET / HTTP/9.9\r\n\r\n", 400),
    "null bytes": (b"\0\0\0\r\n\r\n", 400),
    "a header without a colon": (b"GET /ping HTTP/1.1\r\nbad header\r\n\r\n", 400),
    "two lengths": (POST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
    "a length and chunks": (POST + b"Content-Length: 1\r\n" + CHUNKED + b"0\r\n\r\n", 400),
    "a negative length": (POST + b"Content-Length: -1\r\n\r\n", 400),
    "bad chunks": (POST + CHUNKED + b"xyz\r\n", 400),
    "TLS": (bytes.fromhex("1603010200010001fc0303") + bytes(100), 400),
    "a target that is too long": (b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n", 414),
    "a target without end": (b"GET /" + b"a" * 2_000_000, 414),
    "a header that is too large": (b"GET /ping HTTP/1.1\r\nA: " + b"a" * 70_000 + b"\r\n\r\n", 431),
    "a header without end": (b"GET /ping HTTP/1.1\r\nA: " + b"a" * 2_000_000, 431),
    "too many headers": (b"GET /ping HTTP/1.1\r\n" + b"A: a\r\n" * 5_000 + b"\r\n", 431),
}


@pytest.mark.parametrize("case", BAD_HEADS)
def test_what_isnt_http_is_refused_like_every_other_error(url: str, case: str) -> None:
    head, status = BAD_HEADS[case]
    before = metric(url, "theresa_requests_total")
    with wire(url) as one:
        one.send(head)
        assert_refused(one.read(), status)
        assert one.is_closed()
    assert metric(url, "theresa_requests_total") > before
    with wire(url) as one:
        one.send(post())
        assert_good(one.read())


SLOW = post(json.dumps({"instances": ["我爱中国"], "params": {"seconds": 0.3}}).encode())
BAD_ENDS = {
    "a target": (b"GET http://a HTTP/1.1\r\n\r\n", 400),
    "a body": (POST + CHUNKED + b"xyz\r\n", 400),
    "a body that doesn't come": (post(GOOD)[:-3], 408),
}


@pytest.mark.parametrize("case", BAD_ENDS)
def test_what_is_wrong_with_the_last_request_takes_nothing_from_those_before_it(
    url: str, case: str
) -> None:
    last, status = BAD_ENDS[case]
    with wire(url) as one:
        one.send(SLOW, post(), last)
        assert_good(one.read())
        assert_good(one.read())
        assert_refused(one.read(), status)
        assert one.is_closed()


def test_a_body_that_comes_after_its_refusal_keeps_no_connection_open(url: str) -> None:
    with wire(url) as one:
        one.send(post(GOOD, target="/ping").removesuffix(GOOD))
        assert_refused(one.read(), 405)
        one.send(GOOD, post())
        assert_good(one.read())
        one.send(post(GOOD, target="/ping").removesuffix(GOOD))
        assert_refused(one.read(), 405)
        one.send(GOOD)
        assert one.is_closed()  # as every idle one, after a while


@pytest.mark.parametrize("header", ["Connection: close", "Expect: 100-continue"])
def test_a_refusal_arrives_though_the_client_still_sends(url: str, header: str) -> None:
    with wire(url) as one:
        one.send(post(b"a" * 9_000_000, header))
        assert_refused(one.read(), 413)
        assert one.is_closed()


def test_a_websocket_is_no_path_around_the_server(url: str) -> None:
    key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13"
    upgrade = f"GET /ws HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n{key}\r\n\r\n"
    with wire(url) as one:
        one.send(SLOW, upgrade.encode())
        assert_good(one.read())
        assert_refused(one.read(), 404)


def test_what_is_packed_small_and_unpacks_large_is_refused(url: str) -> None:
    cells = pd.DataFrame({"text": ["a" * 900_000] * 500})
    for table in (cells, pd.DataFrame({"text": ["a" * 30_000_000]})):
        with wire(url) as one:
            one.send(post(parquet(table), kind=PARQUET))
            assert_refused(one.read(), 413)
    with wire(url) as one:
        one.send(post(gzip.compress(b"") * 90_000, "Content-Encoding: gzip"))
        assert_refused(one.read(), 400)


PARAMETERS = [
    {"\ud800": 1},
    {"words": ["\ud800"]},
    {"on_error": "\ud800"},
    {"numbers": [float("nan")]},
    {"numbers": [1.0, float("inf")]},
    {"seconds": float("nan")},
]


@pytest.mark.parametrize("params", PARAMETERS)
def test_a_parameter_that_is_no_text_or_number_is_refused(
    url: str, params: dict[str, object]
) -> None:
    with wire(url) as one:
        one.send(post(json.dumps({"instances": ["a"], "params": params}).encode()))
        assert_refused(one.read(), 400)


def test_expect_100_continue_is_answered_at_once(url: str) -> None:
    with wire(url) as one:
        head = post(GOOD, "Expect: 100-continue").removesuffix(GOOD)
        one.send(head)
        assert one.read().status == 100
        one.send(GOOD)
        assert_good(one.read())
        one.send(post())
        assert_good(one.read())


@pytest.mark.parametrize(
    ("length", "kind", "status"), [(3_000_000, "application/json", 413), (9, "text/plain", 415)]
)
def test_what_is_refused_isnt_asked_for(url: str, length: int, kind: str, status: int) -> None:
    head = f"POST /invocations HTTP/1.1\r\nHost: a\r\nContent-Type: {kind}\r\nExpect: 100-continue"
    with wire(url) as one:
        one.send(f"{head}\r\nContent-Length: {length}\r\n\r\n".encode())
        if status == 415:  # told by the type, once the body is there
            assert one.read().status == 100
            one.send(b"123456789")
        answer = one.read()
        assert_refused(answer, status)
        if status == 413:
            assert answer.headers["connection"] == "close"
            assert one.is_closed()


@pytest.mark.parametrize("path", ["/ping", "/ready", "/health", "/version", "/metrics"])
def test_head_is_get_without_a_body(url: str, path: str) -> None:
    with wire(url) as one:
        one.send(get(path))
        got = one.read()
        one.send(get(path, "HEAD"))
        head = one.read("HEAD")
        one.send(get("/ping"))
        assert one.read().status == 200
    assert (head.status, head.body) == (200, b"")
    assert head.headers["content-type"] == got.headers["content-type"]
    assert got.body


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [("HEAD", "/invocations", "POST"), ("GET", "/invocations", "POST"), ("PUT", "/ping", "GET")],
)
def test_a_wrong_method_is_told_the_right_one(
    url: str, method: str, path: str, allowed: str
) -> None:
    with wire(url) as one:
        one.send(get(path, method))
        answer = one.read(method)
    assert (answer.status, answer.headers["allow"]) == (405, allowed)


@pytest.mark.parametrize(
    "target", ["http://a/invocations", "/invocations/", "http://evil.example/invocations/?"]
)
def test_other_spellings_of_the_path_are_answered_where_they_are(url: str, target: str) -> None:
    with wire(url) as one:
        one.send(post(target=target))
        assert_good(one.read())


def test_a_fault_of_ours_ends_no_connection(url: str) -> None:
    boom = json.dumps({"instances": ["boom"]}).encode()
    with wire(url) as one:
        for number in range(20):
            one.send(post(boom, f"X-Request-ID: fault-{number}"))
            answer = one.read()
            assert_refused(answer, 500)
            assert answer.headers["x-request-id"] == f"fault-{number}"
            one.send(post())
            assert_good(one.read())


def test_a_query_is_taken_beside_a_body_or_refused_by_name(url: str) -> None:
    rows = json.dumps({"instances": [None, "我爱中国"]}).encode()
    params = json.dumps({"instances": ["a"], "params": {"on_error": "raise"}}).encode()
    queries = {
        ("on_error=report", rows): 200,
        ("on_error=report", params): 400,
        ("on_error=report&on_error=raise", rows): 400,
        ("on_eror=report", rows): 400,
        ("seconds=much", rows): 400,
        ("words=a,b&words=c&numbers=1&numbers=[2,3]&on_error=report", GOOD): 200,
    }
    with wire(url) as one:
        answers = []
        for (query, body), status in queries.items():
            one.send(post(body, target=f"/invocations?{query}"))
            answers.append(one.read())
            assert answers[-1].status == status, (query, answers[-1])
            if status == 400:
                assert f"'{query.partition('=')[0]}'" in answers[-1].json()["message"]
    null, good = answers[0].json()["predictions"]
    assert (null["text"], good["text"], good["error"]) == (None, "我爱中国", None)
    assert "Row 0" in null["error"]
    (lists,) = answers[-1].json()["predictions"]
    assert (lists["words"], lists["numbers"]) == (["a", "b", "c"], [1, 2, 3])


def test_an_upgrade_that_isnt_known_is_a_plain_request(url: str) -> None:
    """What Java's client asks for with its first request."""
    upgrade = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAEAAEAA")
    with wire(url) as one:
        one.send(post(GOOD, *upgrade))
        assert_good(one.read())
        one.send(post())
        assert_good(one.read())


def test_connections_that_say_nothing_are_closed(url: str) -> None:
    with ExitStack() as stack:
        silent = [stack.enter_context(wire(url)) for _ in range(20)]
        half = [stack.enter_context(wire(url)) for _ in range(20)]
        idle = [stack.enter_context(wire(url)) for _ in range(20)]
        blank = stack.enter_context(wire(url))
        early = stack.enter_context(wire(url))
        for one in half:
            one.send(b"POST /invocations HTTP/1.1\r\nHost: a\r\nX-")
        for one in idle:
            one.send(post())
            assert_good(one.read())
        blank.send(b"\r\n\r\n")
        early.send(post(), b"GET /ping HT")
        assert_good(early.read())
        assert all(one.is_closed() for one in [*silent, *idle])
        for one in [*half, blank, early]:
            assert_refused(one.read(), 408)
            assert one.is_closed()


def test_a_body_that_doesnt_come_is_refused_and_one_that_doesnt_end_is_cut(url: str) -> None:
    with wire(url) as late, wire(url) as endless:
        late.send(post(GOOD)[:-3])
        endless.send(b"POST /invocations HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n")
        endless.send(b"Content-Length: 9000000\r\n\r\n")
        assert_refused(endless.read(), 413)
        assert_refused(late.read(), 408)
        assert endless.is_closed()
        assert late.is_closed()


def test_a_client_that_doesnt_read_is_given_up(url: str) -> None:
    with wire(url) as one:
        one.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        # More answers than buffers hold: the server stops reading when it can't write.
        one.send(get("/openapi.json") * 4000)
        end = select.poll()
        end.register(one.socket, 0)  # only the connection's end, not what there is to read
        assert end.poll(30_000)


def test_gzip_goes_both_ways(url: str) -> None:
    body = gzip.compress(json.dumps({"instances": ["我爱中国"] * 100}).encode())
    zipped = "Content-Encoding: gzip"
    with wire(url) as one:
        one.send(post(body, zipped), post(body, zipped, "Accept-Encoding: br, gzip"))
        plain, packed = one.read(), one.read()
        assert plain.json() == {"predictions": [{"text": "我爱中国"}] * 100}
        assert "我爱中国" in plain.body.decode()
        assert packed.headers["content-encoding"] == "gzip"
        assert gzip.decompress(packed.body) == plain.body
        one.send(post(body, zipped, "Accept-Encoding: gzip;q=0"))
        assert one.read().body == plain.body
        one.send(post(body[:-9], zipped), post(GOOD, zipped), post(body * 2, zipped))
        assert [one.read().status for _ in range(3)] == [400, 400, 400]
        one.send(post(gzip.compress(b" " * 50_000_000), zipped))
        assert_refused(one.read(), 413)
        one.send(post(body, "Content-Encoding: br"))
        assert one.read().headers["accept-encoding"] == "gzip"
