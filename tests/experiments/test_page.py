import jinja2
import numpy as np
import pytest

from experiments import page


def test_filters_are_in_colour_and_each_has_its_own_scale() -> None:
    kernel = np.zeros((2, 3, 3, 5), np.float32)
    kernel[0, 1, :, 1] = [0.5, 0, -0.25]
    kernel[..., 2] = 7
    pixels = np.asarray(page.filter_sheet(kernel, zoom=4))
    # Four columns, the root of 2.6 times 5; 8 pixels of paper between filters of 8 x 12.
    assert pixels.shape == (8 + 2 * 16, 8 + 4 * 20, 3)
    first, second, third = (pixels[8:16, x : x + 12] for x in (8, 28, 48))
    assert (first == 128).all()
    assert (second[:4, 4:8] == [255, 128, 64]).all()
    assert (second[4:] == 128).all()
    assert (third == 255).all()


def test_templates_escape_and_miss_nothing() -> None:
    context = {"title": "<script>", "lede": "a && b", "notice": "", "blocks": [], "provenance": {"Command": "<b>"}}
    html = page.render("figures.html", **context, files=[])
    assert "<h1>&lt;script&gt;</h1>" in html
    assert "a &amp;&amp; b" in html
    assert "<code>&lt;b&gt;</code>" in html
    with pytest.raises(jinja2.UndefinedError, match="title"):
        page.render("figures.html")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0.0 s"), (59.94, "59.9 s"), (60, "1 min 0 s"), (3599.7, "1 h 0 min"), (7260, "2 h 1 min")],
)
def test_duration(seconds: float, text: str) -> None:
    assert page.duration(seconds) == text
