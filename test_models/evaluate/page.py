"""Evaluation: the page."""

from test_models import frame
from test_models.services import Services


def build(services: Services) -> None:
    """Puts the page into the current `gr.Blocks`."""
    frame.head("evaluate")
