"""A fixed set of stimuli: what families are told by."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial

import jax
import numpy as np
from jaxtyping import Array, Float

from circuits.stimuli import Boundary, CenterSurround, Curve, Grating, HighLow, Line, Stimulus


@dataclass(frozen=True, eq=False)
class Probe:
    """Stimuli of one kind, and what is varied about them.

    Attributes:
        stimulus: with what is the same for all.
        axes: values of each parameter that is varied, in the order of the axes of responses. `hue` and `tint`, in
            degrees, are about the two colours: ink and paper of opposite hues, or both of one hue, ink darker.
    """

    stimulus: Stimulus
    axes: Mapping[str, Float[np.ndarray, " n"]]

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes."""
        return tuple(map(len, self.axes.values()))

    def images(self, size: int) -> Float[Array, "n {size} {size} 3"]:
        """All of them, the last axis running fastest.

        >>> Probe(Line(), {"orientation": np.array([0.0, 90.0]), "width": np.array([1.0, 2.0])}).images(8).shape
        (4, 8, 8, 3)
        """
        grid = dict(zip(self.axes, np.meshgrid(*self.axes.values(), indexing="ij"), strict=True))
        values = {name: values.ravel().astype(np.float32) for name, values in grid.items()}
        if (hue := values.pop("hue", None)) is not None:
            values |= {"ink": opposite(hue), "paper": opposite(hue + 180)}
        if (tint := values.pop("tint", None)) is not None:
            values |= {"ink": _TINTED * opposite(tint), "paper": _TINTED * opposite(tint) + 1 - _TINTED}
        # Colours as arrays, so that programs take them as data.
        colours = {name: np.asarray(getattr(self.stimulus, name), np.float32) for name in ("ink", "paper")}
        return _DRAWN(replace(self.stimulus, **{**colours, **values}), size)


Battery = Mapping[str, Probe]
"""Stimuli by name."""

_TINTED = 0.35
"""Share of the ink that is left in the two tints."""


def opposite(hue: Float[np.ndarray, "*n"]) -> Float[np.ndarray, "*n 3"]:
    """Colours of equal mean, fully saturated, whose opposite lies half a turn on.

    >>> opposite(np.array([0.0, 180.0])).tolist()
    [[1.0, 0.25, 0.25], [0.0, 0.75, 0.75]]
    """
    turns = np.asarray(hue)[..., None] - np.array([0.0, 120.0, 240.0])
    return (0.5 + 0.5 * np.cos(np.deg2rad(turns))).astype(np.float32).round(6)


def battery(step: float = 15.0) -> Battery:
    """The stimuli that the rules of `RULES` read, about nine hundred images.

    Curves and lines are drawn dark on light and light on dark; boundaries and centres also in pairs of opposite hues;
    gratings in black and white and in tints; high beside low frequencies, and textures of each alone.

    Args:
        step: between orientations, in degrees; 45 divided by a whole number.

    Raises:
        ValueError: another step.

    >>> sum(int(np.prod(probe.shape)) for probe in battery().values())
    852
    """
    if step <= 0 or abs(45 / step - round(45 / step)) > 1e-6:
        raise ValueError(f"step is {step} degrees; expected 45 divided by a whole number, such as 15")
    full, half = np.arange(0.0, 360.0, step), np.arange(0.0, 180.0, step)
    both, phases = np.array([1.0, -1.0]), np.array([0.0, 90.0])
    hues, quarter = np.arange(0.0, 360.0, 60.0), np.arange(0.0, 180.0, 45.0)
    radii, discs = np.array([8.0, 16.0, 28.0, 48.0]), np.array([3.0, 6.0, 12.0, 20.0])
    pale = {"ink": (0.5 * _TINTED,) * 3, "paper": (1 - 0.5 * _TINTED,) * 3}
    waves = np.array([4.0, 7.0, 12.0])
    return {
        "curve": Probe(Curve(), {"polarity": both, "radius": radii, "orientation": full}),
        "shape": Probe(Curve(filled=1.0, width=0.0), {"polarity": both, "radius": radii, "orientation": full}),
        "line": Probe(Line(), {"polarity": both, "width": np.array([2.0, 5.0]), "orientation": half}),
        "boundary": Probe(Boundary(), {"orientation": full}),
        "hue_boundary": Probe(Boundary(), {"hue": hues[:3], "orientation": full}),
        "grating": Probe(
            Grating(), {"wavelength": np.array([4.0, 7.0, 12.0, 20.0]), "phase": phases, "orientation": half}
        ),
        "pale": Probe(Grating(**pale), {"wavelength": waves, "orientation": quarter}),
        "tinted": Probe(Grating(), {"wavelength": waves, "tint": hues, "orientation": quarter}),
        "centre": Probe(CenterSurround(), {"radius": discs, "polarity": both}),
        "hue_centre": Probe(CenterSurround(), {"radius": discs, "hue": hues}),
        "high_low": Probe(
            HighLow(ratio=4.0), {"wavelength": np.array([4.0, 6.0]), "phase": phases, "orientation": full}
        ),
        "texture": Probe(
            HighLow(ratio=1.0),
            {"wavelength": np.array([4.0, 6.0, 16.0, 24.0]), "phase": phases, "orientation": quarter[:2]},
        ),
    }


_DRAWN = partial(jax.jit, static_argnums=1)(lambda stimulus, size: stimulus.image(size))
