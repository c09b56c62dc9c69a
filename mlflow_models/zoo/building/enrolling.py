"""Enrols voices: what `enroll.py` of the speech models does."""

import argparse
import tempfile
from pathlib import Path

import numpy as np

from zoo.building import speakers
from zoo.data.audio import decode
from zoo.data.outputs import write_text
from zoo.data.texts import read_text
from zoo.errors import BadInput, ZooError
from zoo.speech.embedding import SpeakerNetwork
from zoo.speech.voices import Gallery, check_name, enrolled


def enroll(description: str | None) -> None:
    """Read the command line, and add a voice to a gallery.

    Args:
        description: Of the command.

    Raises:
        ZooError: A clip can't be read, has too little speech, or the gallery is another network's.
    """
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", help="whose voice it is; one that the gallery has is replaced")
    parser.add_argument(
        "clips", nargs="+", type=Path, metavar="CLIP", help="recordings of this person alone"
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        default=Path("voices.json"),
        metavar="FILE",
        help="the gallery, which is made, or gets one voice more (default: %(default)s)",
    )
    parser.add_argument(
        "--speakers",
        default="resemblyzer",
        metavar="CHECKPOINT",
        help="the network that the model is built with, as build.py takes it (default: "
        "%(default)s)",
    )
    args = parser.parse_args()
    try:
        name = check_name(args.name)
    except ValueError as error:
        raise ZooError(f"NAME {error}.") from None
    clips = [_decoded(path) for path in args.clips]
    network = _network(args.speakers)
    known = _known(args.output, network)
    try:
        voice, seconds = enrolled(network, clips)
    except ValueError as error:
        raise ZooError(f"The clips of '{name}' have {error}.") from None
    replaced = " (it replaces the one of that name)" if name in known.voices else ""
    others = {other: kept for other, kept in known.voices.items() if other != name}
    gallery = Gallery(network.identity, {**others, name: voice})
    write_text(args.output, gallery.text())
    print(
        f"Enrolled '{name}'{replaced} by {seconds:.1f} s of speech (clips: {len(clips)}) in "
        f"'{args.output}' (voices: {len(gallery.voices)})."
    )
    for warning in _doubts(network, args.clips, clips, voice, others):
        print(f"warning: {warning}")


def _decoded(path: Path) -> np.ndarray:
    if not path.is_file():
        raise ZooError(f"Clip '{path}' not found.")
    try:
        return decode(path)
    except BadInput as error:
        raise ZooError(f"Clip '{path}' {error}.") from None


def _network(name: str) -> SpeakerNetwork:
    """Convert the checkpoint, and open it."""
    checkpoint = speakers.find(name)
    with tempfile.TemporaryDirectory() as work:
        speakers.convert(checkpoint, Path(work) / "speakers")
        return SpeakerNetwork(Path(work) / "speakers")


def _known(file: Path, network: SpeakerNetwork) -> Gallery:
    """Read the gallery that gets one voice more; it may not exist yet."""
    if not file.exists():
        return Gallery()
    try:
        return Gallery.parse(read_text(file), network)
    except ValueError as error:
        raise ZooError(f"'{file}' {error}.") from None


def _doubts(
    network: SpeakerNetwork,
    paths: list[Path],
    clips: list[np.ndarray],
    voice: np.ndarray,
    gallery: dict[str, np.ndarray],
) -> list[str]:
    """Tell of clips that don't sound like the voice, and of other voices that do."""
    found = []
    alone: dict[Path, np.ndarray] = {}
    for path, clip in zip(paths, clips, strict=True):
        try:
            alone[path], _ = enrolled(network, [clip], 0.0)
        except ValueError:
            found.append(f"'{path}' has no speech.")
    for path, own in alone.items():
        others = sum(other for name, other in alone.items() if name != path)
        likeness = float(own @ others / np.linalg.norm(others)) if len(alone) > 1 else 1.0
        if likeness < network.accepts:
            found.append(
                f"'{path}' doesn't sound like the other clips ({likeness:.2f}; a name is given "
                f"from {network.accepts:g}); does only one person speak in it?"
            )
    for other, kept in gallery.items():
        if kept @ voice >= network.accepts:
            found.append(
                f"'{other}' sounds the same ({kept @ voice:.2f}; a name is given from "
                f"{network.accepts:g}); the two may be taken for each other."
            )
    return found
