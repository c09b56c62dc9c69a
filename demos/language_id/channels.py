"""What lies between a mouth and a file: codecs by FFmpeg, and another voice's vocal cords.

Waves are float32 (samples,) at 16 kHz, and every function leaves its input as it is.
"""

import subprocess

import numpy as np

from zoo.errors import ZooError
from zoo.training.augment import SAMPLE_RATE

# FFmpeg's encoder, format, sample rate in Hz and options.
CODECS = {
    "mulaw": ("pcm_mulaw", "wav", 8000, []),
    "mp3": ("libmp3lame", "mp3", 22_050, ["-b:a", "32k"]),
    "mp3_narrow": ("libmp3lame", "mp3", 8000, ["-b:a", "16k"]),
    "opus": ("libopus", "ogg", 16_000, ["-b:a", "16k"]),
    "opus_narrow": ("libopus", "ogg", 8000, ["-b:a", "8k", "-application", "voip"]),
}
ORDER = 18  # of the linear prediction: a pair of poles for each kHz, and two for the rest
FRAME = 512  # samples, 32 ms
HOP = FRAME // 2


def encode(wave: np.ndarray, codec: str) -> np.ndarray:
    """Encode and decode a wave.

    Args:
        wave: (samples,).
        codec: One of `CODECS`.

    Returns:
        float32 (samples,), of the same length.

    Raises:
        ZooError: FFmpeg is missing or fails.
    """
    encoder, form, rate, options = CODECS[codec]
    raw = ["-f", "f32le", "-ar", str(SAMPLE_RATE), "-ac", "1"]
    quiet = ["ffmpeg", "-hide_banner", "-loglevel", "error", "-threads", "1"]
    there = [*quiet, *raw, "-i", "-", "-ar", str(rate), "-c:a", encoder, *options, "-f", form, "-"]
    coded = _run(there, wave.astype("<f4").tobytes())
    samples = np.frombuffer(_run([*quiet, "-i", "-", *raw, "-"], coded), dtype="<f4")
    return np.pad(samples[: len(wave)], (0, max(0, len(wave) - len(samples))))


def _run(command: list[str], given: bytes) -> bytes:
    try:
        return subprocess.run(command, input=given, capture_output=True, check=True).stdout
    except FileNotFoundError as error:
        raise ZooError("FFmpeg not found; install ffmpeg.") from error
    except subprocess.CalledProcessError as error:
        raise ZooError(f"FFmpeg failed: {error.stderr.decode(errors='replace')}") from error


def exchange_source(words: np.ndarray, source: np.ndarray) -> np.ndarray:
    """Give the words of one recording the vocal cords of another.

    The envelope of the spectrum, which carries the sounds of a language, is of `words`; what
    excites it (the residual of linear prediction: the pulses of the cords, breath, noise) is of
    `source`. So a person's vocal cords can say Thai that no person has said.

    Args:
        words: (samples,).
        source: (samples,); repeated where it is too short.

    Returns:
        float32 (samples,), as long as `words`.
    """
    from scipy.signal import lfilter

    source = np.resize(source, len(words)).astype(np.float64)
    window, made = np.hanning(FRAME), np.zeros(len(words) + FRAME)
    for start in range(0, len(words) - FRAME, HOP):
        piece = words[start : start + FRAME] * window
        loudness = np.sqrt(np.mean(np.square(piece)))
        if loudness < 1e-4:
            continue
        exciting = source[start : start + FRAME] * window
        residual = lfilter(_prediction(exciting), [1.0], exciting)
        residual /= np.sqrt(np.mean(np.square(residual))) + 1e-9
        voiced = lfilter([1.0], _prediction(piece), residual)
        made[start : start + FRAME] += voiced * (loudness / (np.std(voiced) + 1e-9)) * window
    return (made[: len(words)] / (np.abs(made).max() + 1e-9)).astype(np.float32)


def _prediction(frame: np.ndarray) -> np.ndarray:
    """The filter (ORDER + 1,) that takes from a frame what can be predicted of it."""
    from scipy.linalg import solve_toeplitz

    spectrum = np.abs(np.fft.rfft(frame, 2 * FRAME)) ** 2
    correlation = np.fft.irfft(spectrum)[: ORDER + 1]
    correlation[0] = correlation[0] * 1.001 + 1e-9  # or a pure tone has no stable filter
    found = solve_toeplitz(correlation[:-1], correlation[1:])
    return np.concatenate([[1.0], -found])
