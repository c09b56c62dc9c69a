"""Speaks sentences with espeak-ng: a corpus of any size with no recordings.

Writes FLAC files and `manifest.tsv` (path, text, voice, snr), which prepare.py reads.
"""

import argparse
import io
import random
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from zoo.data.tables import open_table, write_table
from zoo.errors import ZooError
from zoo.training import augment

TRAIN_VOICES = (
    "m1 m2 m3 m4 m5 m6 f1 f2 f3 f4 Andy Annie Diogo Hugo Lee adam belinda linda max paul sandro "
    "shelby victor".split()
)
TEST_VOICES = ["m7", "f5", "michel", "anika"]


def speak(text: str, voice: str, speed: int, pitch: int, size: float = 1.0) -> np.ndarray:
    """Speaks a sentence.

    Args:
        text: in the voice's language.
        voice: a voice of espeak-ng and its variant (`espeak-ng --voices=variant`), as in `th+f1`.
        speed: words a minute, 80 to 450.
        pitch: 0 to 99.
        size: of the speaker; it divides pitch and formants, and the words a minute.

    Returns:
        float32 (samples,) at 16 kHz, without the silence at its ends.

    Raises:
        ZooError: espeak-ng is missing or fails.
    """
    import soundfile
    import soxr

    command = ["espeak-ng", "-v", voice, "-s", str(speed), "-p", str(pitch)]
    try:
        done = subprocess.run(
            [*command, "--stdout"], input=text.encode(), capture_output=True, check=True
        )
    except FileNotFoundError as error:
        raise ZooError("espeak-ng isn't installed.") from error
    except subprocess.CalledProcessError as error:
        raise ZooError(f"espeak-ng failed: {error.stderr.decode()}") from error
    wave, rate = soundfile.read(io.BytesIO(done.stdout), dtype="float32")
    wave = soxr.resample(wave, rate, augment.SAMPLE_RATE * size)
    loud = np.flatnonzero(np.abs(wave) > 0.01 * np.abs(wave).max())
    return wave[loud[0] : loud[-1] + 1]


def rescale(wave: np.ndarray, peak: float) -> np.ndarray:
    """Brings the largest sample to `peak`, where 1 is full scale."""
    return (wave * (peak / (np.abs(wave).max() + 1e-9))).astype(np.float32)


def record(
    text: str, language: str, rng: random.Random, args: argparse.Namespace
) -> tuple[np.ndarray, str, str]:
    """Speaks a sentence in a voice, a room and a noise by chance; returns the voice and SNR too."""
    chance = np.random.default_rng(rng.getrandbits(32))
    voice = rng.choice(args.voices)
    size = rng.uniform(1 - args.warp, 1 + args.warp)
    wave = speak(text, f"{language}+{voice}", rng.randint(*args.speed), rng.randint(20, 80), size)
    if rng.random() < 0.3:
        wave = augment.reverberate(wave, rng.uniform(0.1, 0.4), chance)
    snr = ""
    if rng.random() < args.noisy:
        snr = str(rng.choice(args.snr))
        kind = rng.choice(augment.NOISES)
        wave = augment.add_noise(wave, augment.noise(kind, len(wave), chance), float(snr))
    return rescale(wave, rng.uniform(0.1, 0.95)), voice, snr


def excluded(args: argparse.Namespace) -> set[str]:
    """The sentences of the manifests that are excluded."""
    seen: set[str] = set()
    for path in args.exclude:
        table = open_table(path)
        text = table.column("text")
        seen |= {cells[text] for _, cells in table.strict_rows()}
    return seen


def write(item: tuple[int, str], language: str, args: argparse.Namespace) -> tuple[str, ...]:
    """Writes one recording and returns its row of the manifest."""
    import soundfile

    index, text = item
    path = args.output / f"{index // 1000:03}" / f"{index:06}.flac"
    wave, voice, snr = record(text, language, random.Random(f"{args.seed}/{index}"), args)
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, wave, augment.SAMPLE_RATE, format="FLAC", subtype="PCM_16")
    name = path.relative_to(args.output).as_posix()
    return name, text, voice, snr


def parser(description: str) -> argparse.ArgumentParser:
    """The options that every language has."""
    cli = argparse.ArgumentParser(
        description=description, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    cli.add_argument("-o", "--output", type=Path, required=True, help="FLAC and manifest.tsv")
    cli.add_argument("--exclude", type=Path, nargs="*", default=[], metavar="MANIFEST",
                     help="manifests whose sentences aren't to be made")  # fmt: skip
    cli.add_argument("--voices", nargs="+", default=TRAIN_VOICES, help="espeak-ng's variants")
    cli.add_argument("--test-voices", action="store_const", dest="voices", const=TEST_VOICES,
                     help="the voices kept for testing: " + " ".join(TEST_VOICES))  # fmt: skip
    cli.add_argument("--together", type=int, default=1, help="sentences to a recording")
    cli.add_argument("--speed", type=int, nargs=2, default=[130, 210], help="words a minute")
    cli.add_argument("--warp", type=float, default=0.0,
                     help="the speaker's size varies by so much: 0.1 is 10 %%")  # fmt: skip
    cli.add_argument("--noisy", type=float, default=0.0, help="share with noise")
    cli.add_argument("--snr", type=int, nargs="+", default=[20, 10, 5, 0], help="dB, one by chance")
    cli.add_argument("--jobs", type=int, default=1, help="recordings made at a time")
    cli.add_argument("--seed", type=int, default=1)
    return cli


def make(texts: list[str], language: str, args: argparse.Namespace, space: str = "") -> None:
    """Speaks texts and writes them with their manifest.

    Args:
        texts: sentences.
        language: espeak-ng's voice, without a variant.
        args: as `parser` has them.
        space: what is written between the sentences of one recording.
    """
    from tqdm import tqdm

    starts = range(0, len(texts), args.together)
    texts = [space.join(texts[start : start + args.together]) for start in starts]
    with ThreadPoolExecutor(args.jobs) as pool:
        made = pool.map(lambda item: write(item, language, args), enumerate(texts))
        rows = list(tqdm(made, total=len(texts), desc="speak"))
    write_table(args.output / "manifest.tsv", ["path", "text", "voice", "snr"], rows)
    print(f"{args.output / 'manifest.tsv'}: {len(rows)} recordings")
