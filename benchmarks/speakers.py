"""Who speaks when: recordings of people in turns, meetings and a call, by the served code.

The speech is found, its voices are embedded by Resemblyzer's network and grouped; nothing is
transcribed. The recordings are made from the folder that THERESA_SHARED names.
"""

import tempfile
import time
import tracemalloc
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import harness
from benchmarks.speakers_sets import (
    MIXES,
    SpeakerMaterial,
    SpokenRecording,
    by_telephone,
    in_noise,
    mixes,
)
from benchmarks.whisper_quality_runs import folder
from zoo.building import speakers as networks
from zoo.data.audio import SAMPLE_RATE
from zoo.errors import CheckpointError
from zoo.speech.clustering import cluster
from zoo.speech.embedding import SpeakerNetwork
from zoo.speech.turns import Heard, hear, turns
from zoo.speech.windows import packed_windows
from zoo.training.diarization import DiarizationCounts, SpeakerTurn, diarization_errors

TITLE = "Speakers: who speaks when"
MOST = 20  # people that `auto` finds, by default
LONGEST_SAMPLES = 30 * SAMPLE_RATE  # of a window that Whisper hears
LONG_SECONDS, WINDOW_SECONDS, HOP_SECONDS = 3 * 3600, 1.6, 0.8
LIKE = 0.1  # as long as this is the noise that makes copies of an embedding different
FEW = 2  # recordings of a set in a quick run
PARTS = ("missed", "false_alarm", "confusion")


def measure(_: Path | None, quick: bool) -> dict[str, Any]:
    """Scores each set, and times a long recording; a quick run takes two recordings of each."""
    material = SpeakerMaterial(folder())
    with tempfile.TemporaryDirectory() as work:
        network = packed(Path(work))
        alike = mixes(material.voices(), FEW if quick else MIXES)
        sets: dict[str, Callable[[], Sequence[SpokenRecording]]] = {
            f"{MIXES} mixes of two to five people in turns": lambda: alike,
            "the same, white noise of 10 dB": lambda: [*in_noise(alike)],
            "the same, by telephone": lambda: [*by_telephone(alike)],
            "four people, three clips each, joined in six orders": material.joined,
            "one person, 20 sentences at a time": material.alone,
            "meetings of AMI, far microphones": material.meetings,
        }
        found, embeddings, seconds, spent = {}, [], 0.0, 0.0
        for name, make in sets.items():
            recordings = make()[:FEW] if quick else make()
            begun = time.process_time()
            heard = [voices(network, one.sound) for one in recordings]
            spent += time.process_time() - begun
            seconds += sum(one.seconds for one in recordings)
            found[name] = scores(recordings, heard, network.apart)
            embeddings += [span.embeddings for spans in heard for span in spans]
        call = material.call()
        said, _voices = turns(voices(network, call.sound), None, 1, MOST, network.apart)
    return {
        "machine": harness.machine(("numpy", "scipy", "onnxruntime", "pyannote-metrics")),
        "sets": found,
        "call": [[round(one.start, 1), round(one.end, 1), one.speaker + 1] for one in said],
        "cpu_seconds_per_minute": 60 * spent / seconds,
        "long": long_recording(np.concatenate(embeddings)),
    }


def packed(work: Path) -> SpeakerNetwork:
    """Resemblyzer's network, as the builders pack it.

    Raises:
        NotHere: The package index doesn't have it.
    """
    try:
        networks.convert(networks.find("resemblyzer"), work / "speakers")
    except CheckpointError as reason:
        raise harness.NotHere(str(reason).rstrip(".")) from None
    return SpeakerNetwork(work / "speakers")


def voices(network: SpeakerNetwork, sound: np.ndarray) -> list[Heard]:
    """The voices in the speech of a recording, as an engine hears them."""
    windows = list(packed_windows([sound], LONGEST_SAMPLES))
    return [span for spans in hear(network, windows) for span in spans]


def told(heard: Sequence[Heard], number: int | None, apart: float | None) -> list[SpeakerTurn]:
    """Who speaks when, in the form that is scored; the arguments are those of `turns`."""
    found, _ = turns(heard, number, 1, MOST, apart)
    return [SpeakerTurn(one.start, one.end, str(one.speaker)) for one in found]


def scores(
    recordings: Sequence[SpokenRecording],
    heard: Sequence[Sequence[Heard]],
    apart: float | None,
) -> dict[str, Any]:
    """The errors of a set, with the number of speakers given and found.

    Args:
        recordings: Of the set.
        heard: The voices of each.
        apart: What the network's distances mean, as `cluster` takes it.
    """
    summed = {"given": DiarizationCounts(), "found": DiarizationCounts()}
    right = clips = placed = 0
    for one, spans in zip(recordings, heard, strict=True):
        number = len({turn.speaker for turn in one.turns})
        for how, asked in (("given", number), ("found", None)):
            said = told(spans, asked, apart)
            summed[how] += diarization_errors(one.turns, said, one.seconds)
        right += len({turn.speaker for turn in said}) == number
        clips += len(one.turns)
        placed += own_clips(one.turns, said)
    return {
        "recordings": len(recordings),
        "right_number": right,
        "turns": clips,
        "right_turns": placed,
        **{how: {"der": errors.rate, **errors.rates} for how, errors in summed.items()},
    }


def own_clips(reference: Sequence[SpeakerTurn], said: Sequence[SpeakerTurn]) -> int:
    """How many turns have their speaker's number: the one that most of that speaker's time has."""
    from scipy.optimize import linear_sum_assignment

    people, labels = (sorted({one.speaker for one in turns}) for turns in (reference, said))
    shared = np.array([[_shared(one, [turn for turn in said if turn.speaker == label])
                        for label in labels] for one in reference])  # fmt: skip
    if not labels:
        return 0
    by_person = np.array([
        shared[[one.speaker == person for one in reference]].sum(axis=0) for person in people
    ])  # fmt: skip
    pairs = dict(zip(*linear_sum_assignment(-by_person), strict=True))
    return sum(
        bool(row.any()) and bool(pairs.get(people.index(one.speaker)) == row.argmax())
        for one, row in zip(reference, shared, strict=True)
    )


def _shared(one: SpeakerTurn, others: Sequence[SpeakerTurn]) -> float:
    return sum(max(0.0, min(one.end, other.end) - max(one.start, other.start)) for other in others)


def long_recording(embeddings: np.ndarray) -> dict[str, float]:
    """Groups the windows of three hours, which are like these; the seconds and the memory."""
    generator = np.random.default_rng(0)
    count = round(LONG_SECONDS / HOP_SECONDS)
    rows = embeddings[np.arange(count) % len(embeddings)]
    noise = generator.standard_normal(rows.shape) * LIKE / np.sqrt(rows.shape[1])
    rows = (rows + noise).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    starts = HOP_SECONDS * np.arange(count)
    times = np.stack([starts, starts + WINDOW_SECONDS], axis=1).astype(np.float32)
    tracemalloc.start()
    begun = time.perf_counter()
    cluster(rows, times, None, 1, MOST)
    seconds = time.perf_counter() - begun
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return {"windows": count, "seconds": seconds, "megabytes": peak / 1e6}


def render(result: dict[str, Any]) -> str:
    """The scores, as Markdown."""
    lines = [
        "Resemblyzer's GE2E. No collar; where several speak at once, all count. The thresholds of",
        "the grouping were set on other voices: the six of FSDD, the woman of `words/`, and three",
        "more. What counts as silence at a turn's ends was chosen on these sets and those voices.",
        "The values that those voices alone give score the first row and the last one no worse.",
        "",
        "| set | DER %, number given | missed, false alarm, confusion | DER %, number found "
        "| right number | turns with their speaker |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, one in result["sets"].items():
        parts = ", ".join(f"{one['given'][part]:.1f}" for part in PARTS)
        lines.append(
            f"| {name} | {one['given']['der']:.1f} | {parts} | {one['found']['der']:.1f} "
            f"| {one['right_number']} of {one['recordings']} "
            f"| {one['right_turns']} of {one['turns']} |"
        )
    long, people = result["long"], {speaker for _, _, speaker in result["call"]}
    said = "; ".join(f"S{speaker} {start}-{end}" for start, end, speaker in result["call"])
    return "\n".join([
        *lines,
        "",
        f"The telephone call `calls/commercial_mono.wav`: {len(people)} people are found. Their",
        f"turns in seconds: {said}.",
        "",
        "Finding the speech and embedding its voices took "
        f"{result['cpu_seconds_per_minute']:.2f} CPU seconds for a minute of sound. Grouping the",
        f"{long['windows']:,} windows of three hours took {long['seconds']:.1f} s and "
        f"{long['megabytes']:.0f} MB.",
    ])  # fmt: skip
