import math

import jinja2
import numpy as np
import pytest
from PIL import Image, ImageColor

from experiments import page

COLOURS = ["red", "green", "blue", "yellow", "cyan"]


@pytest.mark.parametrize("count", [1, 2, 5, 16, 40])
def test_contact_sheet_holds_every_image_once(count: int) -> None:
    images = [Image.new("RGB", (24, 24), (10 + i, 0, 200)) for i in range(count)]
    pixels = np.asarray(page.contact_sheet(images, [f"mixed4a:{i}" for i in range(count)]))
    for i in range(count):
        assert (pixels == (10 + i, 0, 200)).all(-1).sum() == 24 * 24
    assert pixels.shape[0] / pixels.shape[1] < 2.5
    assert pixels.shape[1] / pixels.shape[0] < 2.5


def test_contact_sheet_keeps_reading_order_and_writes_labels() -> None:
    images = [Image.new("RGB", (60, 60), colour) for colour in COLOURS]
    labelled = np.asarray(page.contact_sheet(images, ["unit 1"] * 5))
    bare = np.asarray(page.contact_sheet(images, [""] * 5))
    assert (labelled != bare).any()
    places = [np.argwhere((bare == ImageColor.getrgb(colour)).all(-1))[0] for colour in COLOURS]
    assert [tuple(p) for p in places] == sorted(tuple(p) for p in places)


def test_long_labels_are_shortened() -> None:
    sheet = page.contact_sheet([Image.new("RGB", (40, 40), "red")], ["mixed4a_3x3_bottleneck_pre_relu:12"])
    beside = np.asarray(sheet)[:, :6]
    assert (beside == 255).all()


def test_sparkline_spans_the_box() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=512)
    points = np.array([[float(n) for n in pair.split(",")] for pair in page.sparkline(values).split()])
    assert len(points) <= 120
    assert points[0, 0] == 0
    assert points[-1, 0] == 120
    assert (np.diff(points[:, 0]) > 0).all()
    assert points[:, 1].min() == 1
    assert points[:, 1].max() == 27


@pytest.mark.parametrize(
    ("values", "points"),
    [([], ""), ([math.nan], ""), ([2.0], "0,27"), ([3.0, 3.0], "0,27 120,27"), ([0.0, 1.0, math.nan], "0,27 120,1")],
)
def test_sparkline_of_little(values: list[float], points: str) -> None:
    assert page.sparkline(np.array(values)) == points


def test_templates_escape_and_miss_nothing() -> None:
    context = {"title": "<script>", "lede": "", "missing": 0, "layers": {}, "provenance": {"Command": "a && b"}}
    html = page.render("feature_vis.html", **context, files=[])
    assert "<h1>&lt;script&gt;</h1>" in html
    assert "a &amp;&amp; b" in html
    with pytest.raises(jinja2.UndefinedError, match="title"):
        page.render("feature_vis.html")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0.0 s"), (59.94, "59.9 s"), (60, "1 min 0 s"), (3599.7, "1 h 0 min"), (7260, "2 h 1 min")],
)
def test_duration(seconds: float, text: str) -> None:
    assert page.duration(seconds) == text
