"""Builds the MLflow model language_id: a checkpoint in, a logged and saved model out.

python mlflow_models/language_id/build.py                              the demo checkpoint
python mlflow_models/language_id/build.py --checkpoint facebook/mms-lid-126
python mlflow_models/language_id/build.py --checkpoint DIRECTORY       finetune.py's best/, say
"""

from pathlib import Path

from language_id.options import DECLARATION
from zoo.building import checkpoints, hardware, packaging

FOLDER = Path(__file__).parent


def convert(checkpoint: Path, output: Path, precision: str = "fp32", gpu: bool = False) -> None:
    """Write what the engine loads.

    Args:
        checkpoint: A directory in Hugging Face's format.
        output: An empty directory.
        precision: `fp32`, `fp16` or `int8`.
        gpu: Whether recordings are computed in batches, as a GPU likes it.

    Raises:
        CheckpointError: The checkpoint can't be read or converted.
    """
    from zoo.building import wav2vec2
    from zoo.building.wav2vec2_heads import MeanPooled

    model = wav2vec2.open_model(checkpoint, "Wav2Vec2ForSequenceClassification")
    labels = [model.config.id2label[place] for place in range(model.config.num_labels)]
    wav2vec2.convert(checkpoint, model, MeanPooled(model), output, precision, gpu, labels=labels)


def main() -> None:
    """Reads the command line and builds."""
    parser = packaging.parser(__doc__, FOLDER.name)
    hardware.add_precision(parser)
    args = parser.parse_args()

    from language_id.engine import Engine
    from zoo.building.wav2vec2 import fetch

    packaging.check(args)
    checkpoint = checkpoints.resolve(args.checkpoint, FOLDER / "demo", fetch)
    with packaging.workspace(args) as work:
        convert(checkpoint, work, args.precision, args.gpu)
        packaging.publish(
            FOLDER, DECLARATION, Engine, work, checkpoint, args, ("checkpoint", "precision")
        )


if __name__ == "__main__":
    packaging.run(main)
