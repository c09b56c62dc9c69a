"""What a builder writes: self-contained, of no machine, and the same each time."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.contract.conftest import Capability
from zoo.building.packaging import ROOT
from zoo.serving.declaration import parameters

# What of a build is its own: when it was, and under which ids.
OWN = re.compile(
    r"^(\s*)(run_id|model_id|model_uuid|utc_time_created): .*$",
    re.MULTILINE,
)
LOAD_TWO = """
import sys
from mlflow.pyfunc import load_model
models = [load_model(path) for path in sys.argv[1:]]
print(len(models))
"""


def about(saved: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((saved / "MLmodel").read_text("utf-8"))
    return found


def written(saved: Path) -> dict[Path, Path]:
    """The files of a model, by their paths in it; not what Python has compiled to load it."""
    files = (path for path in saved.rglob("*") if path.is_file())
    return {path.relative_to(saved): path for path in files if path.suffix != ".pyc"}


@pytest.mark.build
def test_the_signature_is_the_declaration(capability: Capability, saved: Path) -> None:
    from mlflow.models import Model

    model = Model.load(str(saved))
    told = {one["name"]: one for one in model.metadata["declaration"]["parameters"]}
    declared = {one["name"]: one for one in parameters(capability.declaration.options)}
    assert list(told) == list(declared) == [spec.name for spec in model.signature.params]
    for spec in model.signature.params:
        one = told[spec.name]
        assert spec.dtype.name == one["type"] == declared[spec.name]["type"]
        assert bool(spec.shape) == one["list"]
        assert spec.default == one["default"]
    columns = [column.name for column in capability.declaration.columns]
    assert model.signature.inputs.input_names() == columns
    assert model.signature.outputs.input_names() == list(capability.declaration.fields)


@pytest.mark.build
def test_the_model_names_no_place_of_the_machine_that_built_it(saved: Path) -> None:
    places = (str(ROOT), str(Path.home()), str(saved.parent), "/tmp/", sys.prefix)
    for path in written(saved).values():
        if path.stat().st_size < 5_000_000:
            content = path.read_bytes()
            for place in places:
                assert place.encode() not in content, (path.relative_to(saved), place)


# With torch's exporter, and with CTranslate2's converter; the others share the first.
@pytest.mark.build
@pytest.mark.parametrize(
    "capability",
    ["whisper_asr", pytest.param("language_id", marks=pytest.mark.thorough)],
    indirect=True,
)
def test_two_builds_of_one_checkpoint_are_the_same(
    capability: Capability, saved: Path, registry: str, tmp_path: Path
) -> None:
    script = ROOT / "mlflow_models" / capability.name / "build.py"
    command = [sys.executable, str(script), "--tracking-uri", registry, "--alias", "again"]
    subprocess.run([*command, "--output", str(tmp_path / "again")], check=True, capture_output=True)
    files = [written(one) for one in (saved, tmp_path / "again")]
    assert files[0].keys() == files[1].keys()
    for name, path in files[0].items():
        contents = [path.read_bytes(), files[1][name].read_bytes()]
        if name.name == "MLmodel":
            contents = [OWN.sub(r"\1\2", one.decode()).encode() for one in contents]
        if name.suffix != ".npz":  # an archive, which has the time in it
            assert contents[0] == contents[1], name


@pytest.mark.build
@pytest.mark.parametrize("capability", ["hanlp_ner"], indirect=True)
def test_a_second_version_with_other_code_is_refused(
    capability: Capability, saved: Path, tmp_path: Path
) -> None:
    """In one process; the first one's code would answer for it."""
    other = tmp_path / "other"
    subprocess.run(["cp", "--recursive", str(saved), str(other)], check=True)
    with (other / "code" / capability.name / "engine.py").open("a", encoding="utf-8") as file:
        file.write("\n# another version\n")
    command = [sys.executable, "-c", LOAD_TWO, str(saved)]
    twice = subprocess.run([*command, str(saved)], capture_output=True, text=True, cwd=tmp_path)
    assert twice.stdout == "2\n", twice.stderr
    done = subprocess.run([*command, str(other)], capture_output=True, text=True, cwd=tmp_path)
    last = done.stderr.strip().splitlines()[-1]
    assert done.returncode == 1
    assert f"{capability.name}/engine.py" in last


@pytest.mark.build
def test_the_saved_code_is_all_that_serving_needs(capability: Capability, saved: Path) -> None:
    code = saved / "code"
    packages = {path.name for path in code.iterdir()} - {"__pycache__"}
    assert packages == {"transcripts", "zoo", capability.name}
    rooms = {path.name for path in (code / "zoo").iterdir() if path.is_dir()} - {"__pycache__"}
    assert rooms == {"serving", "speech", "data"}
    own = {path.name for path in (code / capability.name).iterdir() if path.is_dir()}
    assert own.isdisjoint(
        {"building", "training", "preparing", "evaluating", "exploring", "exports"}
    )
    assert json.loads((saved / "serving_input_example.json").read_text("utf-8"))
