"""Servers of real Whisper base with clips of people: the zoo's beside faster-whisper-server.

Their answers differ, since they hear windows of other lengths; whisper_quality counts how well each
one hears. Here each answer must only have text.
"""

from pathlib import Path
from typing import Any

from benchmarks import whisper_quality_runs as runs
from benchmarks.harness import NotHere, saved
from benchmarks.peers.benchmark import Peers
from benchmarks.peers.servers import FasterWhisper, Zoo
from zoo.building import checkpoints

CLIPS = 16  # of AISHELL, spread over its 380
SECONDS = 20  # of load at each number of clients


class PeoplePeers(Peers):
    """A comparison with real weights, which has to be built with them."""

    def measure(self, data: Path | None, quick: bool) -> dict[str, Any]:
        """Runs everything, about five minutes."""
        runs.folder()
        weights = runs.weights(runs.CHECKPOINT, runs.home())
        packed = next((saved("whisper_asr") / "artifacts").glob("**/model.bin"))
        if checkpoints.sha256(packed) != checkpoints.sha256(weights / "ctranslate2" / "model.bin"):
            raise NotHere(
                "the saved model has other weights; "
                f"`make build MODEL=whisper_asr CHECKPOINT={runs.CHECKPOINT}` packs these"
            )
        return super().measure(data, quick)


def clips() -> list[bytes]:
    """Files of clips of people."""
    paths = sorted((runs.folder() / "data" / "speech" / "aishell").glob("*.flac"))
    return [path.read_bytes() for path in paths[:: len(paths) // CLIPS][:CLIPS]]


SERVING = PeoplePeers(
    "whisper_asr",
    clips,
    [Zoo("audio", 1), FasterWhisper("audio", 1)],
    lambda record: bool(record["text"]),
    SECONDS,
    title="Servers of real Whisper base with clips of people",
    said=f"Real Whisper base, and {CLIPS} clips of AISHELL; requests of one clip, "
    "which all have text in their answer.",
)
