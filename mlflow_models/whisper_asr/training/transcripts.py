"""How Whisper is to spell Chinese: the form in which transcripts are learnt."""

import unicodedata
from dataclasses import dataclass
from functools import cache
from typing import Any

from whisper_asr.training.normalizer import convert_script, join_characters

# NFKC turns full-width punctuation to ASCII; beside Chinese characters it is put back.
WIDE = {",": "，", "?": "？", "!": "！", ":": "：", ";": "；"}


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
        text = join_characters(text)
        spelt = list(text)
        for place, character in enumerate(text):
            before = text[place - 1] if place else ""
            if character in WIDE and before and ord(before) > 0x2E7F:
                spelt[place] = WIDE[character]
        return join_characters("".join(spelt))


def count_tokens(text: str) -> int:
    """How many tokens Whisper's multilingual vocabulary has for a text."""
    return len(_encoding().encode(text))


@cache
def _encoding() -> Any:
    from whisper.tokenizer import get_encoding

    return get_encoding("multilingual")
