"""Builds a model from its demo checkpoint, serves it, sends its sample and shows the answer."""

import argparse
import base64
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from zoo.building import capabilities
from zoo.building.local_server import direct, serve
from zoo.building.packaging import MODELS, ROOT, run
from zoo.data.texts import read_object
from zoo.errors import ZooError


def main() -> None:
    """Read the command line, and run the demo."""
    parser = argparse.ArgumentParser(prog="python -m zoo.building.demo", description=__doc__)
    parser.add_argument("model", help="the model's name, such as hanlp_ner")
    parser.add_argument("--json", action="store_true", help="also print the raw answer")
    args = parser.parse_args()
    folder = ROOT / "mlflow_models" / args.model
    if folder not in (folders := capabilities.folders()):
        known = ", ".join(one.name for one in folders)
        raise ZooError(f"Model '{args.model}' not found; available: {known}.")
    console = Console()
    console.print(f"[bold]1. Building {args.model} from its demo checkpoint[/bold]")
    build = subprocess.run([sys.executable, str(folder / "build.py")], check=False)
    if build.returncode:
        raise ZooError(f"building {args.model} failed; see above.")
    console.print(f"\n[bold]2. Serving {args.model} and posting its sample[/bold]")
    sample = read_object(folder / "sample.json")
    with serve(MODELS / args.model) as url, direct() as client:
        response = client.post(f"{url}/invocations", json=sample)
    if not response.is_success:
        raise ZooError(f"the server answered {response.status_code}: {response.text[:500]}")
    answers = response.json()["predictions"]
    inputs = [row[0] for row in sample["dataframe_split"]["data"]]
    files = samples(folder)
    for number, (value, answer) in enumerate(zip(inputs, answers, strict=True)):
        sent = str(value) if len(str(value)) <= 200 else f"a file, {len(value):,} bytes of base64"
        console.print(f"\nRow {number}: {files.get(value, sent)}", highlight=False)
        for name, one in answer.items():
            if not isinstance(one, list):
                console.print(f"[bold]{name}[/bold]: {one}", highlight=False)
        console.print(table(answer))
    if args.json:
        print(json.dumps(response.json(), ensure_ascii=False, indent=2))
    console.print(
        f"\nThe server has been stopped. Next: [bold]make serve MODEL={args.model}[/bold] keeps "
        f"one running on port 8080, and mlflow_models/{args.model}/README.md says what it can do."
    )


def samples(folder: Path) -> dict[str, str]:
    """List the names of the files that a sample may have, by their base64."""
    return {
        base64.b64encode(path.read_bytes()).decode(): str(path.relative_to(folder))
        for path in folder.glob("samples/*")
    }


def table(record: dict[str, Any]) -> Table:
    """Make a table of a record's list of objects, such as entities or segments."""
    rows = next((value for value in record.values() if isinstance(value, list)), [])
    view = Table()
    for column in rows[0] if rows else ["(nothing found)"]:
        view.add_column(column)
    for row in rows:
        view.add_row(*map(_cell, row.values()))
    return view


def _cell(value: Any) -> str:
    """Write a value; of a list of objects, such as a segment's words, the texts."""
    if isinstance(value, list):
        return " · ".join(str(one.get("text", one)) for one in value)
    return str(value)


if __name__ == "__main__":
    run(main)
