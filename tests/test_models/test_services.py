"""What the pages learn of a model: from its server, from a gateway, or from a person."""

import pytest

from test_models.about import SILENT, sample_answer
from test_models.calls import Refused, ServiceError
from test_models.client import Client
from test_models.services import Service, Services, parse, told
from tests.test_models.servers import Flaky, awaited, nobody, serving

DESCRIPTION = {
    "name": "language_id",
    "parameters": {"declaration": {"task": "audio-classification"}, "license": "apache-2.0"},
}
MODELS = {"/v2/models": {"models": ["language_id"]}, "/v2/models/language_id": DESCRIPTION}


def learned(url: str, task: str | None = None) -> tuple[Service, str]:
    """A service that was asked, and what its state says."""
    service = Service("x", url, task=task)
    return service, awaited(Services([service]).state(service)).reason


@pytest.fixture(autouse=True)
def _direct(monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine itself is asked, whatever proxy the environment names."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def test_a_server_is_asked_what_it_is(zoo_url: str) -> None:
    service, reason = learned(zoo_url)
    assert (service.page, service.described.name, reason) == ("ner", "hanlp_ner", "")
    assert service.described.languages == ("zh",)
    assert service.described.only({"dictionary": "{}", "volume": 11}) == {"dictionary": "{}"}
    assert awaited(sample_of(service))["entities"][0]["text"] == "中国"


async def sample_of(service: Service) -> dict[str, list[dict[str, object]]]:
    """The answer to the service's own sample."""
    async with service.client() as client:
        answer: dict[str, list[dict[str, object]]] = await sample_answer(client)
    return answer


def test_a_gateway_is_asked_at_its_route() -> None:
    flaky = Flaky(lambda _: b"", [], {"/spoken": DESCRIPTION})
    with serving(flaky) as url:
        service, reason = learned(url.replace("/invocations", "/spoken"))
    assert (service.page, service.described.parameters.license, reason) == (
        "other", "apache-2.0", "",
    )  # fmt: skip


def test_a_model_that_says_nothing_is_told_by_its_task(ner_url: str) -> None:
    service, reason = learned(ner_url)  # MLflow's own server
    assert (service.page, service.about, reason) == (None, None, SILENT)
    service, reason = learned(ner_url, "token-classification")
    assert (service.page, service.described.declared.parameters, reason) == ("ner", (), "")


def test_a_model_is_asked_anew_when_it_comes_up() -> None:
    with nobody() as late:
        services = Services([Service("x", late.url)])
        (service,) = services
        assert not awaited(services.state(service)).up
        services._states.clear()
        with serving(Flaky(lambda _: b"", [], MODELS), late.taken()):
            assert awaited(services.learned("other")) == [service]


def test_an_errors_fields_are_kept(zoo_url: str) -> None:
    with Client(zoo_url, http={"trust_env": False}) as model:
        with pytest.raises(Refused) as refused:
            model.records("text", ["a", None], {})
        assert (refused.value.fields["row"], refused.value.fields["column"]) == (1, "text")
        with pytest.raises(Refused) as refused:
            model.records("text", ["a"], {"dictionary": "no JSON"})
        assert refused.value.fields["parameter"] == "dictionary"


def test_names_are_those_that_were_given() -> None:
    given = [parse("a=http://localhost:1"), parse("b=http://localhost:2")]
    a, b = told(given, ["b=image-to-text"])
    assert (a.page, b.page) == (None, "caption")
    with pytest.raises(ServiceError, match="'c=image-to-text' isn't NAME=TASK"):
        list(told(given, ["c=image-to-text"]))
    with pytest.raises(ServiceError, match=r"Model 'c' not found; available: a, b\."):
        Services(given).named("c")
    with pytest.raises(ServiceError, match="'a' is given twice"):
        Services([*given, a])
