"""The demo's F1 on news in other layouts and scripts, and its time for a text without punctuation.

python -m benchmarks hanlp_ner_layout --data .../peoples_daily/test.conll
"""

import re
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.hanlp_ner import DEMO
from benchmarks.harness import NotHere, machine
from hanlp_ner.building.convert import convert
from hanlp_ner.engine import Engine, Found
from hanlp_ner.options import Options
from hanlp_ner.training.corpora import Example, read_source
from hanlp_ner.training.span_scores import span_scores
from zoo.data.scripts import convert as convert_script

TITLE = "hanlp_ner: texts as people send them"
BEFORE = {
    "a tab before it": "\t",
    "a newline before it": "\n",
    "a no-break space before it": "\xa0",
    "two ideographic spaces before it": "\u3000\u3000",
    "a byte order mark before it": "\ufeff",
}
WRAP_CHARACTERS = 20
SCRIPTS = {"mainland": "s2t", "Taiwan": "s2tw", "Hong Kong": "s2hk"}  # OpenCC's names
LABELS = ("PERSON", "LOCATION", "ORGANIZATION")
LONG_CHARACTERS = 990_000


def layouts(examples: Sequence[Example]) -> Iterator[tuple[str, list[Example], Options]]:
    """Gives the sentences in each layout and script, with the options to read them."""
    for name, edge in BEFORE.items():
        yield name, [(edge + text, _moved(own, len(edge))) for text, own in examples], Options()
    yield (
        f"wrapped at {WRAP_CHARACTERS} characters",
        [_wrapped(*one) for one in examples],
        Options(),
    )
    for region, conversion in SCRIPTS.items():
        changed = [(convert_script(text, conversion), own) for text, own in examples]
        same = [len(other[0]) == len(one[0]) for one, other in zip(examples, changed, strict=True)]
        assert all(same), "the offsets don't fit"
        for simplify in (False, True):
            name = f"traditional characters of {region}{', `simplify`' if simplify else ''}"
            yield name, changed, Options(simplify=simplify)


def score(engine: Engine, examples: Sequence[Example], options: Options | None = None) -> float:
    """Micro F1 of an engine on people, places and organizations."""
    answers = engine([text for text, _ in examples], options or Options())
    predicted = [
        {span[:3] for span in answer.entities} for answer in answers if isinstance(answer, Found)
    ]
    gold = [set(own) for _, own in examples]
    return float(span_scores(gold, predicted, LABELS)["micro"]["f1"])


def _moved(entities: Sequence[Any], distance: int) -> list[Any]:
    return [(start + distance, end + distance, label) for start, end, label in entities]


def _wrapped(text: str, entities: Sequence[Any]) -> Example:
    """A sentence with a newline after every `WRAP_CHARACTERS`."""
    lines = [
        text[place : place + WRAP_CHARACTERS] for place in range(0, len(text), WRAP_CHARACTERS)
    ]
    own = [
        (start + start // WRAP_CHARACTERS, end + (end - 1) // WRAP_CHARACTERS, label)
        for start, end, label in entities
    ]
    return "\n".join(lines), own


def _without_punctuation(examples: Sequence[Example]) -> Example:
    """All sentences as one text, without their punctuation."""
    parts: list[str] = []
    entities: list[Any] = []
    reached = 0
    for text, own in examples:
        places = [0]
        for character in text:
            places.append(places[-1] + bool(re.match(r"\w", character)))
        entities += [(reached + places[s], reached + places[e], label) for s, e, label in own]
        parts.append(re.sub(r"\W", "", text))
        reached += len(parts[-1])
    return "".join(parts), entities


def measure(data: Path | None, quick: bool) -> dict[str, Any]:
    """Runs everything; `quick` takes few sentences and a short text."""
    if data is None:
        raise NotHere("it needs --data, a CoNLL file of the People's Daily")
    examples = read_source(f"peoples_daily={data}", {})
    if quick:
        examples = examples[:100]
    with tempfile.TemporaryDirectory() as work:
        convert(DEMO, Path(work))
        engine = Engine(Path(work))
        f1 = {"one sentence a text": score(engine, examples)}
        for name, changed, options in layouts(examples):
            f1[name] = score(engine, changed, options)
        joined = _without_punctuation(examples)
        f1["all sentences as one text, without punctuation"] = score(engine, [joined])
        seconds = {}
        for name, text in (
            ("without punctuation", joined[0]),
            ("with punctuation", "".join(text for text, _ in examples)),
        ):
            length = LONG_CHARACTERS // (100 if quick else 1)
            long = (text * (length // len(text) + 1))[:length]
            start = time.process_time()
            engine([long])
            seconds[name] = time.process_time() - start
    return {
        "machine": machine(("onnxruntime", "opencc")),
        "sentences": len(examples),
        "characters": length,
        "f1": f1,
        "seconds": seconds,
    }


def render(result: dict[str, Any]) -> str:
    """The results as Markdown."""
    lines = [
        f"The demo checkpoint in fp32 on {result['sentences']:,} sentences:",
        "",
        "| what is sent | F1 |",
        "| --- | ---: |",
        *(f"| {name} | {f1:.2f} |" for name, f1 in result["f1"].items()),
        "",
        f"A text of {result['characters']:,} characters, one thread:",
        "",
        "| text | seconds of CPU time |",
        "| --- | ---: |",
        *(f"| {name} | {seconds:.1f} |" for name, seconds in result["seconds"].items()),
    ]
    return "\n".join(lines)
