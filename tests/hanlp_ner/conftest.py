"""What several tests of hanlp_ner share."""

from pathlib import Path

import pytest

from tests.hanlp_ner.multitask_checkpoints import random_multitask


@pytest.fixture(scope="session")
def multitask(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A multi-task checkpoint with random weights."""
    return random_multitask(tmp_path_factory.mktemp("multitask") / "checkpoint")
