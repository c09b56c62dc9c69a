"""Builds the MLflow model hanlp_ner: a HanLP checkpoint in, a logged and saved model out.

python mlflow_models/hanlp_ner/build.py                              the demo checkpoint
python mlflow_models/hanlp_ner/build.py --checkpoint DIRECTORY       what HanLP's save() wrote
python mlflow_models/hanlp_ner/build.py --checkpoint MSRA_NER_ELECTRA_SMALL_ZH
"""

import json
import tempfile
from pathlib import Path

from zoo.building import checkpoints, packaging

FOLDER = Path(__file__).parent
DICTIONARY = "dictionary.json"


def signature() -> "packaging.ModelSignature":
    """Column `text`, parameters with their defaults, and the record of one row."""
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema
    from mlflow.types.schema import AnyType, Array, Object, Property

    entity = Object(
        [
            Property("text", "string"),
            Property("type", "string"),
            Property("start", "long"),
            Property("end", "long"),
        ]
    )
    return ModelSignature(
        inputs=Schema([ColSpec("string", "text")]),
        outputs=Schema(
            [
                ColSpec(Array(entity), "entities"),
                ColSpec(AnyType(), "tasks", required=False),  # each in its own form
            ]
        ),
        params=ParamSchema(
            [
                ParamSpec("dictionary", "string", "{}"),
                ParamSpec("tasks", "string", [], shape=(-1,)),
                ParamSpec("on_error", "string", "raise"),
            ]
        ),
    )


def main() -> None:
    """Reads the command line and builds."""
    parser = packaging.parser(__doc__, FOLDER.name)
    parser.add_argument(
        "--dictionary",
        type=Path,
        help="a JSON file of entity types by word, packed with the model "
        "(default: the checkpoint's dictionary.json)",
    )
    parser.add_argument(
        "--precision",
        choices=("fp32", "int8"),
        default="fp32",
        help="fp32 (default) gives HanLP's own answers; int8 is faster, and nearly the same",
    )
    parser.add_argument(
        "--no-torch",
        action="store_true",
        help="leave out the tasks of a multi-task checkpoint that need torch and HanLP (parsers)",
    )
    args = parser.parse_args()

    from hanlp_ner.building.convert import convert
    from hanlp_ner.component import fetch
    from hanlp_ner.dictionary import read_file

    words = read_file(args.dictionary) if args.dictionary else {}
    packaging.check(args)
    checkpoint = checkpoints.resolve(args.checkpoint, FOLDER / "demo", fetch)
    if not args.dictionary and (checkpoint / DICTIONARY).is_file():
        words = read_file(checkpoint / DICTIONARY)
    with tempfile.TemporaryDirectory() as work:
        print(f"Converting {args.checkpoint} ...", flush=True)
        config = convert(checkpoint, Path(work), args.precision, not args.no_torch)
        if others := config.get("others"):
            print(
                f"{', '.join(others)} need torch and HanLP, GBs in the model's image; "
                "--no-torch leaves these tasks out."
            )
        text = json.dumps(words, ensure_ascii=False)
        (Path(work) / DICTIONARY).write_text(text, encoding="utf-8")
        packaging.publish(
            FOLDER,
            {"ner": Path(work)},
            signature(),
            {"checkpoint": args.checkpoint, "precision": args.precision},
            checkpoints.fingerprint(checkpoint),
            args,
            FOLDER / ("requirements-torch.txt" if others else "requirements.txt"),
        )


if __name__ == "__main__":
    packaging.run(main)
