"""Brings a reference and a hypothesis in Chinese to one spelling before they are compared.

What counts as a mistake is a choice, and it moves the error rate by several points: 2026年 and
二零二六年 are the same to the ear. Each choice is a switch, and an evaluation says which it made.
"""

import re
import unicodedata
import warnings
from dataclasses import dataclass

from zoo.data.scripts import convert

SCRIPTS = {"simplified": "t2s", "traditional": "s2t", "as_is": None}  # OpenCC's configurations
HAN = r"\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"


def convert_script(text: str, script: str) -> str:
    """Converts Chinese characters to one script by OpenCC: a key of `SCRIPTS`."""
    conversion = SCRIPTS[script]
    return text if conversion is None else convert(text, conversion)


def join_characters(text: str) -> str:
    """Removes white space beside a Chinese character or its punctuation; elsewhere keeps one."""
    text = " ".join(text.split())
    wide = rf"[{HAN}\u3000-\u303f\uff00-\uffef，。？！；：、]"
    return re.sub(rf"(?<={wide}) | (?={wide})", "", text)


def tokens(text: str) -> list[str]:
    """Chinese characters, and words of other scripts: what the mixed error rate counts."""
    return re.findall(rf"[{HAN}]|[^\s{HAN}]+", text)


@dataclass(frozen=True)
class Normalizer:
    """Normalises a transcript.

    Args:
        script: `simplified` and `traditional` convert by OpenCC, `as_is` doesn't.
        width: full-width letters and digits become the usual ones (Unicode's NFKC).
        case: letters become lower case.
        numerals: digits become Chinese numerals as they are spoken (cn2an): 20% and 百分之二十.
        punctuation: punctuation marks and symbols are dropped.
    """

    script: str = "simplified"
    width: bool = True
    case: bool = True
    numerals: bool = True
    punctuation: bool = True

    def __call__(self, text: str) -> str:
        """Returns the normalised text, without white space beside a Chinese character."""
        if self.width:
            text = unicodedata.normalize("NFKC", text)
        text = convert_script(text, self.script)
        if self.case:
            text = text.lower()
        if self.numerals:
            text = _spell_numbers(text)
        if self.punctuation:
            text = "".join(" " if unicodedata.category(c)[0] in "PS" else c for c in text)
        return join_characters(text)


def _spell_numbers(text: str) -> str:
    import cn2an

    if not re.search(r"\d", text):
        return text
    text = re.sub(r"(?<=\d),(?=\d{3})", "", text)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a number of more than 16 digits stays as it is
        spelt: str = cn2an.transform(text, "an2cn")
    return spelt
