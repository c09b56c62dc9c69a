"""The tokenizer that is made offline has openai-whisper's ids, and what the readers of it need."""

from pathlib import Path

import pytest

from whisper_asr.building import vocabulary
from zoo.errors import CheckpointError

TEXTS = [
    "",
    "今天天气很好，我们去公园吧。",
    "  two spaces,\n\n a new line and IT'S we'll 3.14% (2,000)",
    "ทดสอบภาษาไทย",
    "日本語のテキスト 𠮷 😀",
    "\u3000全角ＡＢＣ１２３！",
]


@pytest.mark.parametrize("languages", [99, 100])
def test_the_ids_are_those_of_openai_whisper(tmp_path: Path, languages: int) -> None:
    import tokenizers
    from transformers import AutoTokenizer
    from whisper.tokenizer import get_tokenizer

    expected = get_tokenizer(multilingual=True, num_languages=languages)
    vocabulary.write_tokenizer(tmp_path, languages)
    made = AutoTokenizer.from_pretrained(tmp_path)
    raw = tokenizers.Tokenizer.from_file(str(tmp_path / "tokenizer.json"))  # as faster-whisper

    assert vocabulary.LANGUAGES[len(made)] == languages
    assert sorted(made.get_vocab().values()) == list(range(expected.encoding.n_vocab))
    for token, number in expected.special_tokens.items():
        assert made.convert_tokens_to_ids(token) == raw.token_to_id(token) == number, token
    for text in TEXTS:
        ids = expected.encode(text)
        assert made(text, add_special_tokens=False).input_ids == ids
        assert raw.encode(text, add_special_tokens=False).ids == ids
        assert made.decode(ids) == text
    timed = [*expected.encode("你好"), expected.timestamp_begin + 120]
    assert made.decode(timed, decode_with_timestamps=True) == "你好<|2.40|>"
    assert made.decode(timed, skip_special_tokens=True) == "你好"


def test_generation_is_configured_as_published() -> None:
    made = vocabulary.generation_config()
    assert made.lang_to_id["<|en|>"] == 50259
    assert made.lang_to_id["<|zh|>"] == 50260
    assert len(made.lang_to_id) == 99
    assert made.task_to_id == {"transcribe": 50359, "translate": 50358}
    assert made.begin_suppress_tokens == [220, 50257]
    assert made.no_timestamps_token_id == 50363
    # openai/whisper-tiny's: 82 symbols and 6 special tokens
    assert made.suppress_tokens[:4] == [1, 2, 7, 8]
    assert made.suppress_tokens[-6:] == [50258, 50358, 50359, 50360, 50361, 50362]
    assert len(made.suppress_tokens) == 88


def test_other_vocabularies_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="99 or 100 languages: 7"):
        vocabulary.write_tokenizer(tmp_path, 7)
