"""Builds the MLflow model wav2vec2_asr: a checkpoint in, a logged and saved model out.

python mlflow_models/wav2vec2_asr/build.py                                 the demo checkpoint
python mlflow_models/wav2vec2_asr/build.py --checkpoint airesearch/wav2vec2-large-xlsr-53-th
python mlflow_models/wav2vec2_asr/build.py --checkpoint DIRECTORY          finetune.py's best/, say
"""

import json
import shutil
from pathlib import Path

from wav2vec2_asr.options import DECLARATION
from zoo.building import hardware, packaging, speaker_packing

FOLDER = Path(__file__).parent


def check_language_model(given: Path, checkpoint: Path) -> None:
    """Sees that a language model can be read and knows the labels, before the long conversion.

    Raises:
        CheckpointError: As `BeamSearch` and `LanguageModelSettings.read` do.
    """
    from wav2vec2_asr.labels import Labels
    from wav2vec2_asr.language_model import BeamSearch, LanguageModelSettings
    from zoo.building.wav2vec2 import read_config

    labels = Labels.read(checkpoint, read_config(checkpoint).get("vocab_size"))
    BeamSearch(
        labels.texts, labels.blank, LanguageModelSettings.read(given).model, special=labels.special
    )


def pack_language_model(given: Path, directory: Path) -> None:
    """Copies a language model and what it is decoded with, beside the network."""
    from wav2vec2_asr.engine import LANGUAGE_MODEL
    from wav2vec2_asr.language_model import LanguageModelSettings

    found = LanguageModelSettings.read(given)
    name = f"language_model{found.model.suffix}"
    shutil.copy(found.model, directory / name)
    text = json.dumps({**vars(found), "model": None, "file": name})
    (directory / LANGUAGE_MODEL).write_text(text + "\n", encoding="utf-8")


def main() -> None:
    """Reads the command line and builds."""
    parser = packaging.parser(__doc__, FOLDER.name)
    hardware.add_precision(parser)
    parser.add_argument(
        "--language-model",
        type=Path,
        metavar="FILE",
        help="language_model.json of ngram.py tune, or an ARPA file of characters (default: the "
        "checkpoint's language_model.json, if it has one)",
    )
    parser.add_argument("--language", default="th", help="code, for the transcripts (%(default)s)")
    speaker_packing.add_options(parser)
    args = parser.parse_args()

    from wav2vec2_asr.building.checkpoint import find
    from wav2vec2_asr.building.convert import convert
    from wav2vec2_asr.engine import Engine

    packaging.check(args)
    checkpoint = find(args.checkpoint)
    model = args.language_model
    if model is None and (checkpoint / "language_model.json").is_file():
        model = checkpoint / "language_model.json"
    if model:
        check_language_model(model, checkpoint)
    voices = speaker_packing.Packed.find(args)
    with packaging.workspace(args) as work:
        convert(checkpoint, work, args.precision, args.gpu, args.language)
        if model:
            pack_language_model(model, work)
        voices.write(work)
        described = ("checkpoint", "precision", "language_model", "speakers")
        packaging.publish(FOLDER, DECLARATION, Engine, work, checkpoint, args, described)


if __name__ == "__main__":
    packaging.run(main)
