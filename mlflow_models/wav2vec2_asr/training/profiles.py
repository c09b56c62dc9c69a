"""Languages: which rules clean their transcripts, and which characters a model of them learns."""

import re
import unicodedata
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from wav2vec2_asr.training import numerals, thai
from zoo.data.tables import open_table, write_table
from zoo.training.cleaning import COMMON_RULES, COMMON_WORDS, Rule, Text

COLUMNS = ("abbreviation", "count", "spoken", "example")
SYMBOLS = re.compile(
    r"(?<=[A-Za-z])'(?=[A-Za-z])|(?<=\d)[.,:](?=\d)|(?P<initials>\b(?:[A-Za-z]\.){2,})"
    rf"|(?P<silent>(?<=[{thai.LETTER}])\.(?=[{thai.LETTER}])|ฯลฯ|ฯ)|(?P<other>.)",
    re.S,
)


@dataclass(frozen=True)
class Profile:
    """How transcripts of a language are cleaned.

    Args:
        name: of the language.
        rules: by name, beside the one for letters' case; they apply in the order of `RULES`.
        letters: the characters to learn, as a class of a regular expression.
        lower: whether letters become lower case.
    """

    name: str
    rules: frozenset[str]
    letters: str
    lower: bool = False

    def foreign(self, text: str) -> str:
        """Letters, marks and digits that aren't of this language."""
        others = re.sub(f"[{self.letters}]", "", text)
        return "".join(sorted({c for c in others if unicodedata.category(c)[0] in "LMN"}))


RULES = {
    **{name: COMMON_WORDS[name] for name in ("tags", "events")},
    "unicode": "one form for what looks the same; nothing invisible; no accents on Latin letters",
    "times": "10.30 น. is สิบนาฬิกาสามสิบนาที",
    "dates": "12 ม.ค. 2564 is สิบสอง มกราคม ...",
    "abbreviations": "list them, and write those of --decisions as they are said",
    "money": "1,250.50 บาท is หนึ่งพันสองร้อยห้าสิบบาทห้าสิบสตางค์",
    "numbers": "numbers, per cent, telephone numbers and Thai digits in words",
    "repetition": "ดีมาก ๆ is ดีมากมาก",
    "symbols": "remove what isn't spoken: ! ? @ * # quotes, emoji",
    "case": "lower case",
    "spaces": "one space between words",
}
PROFILES = {
    "th": Profile("Thai", frozenset(RULES) - {"case"}, "ก-ฮะ-ฺเ-ๆ็-๎๐-๙A-Za-z0-9"),
    "en": Profile(
        "English",
        frozenset({"tags", "events", "unicode", "abbreviations", "symbols", "spaces"}),
        "A-Za-z0-9",
        lower=True,
    ),
}


def text_of(
    profile: Profile, without: frozenset[str], decisions: dict[str, str], decided: bool = False
) -> Text:
    """How a language's transcripts are cleaned.

    Args:
        profile: the language.
        without: rules to leave out.
        decisions: how abbreviations are said.
        decided: whether recordings with other abbreviations are left out.
    """
    replace = partial(thai.replace_abbreviations, spoken=decisions)
    made = {
        **COMMON_RULES,
        "unicode": Rule("unicode", thai.unify),
        "times": Rule("times", numerals.speak_times),
        "dates": Rule("dates", numerals.speak_dates),
        "abbreviations": Rule("abbreviations", replace, thai.find_abbreviations),
        "money": Rule("money", numerals.speak_money),
        "numbers": Rule("numbers", numerals.speak_numbers),
        "repetition": Rule("repetition", thai.expand_repetition),
        "symbols": Rule("symbols", remove_symbols),
        "case": Rule("case", str.lower),
        "spaces": Rule("spaces", join_spaces),
    }
    names = (profile.rules | ({"case"} if profile.lower else set())) - without
    rules = tuple(made[name] for name in RULES if name in names)
    accepted = frozenset(decisions) if decided else None
    return Text(str, len, rules, profile.foreign, accepted)


def remove_symbols(text: str) -> str:
    """Removes what is neither letter nor digit, but for don't and 3.5; words stay apart."""
    return SYMBOLS.sub(_symbol, text)


def _symbol(match: re.Match[str]) -> str:
    text = match[0]
    if match["silent"]:  # พ.ศ. that nobody decided is พศ, not two words
        return ""
    if match["initials"]:
        return text.replace(".", "") + " "
    if match["other"] and unicodedata.category(text)[0] not in "LMN":
        return " "
    return text


def join_spaces(text: str) -> str:
    """One space between words, none at the ends."""
    return " ".join(text.split())


def read_decisions(path: Path) -> dict[str, str]:
    """Reads how abbreviations are said: the rows of a TSV file whose column `spoken` isn't empty.

    Raises:
        TableError: it isn't such a file.
    """
    table = open_table(path)
    short, spoken = table.column("abbreviation"), table.column("spoken")
    pairs = [(cells[short], cells[spoken].strip()) for _, cells in table.strict_rows()]
    return {name: said for name, said in pairs if said}


def write_decisions(
    path: Path, found: dict[str, int], contexts: dict[str, str], decisions: dict[str, str]
) -> None:
    """Writes the abbreviations that were found, for a person to fill in the column `spoken`."""
    rows = [
        [short, found.get(short, 0), decisions.get(short, ""),
         " ".join(contexts.get(short, "").split())]
        for short in sorted({*found, *decisions}, key=lambda short: (-found.get(short, 0), short))
    ]  # fmt: skip
    write_table(path, COLUMNS, rows, mark=True)
