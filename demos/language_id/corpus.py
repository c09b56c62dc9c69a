"""Makes the corpus of the language identifier's demo: FLAC files and `manifest.tsv`.

What isn't the language is the same in every language: the synthesizer's voices, tempos and
pitches, the codecs, the vocal cords. A third of the training clips passes through a codec; a
quarter is said by one recording's vocal tract with another's vocal cords, drawn from all languages,
so that a person's voice says Thai here, too. Test clips of people stay as they are.
"""

import argparse
import csv
import random
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np

from demos.language_id import channels, people, spoken
from demos.language_id.texts import Texts
from demos.speech import rescale
from zoo.building import packaging
from zoo.training.augment import SAMPLE_RATE

COLUMNS = ["path", "language", "speaker", "source", "split"]
Clips = Callable[[Path], Iterator[people.Clip]]
CODED = 0.3  # share of training clips that pass through a codec


def write(
    output: Path, name: str, wave: np.ndarray, language: str, speaker: str, source: str, split: str
) -> dict[str, str]:
    """Write one clip, 16-bit FLAC at 16 kHz, and return its row of the manifest."""
    import soundfile

    path = output / split / language / source / f"{name}.flac"
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, rescale(wave, 0.7), SAMPLE_RATE, subtype="PCM_16")
    values = [path.relative_to(output).as_posix(), language, speaker, source, split]
    return dict(zip(COLUMNS, values, strict=True))


def through_codec(wave: np.ndarray, rng: random.Random) -> np.ndarray:
    """Pass a share of waves through a codec by chance."""
    if rng.random() < CODED:
        return channels.encode(wave, rng.choice(list(channels.CODECS)))
    return wave


def synthesized(
    job: tuple[str, str, int], output: Path, thai: Path, seed: int
) -> list[dict[str, str]]:
    """Speak one part of the corpus: a language, a split and how many recordings."""
    language, split, count = job
    texts, rng = Texts(thai), random.Random(f"{seed}/{language}/{split}")
    made = []
    for number in range(count):
        wave, voice = spoken.recording(language, split, texts, rng)
        if split == "train":
            wave = through_codec(wave, rng)
        speaker = f"espeak_{voice}"
        made.append(write(output, f"{number:05}", wave, language, speaker, "espeak", split))
    return made


def recorded(clips: Clips, folder: Path, output: Path) -> list[dict[str, str]]:
    """Write the clips of people; those for training twice, once through a codec."""
    rng, made = random.Random(1), []
    for clip in clips(folder):
        about = (clip.language, clip.speaker, clip.source, clip.split)
        made.append(write(output, clip.name, clip.wave, *about))
        if clip.split != "test":
            coded = channels.encode(clip.wave, rng.choice(list(channels.CODECS)))
            made.append(write(output, f"{clip.name}_coded", coded, *about))
    return made


def exchanged(
    job: tuple[str, int], rows: list[dict[str, str]], output: Path, seed: int
) -> list[dict[str, str]]:
    """Give clips of a language the vocal cords of clips of any language and source."""
    from zoo.data.audio import decode

    language, count = job
    rng, made = random.Random(f"{seed}/exchange/{language}"), []
    by_source: dict[tuple[str, str], list[dict[str, str]]] = {}
    for row in rows:
        by_source.setdefault((row["language"], row["source"]), []).append(row)
    own = [key for key in by_source if key[0] == language]
    human = [key for key in by_source if key[1] != "espeak"] or list(by_source)
    for number in range(count):
        words = rng.choice(by_source[rng.choice(own)])
        source = rng.choice(by_source[rng.choice(human)])
        wave = channels.exchange_source(
            decode(output / words["path"]), decode(output / source["path"])
        )
        speaker = f"{words['speaker']}_by_{source['speaker']}"
        made.append(write(output, f"{number:05}", wave, language, speaker, "exchanged", "train"))
    return made


def make(args: argparse.Namespace) -> list[dict[str, str]]:
    """Write all clips and return the manifest's rows."""
    counts = {"train": args.count, "dev": args.count // 20, "test": args.count // 10}
    jobs = [(lang, split, n) for lang in spoken.LANGUAGES for split, n in counts.items()]
    with ProcessPoolExecutor(args.jobs) as pool:
        speak = partial(synthesized, output=args.output, thai=args.thai, seed=args.seed)
        made = list(pool.map(speak, jobs))
        folders: list[tuple[Clips, Path]] = []
        if args.speech:
            folders += [(f, args.speech) for f in (people.mandarin, people.english, people.thai)]
        folders += [(people.prompts, args.prompts)] if args.prompts else []
        folders += [(people.syllables, args.syllables)] if args.syllables else []
        waiting = [pool.submit(recorded, f, folder, args.output) for f, folder in folders]
        made += [one.result() for one in waiting]
        rows = [row for part in made for row in part]
        train = [row for row in rows if row["split"] == "train"]
        exchange = partial(exchanged, rows=train, output=args.output, seed=args.seed)
        parts = pool.map(exchange, [(lang, args.count // 2) for lang in spoken.LANGUAGES])
        return rows + [row for part in parts for row in part]


def main(argv: list[str] | None = None) -> None:
    """Run the command line."""
    cli = argparse.ArgumentParser(
        description="Make the corpus of the language identifier's demo.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    cli.add_argument("-o", "--output", type=Path, required=True, help="FLAC and manifest.tsv")
    cli.add_argument("--thai", type=Path, required=True, help="TSV file with a column `sentence`")
    cli.add_argument("--speech", type=Path, help="folder with clips of people; its folders are "
                     "aishell, speakers, words, clips, fsdd, calls, meetings, thai")  # fmt: skip
    cli.add_argument("--prompts", type=Path, help="sounds of asterisk-core-sounds-en-wav")
    cli.add_argument("--syllables", type=Path, help="sounds of gcin-voice")
    cli.add_argument("--count", type=int, default=2000, help="synthesized clips of each language")
    cli.add_argument("--jobs", type=int, default=1, help="processes")
    cli.add_argument("--seed", type=int, default=1)
    args = cli.parse_args(argv)
    args.output.mkdir(parents=True, exist_ok=True)
    rows = make(args)
    with (args.output / "manifest.tsv").open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, COLUMNS, delimiter="\t", lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
    print(f"{args.output / 'manifest.tsv'}: {len(rows)} clips")


if __name__ == "__main__":
    packaging.run(main)
