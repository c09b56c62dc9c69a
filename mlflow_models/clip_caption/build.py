"""Builds the MLflow model clip_caption: a ClipCap checkpoint in, a logged and saved model out.

python mlflow_models/clip_caption/build.py                                 the demo checkpoint
python mlflow_models/clip_caption/build.py --checkpoint coco_weights.pt --normalize-prefix by-layout
python mlflow_models/clip_caption/build.py --checkpoint own.pt --normalize-prefix yes
python mlflow_models/clip_caption/build.py --checkpoint DIRECTORY          what finetune.py wrote
python mlflow_models/clip_caption/build.py --index DIRECTORY               photos to search
python mlflow_models/clip_caption/build.py --labels labels.json            kinds without training
python mlflow_models/clip_caption/build.py --translator DIRECTORY     captions in Thai, Chinese
python mlflow_models/clip_caption/build.py --usual EMBEDDINGS              photos that it knows
python mlflow_models/clip_caption/build.py --gpu                           for GPU hosts, in float16
"""

import importlib.metadata
import shutil
from pathlib import Path

from clip_caption.building import translators, usual
from clip_caption.building.checkpoint import add_normalize_option, find
from clip_caption.options import DECLARATION
from zoo.building import hardware, packaging

FOLDER = Path(__file__).parent


def pack_index(given: Path, directory: Path) -> list[str]:
    """Copies a collection beside the network, once it is seen to fit.

    Returns:
        The packages that searching it needs, pinned.
    """
    from clip_caption.captioner import Captioner
    from clip_caption.searching.index import LARGE, Index

    Index.read(given).check(Captioner(directory).embed_texts)
    shutil.copytree(given, directory / "index")
    if any((given / name).is_file() for name in LARGE):
        return [f"faiss-cpu=={importlib.metadata.version('faiss-cpu')}"]
    return []


def main() -> None:
    """Reads the command line and builds."""
    parser = packaging.parser(__doc__, FOLDER.name)
    parser.add_argument(
        "--clip",
        help="the CLIP of a .pt checkpoint: an open_clip hub name, OpenAI's .pt file, or a local "
        "directory (default: by the checkpoint's width, ViT-B-32-quickgelu or RN50x4-quickgelu)",
    )
    add_normalize_option(parser)
    hardware.add_precision(parser)
    parser.add_argument(
        "--index",
        type=Path,
        metavar="DIRECTORY",
        help="a collection, as explore.py index writes it: it can be searched, and answers get a "
        "category if it has any",
    )
    parser.add_argument(
        "--labels",
        type=Path,
        metavar="FILE",
        help="labels with their phrasings, or what calibrate.py made of them: answers get the "
        "likeliest",
    )
    translators.add_option(parser)
    usual.add_option(parser)
    args = parser.parse_args()

    from clip_caption.building import labels
    from clip_caption.building.convert import convert
    from clip_caption.engine import Engine
    from clip_caption.searching.index import Index

    if args.index:
        Index.read(args.index)
    if args.labels:
        labels.Phrasings.read(args.labels)
    packaging.check(args)
    checkpoint = find(args.checkpoint)
    with packaging.workspace(args) as work:
        requirements = work.with_name("requirements.txt")
        packages = translators.pack(args.translator, work)  # first, as a wrong name is refused
        convert(checkpoint, work, args.clip, args.precision, args.normalize_prefix, args.gpu)
        pins = hardware.requirements(FOLDER, args).read_text(encoding="utf-8").splitlines()
        pins += pack_index(args.index, work) if args.index else []
        if args.labels:
            labels.pack(args.labels, work)
        usual.pack(args.usual, checkpoint, work)
        pins += packages
        requirements.write_text("\n".join(pins) + "\n", encoding="utf-8")
        described = ("checkpoint", "clip", "normalize_prefix", "precision", "index", "labels",
                     "usual", "translator")  # fmt: skip
        packaging.publish(
            FOLDER, DECLARATION, Engine, work, checkpoint, args, described, requirements
        )


if __name__ == "__main__":
    packaging.run(main)
