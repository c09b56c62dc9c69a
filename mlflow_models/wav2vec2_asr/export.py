"""Writes a checkpoint for other servers and for phones.

python mlflow_models/wav2vec2_asr/export.py --to executorch -o OUTPUT
python mlflow_models/wav2vec2_asr/export.py --to triton --checkpoint DIRECTORY -o OUTPUT
python mlflow_models/wav2vec2_asr/export.py --to executorch --precision int8 -o OUTPUT

triton       a model repository for NVIDIA's Triton Inference Server
executorch   a program for phones (XNNPACK), of one fixed length
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.building import packaging
from zoo.data.outputs import check_new, whole_directory
from zoo.errors import BadInput, ZooError

if TYPE_CHECKING:
    import numpy as np

TARGETS = ("triton", "executorch")


def parser() -> argparse.ArgumentParser:
    """The command line's options."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--to", choices=TARGETS, required=True, help="what to write; see above")
    parser.add_argument(
        "--checkpoint",
        default="demo",
        help="demo (default), an identifier of the Hugging Face hub, or a local directory",
    )
    parser.add_argument(
        "-o", "--output", type=Path, required=True, help="a directory that isn't there yet"
    )
    parser.add_argument(
        "--precision",
        choices=("fp32", "int8"),
        default="fp32",
        help="fp32 (default): the checkpoint's own answers; int8: smaller and faster, and nearly "
        "the same",
    )
    triton = parser.add_argument_group("triton")
    triton.add_argument(
        "--rows", type=int, default=8, help="transcribed together at most (default: %(default)s)"
    )
    triton.add_argument(
        "--delay",
        type=float,
        default=5.0,
        help="milliseconds that a request may wait for others (default: %(default)s)",
    )
    triton.add_argument(
        "--language-model",
        type=Path,
        metavar="FILE",
        help="as build.py takes it (default: the checkpoint's, if it has one)",
    )
    triton.add_argument(
        "--language", default="th", help="code, for the transcripts (default: %(default)s)"
    )
    phone = parser.add_argument_group("executorch")
    phone.add_argument(
        "--seconds", type=float, default=10.0, help="the longest clip (default: %(default)s)"
    )
    phone.add_argument(
        "--audio",
        type=Path,
        nargs="+",
        default=[],
        metavar="FILE",
        help="speech to compare the export with PyTorch on, besides noise",
    )
    return parser


def main(argv: list[str] | None = None) -> None:
    """Reads the command line and exports."""
    args = parser().parse_args(argv)
    check_new(args.output)
    with whole_directory(args.output) as fresh:
        summary = write_repository(args, fresh) if args.to == "triton" else write_app(args, fresh)
    print(f"{summary}\nWrote {args.output}; its README.md says how to use it.")


def write_repository(args: argparse.Namespace, output: Path) -> str:
    """Writes Triton's model repository."""
    from wav2vec2_asr.building.checkpoint import find
    from wav2vec2_asr.exports import repository

    checkpoint, model = find(args.checkpoint), args.language_model
    if model is None and (checkpoint / "language_model.json").is_file():
        model = checkpoint / "language_model.json"
    repository.write(
        checkpoint, output, args.precision, args.language, model, args.rows, args.delay
    )
    return "A model repository for Triton."


def write_app(args: argparse.Namespace, output: Path) -> str:
    """Writes a network for phones; says how far it is from PyTorch."""
    sounds = [read_sound(file) for file in args.audio]

    from wav2vec2_asr.building.checkpoint import find
    from wav2vec2_asr.exports import phone

    int8 = args.precision == "int8"
    found = phone.export(find(args.checkpoint), output, args.seconds, int8, sounds)
    size = (output / phone.FILE).stat().st_size / 1e6
    return f"{phone.FILE}, {size:.1f} MB, beside PyTorch: {found}."


def read_sound(file: Path) -> "np.ndarray":
    """A recording to compare on: float32 (samples,) from -1 to 1, 16 kHz."""
    from zoo.data.audio import decode

    try:
        return decode(file)
    except (BadInput, OSError) as error:
        reason = error if isinstance(error, BadInput) else "can't be read"
        raise ZooError(f"--audio '{file}' {reason}.") from error


if __name__ == "__main__":
    packaging.run(main)
