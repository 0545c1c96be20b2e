"""Synthetic stimuli: images of curves, lines, gratings and others from continuous parameters, antialiased.

A stimulus is a frozen pytree of numbers, or arrays of numbers, and `image` draws it. Everything works under
`jax.jit`, `jax.vmap` and `jax.grad`. A new kind is a subclass of `Stimulus` with a `cover`, and an entry in `KINDS`.
"""

from circuits.stimuli.lines import Angle, Circle, Curve, Divergence, Line
from circuits.stimuli.patterns import Checkerboard, Gabor, Grating, Hatch, HighLow
from circuits.stimuli.regions import Boundary, CenterSurround
from circuits.stimuli.stimulus import Range, Stimulus
from circuits.stimuli.thread import ThreadCurve, thread_orientations, thread_radii

KINDS: dict[str, type[Stimulus]] = {
    kind.name: kind
    for kind in (
        Curve,
        Line,
        Angle,
        Circle,
        Divergence,
        Grating,
        Gabor,
        HighLow,
        Checkerboard,
        Hatch,
        Boundary,
        CenterSurround,
        ThreadCurve,
    )
}
"""Every kind of stimulus by its name."""

__all__ = [
    "KINDS",
    "Angle",
    "Boundary",
    "CenterSurround",
    "Checkerboard",
    "Circle",
    "Curve",
    "Divergence",
    "Gabor",
    "Grating",
    "Hatch",
    "HighLow",
    "Line",
    "Range",
    "Stimulus",
    "ThreadCurve",
    "thread_orientations",
    "thread_radii",
]
