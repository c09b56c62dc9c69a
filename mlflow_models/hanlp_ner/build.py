"""Builds the MLflow model hanlp_ner: a HanLP checkpoint in, a logged and saved model out.

python mlflow_models/hanlp_ner/build.py                              the demo checkpoint
python mlflow_models/hanlp_ner/build.py --checkpoint DIRECTORY       what HanLP's save() wrote
python mlflow_models/hanlp_ner/build.py --checkpoint MSRA_NER_ELECTRA_SMALL_ZH
"""

import tempfile
from pathlib import Path

from zoo import checkpoints, packaging

FOLDER = Path(__file__).parent
CODE = ("decode.py", "document.py", "engine.py")


def signature() -> "packaging.ModelSignature":
    """Column `text`, parameters with their defaults, and the record of one row."""
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema
    from mlflow.types.schema import Array, Object, Property

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
        outputs=Schema([ColSpec(Array(entity), "entities")]),
        params=ParamSchema(
            [
                ParamSpec("dictionary", "string", "{}"),
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
    args = parser.parse_args()

    from hanlp_ner.component import fetch
    from hanlp_ner.convert import convert

    checkpoint = checkpoints.resolve(args.checkpoint, FOLDER / "demo", fetch)
    dictionary = args.dictionary or checkpoint / "dictionary.json"
    with tempfile.TemporaryDirectory() as work:
        print(f"Converting {args.checkpoint} ...", flush=True)
        convert(checkpoint, Path(work))
        if dictionary.is_file():
            text = dictionary.read_text(encoding="utf-8")
            (Path(work) / "dictionary.json").write_text(text, encoding="utf-8")
        packaging.publish(
            FOLDER,
            CODE,
            {"ner": Path(work)},
            signature(),
            {"checkpoint": args.checkpoint, **checkpoints.fingerprint(checkpoint)},
            args,
        )


if __name__ == "__main__":
    packaging.run(main)
