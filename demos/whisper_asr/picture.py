"""Draws what Whisper sees of a recording: its waveform, and its log-mel spectrogram of 30 s.

python -m demos.whisper_asr.picture                        the sample: samples/bank.png
python -m demos.whisper_asr.picture recording.mp3 picture.png
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from zoo.building import packaging
from zoo.building.packaging import ROOT
from zoo.data.audio import SAMPLE_RATE, decode
from zoo.training import plots

SAMPLE = ROOT / "mlflow_models" / "whisper_asr" / "samples" / "bank.flac"
TELEPHONE = 8_000  # Hz


def draw(sound: np.ndarray, title: str, output: Path) -> None:
    """Writes the picture.

    Args:
        sound: float32 (samples,), 16 kHz; its first 30 s are shown.
        title: Above it.
        output: A PNG.
    """
    import soxr
    from faster_whisper.audio import pad_or_trim
    from faster_whisper.feature_extractor import FeatureExtractor

    sound = sound[: 30 * SAMPLE_RATE]
    narrow = soxr.resample(soxr.resample(sound, SAMPLE_RATE, TELEPHONE), TELEPHONE, SAMPLE_RATE)
    seconds = len(sound) / SAMPLE_RATE
    with plots.drawing(output, (9, 7), dpi=90) as figure:
        axes: Any = figure.subplot_mosaic(
            [["wave", "wave"], ["mel", "mel"], ["heard", "telephone"]]
        )
        wave = axes["wave"]
        wave.plot(np.arange(len(sound)) / SAMPLE_RATE, sound, linewidth=0.4, color="#1f5a93")
        wave.set(xlim=(0, 30), ylim=(-1, 1), ylabel="amplitude")
        wave.set_title(f"{title}: 16,000 samples a second")
        wave.axvspan(seconds, 30, color="0.93")
        wave.text(seconds + 0.3, 0.75, "filled up to 30 s", color="0.4", va="center")
        extractor = FeatureExtractor()
        for name, heard, length, words in (
            ("mel", sound, 30, "what the encoder gets: 80 mel bands, 100 frames a second, 30 s"),
            ("heard", sound, seconds, "the recording alone"),
            ("telephone", narrow, seconds, "the same by telephone (8 kHz): no upper bands"),
        ):
            axes[name].imshow(
                pad_or_trim(extractor(heard)[:, :-1])[:, : round(100 * length)],
                origin="lower",
                aspect="auto",
                extent=(0, length, 0, 80),
                cmap="magma",
            )
            axes[name].set(ylabel="mel band", title=words, xlabel="seconds")


def main() -> None:
    """Reads the command line and draws."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("recording", type=Path, nargs="?", default=SAMPLE)
    parser.add_argument("picture", type=Path, nargs="?", help="a PNG (default: beside it)")
    args = parser.parse_args()
    picture = args.picture or args.recording.with_suffix(".png")
    draw(decode(args.recording), args.recording.name, picture)
    print(f"Wrote {picture}.")


if __name__ == "__main__":
    packaging.run(main)
