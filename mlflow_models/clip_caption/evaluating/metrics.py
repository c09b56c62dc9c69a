"""Scores of captions: BLEU, ROUGE-L, CIDEr and METEOR, by pycocoevalcap, times 100.

The library is COCO's own evaluation code, so that scores compare with those of papers. Its "CIDEr"
is CIDEr-D (arXiv 1411.5726): clipped, with a penalty for length, times 10. How rare a phrase is,
which CIDEr weighs it by, is counted in the references of the same test set: the score of a corpus
of one is 0 whatever was predicted, and scores of different test sets don't compare.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from clip_caption.evaluating.words import ENGLISH, has_java
from zoo.errors import ZooError

MIN_CIDER_IMAGES = 10  # images; with fewer, CIDEr says little


@dataclass(frozen=True)
class CaptionScores:
    """The scores of predictions, times 100.

    Args:
        corpus: by the metric's name, of the whole test set.
        each: likewise, float64 (images,). BLEU of a corpus isn't their mean, the others are.
        notes: what the reader of the scores should know.
    """

    corpus: dict[str, float]
    each: dict[str, np.ndarray]
    notes: list[str] = field(default_factory=list)


def score(
    references: Sequence[Sequence[str]],
    predictions: Sequence[str],
    words: str,
    with_meteor: bool = True,
) -> CaptionScores:
    """Scores predictions against references.

    Args:
        references: of each image one or more; words with a space between them, none empty.
        predictions: of each image one, likewise; an empty one is scored as the worst.
        words: the tokenizer that cut them, a key of `words.TOKENIZERS`.
        with_meteor: whether METEOR is wanted, whose Java program takes some ten seconds to start.

    Raises:
        ZooError: there is nothing to score.
    """
    if not predictions:
        raise ZooError("There is no caption to score.")
    from pycocoevalcap.bleu.bleu import Bleu  # type: ignore[import-untyped]
    from pycocoevalcap.cider.cider import Cider  # type: ignore[import-untyped]
    from pycocoevalcap.rouge.rouge import Rouge  # type: ignore[import-untyped]

    truth = {index: list(texts) for index, texts in enumerate(references)}
    said = {index: [text] for index, text in enumerate(predictions)}
    bleu, bleus = Bleu(4).compute_score(truth, said, verbose=0)
    corpus = {f"BLEU-{n}": bleu[n - 1] for n in range(1, 5)}
    each = {f"BLEU-{n}": bleus[n - 1] for n in range(1, 5)}
    corpus["ROUGE-L"], each["ROUGE-L"] = Rouge().compute_score(truth, said)
    notes = []
    if not with_meteor:
        pass
    elif words not in ENGLISH:
        notes.append("METEOR is left out: its stems and synonyms are English.")
    elif not has_java():
        notes.append("METEOR is left out: it needs Java, and there is none.")
    else:
        try:
            corpus["METEOR"], each["METEOR"] = meteor(truth, said)
        except (OSError, ValueError) as error:
            notes.append(f"METEOR is left out: its Java program failed ({type(error).__name__}).")
    corpus["CIDEr"], each["CIDEr"] = Cider().compute_score(truth, said)
    if len(said) < MIN_CIDER_IMAGES:
        few = "One image is" if len(said) == 1 else f"{len(said)} images are"
        notes.append(
            f"{few} too few for CIDEr, which weighs a phrase by how few of the test set's images "
            "have it" + (": it is 0 whatever the caption." if len(said) == 1 else ".")
        )
    return CaptionScores(
        {name: 100 * float(value) for name, value in corpus.items()},
        {name: 100 * np.asarray(values, np.float64) for name, values in each.items()},
        notes,
    )


def meteor(
    truth: dict[int, list[str]], said: dict[int, list[str]]
) -> tuple[float, Sequence[float]]:
    """METEOR 1.5 for English, of the corpus and of each image.

    Raises:
        OSError, ValueError: its Java program can't be started, or ends.
    """
    from pycocoevalcap.meteor.meteor import Meteor  # type: ignore[import-untyped]

    # three bars are what divides the texts of a request to the program
    clean = {key: [text.replace("|||", " ") for text in texts] for key, texts in truth.items()}
    found: tuple[float, Sequence[float]] = Meteor().compute_score(clean, said)
    return found
