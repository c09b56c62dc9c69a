"""Telephone calls made of whisper_asr's samples, so that who says what is known."""

import numpy as np

from tests.zoo.sounds import RATE, encoded
from zoo.building.packaging import ROOT
from zoo.data.audio import decode

SAMPLES = ROOT / "mlflow_models" / "whisper_asr" / "samples"
PAUSE_SECONDS = 0.5  # before, between and after


def said(name: str) -> str:
    """What a sample says."""
    return (SAMPLES / f"{name}.txt").read_text(encoding="utf-8").strip()


def call(left: str, right: str) -> bytes:
    """A call with a channel for each side: on the left one sample, then another on the right."""
    first, second = (decode((SAMPLES / f"{name}.flac").read_bytes()) for name in (left, right))
    pause = np.zeros(round(PAUSE_SECONDS * RATE), np.float32)
    begin = len(pause) + len(first)
    sides = np.zeros((begin + len(pause) + len(second) + len(pause), 2), np.float32)
    sides[len(pause) : begin, 0] = first
    sides[begin + len(pause) : -len(pause), 1] = second
    return encoded(sides, kind="FLAC", subtype="PCM_16")
