"""Numbers in Chinese words, read by cn2an; a model that reads them needs cn2an."""

from typing import Literal

FIGURES = "零一二三四五六七八九"
FIGURE = dict(zip("〇幺" + FIGURES, "01" + "0123456789", strict=True))


def whole_number(words: str, mode: Literal["strict", "normal"] = "strict") -> int | None:
    """Read a whole number: 三百零五 is 305.

    Args:
        words: The number in words, in simplified characters.
        mode: `strict`, or `normal`, which also reads 一万二 (12000) and 二零二三 (2023).

    Returns:
        None if the words aren't a number, such as 三四百.
    """
    import cn2an

    try:
        read = cn2an.cn2an(words.replace("两", "二").replace("〇", "零"), mode)
    except (ValueError, KeyError):  # KeyError: 二十十二
        return None
    return int(read) if read == int(read) else None


def figures(words: str) -> str:
    """Write words said one after the other as digits: 二零一五 is 2015."""
    return "".join(FIGURE[one] for one in words)
