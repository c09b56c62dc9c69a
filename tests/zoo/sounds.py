"""Recordings for tests, good and bad, in the formats that people send."""

import io
import struct
from typing import Any

import numpy as np
import soundfile

RATE = 16_000


def tone(seconds: float, hertz: float = 440.0, rate: int = RATE) -> np.ndarray:
    """A sine of half the full amplitude, float64 (samples,)."""
    return 0.5 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)


def encoded(
    sound: np.ndarray, rate: int = RATE, kind: str = "WAV", subtype: str | None = None
) -> bytes:
    """Samples as a file of soundfile's; (samples,) or (samples, channels)."""
    file = io.BytesIO()
    soundfile.write(file, sound, rate, format=kind, subtype=subtype)
    return file.getvalue()


def with_header(offset: int, format_: str, value: int) -> bytes:
    """A good two-second WAV but for one field of its header."""
    file = bytearray(encoded(tone(2), subtype="PCM_16"))
    struct.pack_into(format_, file, offset, value)
    return bytes(file)


def muxed(container: str, codec: str, sound: np.ndarray | None, rate: int = 48_000) -> bytes:
    """What a phone or a browser records: through FFmpeg, with a picture where there is no sound."""
    import av

    file = io.BytesIO()
    with av.open(file, "w", format=container) as output:
        stream: Any = output.add_stream(codec, rate=25 if sound is None else rate)
        if sound is None:
            stream.width = stream.height = 64
            stream.pix_fmt = "yuv420p"
            picture = np.zeros((64, 64, 3), dtype=np.uint8)
            frames: list[Any] = [av.VideoFrame.from_ndarray(picture, format="rgb24")] * 25
        else:
            samples = sound.astype(np.float32)[None]
            size = stream.frame_size or 1024
            frames = []
            for start in range(0, samples.shape[1], size):
                frame = av.AudioFrame.from_ndarray(
                    np.ascontiguousarray(samples[:, start : start + size]), "fltp", "mono"
                )
                frame.rate = rate
                frames.append(frame)
        for frame in [*frames, None]:
            for packet in stream.encode(frame):
                output.mux(packet)
    return file.getvalue()


def silence(hours: int) -> bytes:
    """A FLAC of a MB or two: one block of silence, as often as it takes."""
    import av

    file = io.BytesIO()
    with av.open(file, "w", format="flac") as output:
        stream: Any = output.add_stream("flac", rate=RATE)
        stream.layout = "mono"
        block = np.zeros((1, 4096), dtype=np.int16)
        frame = av.AudioFrame.from_ndarray(block, "s16", "mono")
        frame.rate = RATE
        for number in range(hours * 3600 * RATE // 4096):
            frame.pts = number * 4096
            for packet in stream.encode(frame):
                output.mux(packet)
        for packet in stream.encode(None):
            output.mux(packet)
    return file.getvalue()


BAD = {
    "empty": b"",
    "text": "这不是录音。".encode() * 100,
    "zeros": bytes(10_000),
    "half a header": encoded(tone(2))[:20],
    "a header and no samples": encoded(tone(2), subtype="PCM_16")[:44],
    "0 Hz": with_header(24, "<I", 0),
    "4 GHz": with_header(24, "<I", 0xFFFFFFFF),
    "1 Hz": encoded(tone(0.25), rate=1, subtype="PCM_U8"),
    "no channels": with_header(22, "<H", 0),
    "65,535 channels": with_header(22, "<H", 65_535),
    "100 channels": encoded(np.repeat(tone(0.5)[:, None], 100, axis=1)),
    "a playlist": b"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nfile:///etc/hostname\n",
    "a list of files": b"ffconcat version 1.0\nfile '/etc/hostname'\n",
}
