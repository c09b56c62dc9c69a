"""Where the words of a caption are: every metric compares words, so each score depends on this.

English is cut as in COCO's evaluation: by Stanford's PTBTokenizer, in lower case, punctuation
left out. It needs Java; without, words are runs of letters and digits, which is close but not
equal, and is said with the score. Thai has no spaces between words: PyThaiNLP's newmm cuts it, and
leaves the Latin words within it whole.
"""

import re
import shutil
import subprocess
import unicodedata
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from zoo.errors import ZooError

TOKENIZERS = {
    "auto": "newmm where there is Thai, else ptb, or plain where there is no Java",
    "ptb": "Stanford's PTBTokenizer, as in COCO's evaluation; needs Java",
    "plain": "runs of letters and digits",
    "newmm": "PyThaiNLP's longest matching in a dictionary",
    "spaces": "words as the text has them",
}
ENGLISH = ("ptb", "plain")  # what METEOR's English stems and synonyms are looked up with
JAR = "stanford-corenlp-3.4.1.jar"
THAI = re.compile("[\u0e00-\u0e7f]")
RUN = re.compile(r"\w+(?:['’]\w+)*")


def has_java() -> bool:
    """Whether there is a Java to run."""
    return shutil.which("java") is not None


def choose(name: str, texts: Iterable[str]) -> str:
    """The tokenizer that a name stands for, with these texts.

    Args:
        name: a key of `TOKENIZERS`.
        texts: all references and predictions.

    Raises:
        ZooError: what the tokenizer needs isn't there.
    """
    if name == "auto":
        if any(THAI.search(text) for text in texts):
            name = "newmm"
        else:
            name = "ptb" if has_java() else "plain"
    if name == "ptb" and not has_java():
        raise ZooError(
            "--words ptb needs Java: install a runtime (17, say), or take --words plain."
        )
    if name == "newmm" and find_spec("pythainlp") is None:
        raise ZooError("--words newmm needs the package pythainlp: uv pip install pythainlp.")
    return name


def describe(name: str) -> str:
    """What a score with this tokenizer is to be printed with."""
    return {
        "ptb": "words: Stanford's PTBTokenizer 3.4.1 (COCO's), lower case, no punctuation",
        "plain": "words: runs of letters and digits, lower case (not COCO's PTBTokenizer)",
        "newmm": "words: newmm of PyThaiNLP {}, lower case, no punctuation",
        "spaces": "words: as the text has them, between spaces",
    }[name].format(version("pythainlp") if name == "newmm" else "")


def tokenize(texts: Sequence[str], name: str) -> list[str]:
    """Cuts texts into words.

    Args:
        texts: captions; line breaks of any kind in them are spaces.
        name: a key of `TOKENIZERS` but `auto`.

    Returns:
        The words of each text with a space between them; empty where it has none.

    Raises:
        ZooError: Java fails.
    """
    lines = [" ".join(text.split()) for text in texts]
    if name == "ptb":
        return _ptb(lines)
    if name == "newmm":
        return [_newmm(line) for line in lines]
    if name == "plain":
        # one spelling for é, or its accent would end a run of letters
        return [" ".join(RUN.findall(unicodedata.normalize("NFC", s).lower())) for s in lines]
    return lines


def _newmm(line: str) -> str:
    from pythainlp.tokenize import word_tokenize

    words = word_tokenize(line.lower(), engine="newmm", keep_whitespace=False)
    return " ".join(word for word in words if any(c.isalnum() for c in word))


def _ptb(lines: Sequence[str]) -> list[str]:
    """Runs the tokenizer that pycocoevalcap brings, which its own wrapper can do only where the
    package's directory may be written to."""
    from pycocoevalcap.tokenizer import ptbtokenizer  # type: ignore[import-untyped]

    if not lines:
        return []
    jar = Path(ptbtokenizer.__file__).with_name(JAR)
    encoding = "-Dfile.encoding=UTF-8"  # Java 17 goes by the locale
    command = ["java", encoding, "-cp", str(jar), "edu.stanford.nlp.process.PTBTokenizer"]
    done = subprocess.run(
        [*command, "-preserveLines", "-lowerCase"],
        input="\n".join(lines) + "\n",
        capture_output=True,
        encoding="utf-8",
        errors="replace",
    )
    cut = done.stdout.split("\n")[: len(lines)]
    if done.returncode or len(cut) < len(lines):
        said = done.stderr.strip().splitlines()
        raise ZooError(f"Java's PTBTokenizer failed: {said[-1] if said else 'it said nothing'}.")
    dropped = frozenset(ptbtokenizer.PUNCTUATIONS)
    return [" ".join(word for word in line.split() if word not in dropped) for line in cut]
