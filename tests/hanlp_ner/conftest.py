"""What several tests of hanlp_ner share."""

import random
from pathlib import Path

import pytest

import hanlp_ner
from demos.hanlp_ner.sentences import MadeUpNames, fill
from hanlp_ner.training.corpora import write_examples
from tests.hanlp_ner.multitask_checkpoints import random_multitask

GAZETTEER = Path(hanlp_ner.__file__).parent / "demo" / "gazetteer.txt"


@pytest.fixture(scope="session")
def multitask(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A multi-task checkpoint with random weights."""
    return random_multitask(tmp_path_factory.mktemp("multitask") / "checkpoint")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Arguments of a training run of a few seconds, but for its output."""
    folder = tmp_path_factory.mktemp("tiny")
    names = MadeUpNames.read(
        GAZETTEER, [("王芳在北京队", [(0, 2, "PERSON"), (3, 6, "ORGANIZATION")])]
    )
    names.mined["LOCATION"].append("北京")
    rng = random.Random(0)
    train = [fill(t, names, rng) for t in ["{P}在{L}工作。", "{O}成立于{D}。"] for _ in range(40)]
    write_examples(folder / "train.jsonl", train)
    write_examples(folder / "dev.jsonl", train[::10])
    sizes = "--layers 1 --hidden 32 --heads 2 --feed-forward 32 --batch-characters 60 --epochs 2"
    return [
        *("--train", str(folder / "train.jsonl"), "--dev", str(folder / "dev.jsonl")),
        *("--finish", str(folder / "dev.jsonl"), "--finish-epochs", "1", "--from-scratch"),
        *("--save-every", "2", *sizes.split()),
    ]
