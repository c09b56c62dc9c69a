"""Decoding: every usual format to the same samples, bad files to one sentence."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.zoo.sounds import BAD, RATE, encoded, muxed, tone, with_header
from zoo.data.audio import decode, decode_blocks
from zoo.errors import BadInput

FORMATS = {
    "wav, 16 bit": encoded(tone(2), subtype="PCM_16"),
    "wav, float": encoded(tone(2), subtype="FLOAT"),
    "wav, 8 kHz": encoded(tone(2, rate=8_000), 8_000),
    "wav, 48 kHz, stereo": encoded(np.stack([tone(2, rate=48_000)] * 2, axis=1), 48_000),
    "flac": encoded(tone(2), kind="FLAC"),
    "mp3": encoded(tone(2), kind="MP3"),
    "ogg vorbis": encoded(tone(2), kind="OGG", subtype="VORBIS"),
    "webm opus": muxed("webm", "libopus", tone(2, rate=48_000)),
    "mp4 aac": muxed("ipod", "aac", tone(2, rate=48_000)),
}


def pitch(sound: np.ndarray) -> float:
    """The loudest frequency, Hz."""
    spectrum = np.abs(np.fft.rfft(sound))
    return float(np.fft.rfftfreq(len(sound), 1 / RATE)[spectrum.argmax()])


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_the_same_sound(name: str) -> None:
    sound = decode(FORMATS[name])
    assert sound.dtype == np.float32
    assert sound.ndim == 1
    assert abs(len(sound) / RATE - 2) < 0.1
    assert abs(pitch(sound) - 440) < 2
    assert 0.3 < np.abs(sound).max() < 0.7


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_audio_is_refused(name: str) -> None:
    with pytest.raises(BadInput, match=r"^(is|has) "):
        decode(BAD[name])


def test_a_video_without_sound_says_so() -> None:
    with pytest.raises(BadInput, match="has no sound"):
        decode(muxed("mp4", "mpeg4", None))


def test_a_list_of_files_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret.wav").write_bytes(encoded(tone(1)))
    playlist = f"ffconcat version 1.0\nfile '{tmp_path / 'secret.wav'}'\n"
    (tmp_path / "list.ffconcat").write_text(playlist)
    for source in (playlist.encode(), tmp_path / "list.ffconcat"):
        with pytest.raises(BadInput):
            decode(source)


def test_what_there_is_of_a_broken_recording_is_decoded() -> None:
    whole = encoded(tone(2), kind="FLAC")
    part = decode(whole[: len(whole) // 2])
    assert 0.5 < len(part) / RATE < 1.5
    claims_4_gb = with_header(40, "<I", 0xFFFFFFFF)
    assert abs(len(decode(claims_4_gb)) / RATE - 2) < 0.01


def test_a_recording_that_changes_on_the_way_is_decoded_whole() -> None:
    parts = [
        encoded(tone(2), kind="MP3"),
        encoded(np.stack([tone(3, rate=44_100)] * 2, axis=1), 44_100, "MP3"),
    ]
    assert abs(len(decode(b"".join(parts))) / RATE - 5) < 0.2


def test_samples_that_are_no_numbers_do_no_harm() -> None:
    sound = tone(2)
    sound[100:200], sound[300] = np.nan, np.inf
    decoded = decode(encoded(sound, subtype="FLOAT"))
    assert np.isfinite(decoded).all()
    assert np.abs(decoded).max() <= 1


def test_blocks_are_the_recording() -> None:
    file = encoded(tone(2), kind="FLAC")
    blocks = list(decode_blocks(file, seconds=0.3))
    assert [len(block) for block in blocks[:-1]] == [round(0.3 * RATE)] * 6
    assert np.array_equal(np.concatenate(blocks), decode(file))


def test_a_long_recording_takes_little_memory() -> None:
    script = """
import resource
from tests.zoo.sounds import silence
from zoo.data.audio import SAMPLE_RATE, decode_blocks
file = silence(hours=2)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
samples = sum(len(block) for block in decode_blocks(file))
grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
print(samples / SAMPLE_RATE / 3600, grown)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    hours, megabytes = map(float, done.stdout.split())
    assert abs(hours - 2) < 0.01
    assert megabytes < 100
