"""Makes one channel of two or more, so that no speech cancels itself on the way; or takes one.

Two microphones, or a cable with crossed wires, may record the same voice with opposite signs.
The mean of such channels is silence. Where two channels have opposite phase, the
second is inverted.
"""

from typing import Literal

import numpy as np

Mixed = Literal["mix", "left", "right"]
Channels = Literal[Mixed, "separate"]  # each channel is heard apart; a mixer gets its number
OPPOSITE_PHASE = "opposite_phase"  # the warning
OPPOSITE = -0.7  # a correlation under this; microphones apart from each other may have -0.3
FORGET_SAMPLES = 32_000  # 2 s, after which the past counts 1/e
SILENT, IDENTICAL = "silent", "identical"  # why a channel isn't heard apart
SILENT_STEPS = 2.0  # steps of 16 bits: a channel that changes less (root mean square) is silent
ALIKE = 0.9995  # a correlation over this, of either sign; two microphones in one room have less


class Mixer:
    """Mixes a recording's channels piece by piece.

    Args:
        channels: `left` and `right` take one of two channels; more than two are mixed. A number,
            from 0, takes that channel of any.
        warnings: `OPPOSITE_PHASE` is added where the second of two channels is inverted.

    Attributes:
        apart: Whether it must be given declared surround sound as it is, not FFmpeg's mix of it.
    """

    def __init__(self, channels: Mixed | int, warnings: list[str]) -> None:
        self._channels, self._warnings = channels, warnings
        self._moments = np.zeros((2, 2))
        self._sign = 1
        self.apart = isinstance(channels, int)

    def __call__(self, piece: np.ndarray) -> np.ndarray:
        """Mix a piece: int16 (samples, channels) at 16 kHz to int16 (samples,)."""
        count = piece.shape[1]
        if isinstance(self._channels, int):  # a part of the recording may have fewer channels
            return piece[:, min(self._channels, count - 1)]
        if count == 1:
            return piece[:, 0]
        if count > 2:
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


class Survey:
    """Finds the channels of a recording that have a sound of their own, piece by piece.

    Attributes:
        apart: As `Mixer` has it.
    """

    apart = True

    def __init__(self) -> None:
        self._moments = np.zeros((0, 0))  # of the changes from sample to sample, as in `Mixer`
        self._samples = 0

    def __call__(self, piece: np.ndarray) -> np.ndarray:
        """Listen to a piece: int16 (samples, channels) at 16 kHz; give its first channel."""
        missing = piece.shape[1] - len(self._moments)
        self._moments = np.pad(self._moments, (0, max(0, missing)))
        changes = np.diff(piece.astype(np.float64), axis=0)
        if missing < 0:  # as `Mixer` takes the last one for those that a part hasn't
            changes = np.pad(changes, ((0, 0), (0, -missing)), "edge")
        self._moments += changes.T @ changes
        self._samples += len(changes)
        return piece[:, 0]

    def left_out(self) -> list[str | None]:
        """Tell for each channel why it need not be heard: `SILENT`, `IDENTICAL`, or None.

        Of identical channels, the first is heard; where all are silent, the first of them.
        """
        found: list[str | None] = []
        power = np.sqrt(np.diag(self._moments))
        for place, one in enumerate(power):
            if one <= SILENT_STEPS * np.sqrt(max(1, self._samples)):
                found.append(SILENT)
            elif any(
                found[other] is None
                and abs(self._moments[other, place]) > ALIKE * power[other] * one
                for other in range(place)
            ):
                found.append(IDENTICAL)
            else:
                found.append(None)
        return found if None in found else [None, *found[1:]]
