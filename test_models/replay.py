"""Plays a recording to a running speech model in real time, and says how far the text lags behind.

  python -m test_models.replay RECORDING http://localhost:8080

prints what is stable, and what isn't yet in grey. The delay of a word is the time from its end in
the recording (as the transcript of the whole recording has it) until it was shown, and until it was
stable.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from test_models.calls import ServiceError
from test_models.client import Client
from test_models.hearing import LiveText
from test_models.sound import SAMPLE_RATE, as_int16, wav
from test_models.stream import Stream
from transcripts.words import words_of

CHUNK = 0.1  # seconds that are fed at a time, as a sound card gives them
NEAR = 0.1  # seconds that a word's end may differ by, from one transcript to the other
GREY, PLAIN, LINE = "\033[90m", "\033[0m", "\r\033[K"


@dataclass(frozen=True)
class Replay:
    """How a recording went.

    Args:
        text: of the stream.
        at_once: the text of the recording that is sent whole; what was said here, to compare with.
        partials: what was seen, and when: seconds since the beginning.
        shown: the delay of each word until it was shown, in seconds.
        stable: the delay of each word until it was stable.
        after_end: seconds from the recording's end to the final text.
    """

    text: str
    at_once: str
    partials: list[tuple[float, LiveText]]
    shown: list[float]
    stable: list[float]
    after_end: float

    def summary(self) -> dict[str, float]:
        """Median, 95th percentile and maximum of the delays, in seconds."""
        found = {"words": float(len(self.shown)), "after_end": self.after_end}
        for name in ("shown", "stable"):
            delays = getattr(self, name) or [0.0]
            found[f"{name}_median"] = float(np.median(delays))
            found[f"{name}_95"] = float(np.percentile(delays, 95))
            found[f"{name}_max"] = max(delays)
        return {name: round(value, 3) for name, value in found.items()}


def replay(
    sound: np.ndarray,
    stream: Stream,
    client: Client,
    language: str | None = None,
    show: Callable[[LiveText], object] = bool,
) -> Replay:
    """Plays a recording by the clock.

    Args:
        sound: (samples,), 16 kHz mono: int16, or floats in [-1, 1].
        stream: a new one, to the same server as `client`.
        language: of the recording that is sent whole; None: the model's own choice.
        show: called with what is new; `bool` shows nothing.

    Raises:
        ServiceError: as `Stream`.
    """
    size = round(CHUNK * SAMPLE_RATE)
    partials: list[tuple[float, LiveText]] = []
    began = time.monotonic()
    for place in range(0, len(sound), size):
        chunk = sound[place : place + size]
        due = began + (place + len(chunk)) / SAMPLE_RATE  # it can't be had before it was spoken
        while (left := due - time.monotonic()) > 0:
            if partial := stream.poll(left):
                partials.append((time.monotonic() - began, partial))
                show(partial)
        stream.feed(chunk)
    text = stream.finish()
    ended = time.monotonic() - began
    partials.append((ended, stream.partial))
    show(stream.partial)
    asked = {"language": language} if language else {}
    whole = client.transcribe(wav(as_int16(sound)), word_timestamps=True, **asked)
    record = whole.model_dump()
    ends = [word.end for word in words_of(record)]
    return Replay(
        text=text,
        at_once=record["text"],
        partials=partials,
        shown=[_reached(partials, end, "end") - end for end in ends],
        stable=[_reached(partials, end, "start") - end for end in ends],
        after_end=ended - len(sound) / SAMPLE_RATE,
    )


def _reached(partials: list[tuple[float, LiveText]], end: float, mark: str) -> float:
    """When a word that ends there was seen; the last partial has them all."""
    found = (when for when, partial in partials if getattr(partial, mark) >= end - NEAR)
    return next(found, partials[-1][0])


def read(path: Path) -> np.ndarray:
    """A recording's samples, float32 (samples,), 16 kHz mono."""
    import soundfile
    import soxr

    sound, rate = soundfile.read(path, dtype="float32", always_2d=True)
    mono: np.ndarray = soxr.resample(sound.mean(axis=1), rate, SAMPLE_RATE)
    return mono


def main() -> None:
    """Reads the command line and plays."""
    parser = argparse.ArgumentParser(
        prog="python -m test_models.replay",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("recording", type=Path, help="WAV, FLAC, Ogg or MP3")
    parser.add_argument("url", help="the server, or a gateway's address of the model")
    parser.add_argument("--language", help="a code such as zh (default: the model's own choice)")
    parser.add_argument("--key", help="for the gateway")
    args = parser.parse_args()

    def show(partial: LiveText) -> None:
        line = partial.stable[-200:] + GREY + partial.tail + PLAIN
        print(LINE + line, end="", flush=True)

    try:
        with (
            Client(args.url, key=args.key) as client,
            Stream(args.url, args.language, key=args.key) as stream,
        ):
            result = replay(read(args.recording), stream, client, args.language, show)
    except (ServiceError, ValueError, OSError, RuntimeError) as error:
        sys.exit(f"replay: {error}")
    print(f"\n\nsent whole: {result.at_once}\n{json.dumps(result.summary())}")


if __name__ == "__main__":
    main()
