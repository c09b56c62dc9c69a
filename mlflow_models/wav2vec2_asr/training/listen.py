"""Writes a page of random samples to listen to before training: audio, transcript, spectrogram.

    python mlflow_models/wav2vec2_asr/training/listen.py data/train -o samples.html

One HTML file that needs no network: sound (FLAC, as the model will hear it) and pictures are in it.
"""

import argparse
import base64
import io
import random
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo.building import packaging
from zoo.data.audio import SAMPLE_RATE
from zoo.training.stored import SPEECH, open_data

if TYPE_CHECKING:
    from datasets import Dataset

WINDOW = 400  # samples: 25 ms
FLOOR = 80  # dB below the loudest, where the spectrogram ends
PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: auto; padding: 1rem }}
article {{ border-top: 1px solid #ccc; padding: 1rem 0 }}
audio, img {{ width: 100%; display: block }}
p {{ font-size: 1.4rem; margin: 0 0 .5rem; overflow-wrap: anywhere }}
small {{ color: #666; overflow-wrap: anywhere }}
</style>
<h1>{title}</h1>
{samples}
</html>
"""
SAMPLE = """<article>
<p>{text}</p>
<audio controls preload="none" src="data:audio/flac;base64,{sound}"></audio>
<img alt="spectrogram, 0 to 8 kHz" src="data:image/png;base64,{picture}">
<small>{details}</small>
</article>"""


def spectrogram(wave: np.ndarray) -> np.ndarray:
    """Power in dB below the loudest, (257 frequencies from 0 to 8 kHz, a frame each 10 ms)."""
    from matplotlib.mlab import specgram, window_hanning

    wave = np.pad(wave.astype(np.float64), (0, max(0, WINDOW + 1 - len(wave))))
    kept = WINDOW - 160
    power: Any = specgram(
        wave, NFFT=WINDOW, pad_to=512, Fs=SAMPLE_RATE, noverlap=kept, window=window_hanning
    )[0]
    loudest = float(np.max(power)) + 1e-12
    return np.asarray(10 * np.log10(np.maximum(power / loudest, 10 ** (-FLOOR / 10))))


def draw(wave: np.ndarray) -> bytes:
    """A recording's waveform above its spectrogram, as PNG."""
    from matplotlib.figure import Figure

    seconds = len(wave) / SAMPLE_RATE
    figure = Figure(figsize=(9, 3), layout="constrained")
    above, below = figure.subplots(2, sharex=True, height_ratios=(1, 3))
    above.plot(np.arange(len(wave)) / SAMPLE_RATE, wave / 32768, linewidth=0.4)
    above.set(ylim=(-1, 1), xlim=(0, seconds))
    below.imshow(
        spectrogram(wave),
        origin="lower",
        aspect="auto",
        extent=(0, seconds, 0, SAMPLE_RATE / 2000),
        cmap="magma",
        vmin=-FLOOR,
        vmax=0,
    )
    below.set(xlabel="seconds", ylabel="kHz")
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=80)
    return file.getvalue()


def sample(row: dict[str, Any]) -> str:
    """One recording on the page. `row` is of the data set; its audio is int16 (samples,)."""
    import soundfile

    sound, wave = io.BytesIO(), np.asarray(row["audio"], np.int16)
    soundfile.write(sound, wave, SAMPLE_RATE, format="FLAC")
    kept = [f"{key} {row[key]}" for key in row if key not in ("audio", "text", "duration", "name")]
    details = [row["name"], f"{row['duration']:.2f} s", f"{len(row['text'])} characters", *kept]
    return SAMPLE.format(
        text=escape(row["text"]),
        sound=base64.b64encode(sound.getvalue()).decode(),
        picture=base64.b64encode(draw(wave)).decode(),
        details=escape(" · ".join(map(str, details))),
    )


def write_page(data: "Dataset", output: Path, number: int, seed: int, title: str) -> int:
    """Writes the page; returns how many samples are on it."""
    rows = random.Random(seed).sample(range(len(data)), min(number, len(data)))
    chosen = data.select(rows).with_format("numpy", columns=["audio"], output_all_columns=True)
    samples = "\n".join(map(sample, chosen))
    words = f"{title}: {len(rows)} of {len(data)} recordings"
    output.write_text(PAGE.format(title=escape(words), samples=samples), encoding="utf-8")
    return len(rows)


def main(argv: list[str] | None = None) -> None:
    """Runs the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, metavar="DATA", help="what prepare.py wrote: data/train")
    parser.add_argument("-o", "--output", type=Path, required=True, help="an HTML file")
    parser.add_argument("--number", type=int, default=30, help="of samples (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="another one, other samples")
    args = parser.parse_args(argv)
    data = open_data(args.data, (*SPEECH, "name"))
    number = write_page(data, args.output, args.number, args.seed, str(args.data))
    print(f"{args.output}: {number} samples, {args.output.stat().st_size / 2**20:.1f} MiB")


if __name__ == "__main__":
    packaging.run(main)
