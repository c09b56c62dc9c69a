"""How Whisper is to spell Chinese: the form in which transcripts are learnt."""

import unicodedata
from dataclasses import dataclass
from functools import cache
from typing import Any

from whisper_asr.spelling import widened
from whisper_asr.training.normalizer import convert_script, join_characters

PROMPT_TOKENS = 5  # beside the text: start, language, task, timestamps, end


@dataclass(frozen=True)
class TranscriptNormalizer:
    """Normalises transcripts for training: NFKC, one script, no spaces between characters.

    Args:
        script: `simplified`, `traditional` or `as_is`.
    """

    script: str = "simplified"

    def __call__(self, text: str) -> str:
        """Returns the transcript as it is learnt. Chinese punctuation stays full-width."""
        text = convert_script(unicodedata.normalize("NFKC", text), self.script)
        return join_characters(widened(join_characters(text)))  # NFKC had made ， half-width


def count_tokens(text: str) -> int:
    """How many tokens Whisper's multilingual vocabulary has for a text."""
    return len(_encoding().encode(text, disallowed_special=()))  # <|zh|> counts as text


@cache
def _encoding() -> Any:
    from whisper.tokenizer import get_encoding

    return get_encoding("multilingual")
