"""Captions as they stand in the cells of a table."""

LIST = "captions"  # a column of this name holds several, with SEPARATOR between them
SEPARATOR = "|"


def split_captions(cell: str, column: str, separator: str | None) -> list[str]:
    """Split a cell into its captions: several, where a separator is given or for `captions`.

    Args:
        cell: The cell.
        column: Its column's name.
        separator: What is between captions; None: the usual one in the column `captions` alone.
    """
    if separator is None and column == LIST:
        separator = SEPARATOR
    texts = cell.split(separator) if separator else [cell]
    return [" ".join(text.split()) for text in texts if text.strip()]
