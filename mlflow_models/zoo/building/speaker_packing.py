"""What the speech models' builders pack for speakers: the options, and the files."""

import argparse
from dataclasses import dataclass
from pathlib import Path

from zoo.building import speakers
from zoo.data.outputs import write_text
from zoo.data.texts import read_text
from zoo.errors import CheckpointError
from zoo.speech.embedding import SpeakerNetwork
from zoo.speech.speakers import SPEAKERS, VOICES
from zoo.speech.voices import Gallery


@dataclass(frozen=True)
class Packed:
    """What a builder packs for speakers.

    Args:
        checkpoint: The weights' file; None: nothing is packed.
        voices: The gallery of enrolled voices, if there is one.
    """

    checkpoint: Path | None
    voices: Path | None

    @classmethod
    def find(cls, args: argparse.Namespace) -> "Packed":
        """Find what the options of `add_options` ask for, before the long conversion begins.

        Raises:
            CheckpointError: A file isn't found, or there are voices without a network.
        """
        if args.voices and not args.speakers:
            raise CheckpointError("--voices needs --speakers, the network that embeds them.")
        if args.voices:
            read_text(args.voices, CheckpointError)
        return cls(speakers.find(args.speakers) if args.speakers else None, args.voices)

    def write(self, engine: Path) -> None:
        """Write it into an engine's directory.

        Raises:
            CheckpointError: The checkpoint can't be converted, or the gallery is another network's.
        """
        if self.checkpoint is None:
            return
        speakers.convert(self.checkpoint, engine / SPEAKERS)
        if self.voices:
            text = read_text(self.voices, CheckpointError)
            try:
                gallery = Gallery.parse(text, SpeakerNetwork(engine / SPEAKERS))
            except ValueError as error:
                raise CheckpointError(f"'{self.voices}' {error}.") from None
            write_text(engine / SPEAKERS / VOICES, gallery.text())


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add `--speakers` and `--voices` to a builder's options."""
    parser.add_argument(
        "--speakers",
        metavar="CHECKPOINT",
        help="pack a network that tells speakers apart: resemblyzer (from the package index), or "
        "the directory of a checkpoint of WeSpeaker's (ResNet34) or SpeechBrain's (ECAPA-TDNN)",
    )
    parser.add_argument(
        "--voices",
        type=Path,
        metavar="FILE",
        help="pack enrolled voices, the voices.json of enroll.py, so that speakers have names",
    )
