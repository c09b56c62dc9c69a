"""What a request says besides its rows: compression, parameters, a query, and how large it gets."""

import gzip
import json

import pandas as pd
import pytest

from tests.zoo.hostile import PARQUET, parquet
from tests.zoo.wire import GOOD, assert_refused, post, wire

PARAMETERS = [
    {"\ud800": 1},
    {"words": ["\ud800"]},
    {"on_error": "\ud800"},
    {"numbers": [float("nan")]},
    {"numbers": [1.0, float("inf")]},
    {"numbers": float("nan")},
    {"numbers": True},
    {"words": "a word"},
    {"seconds": float("nan")},
]


def test_gzip_goes_both_ways(echo_url: str) -> None:
    body = gzip.compress(json.dumps({"instances": ["我爱中国"] * 100}).encode())
    zipped = "Content-Encoding: gzip"
    large = post(gzip.compress(b" " * 50_000_000), zipped)
    with wire(echo_url) as one:
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
        one.send(large)
        assert_refused(one.read(), 413)
        one.send(post(body, "Content-Encoding: br"))
        assert one.read().headers["accept-encoding"] == "gzip"


def test_what_is_packed_small_and_unpacks_large_is_refused(echo_url: str) -> None:
    cells = pd.DataFrame({"text": ["a" * 900_000] * 500})
    tables = (cells, pd.DataFrame({"text": ["a" * 30_000_000]}))
    sent = [(post(parquet(table), kind=PARQUET), 413) for table in tables]
    sent.append((post(gzip.compress(b"") * 90_000, "Content-Encoding: gzip"), 400))
    for request, status in sent:
        with wire(echo_url) as one:
            one.send(request)
            assert_refused(one.read(), status)


@pytest.mark.parametrize("params", PARAMETERS)
def test_a_parameter_that_is_no_text_or_number_is_refused(
    echo_url: str, params: dict[str, object]
) -> None:
    with wire(echo_url) as one:
        one.send(post(json.dumps({"instances": ["a"], "params": params}).encode()))
        assert_refused(one.read(), 400)


def test_a_query_is_taken_beside_a_body_or_refused_by_name(echo_url: str) -> None:
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
    with wire(echo_url) as one:
        answers = []
        for (query, body), status in queries.items():
            one.send(post(body, target=f"/invocations?{query}"))
            answers.append(one.read())
            assert answers[-1].status == status, (query, answers[-1])
            if status == 400:
                assert f"'{query.partition('=')[0]}'" in answers[-1].json()["message"]
    null, good = answers[0].json()["predictions"]
    assert (null["text"], good["text"], good["error"]) == (None, "我爱中国", None)
    assert null["error"].startswith("Column 'text': ")
    (lists,) = answers[-1].json()["predictions"]
    assert (lists["words"], lists["numbers"]) == (["a", "b", "c"], [1, 2, 3])


def test_one_number_is_a_list_of_one(echo_url: str) -> None:
    with wire(echo_url) as one:
        one.send(post(json.dumps({"instances": ["a"], "params": {"numbers": 0}}).encode()))
        assert one.read().json() == {"predictions": [{"text": "a", "numbers": [0.0]}]}
