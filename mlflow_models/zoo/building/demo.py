"""Builds a model, serves it, sends its sample and shows the answer.

The checkpoint is the published one that the capability prefers, if it can be had here, and else the
capability's own small demo checkpoint.
"""

import argparse
import base64
import importlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from zoo.building import capabilities, checkpoints, speakers
from zoo.building.local_server import direct, serve
from zoo.building.packaging import ROOT, run
from zoo.building.saved import MODELS
from zoo.data.texts import read_object
from zoo.errors import CheckpointError, ZooError


def main() -> None:
    """Read the command line, and run the demo."""
    parser = argparse.ArgumentParser(prog="python -m zoo.building.demo", description=__doc__)
    parser.add_argument("model", help="the model's name, such as hanlp_ner")
    parser.add_argument(
        "--checkpoint", help="any that build.py takes; demo is the small one, without a download"
    )
    parser.add_argument("--json", action="store_true", help="also print the raw answer")
    args = parser.parse_args()
    folder = ROOT / "mlflow_models" / args.model
    if folder not in (folders := capabilities.folders()):
        known = ", ".join(one.name for one in folders)
        raise ZooError(f"Model '{args.model}' not found; available: {known}.")
    console = Console()
    checkpoint = args.checkpoint or choose(folder, console)
    console.print(f"[bold]1. Building {args.model} from the checkpoint '{checkpoint}'[/bold]")
    command = [sys.executable, str(folder / "build.py"), "--checkpoint", checkpoint]
    build = subprocess.run([*command, *speaker_network(folder, console)], check=False)
    if build.returncode:
        raise ZooError(f"building {args.model} failed; see above.")
    console.print(f"\n[bold]2. Serving {args.model} and posting its sample[/bold]")
    sample = read_object(MODELS / args.model / "serving_input_example.json")
    with serve(MODELS / args.model) as url, direct() as client:
        response = client.post(f"{url}/invocations", json=sample)
    if not response.is_success:
        raise ZooError(f"the server answered {response.status_code}: {response.text[:500]}")
    answers = response.json()["predictions"]
    inputs = [row[0] for row in sample["dataframe_split"]["data"]]
    files = samples(folder)
    for number, (value, answer) in enumerate(zip(inputs, answers, strict=True)):
        sent = str(value) if len(str(value)) <= 200 else f"a file, {len(value):,} bytes of base64"
        file = files.get(str(value).replace("\n", ""))
        shown = file.relative_to(folder) if file else sent
        console.print(f"\nRow {number}: {shown}", highlight=False)
        if file and (said := file.with_suffix(".txt")).is_file():
            console.print(f"[bold]what is said[/bold]: {said.read_text('utf-8').strip()}")
        for name, one in answer.items():
            if not isinstance(one, list):
                console.print(f"[bold]{name}[/bold]: {one}", highlight=False)
        for view in tables(answer):
            console.print(view)
    if args.json:
        print(json.dumps(response.json(), ensure_ascii=False, indent=2))
    console.print(
        f"\nThe server has been stopped. Next: [bold]make serve MODEL={args.model}[/bold] keeps "
        f"one running on port 8080, and mlflow_models/{args.model}/README.md says what it can do."
    )


def choose(folder: Path, console: Console) -> str:
    """Choose the checkpoint: the published one that the capability prefers, else the demo's.

    A capability's `building/published.py` has `PUBLISHED`, checkpoints by name, of which it prefers
    the first, and `fetch`, which takes a name. A checkpoint that can't be fetched is told of.
    """
    if not (folder / "building" / "published.py").is_file():
        return "demo"
    published = importlib.import_module(f"{folder.name}.building.published")
    name: str = next(iter(published.PUBLISHED))
    console.print(f"Looking for the checkpoint '{name}' ...")
    try:
        published.fetch(name)
    except CheckpointError as error:
        limits = checkpoints.about(folder / "demo").get("limits", "")
        console.print(f"{error}\nSo the small demo checkpoint is taken. {limits}", highlight=False)
        return "demo"
    return name


def speaker_network(folder: Path, console: Console) -> list[str]:
    """Choose the builder's options for a network that tells speakers apart.

    There are none if the capability takes no network, or if the network can't be fetched; then a
    line says why.
    """
    if "speakers" not in capabilities.declaration(folder).options.model_fields:
        return []
    try:
        speakers.find(speakers.RESEMBLYZER.name)
    except CheckpointError as error:
        console.print(f"{error}\nSo the model won't tell speakers apart.", highlight=False)
        return []
    return ["--speakers", speakers.RESEMBLYZER.name]


def samples(folder: Path) -> dict[str, Path]:
    """List the files that a sample may have, by their base64."""
    return {
        base64.b64encode(path.read_bytes()).decode(): path
        for path in folder.glob("samples/**/*")
        if path.is_file()
    }


def tables(record: dict[str, Any]) -> list[Table]:
    """Make a table of each of a record's lists that has something in it, such as segments."""
    return [_table(name, rows) for name, rows in record.items() if isinstance(rows, list) and rows]


def _table(name: str, rows: list[Any]) -> Table:
    view = Table(title=name)
    named = [row if isinstance(row, dict) else {name: row} for row in rows]
    columns = list(dict.fromkeys(column for row in named for column in row))
    for column in columns:
        view.add_column(column)
    for row in named:
        view.add_row(*(_cell(row.get(column, "")) for column in columns))
    return view


def _cell(value: Any) -> str:
    """Write a value; of an object its text, such as a word's, or else all that it has."""
    if isinstance(value, list):
        return " · ".join(map(_cell, value))
    if isinstance(value, dict):
        return str(value["text"]) if "text" in value else _cell(list(value.values()))
    return str(value)


if __name__ == "__main__":
    run(main)
