"""Paths that somebody else has, or may have, or hasn't."""

import pytest

from tests.kong.conftest import Tool, administer
from tests.kong.gateway import Gateway

MODEL = {"service": "hanlp_ner", "route": "/ner"}


@pytest.mark.parametrize(
    "path",
    ["/ner", "/n", "~/ner$", "~/ner/.*", "~/(?<x>[a-z]+)$", r"~/\p{L}+$", "~/[[:alpha:]]+$"],
)
def test_a_path_that_somebody_else_has_is_not_taken(
    fake: Gateway, tool: Tool, target: str, path: str
) -> None:
    administer(fake, "PUT", "/services/other", {"host": "x"})
    administer(fake, "PUT", "/services/other/routes/theirs", {"paths": [path]})
    before = fake.store.config()
    done = tool("register", **MODEL, target=target)
    assert done.code == 1
    assert "theirs" in done.err
    assert fake.store.config() == before


def test_a_person_can_say_that_a_rule_takes_something_else(
    fake: Gateway, tool: Tool, target: str
) -> None:
    administer(fake, "PUT", "/services/other", {"host": "x"})
    administer(fake, "PUT", "/services/other/routes/theirs", {"paths": ["~/[[:digit:]]+$"]})
    assert "--beside theirs" in tool("register", **MODEL, target=target).err
    assert tool("register", **MODEL, target=target, beside="theirs")


@pytest.mark.parametrize("path", ["/nerd", "/", r"~/other/\p{L}+$", "~/NER$"])
def test_a_path_beside_somebody_elses_is_free(
    fake: Gateway, tool: Tool, target: str, path: str
) -> None:
    administer(fake, "PUT", "/services/other", {"host": "x"})
    administer(fake, "PUT", "/services/other/routes/theirs", {"paths": [path]})
    assert tool("register", **MODEL, target=target)
