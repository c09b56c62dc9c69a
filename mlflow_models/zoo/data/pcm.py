"""Raw sound as it arrives, piece by piece: 16-bit PCM at any usual rate, and telephones' G.711.

Pieces give the same samples as the whole would: the resampler, FFmpeg's, keeps its state.
"""

from typing import Any, Literal

import numpy as np

from zoo.data.audio import SAMPLE_RATE
from zoo.errors import BadInput

Encoding = Literal["audio/pcm", "audio/pcmu", "audio/pcma"]  # the names of RFC 4856 and OpenAI
TELEPHONE_RATE = 8_000  # Hz; of G.711
MU_LAW_BIAS = 132


def _mu_law() -> np.ndarray:
    """Make G.711's table of 16-bit samples by code, µ-law."""
    code = ~np.arange(256) & 0xFF
    exponent, mantissa = code >> 4 & 7, code & 15
    size = ((mantissa << 3) + MU_LAW_BIAS << exponent) - MU_LAW_BIAS
    return np.where(code & 0x80, -size, size).astype(np.int16)


def _a_law() -> np.ndarray:
    """Make G.711's table of 16-bit samples by code, A-law."""
    code = np.arange(256) ^ 0x55
    exponent, mantissa = code >> 4 & 7, code & 15
    size = np.where(
        exponent, (mantissa << 4) + 264 << np.maximum(exponent, 1) - 1, mantissa * 16 + 8
    )
    return np.where(code & 0x80, size, -size).astype(np.int16)


TABLES = {"audio/pcmu": _mu_law(), "audio/pcma": _a_law()}


class RawSound:
    """Reads one stream of raw sound.

    Args:
        encoding: How a sample is written: `audio/pcm` is 16 bits, little-endian.
        rate: Samples per second, in Hz; G.711 has 8,000.
    """

    def __init__(self, encoding: Encoding, rate: int) -> None:
        self._table = TABLES.get(encoding)
        self._rate = TELEPHONE_RATE if self._table is not None else rate
        self._resampler: Any = None

    def __call__(self, data: bytes) -> np.ndarray:
        """Read the next piece.

        Returns:
            int16 (samples,), mono, at 16 kHz; the resampler may keep the last few for later.

        Raises:
            BadInput: A sample isn't whole.
        """
        if self._table is not None:
            return self._resampled(self._table[np.frombuffer(data, np.uint8)])
        if len(data) % 2:
            raise BadInput("A sample has 16 bits, so the number of bytes is even.")
        return self._resampled(np.frombuffer(data, "<i2").astype(np.int16))

    def rest(self) -> np.ndarray:
        """Give what the resampler has kept, and begin anew; int16 (samples,)."""
        if self._resampler is None:
            return np.empty(0, np.int16)
        pieces, self._resampler = self._resampler.resample(None), None
        return _joined(pieces)

    def _resampled(self, samples: np.ndarray) -> np.ndarray:
        if self._rate == SAMPLE_RATE or not len(samples):
            return samples
        import av

        if self._resampler is None:
            self._resampler = av.AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE)
        frame = av.AudioFrame.from_ndarray(samples[None], format="s16", layout="mono")
        frame.sample_rate = self._rate
        return _joined(self._resampler.resample(frame))


def _joined(pieces: Any) -> np.ndarray:
    return np.concatenate([np.empty(0, np.int16), *(one.to_ndarray()[0] for one in pieces)])
