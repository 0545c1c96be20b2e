"""Pictures and pages: contact sheets, small curves, and the HTML that shows a run."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from jaxtyping import Float
from PIL import Image, ImageDraw, ImageFont

TEMPLATES = Path(__file__).parent / "templates"

_GAP = 8
_TEXT = 13
_INK, _PAPER = (60, 60, 60), (255, 255, 255)


def contact_sheet(images: Sequence[Image.Image], labels: Sequence[str], columns: int | None = None) -> Image.Image:
    """All images on one sheet, each with its label below.

    Args:
        images: at least one, all of one size.
        labels: one for each image; shortened with an ellipsis where wider than the image.
        columns: images in a row; by default as many as make the sheet about as wide as high.

    >>> contact_sheet([Image.new("RGB", (64, 64))] * 6, ["mixed4a:0"] * 6).size
    (224, 194)
    """
    width, height = images[0].size
    font = ImageFont.load_default(_TEXT)
    columns = columns or max(1, round(math.sqrt(len(images) * (height + _TEXT + _GAP) / width)))
    rows = math.ceil(len(images) / columns)
    across, down = width + _GAP, height + _TEXT + 2 * _GAP
    sheet = Image.new("RGB", (columns * across + _GAP, rows * down + _GAP), _PAPER)
    draw = ImageDraw.Draw(sheet)
    for i, (image, label) in enumerate(zip(images, labels, strict=True)):
        x, y = _GAP + i % columns * across, _GAP + i // columns * down
        sheet.paste(image, (x, y))
        draw.text((x + width / 2, y + height + 2), _fit(label, font, width), fill=_INK, font=font, anchor="ma")
    return sheet


def filter_sheet(kernel: Float[np.ndarray, "height width 3 units"], zoom: int = 10) -> Image.Image:
    """The filters of a first layer side by side, in colour: grey is zero, and each has its own scale.

    >>> filter_sheet(np.zeros((7, 7, 3, 24), np.float32)).size
    (632, 242)
    """
    filters = np.moveaxis(np.asarray(kernel), -1, 0)
    scale = np.abs(filters).max((1, 2, 3), keepdims=True)
    pixels = np.round((filters / np.where(scale > 0, scale, 1) + 1) * 127.5).astype(np.uint8)
    height, width = pixels.shape[1] * zoom, pixels.shape[2] * zoom
    columns = max(1, round(math.sqrt(len(pixels) * 2.6)))
    rows = math.ceil(len(pixels) / columns)
    sheet = Image.new("RGB", (columns * (width + _GAP) + _GAP, rows * (height + _GAP) + _GAP), _PAPER)
    for i, tile in enumerate(pixels):
        corner = _GAP + i % columns * (width + _GAP), _GAP + i // columns * (height + _GAP)
        sheet.paste(Image.fromarray(tile).resize((width, height), Image.Resampling.NEAREST), corner)
    return sheet


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


def render(template: str, **context: Any) -> str:
    """HTML from one of `experiments/templates`; everything in `context` is escaped."""
    loader = jinja2.FileSystemLoader(TEMPLATES)
    environment = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template(template).render(**context)


def provenance(config: Mapping[str, Any]) -> dict[str, str]:
    """The part of `config.json` that a page shows, named for people."""
    model = {name: value for name, value in config["model"].items() if isinstance(value, str)}
    rows = {
        "Command": config["command"],
        "Model": " · ".join(f"{key} {value}" for key, value in model.items()),
        "Seed": str(config["seed"]),
        "Device": config["device"],
        "Versions": " · ".join(f"{name} {version}" for name, version in config["versions"].items()),
        "Commit": config["git_commit"] or "not from a checkout",
        "Started": config["started"].replace("T", " ").replace("+00:00", " UTC"),
    }
    return {name: str(value) for name, value in rows.items()}


def duration(seconds: float) -> str:
    """A time for people.

    >>> duration(4.21), duration(187), duration(7260)
    ('4.2 s', '3 min 7 s', '2 h 1 min')
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def _fit(label: str, font: Any, width: int) -> str:
    while len(label) > 1 and font.getlength(label) > width:
        label = label.removesuffix("…")[:-1] + "…"
    return label
