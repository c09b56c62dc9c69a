"""Raw sound in pieces: the same samples as the whole, and as FFmpeg decodes it from a file."""

import io
import wave
from typing import Any

import av
import numpy as np
import pytest

from zoo.data.audio import decode
from zoo.data.pcm import Encoding, RawSound
from zoo.errors import BadInput

SCALE = 32768
CODECS: dict[Encoding, str] = {"audio/pcmu": "pcm_mulaw", "audio/pcma": "pcm_alaw"}


def in_pieces(reader: RawSound, data: bytes, size: int) -> np.ndarray:
    pieces = [reader(data[start : start + size]) for start in range(0, len(data), size)]
    return np.concatenate([*pieces, reader.rest()])


@pytest.mark.parametrize("rate", [8_000, 16_000, 24_000, 44_100])
@pytest.mark.parametrize("size", [14, 960, 100_000])
def test_pieces_give_the_samples_of_the_whole_file(rate: int, size: int) -> None:
    noise = np.random.default_rng(0).normal(0, 3000, rate // 4).astype("<i2")
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setparams((1, 2, rate, 0, "NONE", ""))
        writer.writeframes(noise.tobytes())
    reader = RawSound("audio/pcm", rate)
    for _ in range(2):  # after its rest, a reader begins anew
        found = in_pieces(reader, noise.tobytes(), size)
        assert np.array_equal(found, decode(file.getvalue()) * SCALE)


@pytest.mark.parametrize("encoding", CODECS)
def test_each_code_of_g711_is_ffmpegs_sample(encoding: Encoding) -> None:
    codes = bytes(range(256))
    decoder: Any = av.CodecContext.create(CODECS[encoding], "r")
    decoder.sample_rate, decoder.layout = 8_000, "mono"
    (frame,) = decoder.decode(av.Packet(codes))
    as_pcm = RawSound("audio/pcm", 8_000)
    told = in_pieces(as_pcm, frame.to_ndarray()[0].astype("<i2").tobytes(), 512)
    assert np.array_equal(in_pieces(RawSound(encoding, 24_000), codes, 100), told)


def test_half_a_sample_is_refused() -> None:
    with pytest.raises(BadInput):
        RawSound("audio/pcm", 24_000)(b"abc")
