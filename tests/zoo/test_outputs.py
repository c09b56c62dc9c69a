"""What a command writes is there whole or not at all."""

from contextlib import suppress
from pathlib import Path

import pytest

from zoo.data.outputs import (
    PART,
    check_new,
    check_output,
    whole_directory,
    whole_file,
    write_json,
    write_text,
)
from zoo.errors import ZooError


def names(folder: Path) -> list[str]:
    """What is in a folder."""
    return sorted(path.name for path in folder.iterdir())


def test_a_file_has_its_name_when_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.json"
    write_json(path, {"ก": [1]})
    assert path.read_text(encoding="utf-8") == '{\n "ก": [\n  1\n ]\n}\n'
    with suppress(KeyboardInterrupt), whole_file(path) as part:
        part.write_text("half")
        assert part.suffix == ".json"
        raise KeyboardInterrupt
    assert names(path.parent) == ["a.json"]
    (path.parent / f"{PART}a.json").write_text("left by a kill")
    write_text(path, "whole")
    assert path.read_text(encoding="utf-8") == "whole\n"
    assert names(path.parent) == ["a.json"]


def test_a_directory_has_its_name_when_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "new" / "model"
    with whole_directory(path) as part:
        (part / "a").touch()
        assert not path.exists()
    with suppress(KeyboardInterrupt), whole_directory(path) as part:
        (part / "b").touch()
        raise KeyboardInterrupt
    assert names(path) == ["a"]
    left = path.parent / f"{PART}model" / "new"
    left.mkdir(parents=True)
    (left / "left-by-a-kill").touch()
    with whole_directory(path) as part:
        (part / "c").touch()
    assert names(path) == ["c"]
    assert names(path.parent) == ["model"]


def test_only_what_a_command_wrote_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "_model").mkdir()
    (tmp_path / f"{PART}rest").touch()
    check_output(tmp_path, "mark", "an index")
    check_output(tmp_path / "none", "mark", "an index")
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(ZooError, match="an index"):
        check_output(tmp_path, "mark", "an index")
    (tmp_path / "mark").touch()
    check_output(tmp_path, "mark", "an index")
    check_new(tmp_path / "none")
    with pytest.raises(ZooError, match="exists; choose another output"):
        check_new(tmp_path)
