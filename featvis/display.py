"""Results as HTML: in a notebook's cell, or as a page of its own."""

import base64
import io
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Array, Float
from PIL import Image

from featvis.pixels import grouped, picture, whole

TEMPLATES = Path(__file__).parent / "templates"

_SMALLEST = 96


def to_html(
    images: Float[Array | np.ndarray, "n ..."],
    labels: Sequence[str],
    captions: Sequence[str] | None = None,
    curves: Sequence[Float[np.ndarray, " steps"]] | Float[np.ndarray, "n steps"] | None = None,
    *,
    title: str | None = None,
    limit: int = 48,
    side: int = 256,
) -> str:
    """Images with their labels as HTML that refers to nothing outside itself.

    Args:
        images: `[n, height, width, channels]` in [0, 1], or `[n, images, height, width, channels]`, whose results then
            are rows of images; see `featvis.pixels.picture` for channels. Transparent ones lie on a checkerboard.
        labels: one for each result.
        captions: a few words more for each, such as its score.
        curves: the objective's course for each, NaN where there is none.
        title: makes the HTML a whole page with this heading; without it, it is a piece of one, as notebooks want it,
            in the colours that it finds.
        limit: images shown at most, the first ones; a line says how many more there are.
        side: in pixels; larger images are scaled down to it.

    Raises:
        ValueError: an argument out of range, or not as many labels, captions or curves as results.

    >>> html = to_html(np.zeros((2, 32, 32, 3)), ["mixed4a:0", "<mixed4a:1>"])
    >>> html.count("<img"), "&lt;mixed4a:1&gt;" in html
    (2, True)
    """
    results = grouped(images, labels=labels, captions=captions, curves=curves)
    limit, side = whole("limit", limit), whole("side", side)
    total = results.shape[0] * results.shape[1]
    results = results[: max(1, limit // results.shape[1]), :limit]
    size, zoom = _shown(results.shape[3], results.shape[2], side)
    shown = [
        {
            "images": [_encode(picture(image), size) for image in result],
            "label": labels[i],
            "caption": captions[i] if captions is not None else "",
            "curve": sparkline(curves[i]) if curves is not None else "",
            "course": course(curves[i]) if curves is not None else "",
        }
        for i, result in enumerate(results)
    ]
    return fill(
        TEMPLATES / ("piece.html" if title is None else "page.html"),
        results=shown,
        width=size[0] * zoom,
        height=size[1] * zoom,
        coarse=zoom > 1,
        shown=results.shape[0] * results.shape[1],
        total=total,
        title=title,
    )


def fill(template: Path, **context: Any) -> str:
    """HTML from a Jinja template, which may use those beside it; everything in `context` is escaped.

    >>> "<h1>1 &lt; 2</h1>" in to_html(np.zeros((1, 1, 1, 3)), ["a"], title="1 < 2")
    True
    """
    return templates(template.parent).get_template(template.name).render(**context)


@cache
def templates(folder: Path) -> Any:
    """The Jinja environment of a folder of templates, for pages of which there are many.

    >>> templates(TEMPLATES).get_template("piece.html").name
    'piece.html'
    """
    # Imported here: most callers of this package show nothing.
    import jinja2

    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )


def sparkline(values: Float[np.ndarray, " steps"], width: int = 120, height: int = 28) -> str:
    """A curve as the `points` of an SVG polyline in a box of `width` x `height`; missing values are left out.

    >>> sparkline(np.array([0.0, 1.0, 2.0]), width=20, height=10)
    '0,9 10,5 20,1'
    """
    kept = values[np.isfinite(values)]
    kept = kept[np.unique(np.linspace(0, max(len(kept) - 1, 0), min(len(kept), width)).round().astype(int))]
    if len(kept) == 0:
        return ""
    span = float(np.ptp(kept)) or 1.0
    across = np.linspace(0, width, len(kept))
    down = height - 1 - (kept - kept.min()) / span * (height - 2)
    return " ".join(f"{x:.4g},{y:.4g}" for x, y in zip(across, down, strict=True))


def course(values: Float[np.ndarray, " steps"]) -> str:
    """A curve in words, for those who do not see it.

    >>> course(np.array([0.5, 1.0, 12.25, np.nan]))
    'objective from 0.5 to 12.2 over 3 steps'
    """
    kept = values[np.isfinite(values)]
    return f"objective from {kept[0]:.3g} to {kept[-1]:.3g} over {len(kept)} steps" if len(kept) else ""


def _shown(width: int, height: int, side: int) -> tuple[tuple[int, int], int]:
    """Size at which images are stored, and how often each pixel is repeated on the screen: small ones are enlarged."""
    shrink = min(1.0, side / max(width, height))
    size = max(1, round(width * shrink)), max(1, round(height * shrink))
    return size, max(1, _SMALLEST // max(size))


def _encode(image: Image.Image, size: tuple[int, int]) -> str:
    buffer = io.BytesIO()
    (image if image.size == size else image.resize(size, Image.Resampling.LANCZOS)).save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()
