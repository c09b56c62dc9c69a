"""Runs the benchmarks and writes their results and BENCHMARKS.md.

python -m tests.benchmarks --data CONLL     everything, on the sentences of a CoNLL file
python -m tests.benchmarks --quick          sees that they work; writes nothing
"""

import argparse
import json
from pathlib import Path
from typing import Any

from tests.benchmarks import (
    clip_caption,
    clip_serving,
    hanlp_ner,
    prepare,
    server,
    soak,
    wav2vec2_asr,
    whisper_asr,
)
from zoo.packaging import ROOT

RESULTS = Path(__file__).parent / "results"
MODULES: dict[str, Any] = {
    "hanlp_ner": hanlp_ner,
    "whisper_asr": whisper_asr,
    "wav2vec2_asr": wav2vec2_asr,
    "clip_caption": clip_caption.MLP,
    "clip_caption_transformer": clip_caption.TRANSFORMER,
    "clip_serving": clip_serving,
    "prepare": prepare,
    "server": server,
    "soak": soak,
}
HEAD = """# Benchmarks

Written by `make bench`; no figure here was typed by hand. Each contender ran in turn with its
reference, on the same weights and with one thread, and its outputs were checked against the
reference's. Figures are medians; ranges are the middle half of the turns.
"""


def write_page() -> None:
    """Writes BENCHMARKS.md from the results."""
    parts = [HEAD]
    for name, module in MODULES.items():
        path = RESULTS / f"{name}.json"
        if not path.is_file():
            continue
        result = json.loads(path.read_text(encoding="utf-8"))
        parts.append(f"## {module.TITLE}\n\n{module.render(result)}\n")
        parts.append(f"Command: `{result['command']}`\\\nMachine: {result['machine']}\n")
    (ROOT / "BENCHMARKS.md").write_text("\n".join(parts), encoding="utf-8")


def main() -> None:
    """Reads the command line and runs."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", default=list(MODULES), help="which (default: all)")
    parser.add_argument("--data", type=Path, help="a CoNLL file (default: random sentences)")
    parser.add_argument("--quick", action="store_true", help="small models, few turns, no report")
    args = parser.parse_args()
    for name in args.names:
        module = MODULES[name]
        result = module.measure(args.data, args.quick)
        print(module.render(result))
        if not args.quick:
            source = f" --data .../{'/'.join(args.data.parts[-2:])}" if args.data else ""
            result["command"] = f"python -m tests.benchmarks {name}{source}"
            RESULTS.mkdir(exist_ok=True)
            text = json.dumps(result, indent=1, ensure_ascii=False)
            (RESULTS / f"{name}.json").write_text(text + "\n", encoding="utf-8")
            write_page()


if __name__ == "__main__":
    main()
