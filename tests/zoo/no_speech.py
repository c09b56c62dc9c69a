"""Recordings in which nobody speaks, and what is sent as a recording and is none."""

from collections.abc import Callable

import numpy as np

from tests.zoo.sounds import BAD, RATE, encoded, muxed, silence, tone

# What makes each: two hours take a second.
NOTHING: dict[str, Callable[[], bytes]] = {
    "silence": lambda: encoded(np.zeros(5 * RATE), kind="FLAC"),
    "40 s of silence": lambda: encoded(np.zeros(40 * RATE), kind="FLAC"),
    "two hours of silence": lambda: silence(hours=2),
    "noise": lambda: encoded(np.random.default_rng(1).normal(0, 0.05, 8 * RATE), kind="FLAC"),
    "a tone": lambda: encoded(tone(5, 50), kind="FLAC"),
    "a single sample": lambda: encoded(np.full(1, 0.1)),
    "ten milliseconds": lambda: encoded(tone(0.01)),
}
NO_SOUND = {
    **BAD,
    "video without sound": muxed("mp4", "mpeg4", None),
    "text in the column": "这不是录音, นี่ไม่ใช่เสียง",
    "null": None,
}
