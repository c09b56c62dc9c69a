"""Builds the MLflow model whisper_asr: a Whisper checkpoint in, a logged and saved model out.

python mlflow_models/whisper_asr/build.py                                 the demo checkpoint
python mlflow_models/whisper_asr/build.py --checkpoint openai/whisper-small
python mlflow_models/whisper_asr/build.py --checkpoint large-v3-turbo     OpenAI's own file
python mlflow_models/whisper_asr/build.py --checkpoint DIRECTORY|FILE.pt  Hugging Face, CTranslate2
"""

import tempfile
from pathlib import Path

from zoo.building import checkpoints, packaging
from zoo.building.signature import of_recognizer

FOLDER = Path(__file__).parent


def signature() -> "packaging.ModelSignature":
    """Column `audio`, parameters with their defaults, and the record of one row."""
    from mlflow.types import ParamSpec

    from whisper_asr.options import Options

    return of_recognizer(
        ["avg_logprob", "no_speech_prob", "compression_ratio"],
        [
            ParamSpec("language", "string", "zh"),
            ParamSpec("task", "string", "transcribe"),
            ParamSpec("beam_size", "long", Options.beam_size),
            ParamSpec("temperature", "double", list(Options.temperatures), shape=(-1,)),
            ParamSpec("initial_prompt", "string", ""),
            ParamSpec("hotwords", "string", ""),
            ParamSpec("vad", "boolean", Options.vad),
            ParamSpec("denoise", "boolean", Options.denoise),
            ParamSpec("word_timestamps", "boolean", Options.word_timestamps),
            ParamSpec("script", "string", Options.script),
            ParamSpec("punctuation", "string", "keep"),
            ParamSpec("batch_size", "long", Options.batch_size),
        ],
    )


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
    parser.add_argument(
        "--engine",
        choices=("ctranslate2", "openai"),
        default="ctranslate2",
        help="ctranslate2 (default), or openai: openai-whisper itself, the slow reference",
    )
    parser.add_argument(
        "--gpu", action="store_true", help="pack cuBLAS as well (0.6 GB), for GPU hosts"
    )
    args = parser.parse_args()
    if args.gpu and args.engine == "openai":
        parser.error("--engine openai brings torch, which has CUDA with it; leave out --gpu")

    from whisper_asr.building.convert import convert, fetch

    packaging.check(args)
    checkpoint = checkpoints.resolve(args.checkpoint, FOLDER / "demo", fetch, suffixes=(".pt",))
    with tempfile.TemporaryDirectory() as work:
        print(f"Converting {args.checkpoint} ...", flush=True)
        convert(checkpoint, args.checkpoint, Path(work), args.precision, args.engine)
        about = {key: getattr(args, key) for key in ("checkpoint", "precision", "engine")}
        kind = "-openai" if args.engine == "openai" else "-gpu" if args.gpu else ""
        packaging.publish(
            FOLDER,
            {"whisper": Path(work)},
            signature(),
            about,
            checkpoints.fingerprint(checkpoint),
            args,
            FOLDER / f"requirements{kind}.txt",
            fork_safe=False,
        )


if __name__ == "__main__":
    packaging.run(main)
