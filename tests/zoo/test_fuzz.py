"""Arbitrary requests to every operation of the app's own OpenAPI: no 5xx, no leak, and it lives."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.zoo.helpers import HTTP
from tests.zoo.test_server import assert_answers
from tests.zoo.wire import ERROR_DETAILS

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
KEYS = st.sampled_from(
    ["dataframe_split", "columns", "data", "params", "text", "on_error"]
) | st.text(max_size=5)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)
TABLES = st.fixed_dictionaries(
    {
        "dataframe_split": st.fixed_dictionaries(
            {
                "columns": st.just(["text"]) | st.lists(st.text(max_size=5), max_size=3),
                "data": st.lists(st.lists(SCALARS, max_size=3), max_size=4),
            }
        )
    },
    optional={"params": st.dictionaries(KEYS, SCALARS, max_size=2) | ANYTHING},
)
BODIES = st.binary(max_size=200) | (TABLES | ANYTHING).map(
    # As other clients than Python's would send it: surrogates and NaN included.
    lambda value: json.dumps(value).encode()
)
TYPES = st.sampled_from(
    [
        "application/json",
        "text/csv",
        "application/vnd.apache.parquet",
        "audio/wav",
        "application/xml",
    ]
)
IDS = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=80)


@pytest.fixture(scope="module")
def operations(zoo_url: str) -> list[tuple[str, str]]:
    """The methods and paths that the app says it has."""
    paths: dict[str, Any] = HTTP.get(f"{zoo_url}/openapi.json", timeout=30).json()["paths"]
    found = [(method.upper(), path) for path, methods in paths.items() for method in methods]
    assert ("POST", "/invocations") in found
    return found


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data(), body=BODIES, kind=TYPES, request_id=IDS)
def test_no_request_is_a_fault_of_ours(
    zoo_url: str,
    operations: list[tuple[str, str]],
    data: st.DataObject,
    body: bytes,
    kind: str,
    request_id: str,
) -> None:
    method, path = data.draw(st.sampled_from([*operations, *[("POST", "/invocations")] * 10]))
    headers = {"Content-Type": kind, "X-Request-ID": request_id}
    response = HTTP.request(method, zoo_url + path, content=body, headers=headers, timeout=30)
    assert response.status_code < 500, response.text
    assert "Traceback" not in response.text
    if response.status_code >= 400:
        assert set(response.json()) - ERROR_DETAILS == {"error_code", "message", "request_id"}


def test_it_lives(zoo_url: str) -> None:
    assert_answers(zoo_url)
