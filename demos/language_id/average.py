"""Averages checkpoints of one run, and shifts an answer's logit by what the dev set says is best.

Late checkpoints know their few training voices by heart, early ones are unsteady. Their mean is
better than each of them on voices that none has heard (Wortsman et al. 2022, "Model soups").
"""

import argparse
import shutil
from pathlib import Path

import numpy as np

from language_id.training import network
from language_id.training.identify import identify
from language_id.training.manifest import read_split
from language_id.training.scoring import LanguageScores
from zoo.building import packaging

SHIFTS = np.arange(0, 1.51, 0.25)  # of a logit


def average(checkpoints: list[Path], output: Path) -> None:
    """Write the mean of the weights of checkpoints, with the first one's other files."""
    import torch
    from safetensors.torch import load_file, save_file

    output.mkdir(parents=True, exist_ok=True)
    for name in ("config.json", "preprocessor_config.json"):
        shutil.copy(checkpoints[0] / name, output)
    weights = [load_file(path / "model.safetensors") for path in checkpoints]
    mean = {
        name: torch.stack([one[name].float() for one in weights]).mean(dim=0) for name in weights[0]
    }
    save_file(mean, output / "model.safetensors", {"format": "pt"})


def shift(output: Path, manifest: Path, language: str, seconds: float) -> None:
    """Add to the bias of a language what gives the lowest error on the dev set."""
    import torch

    model, recordings = network.open_checkpoint(output), read_split([manifest], "dev")
    extractor = network.open_extractor(output, masked=False)
    languages = [model.config.id2label[index] for index in range(model.config.num_labels)]
    truth = np.array([languages.index(recording.language) for recording in recordings])
    groups = [f"{recording.language} {recording.source}" for recording in recordings]
    logits = np.log(identify(model, extractor, recordings, seconds) + 1e-9)
    place, found = languages.index(language), {}
    for value in SHIFTS:
        moved = logits + value * (np.arange(len(languages)) == place)
        scores = LanguageScores(languages, truth, moved.argmax(axis=1), groups)
        found[float(value)] = scores.balanced_error
        print(f"{language} {value:+.2f}: error {scores.balanced_error:.2f} %, {scores.by_group()}")
    best = min(found, key=lambda value: (found[value], value))
    with torch.no_grad():
        model.classifier.bias[place] += best
    print(f"{output}: {language} {best:+.2f}")
    network.export(model, extractor, output)


def main(argv: list[str] | None = None) -> None:
    """Run the command line."""
    cli = argparse.ArgumentParser(description="Average checkpoints of one run.")
    cli.add_argument("checkpoints", type=Path, nargs="+")
    cli.add_argument("-o", "--output", type=Path, required=True)
    cli.add_argument("--manifest", type=Path, required=True, help="its dev set chooses the shift")
    cli.add_argument("--language", default="zh", help="whose logit is shifted")
    cli.add_argument("--max-seconds", type=float, default=4.0, help="heard of each recording")
    args = cli.parse_args(argv)
    average(args.checkpoints, args.output)
    shift(args.output, args.manifest, args.language, args.max_seconds)


if __name__ == "__main__":
    packaging.run(main)
