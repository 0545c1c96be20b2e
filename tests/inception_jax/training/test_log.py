import re
from pathlib import Path

import pytest
from PIL import Image

from inception_jax.training.log import Row, draw, read, summary, write

ROWS = [
    Row(100, 0.5, 32, 0.1, 5.0, 0.01, 60.0, 200.0, 0),
    Row(200, 1.0, 64, 0.05, 4.0, 0.1, 120.0, 150.0, 3, 4.5, 0.125, 0.3),
]


def test_rows_come_back_as_they_were(tmp_path: Path) -> None:
    write(ROWS, tmp_path / "log.csv")
    assert read(tmp_path / "log.csv") == ROWS
    assert read(tmp_path / "none.csv") == []
    assert [file.name for file in tmp_path.iterdir()] == ["log.csv"]


@pytest.mark.parametrize("text", ["step,epoch\n1,2\n", "what\nis,this\n", "step\nfour\n"])
def test_other_files_are_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text(text)
    with pytest.raises(ValueError, match=re.escape(f"{tmp_path / 'log.csv'} is no table of a training run")):
        read(tmp_path / "log.csv")


def test_curves_are_a_picture_with_lines(tmp_path: Path) -> None:
    draw(ROWS, tmp_path / "curves.png")
    with Image.open(tmp_path / "curves.png") as image:
        colours = image.convert("RGB").getcolors(1 << 20)
    assert image.size == (1320, 396)
    assert colours is not None
    assert (31, 119, 180) in [colour for _, colour in colours]  # matplotlib's first line colour
    assert [file.name for file in tmp_path.iterdir()] == ["curves.png"]


def test_summary() -> None:
    assert summary([]) == ""
    assert summary(ROWS[:1]) == "loss 5.000, 200 images/s"
    assert summary(ROWS) == "loss 4.000, 150 images/s, top-1 12.5%"
