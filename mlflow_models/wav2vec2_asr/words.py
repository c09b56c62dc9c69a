"""Where the words of a text are: at its spaces, and within Thai, which has none, by PyThaiNLP."""

import re

THAI = re.compile("[\u0e00-\u0e7f]+")


def split(text: str) -> list[str]:
    """Cuts a text into words and the spaces between them; joined they are the text again."""
    pieces = re.split(r"(\s+)", text)
    return [word for piece in pieces if piece for word in _words(piece)]


def _words(piece: str) -> list[str]:
    if not THAI.search(piece):
        return [piece]
    from pythainlp.tokenize import word_tokenize

    words: list[str] = word_tokenize(piece, engine="newmm", keep_whitespace=True)
    return words if "".join(words) == piece else [piece]
