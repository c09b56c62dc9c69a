"""Makes one channel of two or more, so that no speech cancels itself on the way.

Two microphones, or a cable with crossed wires, may record the same voice with opposite signs.
The mean of such channels is silence. Where two channels have opposite phase, the
second is inverted.
"""

from typing import Literal

import numpy as np

Channels = Literal["mix", "left", "right"]
OPPOSITE_PHASE = "opposite_phase"  # the warning
OPPOSITE = -0.7  # a correlation under this; microphones apart from each other may have -0.3
FORGET_SAMPLES = 32_000  # 2 s, after which the past counts 1/e


class Mixer:
    """Mixes a recording's channels piece by piece.

    Args:
        channels: `left` and `right` take one of two channels; more than two are always mixed.
        warnings: `OPPOSITE_PHASE` is added where the second of two channels is inverted.
    """

    def __init__(self, channels: Channels, warnings: list[str]) -> None:
        self._channels, self._warnings = channels, warnings
        self._moments = np.zeros((2, 2))
        self._sign = 1

    def __call__(self, piece: np.ndarray) -> np.ndarray:
        """Mix a piece: int16 (samples, channels) at 16 kHz to int16 (samples,)."""
        if piece.shape[1] != 2:
            return np.rint(piece.mean(axis=1)).astype(np.int16)
        if self._channels != "mix":
            return piece[:, 0 if self._channels == "left" else 1]
        self._listen(piece)
        left, right = piece.astype(np.int32).T  # int16 has no 32768
        return ((left + self._sign * right) >> 1).astype(np.int16)

    def _listen(self, piece: np.ndarray) -> None:
        """Decide on the sign of the second channel.

        The channels' changes from sample to sample are compared: an offset has none, and hum has
        little.
        """
        changes = np.diff(piece.astype(np.float64), axis=0)
        self._moments *= np.exp(-len(piece) / FORGET_SAMPLES)
        self._moments += changes.T @ changes
        power = np.sqrt(self._moments[0, 0] * self._moments[1, 1])
        alike = self._moments[0, 1] / power if power else 0.0
        if alike > 0:
            self._sign = 1
        elif alike < OPPOSITE:
            self._sign = -1
            if OPPOSITE_PHASE not in self._warnings:
                self._warnings.append(OPPOSITE_PHASE)
