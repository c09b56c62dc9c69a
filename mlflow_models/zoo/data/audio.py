"""Decodes audio of any container and codec that FFmpeg reads (through PyAV) for the speech models.

The zoo's models hear one channel at 16 kHz, the rate that they were trained at. It keeps what is
below 8 kHz, and speech has little above. FFmpeg mixes declared surround sound, `Mixer` all else.
Samples go through 16 bits, as in openai-whisper's `load_audio`, so that the same mono file gives
the same numbers.
"""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from zoo.data.channels import Mixed, Mixer, Survey
from zoo.errors import BadInput

SAMPLE_RATE = 16_000  # Hz
BLOCK_SECONDS = 60.0
RATES = range(1_000, 1_000_001)  # Hz; outside of this range a small file may become gigabytes
MAX_CHANNELS = 64  # that FFmpeg resamples
UNDECLARED = " channels"  # ends FFmpeg's name of a layout of which only the number is known
SCALE = np.float32(1 / 32768)  # from 16 bits to [-1, 1)


def decode(source: bytes | Path) -> np.ndarray:
    """Decode a whole recording.

    Args:
        source: A file's content, or its path.

    Returns:
        float32 (samples,) in [-1, 1), mono, at 16 kHz; at least one sample.

    Raises:
        BadInput: The file isn't audio, or can't be decoded. The message starts with a verb ("is
            empty"), for a sentence that names the input.
    """
    return np.concatenate(list(decode_blocks(source)))


def decode_blocks(
    source: bytes | Path,
    seconds: float = BLOCK_SECONDS,
    channels: Mixed | int = "mix",
    warnings: list[str] | None = None,
) -> Iterator[np.ndarray]:
    """Decode a recording block by block, so that a long one needs no more memory.

    Of a damaged recording, what can be decoded is yielded.

    Args:
        source: A file's content, or its path.
        seconds: How long a block is.
        channels: As `Mixer` takes them.
        warnings: What a user should know of the recording is added to them: `OPPOSITE_PHASE`.

    Yields:
        float32 (samples,) in [-1, 1), mono, at 16 kHz. Only the last block may be shorter.

    Raises:
        BadInput: As `decode` does.
    """
    size, pending, waiting = round(seconds * SAMPLE_RATE), [], 0
    mixer = Mixer(channels, [] if warnings is None else warnings)
    for piece in _pieces(source, mixer):
        pending.append(piece)
        waiting += len(piece)
        while waiting >= size:
            joined = np.concatenate(pending)
            yield joined[:size] * SCALE
            pending, waiting = [joined[size:].copy()], waiting - size
    if waiting:
        yield np.concatenate(pending) * SCALE


def survey(source: bytes | Path) -> list[str | None]:
    """Find the channels of a recording that have a sound of their own.

    Args:
        source: A file's content, or its path.

    Returns:
        For each channel why it need not be heard, as `Survey.left_out` says.

    Raises:
        BadInput: As `decode` does.
    """
    listener = Survey()
    for _ in _pieces(source, listener):
        pass
    return listener.left_out()


def duration(source: bytes | Path) -> float | None:
    """Give how long a recording lasts, in seconds, as its file says; None where it doesn't.

    Args:
        source: A file's content, or its path.
    """
    import av

    try:
        with _opened(source) as file, _container(file) as container:
            return container.duration and float(container.duration / av.time_base)
    except (BadInput, av.FFmpegError, ValueError, OverflowError, MemoryError):
        return None


def _pieces(source: bytes | Path, mixer: Mixer | Survey) -> Iterator[np.ndarray]:
    """Yield int16 (samples,), mono, at 16 kHz, as they are decoded; at least one sample in all."""
    with _opened(source) as file:
        yield from _from_file(file, mixer)


def _opened(source: bytes | Path) -> BinaryIO:
    if isinstance(source, Path):
        return source.open("rb")
    if not source:
        raise BadInput("is empty")
    return io.BytesIO(source)


def _container(file: BinaryIO) -> Any:
    """Open a file by FFmpeg."""
    import av

    # A playlist could make FFmpeg open other files and addresses: no protocol is allowed.
    return av.open(file, metadata_errors="ignore", options={"protocol_whitelist": "none"})


def _from_file(file: BinaryIO, mixer: Mixer | Survey) -> Iterator[np.ndarray]:
    """Yield int16 (samples,), mono, at 16 kHz."""
    import av

    found = False
    try:
        with _container(file) as container:
            if not container.streams.audio:
                raise BadInput("has no sound")
            for piece in _resampled(container, mixer):
                found = True
                yield piece
    except (av.FFmpegError, ValueError, OverflowError, MemoryError):
        if not found:
            raise BadInput("is not audio that can be decoded") from None
    if not found:
        raise BadInput("has no samples")


def _resampled(container: Any, mixer: Mixer | Survey) -> Iterator[np.ndarray]:
    """Yield int16 (samples,), mono, at 16 kHz; skip broken packets, as players do."""
    import av

    resampler, current = None, None
    for packet in container.demux(audio=0):
        try:
            frames = packet.decode()
        except av.InvalidDataError:
            continue
        for frame in frames:
            kind = (frame.format.name, frame.layout.name, frame.sample_rate)
            if kind != current:  # joined recordings may change on the way
                if frame.sample_rate not in RATES:
                    raise BadInput("has an impossible sample rate")
                if frame.layout.nb_channels > MAX_CHANNELS:
                    raise BadInput(f"has more than {MAX_CHANNELS} channels")
                yield from _samples(resampler, None, mixer)
                resampler, current = _resampler(frame.layout, mixer.apart), kind
            yield from _samples(resampler, frame, mixer)
    yield from _samples(resampler, None, mixer)


def _resampler(layout: Any, apart: bool) -> Any:
    """Make a resampler to 16 kHz; to one channel, unless `Mixer` mixes them or takes one."""
    import av

    if apart:
        layout = layout.name
    elif layout.nb_channels == 2:
        layout = "stereo"
    elif layout.nb_channels == 1 or not layout.name.endswith(UNDECLARED):
        layout = "mono"
    return av.AudioResampler(format="s16", layout=layout, rate=SAMPLE_RATE)


def _samples(resampler: Any, frame: Any, mixer: Mixer | Survey) -> Iterator[np.ndarray]:
    """Yield a frame's samples, int16 (samples,) at 16 kHz; for None, the resampler's rest."""
    for piece in resampler.resample(frame) if resampler is not None else ():
        samples, count = piece.to_ndarray()[0], piece.layout.nb_channels
        yield mixer(samples.reshape(-1, count))
