"""Runs the benchmarks and writes their results, BENCHMARKS.md with its plots, and docs/scaling.md.

python -m benchmarks --data CONLL     everything, on the sentences of a CoNLL file
python -m benchmarks --render         writes the pages and plots anew, from the results
python -m benchmarks --quick          sees that they work; writes nothing
"""

import argparse
import json
from pathlib import Path
from typing import Any

from benchmarks import (
    batch,
    clip_caption,
    clip_serving,
    fairness,
    hanlp_ner,
    hanlp_ner_layout,
    harness,
    hostile,
    live,
    pages,
    prepare,
    search,
    server,
    sharing,
    soak,
    speakers,
    starts,
    usual,
    wav2vec2_asr,
    whisper_asr,
    whisper_quality,
    whisper_quality_serving,
)
from benchmarks.gpu import page as gpu
from benchmarks.peers import benchmark as peers

MODULES: dict[str, Any] = {
    "hanlp_ner": hanlp_ner,
    "hanlp_ner_layout": hanlp_ner_layout,
    "whisper_asr": whisper_asr,
    "whisper_quality": whisper_quality,
    "wav2vec2_asr": wav2vec2_asr,
    "live": live,
    "speakers": speakers,
    "starts": starts,
    "clip_caption": clip_caption.MLP,
    "clip_caption_transformer": clip_caption.TRANSFORMER,
    "clip_serving": clip_serving,
    "search": search,
    "usual": usual,
    "prepare": prepare,
    "peers_ner": peers.NER,
    "peers_captions": peers.CAPTIONS,
    "peers_speech": peers.SPEECH,
    "peers_people": whisper_quality_serving.SERVING,
    "batch": batch,
    "server": server,
    "sharing": sharing,
    "fairness": fairness,
    "hostile": hostile,
    "soak": soak,
    "gpu": gpu,
}
# Even their least size takes minutes and the images of `make image`: `--quick` has to name them.
# The other mapper's decoding is the same code.
SLOW = ("server", "soak", "clip_caption_transformer")


def run(name: str, data: Path | None, quick: bool) -> None:
    """Runs one benchmark, and writes what it finds unless it was a quick one."""
    module = MODULES[name]
    try:
        result = module.measure(data, quick)
    except harness.NotHere as reason:
        print(f"\n{name} is left out: {reason}.")
        return
    print(f"\n{module.TITLE}\n\n{module.render(result)}")
    if not quick:
        source = f" --data .../{'/'.join(data.parts[-2:])}" if data else ""
        result["command"] = f"python -m benchmarks {name}{source}"
        pages.RESULTS.mkdir(exist_ok=True)
        text = json.dumps(result, indent=1, ensure_ascii=False)
        (pages.RESULTS / f"{name}.json").write_text(text + "\n", encoding="utf-8")
        pages.write(MODULES)


def main() -> None:
    """Reads the command line and runs."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", help=f"which (default: all): {', '.join(MODULES)}")
    parser.add_argument("--data", type=Path, help="a CoNLL file (default: random sentences)")
    parser.add_argument("--quick", action="store_true", help="small models, few turns, no report")
    parser.add_argument("--render", action="store_true", help="measure nothing, write the pages")
    parser.add_argument(
        "--models", type=Path, default=harness.MODELS, help="the saved models (default: build.py's)"
    )
    parser.add_argument(
        "--checkpoint",
        default=whisper_quality.CHECKPOINT,
        help="of whisper_quality: a published one or a path (default: %(default)s)",
    )
    parser.add_argument(
        "--stored",
        action="store_true",
        help="whisper_quality scores what was heard so far, and hears nothing",
    )
    args = parser.parse_args()
    if unknown := set(args.names) - set(MODULES):
        parser.error(f"there is no benchmark '{unknown.pop()}'")
    harness.MODELS = args.models
    whisper_quality.CHECKPOINT, whisper_quality.STORED = args.checkpoint, args.stored
    if args.render:
        pages.write(MODULES)
        return
    for name in args.names or [one for one in MODULES if not (args.quick and one in SLOW)]:
        run(name, args.data, args.quick)


if __name__ == "__main__":
    main()
