"""What `mask` of hanlp_ner takes out of 200 sentences, by kind: the table of its card.

The sentences were written by hand for this: complaints, hospitals, business, transcripts without
punctuation, traditional characters, broken lines, and forty with numbers of nobody. Their people
don't exist. What isn't found whole is listed.

python -m benchmarks.masking
python -m benchmarks.masking --checkpoint DIRECTORY
"""

import argparse
import json
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from hanlp_ner.building.convert import convert
from hanlp_ner.engine import Engine, Found
from hanlp_ner.masking.finding import find
from hanlp_ner.masking.kinds import PersonalSpan
from hanlp_ner.network.decode import Span
from zoo.building import packaging
from zoo.building.tracking import ROOT

SENTENCES = ROOT / "tests" / "hanlp_ner" / "samples" / "personal_data.jsonl"


def sentences() -> Iterator[tuple[str, list[PersonalSpan]]]:
    """Yield each sentence with what is to be taken out of it."""
    for line in SENTENCES.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        yield row["text"], [PersonalSpan(kind, start, end) for start, end, kind in row["entities"]]


def table(found: list[list[Span]]) -> str:
    """Count what is masked.

    Args:
        found: What a recognizer found in each sentence.

    Returns:
        A table in Markdown, and a line for each thing that isn't masked whole, and for each that
        is masked in vain.
    """
    there, whole, masked, right = (Counter[str]() for _ in range(4))
    notes = []
    for (text, gold), spans in zip(sentences(), found, strict=True):
        hits = find(text, spans)
        hidden = {place for hit in hits for place in range(hit.start, hit.end)}
        personal = {place for hit in gold for place in range(hit.start, hit.end)}
        for kind, start, end in gold:
            there[kind] += 1
            whole[kind] += (covered := hidden.issuperset(range(start, end)))
            if not covered:
                notes.append(f"not whole: {kind} {text[start:end]!r} in {text!r}")
        for kind, start, end in hits:
            masked[kind] += 1
            right[kind] += not personal.isdisjoint(range(start, end))
            if personal.isdisjoint(range(start, end)):
                notes.append(f"in vain: {kind} {text[start:end]!r} in {text!r}")
    lines = ["| kind | in the sentences | masked whole | recall | masked | in vain | precision |"]
    lines.append("| --- |" + " ---: |" * 6)
    counts = (there, whole, masked, right)
    rows = {kind: [one[kind] for one in counts] for kind in there}
    rows["all"] = [one.total() for one in counts]
    for kind, (own, found_whole, taken, needed) in rows.items():
        lines.append(
            f"| {kind} | {own} | {found_whole} | {found_whole / own:.1%} | {taken} "
            f"| {taken - needed} | {needed / max(1, taken):.1%} |"
        )
    return "\n".join([*lines, "", *sorted(notes)])


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--checkpoint", default="demo", help="as build.py's (default: demo)")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        folder = ROOT / "mlflow_models" / "hanlp_ner"
        demo = args.checkpoint == "demo"
        convert(folder / "demo" if demo else Path(args.checkpoint), Path(work))
        answers = Engine(Path(work))([text for text, _ in sentences()])
    print(table([one.entities if isinstance(one, Found) else [] for one in answers]))


if __name__ == "__main__":
    packaging.run(main)
