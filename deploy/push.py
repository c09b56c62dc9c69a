#!/usr/bin/env python3
"""Pushes a model's image to a registry, under a version that says what is in it.

python deploy/push.py hanlp_ner --image theresa/hanlp_ner:latest --report reports/release.json

REGISTRY is where to, such as registry.example.com/theresa; REGISTRY_USER and REGISTRY_PASSWORD, if
they are set, log in. The version is MODEL_VERSION-COMMIT: the number in MLflow's registry of the
model that was saved last, and the commit that all of it was made from; then -gpu, if CUDA's
libraries are in it.
"""

import argparse
import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from zoo.building.packaging import MODELS, ROOT, run
from zoo.building.tracking import TRACKING_URI, reach
from zoo.errors import ZooError


def output(command: Sequence[str], text: str | None = None) -> str:
    """What a command prints.

    Raises:
        ZooError: it failed; with what it said.
    """
    done = subprocess.run(command, input=text, capture_output=True, text=True)
    if done.returncode:
        raise ZooError(f"`{' '.join(command)}` failed: {done.stderr.strip()}")
    return done.stdout.strip()


def commit(root: Path) -> str:
    """The commit that is checked out, in twelve digits.

    Raises:
        ZooError: what is there isn't what was committed.
    """
    if output(["git", "-C", str(root), "status", "--porcelain", "--untracked-files=no"]):
        raise ZooError(
            "there are changes that aren't committed: commit first, then build and push."
        )
    return output(["git", "-C", str(root), "rev-parse", "--short=12", "HEAD"])


def read_model(model: Path, name: str) -> dict[str, Any]:
    """What a saved model says about itself.

    Raises:
        ZooError: nothing is saved there.
    """
    if not (model / "MLmodel").is_file():
        raise ZooError(f"'{model}' is not a saved model: `make build MODEL={name}` first.")
    about: dict[str, Any] = yaml.safe_load((model / "MLmodel").read_text(encoding="utf-8"))
    return about


def registered_version(run_id: str, name: str, tracking_uri: str) -> str:
    """The number that MLflow's registry gave to the model of a run.

    Raises:
        ZooError: it isn't registered, or the registry doesn't answer.
    """
    import mlflow

    reach(tracking_uri)
    client = mlflow.MlflowClient(tracking_uri=tracking_uri)
    found = client.search_model_versions(f"name='{name}' and run_id='{run_id}'")
    if not found:
        raise ZooError(f"{name} of run {run_id} isn't registered at the tracking server.")
    return str(found[0].version)


def push(image: str, reference: str) -> str:
    """Pushes a local image under a reference; returns the reference with its digest."""
    output(["docker", "tag", image, reference])
    output(["docker", "push", reference])
    digests = json.loads(output(["docker", "inspect", "--format", "{{json .RepoDigests}}", image]))
    repository = reference.rpartition(":")[0]
    return next(str(one) for one in digests if one.startswith(f"{repository}@"))


def main() -> None:
    """Reads the command line and pushes."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", help="the model's name, such as hanlp_ner")
    parser.add_argument("--image", required=True, help="the local image")
    parser.add_argument("--saved", type=Path, help="the saved model (mlflow_models/models/MODEL)")
    parser.add_argument("--report", type=Path, required=True, help="where to say what was pushed")
    args = parser.parse_args()
    registry = os.environ.get("REGISTRY", "").rstrip("/")
    if not registry:
        raise ZooError("where to? Set REGISTRY, such as registry.example.com/theresa.")
    sha = commit(ROOT)
    about = read_model(args.saved or MODELS / args.model, args.model)
    number = registered_version(about["run_id"], args.model, TRACKING_URI)
    if user := os.environ.get("REGISTRY_USER"):
        host, password = registry.split("/")[0], os.environ.get("REGISTRY_PASSWORD", "")
        output(["docker", "login", "--username", user, "--password-stdin", host], password)
    kind = "-gpu" if about.get("metadata", {}).get("cuda") else ""
    reference = f"{registry}/{args.model}:{number}-{sha}{kind}"
    pushed = {
        "image": reference,
        "digest": push(args.image, reference),
        "model": args.model,
        "model_version": number,
        "commit": sha,
    }
    args.report.parent.mkdir(parents=True, exist_ok=True)
    args.report.write_text(json.dumps(pushed, indent=2) + "\n", encoding="utf-8")
    print(f"Pushed {reference}.")


if __name__ == "__main__":
    run(main)
