"""What all plots share: whole files, the same bytes each time, and text in any script."""

from pathlib import Path

import pytest

from zoo.training import plots


@pytest.mark.parametrize("name", ["plot.png", "plot.svg"])
def test_a_plot_is_the_same_file_each_time(tmp_path: Path, name: str) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        with plots.drawing(tmp_path / folder / name, (2, 1)) as figure:
            figure.subplots().set_title("上海 กรุงเทพฯ")
    first, second = (tmp_path / folder / name for folder in ("one", "two"))
    assert first.read_bytes() == second.read_bytes()
    assert [file.name for file in first.parent.iterdir()] == [name]


def test_a_plot_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "plot.png"
    path.write_bytes(b"old")
    with pytest.raises(ZeroDivisionError), plots.drawing(path, (2, 1)):
        1 / 0  # noqa: B018
    assert path.read_bytes() == b"old"


def test_counts_keep_their_names_as_text(tmp_path: Path) -> None:
    plots.draw_counts([("น้ำท่วม", 12), ("垃圾", 3)], tmp_path / "a.svg", "photos", "2 types")
    drawn = (tmp_path / "a.svg").read_text(encoding="utf-8")
    assert "น้ำท่วม" in drawn
    assert "垃圾" in drawn


def test_characters_and_counts_can_be_read(tmp_path: Path) -> None:
    counts = [(plots.shown(character), 2000) for character in "ก ุ"]
    plots.draw_counts([*counts, ("x", 1)], tmp_path / "a.svg", "times", "", log=True)
    drawn = (tmp_path / "a.svg").read_text(encoding="utf-8")
    for text in (">ก<", ">space<", ">\u25ccุ<", ">1,000<"):
        assert text in drawn
