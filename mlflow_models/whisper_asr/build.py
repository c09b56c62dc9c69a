"""Builds the MLflow model whisper_asr: a Whisper checkpoint in, a logged and saved model out.

python mlflow_models/whisper_asr/build.py                                 the demo checkpoint
python mlflow_models/whisper_asr/build.py --checkpoint base               one of OpenAI's
python mlflow_models/whisper_asr/build.py --checkpoint openai/whisper-small   from the hub
python mlflow_models/whisper_asr/build.py --checkpoint DIRECTORY|FILE.pt  Hugging Face, CTranslate2
"""

from pathlib import Path

from whisper_asr.options import DECLARATION
from zoo.building import checkpoints, packaging, speaker_packing

FOLDER = Path(__file__).parent


def main() -> None:
    """Reads the command line and builds."""
    parser = packaging.parser(__doc__, FOLDER.name)
    parser.add_argument(
        "--precision",
        choices=("auto", "int8", "float32"),
        default="auto",
        help="auto (default): int8 on a CPU, float16 on a GPU; int8: half the size, and on a GPU "
        "too; float32: the reference's own arithmetic",
    )
    speaker_packing.add_options(parser)
    args = parser.parse_args()

    from whisper_asr.building.convert import convert
    from whisper_asr.building.published import fetch
    from whisper_asr.engine import Engine

    packaging.check(args)
    checkpoint = checkpoints.resolve(args.checkpoint, FOLDER / "demo", fetch, suffixes=(".pt",))
    voices = speaker_packing.Packed.find(args)
    with packaging.workspace(args) as work:
        convert(checkpoint, args.checkpoint, work, args.precision)
        voices.write(work)
        described = ("checkpoint", "precision", "speakers")
        packaging.publish(FOLDER, DECLARATION, Engine, work, checkpoint, args, described)


if __name__ == "__main__":
    packaging.run(main)
