"""What clients write for the same parameter, and what they mean."""

import pytest

from whisper_asr.options import TEMPERATURES, Options
from zoo.errors import BadParameter
from zoo.serving.declaration import read, tailored

SERVED = tailored(Options, language={"choices": ("auto", "zh", "en", "yue")})


@pytest.mark.parametrize(
    ("tag", "code"),
    [
        ("zh-CN", "zh"),
        ("zh_TW", "zh"),
        ("zh-Hans-CN", "zh"),
        ("cmn-Hans-CN", "zh"),
        ("Chinese", "zh"),
        ("EN_us", "en"),
        ("zh-yue", "yue"),
        ("yue-Hant-HK", "yue"),
        ("AUTO", "auto"),
    ],
)
def test_a_language_tag_means_whispers_code(tag: str, code: str) -> None:
    assert read(SERVED, {"language": tag}).language == code
    assert read(SERVED, {"language": tag}, strict=True).language == code


@pytest.mark.parametrize("tag", ["", "-", "xx-YY", "中文"])
def test_an_unknown_language_is_refused(tag: str) -> None:
    with pytest.raises(BadParameter):
        read(SERVED, {"language": tag})


@pytest.mark.parametrize("strict", [False, True])
def test_one_temperature_is_a_list_of_one(strict: bool) -> None:
    assert read(SERVED, {"temperature": 0}, strict).temperature == (0.0,)
    assert read(SERVED, {"temperature": [0.0, 0.4]}, strict).temperature == (0.0, 0.4)
    assert read(SERVED, {}, strict).temperature == TEMPERATURES
    for wrong in (3, -0.1, [], [0.5, 3]):
        with pytest.raises(BadParameter):
            read(SERVED, {"temperature": wrong}, strict)
