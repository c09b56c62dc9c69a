"""Logs, registers and saves a model: the steps that every `build.py` shares."""

import argparse
import contextlib
import json
import logging
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from zoo.building import checkpoints, hardware
from zoo.building.saved import MODELS
from zoo.building.staging import stage_code
from zoo.building.tracking import ROOT, TRACKING_URI, reach, set_experiment
from zoo.data.outputs import check_output
from zoo.errors import ZooError
from zoo.serving.declaration import Declaration
from zoo.serving.model import ARTIFACT, EngineClass

TRACE = "proof.txt"  # the output of a model that couldn't answer its sample

# Loads the saved copy as a server does: with its own code, not with this repository's.
RUN_SAMPLE = """
import json, sys, warnings
warnings.filterwarnings("ignore")
root, model, sample = sys.argv[1:]
sys.path[:] = [path for path in sys.path if not path.startswith(root + "/mlflow_models")]
from mlflow.pyfunc import load_model
from mlflow.pyfunc.scoring_server import infer_and_parse_data
request = json.load(open(sample, encoding="utf-8"))
params = request.pop("params", None)
loaded = load_model(model)
table = infer_and_parse_data(request, schema=loaded.metadata.get_input_schema())
answer = loaded.predict(table, params=params)
print(json.dumps(answer, ensure_ascii=False))
"""


def parser(description: str | None, name: str) -> argparse.ArgumentParser:
    """Make a parser with the options that every builder has."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--checkpoint",
        default="demo",
        help="demo (default), a published identifier (see the README), or a local directory",
    )
    parser.add_argument(
        "--tracking-uri",
        default=TRACKING_URI,
        help="MLflow's tracking server and registry (default: $MLFLOW_TRACKING_URI, "
        "or a database in this repository); the command waits up to $THERESA_TRACKING_SECONDS (60) "
        "until a server answers",
    )
    parser.add_argument(
        "--alias",
        default="candidate",
        help="the registry's alias for this version (%(default)s); "
        "`python -m zoo.promote` makes a candidate the champion",
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=MODELS / name,
        help=f"where to save a copy (default: mlflow_models/models/{name})",
    )
    hardware.add_gpu(parser)
    return parser


def check(args: argparse.Namespace) -> None:
    """Check, before the long conversion begins, what would stop the build at its end.

    Args:
        args: The parsed options of `parser`.

    Raises:
        ZooError: `--output` exists and isn't a saved model, the options don't go together, or the
            tracking server doesn't answer.
    """
    hardware.choose_precision(args)
    check_output(args.output, "MLmodel", "a saved model")
    reach(args.tracking_uri)


@contextlib.contextmanager
def workspace(args: argparse.Namespace) -> Iterator[Path]:
    """Give an empty directory for the files that the engine will load."""
    with tempfile.TemporaryDirectory() as work:
        directory = Path(work) / ARTIFACT
        directory.mkdir()
        print(f"Converting {args.checkpoint} ...", flush=True)
        yield directory


def run(main: Any) -> None:
    """Run a command's main function; print an error that a person can mend as one line."""
    try:
        main()
    except ZooError as error:
        sys.exit(f"error: {error}")
    except OSError as error:  # a full disk, a file that nobody may read
        if error.filename is None:
            raise
        sys.exit(f"error: '{error.filename}': {error.strerror}.")


def publish(
    folder: Path,
    declaration: Declaration,
    engine_class: EngineClass,
    directory: Path,
    checkpoint: Path,
    args: argparse.Namespace,
    described: Sequence[str],
    requirements: Path | None = None,
) -> None:
    """Log a model with its weights inside, try a copy, register the model and keep the copy.

    A model whose copy can't answer the sample isn't registered; its run has failed, and the copy
    of an earlier build stays.

    Args:
        folder: The capability's folder.
        declaration: What the capability says of itself.
        engine_class: The engine; it is opened once, to ask for this checkpoint's options.
        directory: The files that the engine loads; they are packed.
        checkpoint: The checkpoint that they were converted from.
        args: The parsed options of `parser`.
        described: The names of the options that are logged with the model.
        requirements: The pinned packages for serving. None: the folder's, for a CPU or a GPU.
    """
    import mlflow
    from mlflow.pyfunc.scoring_server import infer_and_parse_data

    if args.gpu:  # MLflow warns at each load that this environment lacks them
        logging.getLogger("mlflow.utils.requirements_utils").setLevel(logging.ERROR)
    if not sys.stderr.isatty():
        os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    name, args.output = declaration.name, args.output.resolve()
    requirements = requirements or hardware.requirements(folder, args)
    engine = engine_class(directory)
    signature = declaration.signature(engine.options)
    about = {key: str(getattr(args, key)) for key in described}
    about |= checkpoints.about(checkpoint)
    sample = checkpoints.sample(folder, checkpoint)
    request = json.loads(sample.read_text(encoding="utf-8"))
    params = request.pop("params", None)
    example = infer_and_parse_data(request, schema=signature.inputs)
    set_experiment(name, args.tracking_uri)
    args.output.parent.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as work,
        tempfile.TemporaryDirectory(dir=args.output.parent, prefix=".saving-") as saving,
    ):
        with mlflow.start_run(run_name=f"build {name}") as run:
            mlflow.log_params({key: value[:500] for key, value in about.items()})
            mlflow.log_dict(checkpoints.fingerprint(checkpoint), "checkpoint_sha256.json")
            print(f"Logging {name} to {args.tracking_uri} ...", flush=True)
            info = mlflow.pyfunc.log_model(
                name=name,
                python_model=str(folder / "model.py"),
                code_paths=stage_code(folder, Path(work)),
                artifacts={ARTIFACT: str(directory)},
                signature=signature,
                input_example=(example, params) if params else example,
                pip_requirements=str(requirements),
                metadata={
                    "name": name,
                    "fork_safe": declaration.fork_safe,
                    "cuda": hardware.cuda_line(requirements),
                    **about,
                    "declaration": declaration.describe(engine.options, engine.languages),
                },
            )
            copy = mlflow.artifacts.download_artifacts(info.model_uri, dst_path=f"{saving}/new")
            _forget_this_machine(Path(copy) / "MLmodel", name)
            mlflow.MlflowClient().log_model_artifact(info.model_id, f"{copy}/MLmodel")
            answer = _run_sample(Path(copy), sample, run.info.run_id)
            version = mlflow.register_model(info.model_uri, name).version
            mlflow.MlflowClient().set_registered_model_alias(name, args.alias, version)
        _replace(args.output, Path(copy), Path(saving) / "old")
    print(f"\nThe saved copy answers its sample:\n{answer}\n")
    print(_next_steps(name, version, args, run.info.run_id, sample))


def _forget_this_machine(file: Path, name: str) -> None:
    """Remove the paths of this machine from an `MLmodel`; nothing needs them."""
    from mlflow.models import Model

    model = Model.load(str(file))
    model.artifact_path = name
    flavor = model.flavors["python_function"]
    flavor["model_code_path"] = Path(flavor["model_code_path"]).name
    for artifact in flavor["artifacts"].values():
        artifact["uri"] = artifact["path"]
    model.save(str(file))


def _replace(output: Path, new: Path, old: Path) -> None:
    """Replace a directory by another; if that fails, put the old one back."""
    if output.exists():
        output.rename(old)
    try:
        new.rename(output)
    except OSError:
        if old.exists():
            old.rename(output)
        raise


def _run_sample(model: Path, sample: Path, run_id: str) -> str:
    """Ask a copy for its answer to the sample request, as JSON.

    Raises:
        ZooError: The copy fails. The message has the last line of its output; the run has it all.
    """
    import mlflow

    done = subprocess.run(
        [sys.executable, "-c", RUN_SAMPLE, str(ROOT), str(model), str(sample)],
        capture_output=True,
        text=True,
        cwd=model,
        env={**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONDONTWRITEBYTECODE": "1"},
    )
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"it ended with status {done.returncode}"]
        mlflow.log_text(done.stderr, TRACE, run_id=run_id)
        raise ZooError(
            f"the model can't answer its sample, so it isn't registered: {said[-1].strip()} "
            f"(for its whole output see {TRACE} of run {run_id})"
        )
    return done.stdout.strip()


def _next_steps(
    name: str, version: Any, args: argparse.Namespace, run_id: str, sample: Path
) -> str:
    home, sample = (
        path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
        for path in (args.output, sample)
    )
    needs = hardware.needs(args.output / "requirements.txt")
    return f"""Registered {name} version {version} as '{args.alias}' (run {run_id}).
{needs}Saved to {home}. Next:
  serve it     make serve MODEL={name}
               mlflow models serve -m {home} -p 8080 --env-manager local   (MLflow's own server)
  promote it   make promote MODEL={name} DATA=TEST_SET    (FIRST=1 if there is no champion yet)
  its image    mlflow models build-docker -m {home} -n theresa/{name}:{version} --env-manager local
  query it     curl -s localhost:8080/invocations -H 'Content-Type: application/json' \\
                 -d @{sample}"""
