#!/usr/bin/env python3
"""Checks screwdriver.yaml: by Screwdriver's own parser, then for what that parser lets through.

python deploy/pipeline.py            or `make pipeline-validate`, which installs the parser first
python deploy/pipeline.py --write    adds the jobs, and the folders of deploy/kubernetes/, of models
                                     that have none

The parser accepts a job that requires or is blocked by one that doesn't exist, paths and make
targets that don't exist, and secrets in pull requests.
"""

import argparse
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
PARSER = ROOT / "deploy" / "parser"
EVENTS = ("~pr", "~commit")
TARGET = re.compile(r"^([a-z][a-z-]*):(?!=)", re.MULTILINE)
TIMEOUT = "screwdriver.cd/timeout"
CHAIN = "screwdriver.cd/chainPR"

Job = dict[str, Any]
TEST_JOB = """\
  test_{name}:
    <<: *test
    environment: {{MODEL: {name}}}
    sourcePaths: [mlflow_models/{name}/, mlflow_models/zoo/, tests/{name}/, requirements.txt]

"""
MODEL_JOB = """\
  {name}:
    <<: *model
    environment: {{MODEL: {name}, CHECKPOINT: demo}}
    sourcePaths: [mlflow_models/{name}/, mlflow_models/zoo/, requirements.txt]
    blockedBy: [~{name}]

"""
MEMORY = "4Gi"  # that a pod may use, until somebody measures the model that it serves
OVERLAY = """\
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources:
  - {base}
namePrefix: {label}-
labels:
  - pairs: {{app.kubernetes.io/name: {label}}}
    includeSelectors: true
images:
  - {{name: theresa/model, newName: registry.example.com/theresa/{name}, newTag: "1"}}
patches:
  - target: {{kind: {kind}}}
    patch: |-
      - op: add
        path: {path}/containers/0/resources
        value: {{requests: {{cpu: "1", memory: {memory}}}, limits: {{memory: {memory}}}}}
"""
# The folder in deploy/kubernetes/MODEL, and what it is made of.
OVERLAYS = (
    (".", {"base": "../base", "kind": "Deployment", "path": "/spec/template/spec"}),
    ("kserve", {"base": "../../kserve", "kind": "InferenceService", "path": "/spec/predictor"}),
)
# What follows the jobs of each kind in the file.
PLACES = ((TEST_JOB, "  # CHECKPOINT is what goes into the image"), (MODEL_JOB, "  register:\n"))


class Wrong(ValueError):
    """What is wrong with the file."""


def parsed(text: str) -> dict[str, Any]:
    """What Screwdriver's parser makes of the file.

    Raises:
        Wrong: it refuses it, or has a warning.
    """
    done = subprocess.run(
        ["node", "parse.js"], cwd=PARSER, input=text, capture_output=True, text=True, check=True
    )
    document: dict[str, Any] = json.loads(done.stdout)
    if said := document.get("errors", []) + document.get("warnMessages", []):
        raise Wrong(f"the parser says: {' '.join(said)}")
    return document


def check(document: dict[str, Any], root: Path = ROOT) -> None:
    """Looks for what the parser doesn't.

    Args:
        document: the YAML of the file.
        root: the repository.

    Raises:
        Wrong: what is wrong first.
    """
    jobs: dict[str, Job] = document["jobs"]
    shared: Job = document.get("shared") or {}
    targets = set(TARGET.findall((root / "Makefile").read_text(encoding="utf-8")))
    for name, job in jobs.items():
        _edges(name, job, jobs)
        _paths(name, job, root)
        _steps(name, job, targets, root)
        annotations = {**(shared.get("annotations") or {}), **(job.get("annotations") or {})}
        if TIMEOUT not in annotations:
            raise Wrong(f"{name} has no timeout: it would block a runner for as long as it likes")
        if "~pr" in _list(job, "requires") and (job.get("secrets") or shared.get("secrets")):
            raise Wrong(f"{name} runs in pull requests, whose code nobody has read, with secrets")
    if (document.get("annotations") or {}).get(CHAIN):
        raise Wrong(f"{CHAIN} takes pull requests to jobs that have secrets")
    for build in sorted(root.glob("mlflow_models/*/build.py")):
        folder = f"mlflow_models/{build.parent.name}/"
        for event in EVENTS:
            started = [job for job in jobs.values() if event in _list(job, "requires")]
            if not any(folder in _list(job, "sourcePaths") for job in started):
                raise Wrong(f"no job starts on {event} when {folder} changes")


def _list(job: Job, key: str) -> list[str]:
    """A value that may be one string, or many."""
    value = job.get(key) or []
    return [value] if isinstance(value, str) else list(value)


def _edges(name: str, job: Job, jobs: dict[str, Job]) -> None:
    for key in ("requires", "blockedBy"):
        for other in _list(job, key):
            if other not in EVENTS and other.removeprefix("~") not in jobs:
                raise Wrong(f"{name}: {key} {other}, and there is no such job")


def _paths(name: str, job: Job, root: Path) -> None:
    for path in _list(job, "sourcePaths"):
        if not (root / path).exists():
            raise Wrong(f"{name}: sourcePaths has {path}, which doesn't exist")
        if (root / path).is_dir() != path.endswith("/"):
            raise Wrong(f"{name}: sourcePaths has {path}: folders, and only they, end in a slash")


def _steps(name: str, job: Job, targets: set[str], root: Path) -> None:
    for step in job["steps"]:
        ((_, command),) = step.items()
        program, *words = shlex.split(command)
        if program == "make":
            called = [word for word in words if "=" not in word]
            if missing := [word for word in called if word not in targets]:
                raise Wrong(f"{name}: make has no target {missing[0]}")
        elif not (program == ".venv/bin/python" and (root / words[0]).is_file()):
            raise Wrong(f"{name}: '{command}' is neither a make target nor a script of ours")
        elif words[0].startswith("kong/") and _list(job, "requires"):
            raise Wrong(f"{name} changes the gateway, so it mustn't start by itself")


def with_all_models(text: str, root: Path = ROOT) -> str:
    """The file's text, with two jobs for each model: its tests, and its image."""
    for build in sorted(root.glob("mlflow_models/*/build.py")):
        name = build.parent.name
        for job, place in PLACES:
            if job.format(name=name).partition("\n")[0] not in text.splitlines():
                text = text.replace(place, job.format(name=name) + place, 1)
    return text


def write_overlays(root: Path = ROOT) -> None:
    """Writes the kustomizations of models that have none."""
    for build in sorted(root.glob("mlflow_models/*/build.py")):
        name = build.parent.name
        for folder, values in OVERLAYS:
            path = root / "deploy" / "kubernetes" / name / folder / "kustomization.yaml"
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.exists():
                filled = OVERLAY.format(
                    name=name, label=name.replace("_", "-"), memory=MEMORY, **values
                )
                path.write_text(filled, encoding="utf-8")


def main() -> int:
    """Checks the file; returns the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", action="store_true", help="add the jobs of models without")
    if parser.parse_args().write:
        file = ROOT / "screwdriver.yaml"
        file.write_text(with_all_models(file.read_text(encoding="utf-8")), encoding="utf-8")
        write_overlays()
        print(
            "Every model has its jobs, and its folder in deploy/kubernetes; `make "
            "pipeline-validate` checks the jobs."
        )
        return 0
    text = (ROOT / "screwdriver.yaml").read_text(encoding="utf-8")
    try:
        graph = parsed(text)["workflowGraph"]
        check(yaml.safe_load(text))
    except Wrong as error:
        print(f"screwdriver.yaml: {error}.", file=sys.stderr)
        return 1
    print(f"screwdriver.yaml: fine; {len(graph['nodes']) - len(EVENTS)} jobs.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
