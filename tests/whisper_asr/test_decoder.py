"""The windows that Whisper is given: how long, how many together, and one taken out of a batch."""

import numpy as np
import pytest
from ctranslate2 import StorageView

from whisper_asr.decoder import Encoded, padded_seconds
from whisper_asr.options import Options
from zoo.data.audio import SAMPLE_RATE
from zoo.serving.ctranslate2 import windows_in_memory


@pytest.mark.parametrize(
    ("seconds", "padded"), [(0.1, 10), (7.9, 10), (8.1, 12), (19.9, 22), (28.0, 30), (30.0, 30)]
)
def test_a_window_is_as_long_as_its_speech_needs(seconds: float, padded: int) -> None:
    samples = round(seconds * SAMPLE_RATE)
    assert padded_seconds(samples, Options()) == padded
    assert padded_seconds(samples, Options(window="full")) == 30


def test_large_models_decode_fewer_windows_at_once() -> None:
    def most(width: int, padded: int, number_bytes: int = 4) -> int:
        return windows_in_memory(width, padded, 1 << 30, number_bytes)

    large = most(1280, 30)
    assert most(512, 30) >= Options().batch_size
    # 1,500 positions, keys and values, of large-v3's 32 layers, in single precision
    assert large * 1500 * 2 * 1280 * 32 * 4 <= 1 << 30
    assert most(1280, 10) >= 2 * large
    assert most(1280, 30, 2) >= 2 * large


@pytest.mark.parametrize("kind", [np.float16, np.float32])  # a GPU encodes in float16
def test_a_window_is_taken_out_of_a_batch(kind: type[np.floating]) -> None:
    batch = np.arange(24, dtype=kind).reshape(3, 2, 4)
    encoded = Encoded(StorageView.from_array(batch))
    for place in range(3):
        np.testing.assert_array_equal(np.array(encoded.alone(place)), batch[[place]])
