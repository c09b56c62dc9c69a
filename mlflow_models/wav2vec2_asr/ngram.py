"""Language models of characters for wav2vec2_asr: build, repair, score and tune.

  ngram.py build transcripts.txt more.txt.gz DATA/train -o model.arpa --checkpoint demo
  ngram.py repair edited.arpa -o model.arpa
  ngram.py score model.arpa unseen.txt
  ngram.py tune model.arpa LOGITS --checkpoint demo      (LOGITS: of evaluate.py --save-logits)

The models are of characters, `|` for the space: Thai has no spaces between words, and a model of
characters needs no list of words. Text is cleaned by the rules of prepare.py first.
"""

import argparse
import math
import shutil
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from wav2vec2_asr.labels import Labels
from wav2vec2_asr.language_model import MARKERS, MAX_ORDER, BeamSearch, load, read_head
from wav2vec2_asr.training import arpa, kneser_ney, tune
from wav2vec2_asr.training.profiles import PROFILES
from wav2vec2_asr.training.texts import CharacterNormalizer, read_texts, sentences
from zoo.building import packaging
from zoo.data.outputs import PART, whole_file
from zoo.errors import ZooError

FOLDER = Path(__file__).parent


def parser() -> argparse.ArgumentParser:
    """Builds the command line."""
    cli = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = cli.add_subparsers(dest="command", required=True)
    build = _add(commands, "build", "Estimate a model (interpolated modified Kneser-Ney).")
    _add_text(build)
    build.add_argument("-o", "--output", type=Path, required=True, help="the ARPA file to write")
    build.add_argument("--order", type=int, choices=range(2, MAX_ORDER + 1), default=5,
                       help="the longest n-gram, in characters")  # fmt: skip
    build.add_argument("--estimator", choices=["auto", "lmplz", "own"], default="auto",
                       help="KenLM's lmplz, or this project's; auto: lmplz if it is on the PATH. "
                       "They give the same model")  # fmt: skip
    repair = _add(commands, "repair", "Add </s> to an ARPA file that lacks it; correct its count.")
    repair.add_argument("model", type=Path)
    repair.add_argument("-o", "--output", type=Path, required=True, help="the new ARPA file")
    score = _add(commands, "score", "Print a model's perplexity per character of a text.")
    score.add_argument("model", type=Path)
    _add_text(score)
    settings = _add(commands, "tune", "Find weight, bonus and beam size on a development set.")
    settings.add_argument("model", type=Path)
    settings.add_argument("logits", type=Path, help="a folder of evaluate.py --save-logits")
    settings.add_argument("--checkpoint", default="demo", help="whose logits: demo or a directory")
    settings.add_argument("--measure", choices=["cer", "wer"], default="cer", help="to make small")
    settings.add_argument("--most", type=int, default=300, help="utterances to decode, by chance")
    settings.add_argument("-o", "--output", type=Path, help="default: language_model.json beside "
                          "the model; the plot has the same name, .png")  # fmt: skip
    return cli


def _add(commands: "argparse._SubParsersAction", name: str, text: str) -> argparse.ArgumentParser:
    added: argparse.ArgumentParser = commands.add_parser(
        name, help=text, description=text, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    return added


def _add_text(cli: argparse.ArgumentParser) -> None:
    cli.add_argument("text", nargs="+", type=Path, help="a sentence a line, .gz as well; a table "
                     "(--column); or a directory that prepare.py wrote")  # fmt: skip
    cli.add_argument("--column", default="", help="of .csv and .tsv files (directories: text)")
    cli.add_argument("--language", choices=[*PROFILES, ""], default="th", help="whose rules of "
                     "prepare.py clean the text; '': none, it is clean")  # fmt: skip
    cli.add_argument("--checkpoint", help="demo or a directory: characters that it has no label "
                     "for are left out, letters get its case")  # fmt: skip


def labels_of(checkpoint: str) -> Labels:
    """The labels of the demo checkpoint or of a local directory."""
    directory = FOLDER / "demo" if checkpoint == "demo" else Path(checkpoint)
    if not directory.is_dir():
        raise ZooError(f"The checkpoint '{checkpoint}' is not a directory.")
    return Labels.read(directory)


def spelling_of(args: argparse.Namespace) -> CharacterNormalizer:
    """How the options want text to be spelt."""
    return CharacterNormalizer(
        args.language, labels_of(args.checkpoint) if args.checkpoint else None
    )


def run_build(args: argparse.Namespace) -> None:
    """Builds a model, and says what became of the text."""
    spelling, counted = spelling_of(args), Counter[str]()
    lmplz = shutil.which("lmplz")
    if args.estimator == "lmplz" and not lmplz:
        raise ZooError("KenLM's lmplz isn't on the PATH; --estimator own needs no KenLM.")
    if not args.output.parent.is_dir():
        raise ZooError(f"The directory '{args.output.parent}' doesn't exist.")
    texts = tallied(sentences(read_texts(args.text, args.column), spelling), counted)
    with whole_file(args.output) as made:
        if lmplz and args.estimator != "own":
            estimate_by_lmplz(lmplz, texts, args.order, made)
        else:
            estimate(texts, args.order, made)
    how = "lmplz" if lmplz and args.estimator != "own" else "own"
    print(f"{args.output}: order {args.order} ({how}), from {counted['sentences']:,} sentences, "
          f"{counted['characters']:,} characters")  # fmt: skip
    if spelling.dropped:
        shown = " ".join(f"{c} {n:,}" for c, n in spelling.dropped.most_common(20))
        print(f"left out, without a label: {shown}")


def tallied(texts: Iterable[str], counted: Counter[str]) -> Iterator[str]:
    """Passes sentences on, and counts them and their characters."""
    for text in texts:
        counted["sentences"] += 1
        counted["characters"] += len(text)
        yield text


def estimate(texts: Iterable[str], order: int, output: Path) -> None:
    """Estimates a model in this process."""
    counter = kneser_ney.Counter(order)
    counter.count(texts)
    model = kneser_ney.estimate(counter)
    model.write(output)
    for fallback in model.fallback:
        print(f"too little text for the discounts of {fallback}-grams; fixed ones are used")


def estimate_by_lmplz(lmplz: str, texts: Iterable[str], order: int, output: Path) -> None:
    """Estimates a model by KenLM: on disk, for text that is too much for memory."""
    with tempfile.TemporaryDirectory(dir=output.parent, prefix=PART) as work:
        text = Path(work) / "text.txt"
        with text.open("w", encoding="utf-8") as file:
            file.writelines(f"{' '.join(sentence)}\n" for sentence in texts)
        if not text.stat().st_size:
            raise ZooError("The text has no sentence to learn from.")
        command = [lmplz, *f"-o {order} --discount_fallback -S 1G".split()]
        command += ["-T", f"{work}/", "--text", str(text), "--arpa", str(output)]
        done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise ZooError(f"lmplz failed: {done.stderr.strip().splitlines()[-1:]}.")


def run_repair(args: argparse.Namespace) -> None:
    """Mends an ARPA file."""
    if not args.output.parent.is_dir():
        raise ZooError(f"The directory '{args.output.parent}' doesn't exist.")
    changes = arpa.repair(args.model, args.output)
    print(f"{args.output}: {', '.join(changes) or 'nothing to repair'}")


def run_score(args: argparse.Namespace) -> None:
    """Prints how well a model foresees a text."""
    texts = sentences(read_texts(args.text, args.column), spelling_of(args))
    found = score(args.model, texts)
    print(f"{found['sentences']:,.0f} sentences, {found['characters']:,.0f} characters, of which "
          f"{found['unknown']:,.0f} unknown")  # fmt: skip
    print(f"perplexity {found['perplexity']:.3f} per character, "
          f"{math.log2(found['perplexity']):.3f} bits; without unknown ones "
          f"{found['perplexity_known']:.3f}")  # fmt: skip


def score(model: Path, texts: Iterable[str]) -> dict[str, float]:
    """The perplexity of sentences, each one's </s> among the characters.

    Args:
        model: an ARPA file of characters.
        texts: spelt.

    Raises:
        ZooError: the model can't be used, or there is no sentence.
    """
    head = read_head(model) if model.is_file() else None
    if head is None:
        raise ZooError(f"'{model}' is no ARPA file.")
    known = sorted(head[1].difference(MARKERS))
    index = {character: place for place, character in enumerate(known)}
    unknown_index, found = len(known), Counter[str]()
    scorer = load(model, known)
    logs = unknown_logs = 0.0
    for text in texts:
        state = scorer.start(False)
        for character in text:
            place = index.get(character, unknown_index)
            state, log = scorer.score(state, place)
            logs += log
            if place == unknown_index:
                unknown_logs += log
                found["unknown"] += 1
        logs += scorer.finish(state)[1]
        found["sentences"] += 1
        found["characters"] += len(text)
    if not found["sentences"]:
        raise ZooError("The text has no sentence to score.")
    symbols = found["characters"] + found["sentences"]
    return {
        **{name: found[name] for name in ("sentences", "characters", "unknown")},
        "perplexity": 10 ** (-logs / symbols),
        "perplexity_known": 10 ** (-(logs - unknown_logs) / (symbols - found["unknown"])),
    }


def run_tune(args: argparse.Namespace) -> None:
    """Tunes a model's settings; writes them and a plot."""
    labels = labels_of(args.checkpoint)
    data = tune.Development.read(args.logits, args.most)
    search = BeamSearch(labels.texts, labels.blank, args.model, special=labels.special)
    measure = tune.scorer(args.measure)
    greedy = data.rate(tune.ctc.greedy, labels, measure)
    choice, tried = tune.search_settings(search, data, labels, measure)
    output = args.output or args.model.parent / "language_model.json"
    size = len(data.files)
    tune.write_settings(choice, args.model, output, args.measure, greedy, size)
    tune.plot(tried, choice, args.measure.upper(), output.with_suffix(".png"))
    print(f"{output}: weight {choice.weight:g}, bonus {choice.bonus:g}, beam size "
          f"{choice.beam_size}; {args.measure.upper()} {choice.rate:.2f} %, greedy {greedy:.2f} % "
          f"({size} utterances)")  # fmt: skip


def main(argv: list[str] | None = None) -> None:
    """Runs the command line."""
    args = parser().parse_args(argv)
    commands = {"build": run_build, "repair": run_repair, "score": run_score, "tune": run_tune}
    commands[args.command](args)


if __name__ == "__main__":
    packaging.run(main)
