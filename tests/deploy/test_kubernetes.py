"""The manifests for Kubernetes: rendered by kubectl, valid, hardened; never run on a cluster."""

import json
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.pipeline import write_overlays
from zoo.building import capabilities
from zoo.building.packaging import ROOT
from zoo.serving import metrics
from zoo.settings import Settings

FOLDER = ROOT / "deploy" / "kubernetes"
NAMES = [folder.name for folder in capabilities.folders()]
KUBERNETES = "1.32"  # the version whose schemas the manifests are held to


@cache
def render(folder: str) -> dict[str, Any]:
    """The resources of a kustomization, by their kind."""
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not installed")
    about = subprocess.run(
        ["kubectl", "version", "--client", "--output", "json"], capture_output=True, text=True
    )
    found = re.match(r"v(\d+)", json.loads(about.stdout or "{}").get("kustomizeVersion", "v0"))
    if found is None or int(found[1]) < 5:
        pytest.skip("kubectl's kustomize is older than version 5")
    command = ["kubectl", "kustomize", str(FOLDER / folder)]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return {one["kind"]: one for one in yaml.safe_load_all(text)}


@pytest.mark.parametrize("name", NAMES)
def test_every_model_has_its_manifests(name: str) -> None:
    found, label = render(name), name.replace("_", "-")
    assert set(found) == {
        "Deployment", "Service", "PodDisruptionBudget", "HorizontalPodAutoscaler"}  # fmt: skip
    assert {one["metadata"]["name"] for one in found.values()} == {f"{label}-model"}
    template = found["Deployment"]["spec"]["template"]
    for selector in (
        found["Service"]["spec"]["selector"],
        found["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"],
        found["Deployment"]["spec"]["selector"]["matchLabels"],
    ):
        assert selector.items() <= template["metadata"]["labels"].items()
        assert selector["app.kubernetes.io/name"] == label
    for container in (
        template["spec"]["containers"][0],
        render(f"{name}/kserve")["InferenceService"]["spec"]["predictor"]["containers"][0],
    ):
        assert f"/{name}:" in container["image"]
        assert container["resources"]["limits"]["memory"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }


def test_a_pod_may_have_a_volume_for_large_files(tmp_path: Path) -> None:
    shutil.copytree(FOLDER, tmp_path, dirs_exist_ok=True)
    overlay = tmp_path / NAMES[0] / "kustomization.yaml"
    overlay.write_text(overlay.read_text() + "components: [../spool]\n")
    plain, spec = (
        render(folder)["Deployment"]["spec"]["template"]["spec"]
        for folder in (NAMES[0], str(overlay.parent))
    )
    (container,) = spec["containers"]
    settings = {one["name"]: one["value"] for one in container["env"]}
    places = {one["name"]: one["mountPath"] for one in container["volumeMounts"]}
    assert settings["THERESA_SPOOL"] == places["spool"]
    assert spec["volumes"] == [*plain["volumes"], {**spec["volumes"][-1], "name": "spool"}]
    assert spec["securityContext"]["fsGroup"] == spec["securityContext"]["runAsUser"]


def test_a_new_model_gets_its_manifests(tmp_path: Path) -> None:
    (tmp_path / "mlflow_models" / "new_model").mkdir(parents=True)
    (tmp_path / "mlflow_models" / "new_model" / "build.py").touch()
    write_overlays(tmp_path)
    (first, second) = sorted((tmp_path / "deploy" / "kubernetes").rglob("*.yaml"))
    assert all("new-model-" in path.read_text(encoding="utf-8") for path in (first, second))


def test_a_pod_that_ends_answers_what_it_has() -> None:
    """It leaves its Service first, then finishes what is in flight, before it is killed."""
    spec = render(NAMES[0])["Deployment"]["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    values = {one["name"]: one["value"] for one in container["env"]}
    (_, sleep) = container["lifecycle"]["preStop"]["exec"]["command"]
    probe = container["readinessProbe"]
    assert int(sleep) > probe["periodSeconds"] * probe["failureThreshold"]
    assert float(values["THERESA_DRAIN_SECONDS"]) == 0  # preStop has waited
    grace = int(values["THERESA_GRACE_SECONDS"])
    assert grace == Settings.model_fields["grace_seconds"].default
    assert spec["terminationGracePeriodSeconds"] > int(sleep) + grace
    (scaled,) = render(NAMES[0])["HorizontalPodAutoscaler"]["spec"]["metrics"]
    assert scaled["pods"]["metric"]["name"] in metrics.render().decode()


@pytest.mark.parametrize("name", NAMES)
def test_the_schemas_of_kubernetes_allow_them(name: str) -> None:
    validate = pytest.importorskip("kubernetes_validate", reason="kubernetes-validate is missing")
    for resource in render(name).values():
        validate.validate(resource, KUBERNETES, strict=True)


@pytest.mark.parametrize("name", NAMES)
def test_kserve_knows_every_field(name: str) -> None:
    kserve = pytest.importorskip("kserve", reason="the package kserve is not installed")

    def check(value: Any, kind: str) -> None:
        if match := re.fullmatch(r"list\[(.*)\]", kind):
            for one in value:
                check(one, match[1])
        elif model := getattr(kserve.models, kind, None):
            fields = {field: key for key, field in model.attribute_map.items()}
            for field, inner in value.items():
                assert field in fields, f"{kind}.{field}"
                check(inner, model.openapi_types[fields[field]])

    resource = render(f"{name}/kserve")["InferenceService"]
    check(resource, "V1beta1InferenceService")
