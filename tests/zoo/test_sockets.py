"""The zoo's server over raw sockets: what no client library sends, and what networks do."""

import json
import select
import socket
from contextlib import ExitStack

import pytest

from tests.zoo.helpers import metric
from tests.zoo.wire import GOOD, Wire, assert_good, assert_refused, get, post, wire


def test_pipelined_requests_are_answered_in_order(echo_url: str) -> None:
    with wire(echo_url) as one:
        bad = post(b"{", "X-Request-ID: second")
        one.send(post(GOOD, "X-Request-ID: first"), bad, get("/ping"), post())
        answers = [one.read() for _ in range(4)]
    assert [answer.status for answer in answers] == [200, 400, 200, 200]
    assert [answer.headers["x-request-id"] for answer in answers[:2]] == ["first", "second"]
    assert_good(answers[0])
    assert_good(answers[3])


def test_what_isnt_http_after_a_good_request_is_answered_after_it(echo_url: str) -> None:
    with wire(echo_url) as one:
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
def test_what_isnt_http_is_refused_like_every_other_error(echo_url: str, case: str) -> None:
    head, status = BAD_HEADS[case]
    before = metric(echo_url, "theresa_requests_total")
    with wire(echo_url) as one:
        one.send(head)
        assert_refused(one.read(), status)
        assert one.is_closed()
    assert metric(echo_url, "theresa_requests_total") > before
    with wire(echo_url) as one:
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
    echo_url: str, case: str
) -> None:
    last, status = BAD_ENDS[case]
    with wire(echo_url) as one:
        one.send(SLOW, post(), last)
        assert_good(one.read())
        assert_good(one.read())
        assert_refused(one.read(), status)
        assert one.is_closed()


def test_a_body_that_comes_after_its_refusal_keeps_no_connection_open(echo_url: str) -> None:
    with wire(echo_url) as one:
        one.send(post(GOOD, target="/ping").removesuffix(GOOD))
        assert_refused(one.read(), 405)
        one.send(GOOD, post())
        assert_good(one.read())
        one.send(post(GOOD, target="/ping").removesuffix(GOOD))
        assert_refused(one.read(), 405)
        one.send(GOOD)
        assert one.is_closed()  # as every idle one, after a while


@pytest.mark.parametrize("header", ["Connection: close", "Expect: 100-continue"])
def test_a_refusal_arrives_though_the_client_still_sends(echo_url: str, header: str) -> None:
    with wire(echo_url) as one:
        one.send(post(b"a" * 9_000_000, header))
        assert_refused(one.read(), 413)
        assert one.is_closed()


def test_a_websocket_is_no_path_around_the_server(echo_url: str) -> None:
    key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13"
    upgrade = f"GET /ws HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n{key}\r\n\r\n"
    with wire(echo_url) as one:
        one.send(SLOW, upgrade.encode())
        assert_good(one.read())
        assert_refused(one.read(), 404)


def test_expect_100_continue_is_answered_at_once(echo_url: str) -> None:
    with wire(echo_url) as one:
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
def test_what_is_refused_isnt_asked_for(echo_url: str, length: int, kind: str, status: int) -> None:
    head = f"POST /invocations HTTP/1.1\r\nHost: a\r\nContent-Type: {kind}\r\nExpect: 100-continue"
    with wire(echo_url) as one:
        one.send(f"{head}\r\nContent-Length: {length}\r\n\r\n".encode())
        answer = one.read()
        assert_refused(answer, status)
        assert answer.headers["connection"] == "close"
        assert one.is_closed()


@pytest.mark.parametrize("path", ["/ping", "/ready", "/health", "/version", "/metrics"])
def test_head_is_get_without_a_body(echo_url: str, path: str) -> None:
    with wire(echo_url) as one:
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
    echo_url: str, method: str, path: str, allowed: str
) -> None:
    with wire(echo_url) as one:
        one.send(get(path, method))
        answer = one.read(method)
    assert (answer.status, answer.headers["allow"]) == (405, allowed)


@pytest.mark.parametrize(
    "target", ["http://a/invocations", "/invocations/", "http://evil.example/invocations/?"]
)
def test_other_spellings_of_the_path_are_answered_where_they_are(
    echo_url: str, target: str
) -> None:
    with wire(echo_url) as one:
        one.send(post(target=target))
        assert_good(one.read())


def test_a_fault_of_ours_ends_no_connection(echo_url: str) -> None:
    boom = json.dumps({"instances": ["boom"]}).encode()
    with wire(echo_url) as one:
        for number in range(20):
            one.send(post(boom, f"X-Request-ID: fault-{number}"))
            answer = one.read()
            assert_refused(answer, 500)
            assert answer.headers["x-request-id"] == f"fault-{number}"
            one.send(post())
            assert_good(one.read())


def test_an_upgrade_that_isnt_known_is_a_plain_request(echo_url: str) -> None:
    """What Java's client asks for with its first request."""
    upgrade = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAEAAEAA")
    with wire(echo_url) as one:
        one.send(post(GOOD, *upgrade))
        assert_good(one.read())
        one.send(post())
        assert_good(one.read())


def test_connections_that_say_nothing_are_closed(echo_url: str) -> None:
    with ExitStack() as stack:

        def opened(*sent: bytes) -> Wire:
            one = stack.enter_context(wire(echo_url))
            one.send(*sent)
            return one

        silent = [stack.enter_context(wire(echo_url)) for _ in range(20)]
        half = [opened(b"POST /invocations HTTP/1.1\r\nHost: a\r\nX-") for _ in range(20)]
        blank, early = opened(b"\r\n\r\n"), opened(post(), b"GET /ping HT")
        idle = [opened(post()) for _ in range(20)]
        for one in (*idle, early):
            assert_good(one.read())
        assert all(one.is_closed() for one in [*silent, *idle])
        for one in [*half, blank, early]:
            assert_refused(one.read(), 408)
            assert one.is_closed()


def test_a_body_that_doesnt_come_is_refused_and_one_that_doesnt_end_is_cut(echo_url: str) -> None:
    with wire(echo_url) as late, wire(echo_url) as endless:
        late.send(post(GOOD)[:-3])
        endless.send(b"POST /invocations HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n")
        endless.send(b"Content-Length: 9000000\r\n\r\n")
        assert_refused(endless.read(), 413)
        assert_refused(late.read(), 408)
        assert endless.is_closed()
        assert late.is_closed()


def test_a_client_that_doesnt_read_is_given_up(echo_url: str) -> None:
    with wire(echo_url) as one:
        one.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        # More answers than buffers hold: the server stops reading when it can't write.
        one.send(get("/openapi.json") * 4000)
        end = select.poll()
        end.register(one.socket, 0)  # only the connection's end, not what there is to read
        assert end.poll(30_000)
