"""Fits a set of labels to photos: when none of them fits, and how sure an answer is.

python calibrate.py demo labels.json --photos PHOTOS --labelled DATA -o calibrated.json
python build.py --labels calibrated.json

--photos are photos as the model will get them; nobody needs to label them. The threshold of "none
of these" is chosen so that at most --none-share of other such photos get no label, with 95 %
confidence: the fewer photos are given, the lower it is. --labelled has photos whose labels a column
has; the temperature that makes these most likely is taken (Guo et al., 2017). Both may be
embeddings.
"""

import argparse
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from clip_caption.answering.zero_shot import LabelCalibration
from clip_caption.building.checkpoint import add_normalize_option
from clip_caption.building.labels import Phrasings, probe_of
from clip_caption.evaluating import labelling, seeing
from clip_caption.evaluating.captioning import opened
from zoo.building import packaging
from zoo.data.outputs import write_json
from zoo.errors import ZooError
from zoo.training.reliability import fit_temperature

if TYPE_CHECKING:
    from clip_caption.captioner import Captioner

BOUNDS = (0.05, 20.0)  # of a temperature
MIN_PHOTOS = 50  # of fewer a threshold or a temperature would be chance
CONFIDENCE = 0.95  # that no more photos than were asked for get no label
DIGITS = 6  # of what is written


def parser() -> argparse.ArgumentParser:
    """Build the command line."""
    summary, _, more = (__doc__ or "").partition("\n\n")
    cli = argparse.ArgumentParser(
        description=summary, epilog=more, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    cli.add_argument("model", help="demo, a directory, a .pt file; or what explore.py embed "
                     "wrote, whose model is taken")  # fmt: skip
    cli.add_argument("labels", type=Path, help="a JSON object of labels with their phrasings")
    cli.add_argument("-o", "--output", type=Path, required=True, help="the file to write")
    cli.add_argument("--photos", type=Path, help="without labels: a folder, a table, a data set of "
                     "prepare.py, or what explore.py embed wrote")  # fmt: skip
    cli.add_argument("--none-share", type=float, default=0.05, help="of unseen photos like "
                     "them that get no label, at most (default: 0.05)")  # fmt: skip
    cli.add_argument("--labelled", type=Path, help="the same kinds, with labels in a column")
    cli.add_argument("--label-column", default="type", help="of --labelled (default: type)")
    cli.add_argument("--image-column", help="of a table's paths (default: image, file, path, ...)")
    cli.add_argument("--clip", help="CLIP of a .pt checkpoint (default: by its width)")
    add_normalize_option(cli)
    cli.add_argument("--threads", type=int, default=1)
    return cli


def calibrate(
    captioner: "Captioner", given: Phrasings, args: argparse.Namespace
) -> tuple[dict[str, Any], list[str]]:
    """Fit what the options have photos for.

    Returns:
        The values to keep beside the labels, and what to tell the user.

    Raises:
        ZooError: There are too few photos, or they can't be used.
    """
    values: dict[str, Any] = {**given.values, "probe": _rounded(probe_of(captioner))}
    labels, said = given.features(captioner), []
    if args.photos:
        photos = seeing.see(captioner, seeing.PhotoSource(args.photos, None, args.image_column))
        least = fewest(args.none_share)
        _check(len(photos.ids), f"--photos, for --none-share {args.none_share:g},", least)
        nearest = (photos.features @ labels.T).max(axis=1)
        threshold = round(threshold_of(nearest, args.none_share), DIGITS)
        values |= {"threshold": threshold, "photos": len(photos.ids)}
        said.append(f"threshold {threshold}: {(nearest < threshold).mean():.1%} of "
                    f"{len(photos.ids):,} photos get no label; of others, at most "
                    f"{args.none_share:.1%} with {CONFIDENCE:.0%} confidence")  # fmt: skip
        said += photos.notes
    if args.labelled:
        source = seeing.PhotoSource(args.labelled, args.label_column, args.image_column)
        photos = seeing.see(captioner, source)
        fitted, sentences = fit(values, photos, labels, given.names, captioner.logit_scale)
        values |= fitted
        said += sentences
    return values, said


def fit(
    values: Mapping[str, Any],
    photos: seeing.SeenPhotos,
    labels: np.ndarray,
    names: list[str],
    scale: float,
) -> tuple[dict[str, Any], list[str]]:
    """Fit the temperature.

    Args:
        values: With the threshold, if there is one.
        photos: With their labels.
        labels: The labels' features, L2-normalised, float32 (labels, d).
        names: Of the labels.
        scale: CLIP's, of its logits.

    Returns:
        What is kept, and what is told.

    Raises:
        ZooError: Too few photos have a label of the set.
    """

    def scored(temperature: float) -> tuple[labelling.LabelScores, list[str]]:
        calibration = LabelCalibration.of({**values, "temperature": temperature})
        found = calibration.probabilities(photos.features, labels, scale)
        return labelling.score(photos, names, found, calibration.threshold is not None)

    before, notes = scored(1.0)
    _check(len(before.ids), "--labelled", MIN_PHOTOS)
    temperature = fit_temperature(lambda each: scored(each)[0].loss, BOUNDS)
    after, _ = scored(temperature)
    errors = [round(one.reliability.error, 4) for one in (before, after)]
    losses = [round(one.loss, 4) for one in (before, after)]
    kept = {
        "temperature": temperature,
        "labelled": len(after.ids),
        "error_before": errors[0],
        "error": errors[1],
    }
    said = (
        f"temperature {temperature}, fitted to {len(after.ids):,} photos: expected calibration "
        f"error {errors[0]} before, {errors[1]} after; log loss {losses[0]} before, {losses[1]} "
        f"after; accuracy {after.right.mean():.4f}"
    )
    return kept, [*notes, said]


def threshold_of(nearest: np.ndarray, none_share: float) -> float:
    """Choose the largest threshold below which at most `none_share` of unseen photos are.

    The k-th smallest of n cosines is taken as the threshold. The share of unseen photos below it
    has the distribution Beta(k, n - k + 1). This share is at most `none_share`, with `CONFIDENCE`,
    for every k up to that quantile of the binomial distribution (Vovk 2012, arXiv 1209.2673,
    section 3).

    Args:
        nearest: The largest cosine of each photo, (n,), of `fewest` photos at least.
        none_share: Of unseen photos, which may be below.
    """
    from scipy.stats import binom  # type: ignore[import-untyped]

    place = int(binom.ppf(1 - CONFIDENCE, len(nearest), none_share))  # k, from 1
    return float(np.partition(nearest, place - 1)[place - 1])


def fewest(none_share: float) -> int:
    """Tell how many photos such a threshold needs; of fewer, none may be below it by chance."""
    return max(MIN_PHOTOS, math.ceil(math.log(1 - CONFIDENCE) / math.log1p(-none_share)))


def _check(count: int, option: str, least: int) -> None:
    if count < least:
        raise ZooError(f"{option} has {count} photos that count; give at least {least}.")


def _rounded(values: np.ndarray) -> list[float]:
    return [round(float(value), DIGITS) for value in values]


def main(argv: list[str] | None = None) -> None:
    """Run the command line."""
    args = parser().parse_args(argv)
    if not (args.photos or args.labelled):
        raise ZooError("Give --photos, --labelled, or both.")
    if not 0 < args.none_share < 1:
        raise ZooError("--none-share must be above 0 and below 1.")
    given = Phrasings.read(args.labels)
    with opened(args.model, args.clip, args.threads, args.normalize_prefix) as captioner:
        values, said = calibrate(captioner, given, args)
    write_json(args.output, {"labels": given.labels, **values})
    print("\n".join([*said, f"{args.output}: {len(given.labels)} labels"]))


if __name__ == "__main__":
    packaging.run(main)
