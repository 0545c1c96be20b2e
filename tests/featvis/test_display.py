"""HTML, as a parser sees it."""

import base64
import html.parser
import io
import math
import re

import numpy as np
import pytest
from PIL import Image

from featvis.display import course, sparkline, to_html
from featvis.pixels import eight_bit, picture

HOSTILE = "<script>alert(\"1\")</script> & 'quoted'"


class Document(html.parser.HTMLParser):
    """Tags with their attributes, and all text."""

    def __init__(self, source):
        super().__init__()
        self.tags, self.text, self.source = [], "", source
        self.feed(source)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data

    def all(self, name):
        return [attributes for tag, attributes in self.tags if tag == name]

    def pictures(self):
        kinds, data = zip(*(image["src"].split(",") for image in self.all("img")), strict=True)
        assert set(kinds) == {"data:image/png;base64"}
        return [Image.open(io.BytesIO(base64.b64decode(one, validate=True))) for one in data]


def noise(*shape):
    return np.random.default_rng(0).integers(0, 256, shape) / 255


@pytest.mark.parametrize("channels", [1, 3, 4, 6])
@pytest.mark.parametrize("title", [None, "A page"])
def test_images_are_in_the_page_exactly(channels, title):
    images = noise(3, 20, 12, channels)
    document = Document(to_html(images, ["a", "b", "c"], title=title))
    for image, shown in zip(images, document.pictures(), strict=True):
        assert shown.mode == picture(image).mode
        np.testing.assert_array_equal(np.asarray(shown), np.asarray(picture(image)))


def test_images_of_one_result_share_a_figure():
    images = noise(2, 3, 8, 8, 3)
    document = Document(to_html(images, ["first", "second"]))
    assert len(document.all("figure")) == 2
    assert [image["alt"] for image in document.all("img")] == [
        f"{label}, image {j}" for label in ("first", "second") for j in (1, 2, 3)
    ]
    for image, shown in zip(eight_bit(images).reshape(6, 8, 8, 3), document.pictures(), strict=True):
        np.testing.assert_array_equal(np.asarray(shown), image)


@pytest.mark.parametrize("title", [None, HOSTILE])
def test_texts_are_escaped(title):
    document = Document(to_html(noise(1, 4, 4, 3), [HOSTILE], [HOSTILE], title=title))
    assert not document.all("script")
    assert "<script" not in document.source
    # Label and caption; the page's title and heading.
    assert document.text.count(HOSTILE) == (2 if title is None else 4)
    assert document.all("img")[0]["alt"] == HOSTILE


@pytest.mark.parametrize("title", [None, "A page"])
def test_nothing_outside_is_referred_to(title):
    source = to_html(noise(1, 4, 4, 3), ["a"], title=title)
    assert not re.search(r"https?:|url\(|@import|<link|<script|<base|href", source)
    assert source.lstrip().startswith("<div" if title is None else "<!doctype html>")
    # A piece takes the colours of its surroundings, a page has both.
    assert ("prefers-color-scheme: dark" in source) == (title is not None)


@pytest.mark.parametrize(
    ("shape", "limit", "shown", "line"),
    [
        ((5, 4, 4, 3), 5, 5, None),
        ((5, 4, 4, 3), 2, 2, "The first 2 of 5 images are shown."),
        ((5, 3, 4, 4, 3), 7, 6, "The first 6 of 15 images are shown."),
        ((5, 3, 4, 4, 3), 2, 2, "The first 2 of 15 images are shown."),
    ],
)
def test_pages_are_bounded(shape, limit, shown, line):
    document = Document(to_html(noise(*shape), list("abcde"), limit=limit))
    np.testing.assert_array_equal(np.asarray(document.pictures()[0]), eight_bit(noise(*shape)).reshape(-1, 4, 4, 3)[0])
    assert len(document.all("img")) == shown
    assert ("are shown" in document.text) == (line is not None)
    assert line is None or line in document.text


@pytest.mark.parametrize(
    ("size", "stored", "shown"),
    [
        ((96, 96), (96, 96), (96, 96)),
        ((512, 512), (256, 256), (256, 256)),
        ((300, 600), (128, 256), (128, 256)),
        ((7, 7), (7, 7), (91, 91)),
        ((1, 2), (1, 2), (48, 96)),
        ((1, 2000), (1, 256), (1, 256)),
    ],
)
def test_sizes(size, stored, shown):
    document = Document(to_html(np.zeros((1, *size, 3)), ["a"]))
    assert document.pictures()[0].size == stored[::-1]
    (image,) = document.all("img")
    assert (int(image["height"]), int(image["width"])) == shown
    assert document.all("figure")[0]["style"] == f"width: {shown[1]}px"
    assert any("coarse" in div["class"] for div in document.all("div")) == (shown != stored)


def test_curves_and_captions():
    curves = np.array([[0.0, 1.0, 2.0], [3.0, np.nan, np.nan], [np.nan] * 3])
    document = Document(to_html(noise(3, 4, 4, 3), list("abc"), ["0.25", "", "x"], curves))
    assert [line["points"] for line in document.all("polyline")] == [sparkline(curves[0]), sparkline(curves[1])]
    assert document.all("svg")[0]["aria-label"] == "objective from 0 to 2 over 3 steps"
    assert len(document.all("span")) == 2
    assert not Document(to_html(noise(1, 4, 4, 3), ["a"])).all("svg")


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"labels": ["a"]}, "1 labels were given for 2 results; expected one for each"),
        ({"captions": []}, "0 captions were given for 2 results; expected one for each"),
        ({"curves": np.zeros((3, 4))}, "3 curves were given for 2 results; expected one for each"),
        ({"limit": 0}, "limit is 0; expected a whole number, at least 1"),
        ({"side": 0}, "side is 0; expected a whole number, at least 1"),
        (
            {"images": np.zeros((2, 0, 4, 3))},
            "images have shape (2, 0, 4, 3); expected (results, height, width, channels)",
        ),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        to_html(**{"images": np.zeros((2, 4, 4, 3)), "labels": ["a", "b"], **arguments})


def test_sparkline_spans_the_box():
    values = np.random.default_rng(0).normal(size=512)
    points = np.array([[float(n) for n in pair.split(",")] for pair in sparkline(values).split()])
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
def test_sparkline_of_little(values, points):
    assert sparkline(np.array(values)) == points
    assert bool(course(np.array(values))) == bool(points)
