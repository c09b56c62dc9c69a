"""Manifests of the Free Spoken Digit Dataset: human voices, ten English words, 8 kHz.

    python -m demos.wav2vec2_asr.digits RECORDINGS -o OUTPUT

writes OUTPUT/train.csv and OUTPUT/test.csv for prepare.py. The test set is the official one: takes
0 to 4 of each digit and speaker (github.com/Jakobovski/free-spoken-digit-dataset).
"""

import argparse
import re
from pathlib import Path

from zoo.building import packaging
from zoo.data.tables import write_table
from zoo.errors import ZooError

WORDS = "zero one two three four five six seven eight nine".split()
NAME = re.compile(r"(?P<digit>\d)_(?P<speaker>\w+)_(?P<take>\d+)\.wav")
TEST_TAKES = 5


def main(argv: list[str] | None = None) -> None:
    """Runs the command line."""
    cli = argparse.ArgumentParser(description="Write manifests of the Free Spoken Digit Dataset.")
    cli.add_argument("recordings", type=Path, help="the data set's folder of WAV files")
    cli.add_argument("-o", "--output", type=Path, required=True, help="train.csv and test.csv")
    args = cli.parse_args(argv)
    rows: dict[str, list[tuple[str, str, str]]] = {"train": [], "test": []}
    for path in sorted(args.recordings.glob("*.wav")):
        if found := NAME.fullmatch(path.name):
            part = "test" if int(found["take"]) < TEST_TAKES else "train"
            word = WORDS[int(found["digit"])]
            rows[part].append((str(path.resolve()), word, found["speaker"]))
    if not rows["train"] or not rows["test"]:
        raise ZooError(f"'{args.recordings}' has no recordings named as in 7_jackson_32.wav.")
    for part, lines in rows.items():
        write_table(args.output / f"{part}.csv", ["path", "text", "speaker"], lines)
        print(f"{args.output / part}.csv: {len(lines)} recordings")


if __name__ == "__main__":
    packaging.run(main)
