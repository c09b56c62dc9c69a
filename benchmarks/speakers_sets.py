"""The recordings that benchmarks/speakers.py asks who speaks in, made from THERESA_SHARED's folder.

The voices on which the thresholds of zoo/speech/clustering.py were set are other people than those
of the sets that the page reports on.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from language_id.training.conditions import telephone
from zoo.data.audio import SAMPLE_RATE, decode
from zoo.training.augment import add_noise, noise
from zoo.training.diarization import SpeakerTurn, read_references

MIXES = 24
TURNS, PEOPLE = (6, 14), (2, 5)  # of a mix: the fewest and the most
PAUSE_SECONDS = 0.6  # between two turns, at most; each clip also has silence of its own
BAND_HZ = (100, 7000)  # which all clips are cut to
LEVEL = 0.05  # the amplitude (root mean square) of each clip's speech: -26 dB
FLOOR = 1e-4  # the amplitude of the noise in pauses
QUIET_DB = 22.0  # under a clip's loud frames: nobody speaks at its ends
FRAME_SAMPLES, RUN_FRAMES, SMOOTH_FRAMES = SAMPLE_RATE // 100, 5, 3
ORDERS = 6  # in which the twelve clips of `speakers/` are joined
DIGITS_SPEAKERS = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")
DIGIT_PAUSE_SECONDS, WORD_PAUSE_SECONDS = 0.08, 0.05
TAKES = 14  # turns that are made of each speaker's digits, or of the words
NOISE_DB = 10
Voices = Mapping[str, Sequence[np.ndarray]]


@dataclass(frozen=True)
class SpokenRecording:
    """A recording, float32 (samples,) at 16 kHz, and who speaks when; no turns: nobody knows."""

    name: str
    sound: np.ndarray
    turns: list[SpeakerTurn]

    @property
    def seconds(self) -> float:
        """How long it is."""
        return len(self.sound) / SAMPLE_RATE


class SpeakerMaterial:
    """The folder of real recordings.

    Args:
        folder: What THERESA_SHARED names.
    """

    def __init__(self, folder: Path) -> None:
        self._speech = folder / "data" / "speech"

    def _sounds(self, pattern: str) -> list[np.ndarray]:
        return [decode(path) for path in sorted(self._speech.glob(pattern))]

    def _four(self) -> dict[str, list[np.ndarray]]:
        return {name: self._sounds(f"speakers/{name}_*.wav") for name in "abxz"}

    def voices(self) -> dict[str, list[np.ndarray]]:
        """The clips of seven people: four of `speakers/`, three of AISHELL."""
        found = self._four()
        found["S0150"] = self._sounds("aishell/*.flac")
        for name in ("S0724", "S0764"):
            found[name] = self._sounds(f"clips/zh_aishell_BAC009{name}*.wav")
        return found

    def other_voices(self) -> dict[str, list[np.ndarray]]:
        """The voices that thresholds were set on: ten people, none of them of `voices`."""
        generator = np.random.default_rng(5)
        found: dict[str, list[np.ndarray]] = {}
        for name in DIGITS_SPEAKERS:
            digits = self._sounds(f"fsdd/recordings/*_{name}_*.wav")
            found[name] = _takes(digits, (4, 8), DIGIT_PAUSE_SECONDS, generator)
        words = self._sounds("words/*.mp3")
        found["words"] = _takes(words, (2, 5), WORD_PAUSE_SECONDS, generator)
        kennedy = decode(self._speech / "clips" / "en_jfk.mp3")
        pauses = (np.array([3.3, 5.4, 8.0]) * SAMPLE_RATE).astype(int)
        found["kennedy"] = np.split(kennedy, pauses)
        for number, sound in enumerate(self._sounds("thai/*.wav")):
            found[f"thai{number}"] = np.split(sound, [len(sound) // 2])
        return found

    def joined(self) -> list[SpokenRecording]:
        """The twelve clips of `speakers/`, one after the other, as they are, in several orders."""
        clips = [(name, sound) for name, sounds in self._four().items() for sound in sounds]
        orders = [np.random.default_rng(seed).permutation(len(clips)) for seed in range(1, ORDERS)]
        return [
            _joined(f"joined {number}", [clips[place] for place in order], [0.0] * len(clips))
            for number, order in enumerate([np.arange(len(clips)), *orders])
        ]

    def meetings(self) -> list[SpokenRecording]:
        """Five excerpts of AMI, each of 30 s, with far microphones."""
        references = read_references(self._speech / "meetings" / "meetings.rttm")
        return [
            SpokenRecording(name, decode(self._speech / "meetings" / f"{name}.flac"), turns)
            for name, turns in sorted(references.items())
        ]

    def call(self) -> SpokenRecording:
        """Two people on the telephone."""
        return SpokenRecording("call", decode(self._speech / "calls" / "commercial_mono.wav"), [])

    def alone(self) -> list[SpokenRecording]:
        """One person of AISHELL, 20 sentences at a time."""
        sentences = self._sounds("aishell/*.flac")
        return [
            _joined(f"alone {start}", [("S0150", one) for one in sentences[start : start + 20]],
                    [0.3] * 20)
            for start in range(0, 120, 20)
        ]  # fmt: skip


def mixes(
    voices: Voices, count: int, people: tuple[int, int] = PEOPLE, turns: tuple[int, int] = TURNS
) -> list[SpokenRecording]:
    """People who speak in turns, a clip a turn; each has the same level and the same band.

    Args:
        voices: The clips of each person; none is used twice in a recording.
        count: How many recordings.
        people: The fewest and the most that speak in one.
        turns: The fewest and the most turns of one.
    """
    equal = {name: [_equalised(sound) for sound in sounds] for name, sounds in voices.items()}
    found: list[SpokenRecording] = []
    seed = 0
    while len(found) < count:
        generator = np.random.default_rng(seed)
        clips = _in_turns(equal, people, turns, generator)
        if len(clips) >= turns[0]:
            pauses = generator.uniform(0, PAUSE_SECONDS, len(clips)).tolist()
            found.append(_joined(f"mix {seed}", clips, pauses))
        seed += 1
    return found


def _in_turns(
    voices: Voices, people: tuple[int, int], turns: tuple[int, int], generator: np.random.Generator
) -> list[tuple[str, np.ndarray]]:
    """Draw turns; nobody speaks twice in a row. Empty where somebody would not speak at all."""
    names = sorted(voices)
    number = int(generator.integers(people[0], min(people[1], len(names)) + 1))
    chosen = [str(name) for name in generator.choice(names, number, replace=False)]
    left = {name: [*generator.permutation(len(voices[name]))] for name in chosen}
    found: list[tuple[str, np.ndarray]] = []
    for _ in range(int(generator.integers(turns[0], turns[1] + 1))):
        able = [name for name in chosen if left[name] and (not found or found[-1][0] != name)]
        silent = [name for name in able if len(left[name]) == len(voices[name])]
        if not able:
            break
        name = str(generator.choice(silent or able))
        found.append((name, voices[name][left[name].pop()]))
    return found if len({name for name, _ in found}) == number else []


def in_noise(
    recordings: Sequence[SpokenRecording], level: float = NOISE_DB
) -> Iterator[SpokenRecording]:
    """The same with white noise that is fainter by so many decibels."""
    for place, one in enumerate(recordings):
        added = noise("white", len(one.sound), np.random.default_rng(place))
        yield replace(one, sound=add_noise(one.sound, added, level))


def by_telephone(recordings: Sequence[SpokenRecording]) -> Iterator[SpokenRecording]:
    """The same in a telephone's band."""
    for one in recordings:
        yield replace(one, sound=telephone(one.sound))


def _takes(
    sounds: Sequence[np.ndarray],
    sizes: tuple[int, int],
    pause: float,
    generator: np.random.Generator,
) -> list[np.ndarray]:
    """Join short sounds, drawn without replacement, to turns of so many sounds each."""
    order = [*generator.permutation(len(sounds))]
    silence = np.zeros(round(pause * SAMPLE_RATE), np.float32)
    found = []
    for _ in range(TAKES):
        size = int(generator.integers(sizes[0], sizes[1] + 1))
        parts = [part for _ in range(size) for part in (sounds[order.pop()], silence)]
        found.append(np.concatenate(parts))
    return found


def _joined(
    name: str, clips: Sequence[tuple[str, np.ndarray]], pauses: Sequence[float]
) -> SpokenRecording:
    """Join clips, each with its speaker; the reference leaves out the silence at their ends."""
    generator = np.random.default_rng(0)
    sounds: list[np.ndarray] = []
    turns: list[SpeakerTurn] = []
    place = 0
    for (speaker, sound), pause in zip(clips, pauses, strict=True):
        first, last = edges(sound)
        turns.append(
            SpeakerTurn((place + first) / SAMPLE_RATE, (place + last) / SAMPLE_RATE, speaker)
        )
        silence = FLOOR * generator.standard_normal(round(pause * SAMPLE_RATE))
        sounds += [sound, silence.astype(np.float32)]
        place += len(sound) + len(silence)
    return SpokenRecording(name, np.concatenate(sounds), turns)


def edges(sound: np.ndarray) -> tuple[int, int]:
    """Find the samples between which a clip isn't silent, by the level of its frames of 10 ms."""
    sound = _filtered(sound, (150, 7000))
    frames = sound[: len(sound) // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES)
    power = np.convolve(np.square(frames).mean(axis=1), np.ones(SMOOTH_FRAMES), "same")
    loud = power > np.quantile(power, 0.95) * 10 ** (-QUIET_DB / 10)
    runs = np.flatnonzero(np.convolve(loud, np.ones(RUN_FRAMES), "valid") == RUN_FRAMES)
    return int(runs[0]) * FRAME_SAMPLES, (int(runs[-1]) + RUN_FRAMES) * FRAME_SAMPLES


def _equalised(sound: np.ndarray) -> np.ndarray:
    """Give a clip the common level and band, so that these don't tell who speaks."""
    sound = _filtered(sound, BAND_HZ)
    first, last = edges(sound)
    found: np.ndarray = sound * (LEVEL / np.sqrt(np.square(sound[first:last]).mean()))
    return found.astype(np.float32)


def _filtered(sound: np.ndarray, band: tuple[int, int]) -> np.ndarray:
    from scipy.signal import butter, sosfiltfilt

    filters = butter(4, band, "bandpass", fs=SAMPLE_RATE, output="sos")
    found: np.ndarray = sosfiltfilt(filters, sound).astype(np.float32)
    return found
