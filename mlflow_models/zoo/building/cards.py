"""Writes each capability's table of parameters into its model card, from its declaration.

make cards      or: python -m zoo.building.cards
"""

import argparse

from zoo.building import capabilities
from zoo.building.packaging import run
from zoo.building.tracking import ROOT
from zoo.errors import ZooError
from zoo.serving.declaration import table

START = "<!-- parameters: `make cards` writes this table -->"
END = "<!-- end of parameters -->"


def written(card: str, options_table: str) -> str:
    """Put a table between the markers of a card's text.

    Raises:
        ZooError: The card has no markers.
    """
    before, start, rest = card.partition(START)
    _, end, after = rest.partition(END)
    if not (start and end):
        raise ZooError(f"the card has no lines '{START}' and '{END}'")
    return f"{before}{start}\n{options_table}\n{end}{after}"


def main() -> None:
    """Write the tables that have changed."""
    argparse.ArgumentParser(
        prog="python -m zoo.building.cards",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    ).parse_args()
    for folder in capabilities.folders():
        card = folder / "README.md"
        text = card.read_text(encoding="utf-8")
        try:
            new = written(text, table(capabilities.declaration(folder).options))
        except ZooError as error:
            raise ZooError(f"{card.relative_to(ROOT)}: {error}.") from None
        if new != text:
            card.write_text(new, encoding="utf-8")
            print(f"Wrote {card.relative_to(ROOT)}")


if __name__ == "__main__":
    run(main)
