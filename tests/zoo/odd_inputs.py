"""Runs a command in this process on an input that is wrong, and returns what it says."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from zoo.errors import ZooError


def refusal(
    main: Callable[[list[str]], Any],
    argv: Sequence[object],
    capsys: "pytest.CaptureFixture[str] | None" = None,
) -> str:
    """Return the sentence with which a command refuses its input.

    Args:
        main: Of the command.
        argv: Its arguments.
        capsys: pytest's; needed for what argparse refuses.
    """
    with pytest.raises((ZooError, SystemExit)) as caught:
        main([str(argument) for argument in argv])
    error: BaseException = caught.value
    if not isinstance(error, SystemExit):
        assert "\n" not in str(error)
        return str(error)
    assert error.code not in (0, None), "the command says that all is well"
    printed = capsys.readouterr().err if capsys is not None else ""
    assert "Traceback" not in printed
    return (printed.strip() or str(error.code)).splitlines()[-1]  # argparse prints its usage first
