"""Paths that somebody else has, or may have, or hasn't."""

import pytest

from tests.kong.conftest import Tool, administer
from tests.kong.gateway import Gateway
from tests.kong.stub import stub

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


def test_a_model_with_a_collection_has_the_paths_to_search_it(fake: Gateway, tool: Tool) -> None:
    with stub() as one:
        one.collection = {"photos": 3}
        assert tool("register", **MODEL, target=one.address)
        routes = {each["name"]: each["paths"] for each in fake.store.config()["routes"].values()}
        assert routes["hanlp_ner.collection"] == ["~/ner/collection$"]
        assert routes["hanlp_ner.photo"] == ["~/ner/collection/photo$"]
        assert not tool("register", **MODEL, target=one.address).result["changed"]
        one.collection = None
        assert tool("register", **MODEL, target=one.address)
        names = {each["name"] for each in fake.store.config()["services"].values()}
        assert names == {"hanlp_ner", "hanlp_ner.ready", "hanlp_ner.about"}
