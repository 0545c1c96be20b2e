"""Plots of the articles, in one style: courses, points, heat maps, bars, polar curves."""

import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Real
from PIL import Image

INK, SOFT, RED, BLUE = "#1f2328", "#9aa0a6", "#cf4032", "#2b6cb0"
CYCLE = (RED, BLUE, "#2f7d4f", "#b7791f", "#6b46c1", "#0e7490", "#9d174d", "#4a5568")
"""Colours of courses, in order; each also has a dash of its own, for those who do not see colours."""
_DASHES = ("-", "--", ":", "-.")

Courses = Mapping[str, tuple[np.ndarray, np.ndarray]]
"""By the name in the legend: values along the axis, and above it."""


def courses(
    given: Courses, x: str, y: str, *, log: bool = False, size: tuple[float, float] = (6.4, 3.2), marked: bool = False
) -> Image.Image:
    """Lines over one axis.

    Args:
        given: the lines by name, at most eight that can be told apart.
        x: what runs along.
        y: what runs upwards.
        log: upwards in powers of ten.
        size: in inches of 100 pixels.
        marked: with a dot at each value.

    >>> courses({"a": (np.arange(3.0), np.arange(3.0))}, "x", "y").size
    (640, 320)
    """

    def draw(axes: Any) -> None:
        for i, (name, (along, values)) in enumerate(given.items()):
            style = {"color": CYCLE[i % len(CYCLE)], "linestyle": _DASHES[i % len(_DASHES)]}
            axes.plot(along, values, label=name, linewidth=1.6, marker="o" if marked else None, markersize=4, **style)
        if log:
            axes.set_yscale("log")
        if len(given) > 1:
            axes.legend(frameon=False, fontsize=9)

    return drawn(draw, x, y, size)


def points(
    along: Real[np.ndarray, " n"],
    values: Real[np.ndarray, " n"],
    x: str,
    y: str,
    *,
    kinds: Sequence[str] | None = None,
    size: tuple[float, float] = (6.4, 3.2),
) -> Image.Image:
    """Single values over an axis.

    Args:
        along: where each is.
        values: how high each is.
        x: what runs along.
        y: what runs upwards.
        kinds: a name for each point, told apart by colour and by marker.
        size: in inches of 100 pixels.

    >>> points(np.arange(3.0), np.arange(3.0), "x", "y", kinds=["a", "b", "a"]).size
    (640, 320)
    """

    def draw(axes: Any) -> None:
        if kinds is None:
            axes.scatter(along, values, s=10, color=BLUE, alpha=0.7, linewidths=0)
            return
        for i, kind in enumerate(dict.fromkeys(kinds)):
            chosen = np.array([one == kind for one in kinds])
            axes.scatter(along[chosen], values[chosen], s=16, color=CYCLE[i], marker="os^Dv<>P"[i % 8], label=kind)
        axes.legend(frameon=False, fontsize=9)

    return drawn(draw, x, y, size)


def heat(
    values: Float[np.ndarray, "rows columns"],
    extent: tuple[float, float, float, float],
    x: str,
    y: str,
    *,
    bar: str = "",
    colours: str = "turbo",
    size: tuple[float, float] = (6.4, 3.2),
) -> Image.Image:
    """A heat map.

    Args:
        values: rows from above to below.
        extent: left, right, bottom and top of it, in units of the axes.
        x: what runs along.
        y: what runs upwards.
        bar: what the colours stand for.
        colours: name of a map of matplotlib.
        size: in inches of 100 pixels.

    >>> heat(np.eye(4), (0, 1, 0, 1), "x", "y").size
    (640, 320)
    """

    def draw(axes: Any) -> None:
        shown = axes.imshow(values, extent=extent, aspect="auto", cmap=colours, interpolation="nearest")
        axes.figure.colorbar(shown, ax=axes, label=bar, fraction=0.04, pad=0.02).outline.set_visible(False)

    return drawn(draw, x, y, size)


def bars(
    values: Mapping[str, float], y: str, *, errors: Sequence[float] | None = None,
    size: tuple[float, float] = (6.4, 3.2),
) -> Image.Image:  # fmt: skip
    """A bar for each name.

    >>> bars({"a": 1.0, "b": 2.0}, "y").size
    (640, 320)
    """

    def draw(axes: Any) -> None:
        axes.bar(range(len(values)), list(values.values()), yerr=errors, color=BLUE, ecolor=INK, width=0.7)
        turned = {"rotation": 30, "ha": "right"} if max(map(len, values)) * len(values) > 70 else {}
        axes.set_xticks(range(len(values)), list(values), **turned)

    return drawn(draw, "", y, size)


def spread(
    null: Float[np.ndarray, " n"], marks: Mapping[str, float], x: str, size: tuple[float, float] = (6.4, 3.2)
) -> Image.Image:
    """A distribution, and values beside it, each with its name.

    >>> spread(np.arange(20.0), {"here": 25.0}, "x").size
    (640, 320)
    """

    def draw(axes: Any) -> None:
        axes.hist(null, bins=min(40, max(8, len(null) // 4)), color=SOFT)
        for i, (name, value) in enumerate(marks.items()):
            axes.axvline(value, color=CYCLE[i], linestyle=_DASHES[i % len(_DASHES)], linewidth=2, label=name)
        axes.legend(frameon=False, fontsize=9)

    return drawn(draw, x, "how many", size)


def polar(given: Mapping[str, Float[np.ndarray, " angles"]], side: float = 2.2) -> Image.Image:
    """Responses around the circle, clockwise from the right as angles in images are, each divided by the largest.

    Args:
        given: by name, responses at angles that are evenly spread over a turn.
        side: of the picture, in inches of 100 pixels.

    >>> polar({"mixed3b:85": np.ones(24)}).size
    (220, 220)
    """
    figure = _figure((side, side))
    axes: Any = figure.add_subplot(projection="polar")
    axes.set_theta_direction(-1)
    most = max(float(np.max(values)) for values in given.values()) or 1.0
    for i, values in enumerate(given.values()):
        angles = np.linspace(0, 2 * np.pi, len(values) + 1)
        axes.plot(angles, np.append(values, values[0]) / most, color=CYCLE[i], linestyle=_DASHES[i % 4], linewidth=1.6)
    axes.set_rticks([0.5, 1.0], labels=[])
    axes.set_xticks(np.deg2rad([0, 90, 180, 270]), ["0", "90", "180", "270"], fontsize=7, color=SOFT)
    axes.spines["polar"].set_color("#e4e2dc")
    axes.set_title(", ".join(given), fontsize=9, color=INK, pad=8)
    return _image(figure)


def drawn(draw: Callable[[Any], None], x: str, y: str, size: tuple[float, float] = (6.4, 3.2)) -> Image.Image:
    """A picture of axes that a function draws on.

    Args:
        draw: is given the `matplotlib.axes.Axes`.
        x: what runs along.
        y: what runs upwards.
        size: in inches of 100 pixels.

    >>> drawn(lambda axes: axes.plot([0, 1]), "x", "y", (2, 1)).size
    (200, 100)
    """
    figure = _figure(size)
    axes = figure.add_subplot()
    draw(axes)
    axes.set_xlabel(x, fontsize=9, color=INK)
    axes.set_ylabel(y, fontsize=9, color=INK)
    axes.tick_params(labelsize=8, colors=INK, length=3)
    for name, spine in axes.spines.items():
        spine.set_visible(name in ("left", "bottom"))
        spine.set_color(SOFT)
    return _image(figure)


def _figure(size: tuple[float, float]) -> Any:
    # Imported here: most experiments draw no plots, and `pyplot` would keep a state of its own.
    from matplotlib.figure import Figure

    return Figure(figsize=size, dpi=100, layout="constrained", facecolor="white")


def _image(figure: Any) -> Image.Image:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    buffer = io.BytesIO()
    FigureCanvasAgg(figure).print_png(buffer)
    return Image.open(buffer).convert("RGB")
