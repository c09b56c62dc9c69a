"""Recordings in which nobody speaks, and what is sent as a recording and is none."""

import numpy as np

from tests.zoo.sounds import BAD, RATE, encoded, muxed, silence, tone

NOTHING = {
    "silence": encoded(np.zeros(5 * RATE), kind="FLAC"),
    "40 s of silence": encoded(np.zeros(40 * RATE), kind="FLAC"),
    "two hours of silence": silence(hours=2),
    "noise": encoded(np.random.default_rng(1).normal(0, 0.05, 8 * RATE), kind="FLAC"),
    "a tone": encoded(tone(5, 50), kind="FLAC"),
    "a single sample": encoded(np.full(1, 0.1)),
    "ten milliseconds": encoded(tone(0.01)),
}
NO_SOUND = {
    **BAD,
    "video without sound": muxed("mp4", "mpeg4", None),
    "text in the column": "这不是录音, นี่ไม่ใช่เสียง",
    "null": None,
}
