"""Clips of people from folders: whose voice, which language, and what each is for.

No voice is in two splits. Isolated words are joined to rows of words, long recordings are cut to
windows, so that a clip lasts 2 to 5 seconds.
"""

import csv
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from demos.language_id.spoken import join
from zoo.data import audio

RATE = audio.SAMPLE_RATE
WINDOW = 4.0  # seconds of a long recording
SPOKEN = 1.5  # seconds of speech that a meeting's window has, or it is left out
FSDD = {
    "train": ["jackson", "nicolas", "theo"],
    "dev": ["yweweler"],
    "test": ["george", "lucas"],
}


@dataclass(frozen=True)
class Clip:
    """A clip of one person, or of one recording.

    Args:
        wave: float32 (samples,) at 16 kHz.
        language: zh, th or en.
        speaker: Whose voice, or which recording.
        source: Which collection.
        split: train, dev or test.
        name: Of its file, without an ending.
    """

    wave: np.ndarray
    language: str
    speaker: str
    source: str
    split: str
    name: str


def trimmed(wave: np.ndarray) -> np.ndarray:
    """Cut off the silence at the ends: what is under 2 % of the largest sample."""
    loud = np.flatnonzero(np.abs(wave) > 0.02 * np.abs(wave).max())
    return wave[loud[0] : loud[-1] + 1]


def windows(wave: np.ndarray, seconds: float = WINDOW) -> Iterator[tuple[float, np.ndarray]]:
    """Cut a long recording into windows: start in seconds, and wave (samples,).

    The last one is left out if it is shorter than half of the others.
    """
    size = round(seconds * RATE)
    for start in range(0, len(wave), size):
        piece = wave[start : start + size]
        if len(piece) >= size / 2:
            yield start / RATE, piece


def rows(files: list[Path], rng: random.Random, most: int) -> Iterator[np.ndarray]:
    """Join words of one voice, each once, to rows of 2 to `most`: waves (samples,)."""
    files = sorted(files)
    rng.shuffle(files)
    while files:
        count = rng.randint(2, most)
        taken, files = files[:count], files[count:]
        yield join([trimmed(audio.decode(file)) for file in taken], rng)


def mandarin(speech: Path) -> Iterator[Clip]:
    """Yield the Mandarin clips of a folder like the one that the demo's README describes."""
    for file in sorted((speech / "aishell").glob("*.flac")):
        yield Clip(audio.decode(file), "zh", "aishell_0150", "aishell", "train", file.stem)
    for file in sorted((speech / "speakers").glob("*.wav")):
        speaker = file.stem[0]
        split = "dev" if speaker in "ab" else "test"
        yield Clip(audio.decode(file), "zh", f"four_{speaker}", "four", split, f"four_{file.stem}")
    words = rows(list((speech / "words").glob("*.mp3")), random.Random(1), 4)
    for number, wave in enumerate(words):
        yield Clip(wave, "zh", "words", "words", "test", f"words_{number:03}")
    for file in sorted((speech / "clips").glob("zh_*.wav")):
        speaker = file.stem.removeprefix("zh_")
        for start, wave in windows(audio.decode(file), 4.5):
            name = f"{file.stem}_{start:04.1f}"
            yield Clip(wave, "zh", speaker, speaker.split("_")[0] + "_clips", "test", name)


def english(speech: Path) -> Iterator[Clip]:
    """Yield the English clips of a folder like the one that the demo's README describes."""
    rng = random.Random(1)
    for split, speakers in FSDD.items():
        for speaker in speakers:
            files = list((speech / "fsdd" / "recordings").glob(f"*_{speaker}_*.wav"))
            files = files if split == "train" else files[:200]
            for number, wave in enumerate(rows(files, rng, 8)):
                name = f"fsdd_{speaker}_{number:03}"
                yield Clip(wave, "en", f"fsdd_{speaker}", "fsdd", split, name)
    for start, wave in windows(audio.decode(speech / "clips" / "en_jfk.mp3"), 3.7):
        yield Clip(wave, "en", "jfk", "jfk", "test", f"jfk_{start:04.1f}")
    for name in ("commercial_mono", "whatstheweatherlike-mulaw", "two_channel_16k"):
        wave = audio.decode(speech / "calls" / f"{name}.wav")
        for start, piece in windows(wave):
            yield Clip(piece, "en", name, "calls", "test", f"{name}_{start:04.1f}")
    yield from _meetings(speech / "meetings")


def _meetings(folder: Path) -> Iterator[Clip]:
    """Windows of meetings in which people speak for long enough, by the .rttm file."""
    turns: list[tuple[str, float, float]] = []
    with (folder / "meetings.rttm").open(encoding="utf-8") as file:
        for line in csv.reader(file, delimiter=" "):
            turns.append((line[1], float(line[3]), float(line[3]) + float(line[4])))
    for path in sorted(folder.glob("*.flac")):
        for start, wave in windows(audio.decode(path)):
            end = start + len(wave) / RATE
            spoken = sum(
                max(0.0, min(end, stop) - max(start, begin))
                for name, begin, stop in turns
                if name == path.stem
            )
            if spoken >= SPOKEN:
                yield Clip(wave, "en", f"ami_{path.stem}", "ami", "test",
                           f"ami_{path.stem}_{start:04.1f}")  # fmt: skip


def thai(speech: Path) -> Iterator[Clip]:
    """Yield the Thai clips: they are for testing only."""
    for file in sorted((speech / "thai").glob("*.wav")):
        for start, wave in windows(audio.decode(file), 5.0):
            yield Clip(wave, "th", f"thai_{file.stem}", "common_voice", "test",
                       f"thai_{file.stem}_{start:04.1f}")  # fmt: skip


def prompts(asterisk: Path) -> Iterator[Clip]:
    """Yield the telephone prompts of Debian's package asterisk-core-sounds-en-wav (English)."""
    short: list[Path] = []
    for file in sorted(asterisk.rglob("*.wav")):
        if {"silence", "letters", "digits", "phonetic"} & set(file.parts) or "tone" in file.stem:
            if file.parent.name in ("letters", "digits", "phonetic"):
                short.append(file)
            continue
        wave = audio.decode(file)
        if not wave.any() or "beep" in file.stem:
            continue
        if len(wave) < RATE:
            short.append(file)
            continue
        for start, piece in windows(trimmed(wave), 6.0):
            yield Clip(piece, "en", "allison", "prompts", "train",
                       f"prompts_{file.stem}_{start:04.1f}")  # fmt: skip
    for number, wave in enumerate(rows(short, random.Random(2), 5)):
        yield Clip(wave, "en", "allison", "prompts", "train", f"prompts_row_{number:03}")


def syllables(gcin: Path) -> Iterator[Clip]:
    """Yield rows of the Mandarin syllables of Debian's package gcin-voice (the voice 5.ogg)."""
    rng = random.Random(3)
    for turn in range(2):
        for number, wave in enumerate(rows(list(gcin.rglob("5.ogg")), rng, 7)):
            yield Clip(wave, "zh", "chu_lo", "syllables", "train",
                       f"syllables_{turn}_{number:03}")  # fmt: skip
