"""Builds the MLflow model hanlp_ner: a HanLP checkpoint in, a logged and saved model out.

python mlflow_models/hanlp_ner/build.py                              the demo checkpoint
python mlflow_models/hanlp_ner/build.py --checkpoint DIRECTORY       what HanLP's save() wrote
python mlflow_models/hanlp_ner/build.py --checkpoint MSRA_NER_ELECTRA_SMALL_ZH
python mlflow_models/hanlp_ner/build.py --calibrate dev.jsonl        confidences fitted to sentences
"""

import json
import shutil
from pathlib import Path

from hanlp_ner.options import DECLARATION
from zoo.building import checkpoints, hardware, packaging

FOLDER = Path(__file__).parent


def main() -> None:
    """Read the command line and build."""
    parser = packaging.parser(__doc__, FOLDER.name)
    parser.add_argument(
        "--dictionary",
        type=Path,
        help="a JSON file of entity types by word, packed with the model "
        "(default: the checkpoint's dictionary.json)",
    )
    parser.add_argument(
        "--calibrate",
        nargs="+",
        metavar="[PROFILE=]PATH",
        help="annotated sentences that the checkpoint wasn't trained on: confidences are fitted to "
        "them (default: the checkpoint's calibration.json)",
    )
    hardware.add_precision(parser)
    parser.add_argument(
        "--no-torch",
        action="store_true",
        help="leave out the tasks of a multi-task checkpoint that need torch and HanLP (parsers)",
    )
    args = parser.parse_args()

    from hanlp_ner.building.convert import convert
    from hanlp_ner.engine import PACKED, Engine
    from hanlp_ner.network.component import fetch
    from hanlp_ner.network.confidence import PACKED as CALIBRATION
    from hanlp_ner.text.dictionary import read_file
    from hanlp_ner.training.calibration import calibrate
    from hanlp_ner.training.corpora import joined, read_corpora

    words = read_file(args.dictionary) if args.dictionary else {}
    sentences = joined(read_corpora(args.calibrate)) if args.calibrate else None
    packaging.check(args)
    checkpoint = checkpoints.resolve(args.checkpoint, FOLDER / "demo", fetch)
    if not args.dictionary and (checkpoint / PACKED).is_file():
        words = read_file(checkpoint / PACKED)
    with packaging.workspace(args) as work:
        config = convert(checkpoint, work, args.precision, not args.no_torch, args.gpu)
        if others := config.get("others"):
            print(
                f"{', '.join(others)} need torch and HanLP, GBs in the model's image; "
                "--no-torch leaves these tasks out."
            )
        if sentences:
            calibrate(work, sentences)
        elif (checkpoint / CALIBRATION).is_file():
            shutil.copy(checkpoint / CALIBRATION, work)
        text = json.dumps(words, ensure_ascii=False)
        (work / PACKED).write_text(text, encoding="utf-8")
        packaging.publish(
            FOLDER,
            DECLARATION,
            Engine,
            work,
            checkpoint,
            args,
            ("checkpoint", "precision"),
            FOLDER / "requirements-torch.txt" if others else None,
        )


if __name__ == "__main__":
    packaging.run(main)
