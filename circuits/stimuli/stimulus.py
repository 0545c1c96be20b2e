"""What a stimulus is: numbers that say what to draw, which may be arrays, and two colours to draw it in."""

import dataclasses
import operator
from abc import ABC, abstractmethod
from dataclasses import KW_ONLY, dataclass
from functools import partial
from typing import Annotated, Any, ClassVar, get_args, get_type_hints

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

WHITE, BLACK = (1.0, 1.0, 1.0), (0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Range:
    """Where a parameter of a kind of stimulus makes sense.

    Attributes:
        low: the least sensible value.
        high: the largest.
        period: after which the stimulus is the same again; `None` if it never is.
        color: whether it is a colour, which has three numbers.
    """

    low: float
    high: float
    period: float | None = None
    color: bool = False


Parameter = Any
"""A number, or an array `[*batch]`; Python's, NumPy's or JAX's."""

Turn = Annotated[Parameter, Range(0.0, 360.0, 360.0)]
"""An angle in degrees, clockwise from the right."""

Share = Annotated[Parameter, Range(0.0, 1.0)]
"""A number in [0, 1]."""

Shift = Annotated[Parameter, Range(-16.0, 16.0)]
"""Some pixels to either side."""

Color = Annotated[Any, Range(0.0, 1.0, color=True)]
"""RGB in [0, 1]: three numbers, or an array `[*batch, 3]`."""


@dataclass(frozen=True, eq=False)
class Stimulus(ABC):
    """A stimulus: a pytree of numbers, of which `image` makes pictures. Kinds are its subclasses.

    Its parameters are continuous, and images can be differentiated with respect to each. All may be arrays, which
    broadcast against each other as in NumPy: an array `[n]` for one of them makes `n` images. Lengths are in pixels.
    Angles are in degrees, clockwise from the right, and an orientation is the direction of a normal: where a curve
    bulges, where an angle points, across a line or grating, towards the ink of a boundary.

    Attributes:
        x: how far right of the middle it is drawn.
        y: how far below the middle.
        polarity: 1 draws in ink on paper, -1 in paper on ink; between them lie fainter contrasts, at 0 none.
        ink: colour of what is drawn.
        paper: colour of what it is drawn on.
    """

    _: KW_ONLY
    x: Shift = 0.0
    y: Shift = 0.0
    polarity: Annotated[Parameter, Range(-1.0, 1.0)] = 1.0
    ink: Color = BLACK
    paper: Color = WHITE

    name: ClassVar[str] = ""

    def __post_init__(self) -> None:
        # Whole numbers have no gradients, and a colour is one leaf of the pytree, not three.
        for each in dataclasses.fields(self):
            given = getattr(self, each.name)
            if isinstance(given, int):
                object.__setattr__(self, each.name, float(given))
            elif isinstance(given, np.ndarray) and given.dtype.kind in "iu":
                object.__setattr__(self, each.name, given.astype(np.float32))
            elif isinstance(given, list | tuple):
                plain = all(isinstance(number, int | float) for number in given)
                object.__setattr__(self, each.name, np.asarray(given, np.float32) if plain else jnp.asarray(given))

    @abstractmethod
    def cover(self, x: Float[Array, "h w"], y: Float[Array, "h w"]) -> Float[Array, "h w"]:
        """How much ink each pixel has, in [0, 1], its parameters being single numbers.

        Args:
            x: of the middles of pixels from the middle of the stimulus, rightwards.
            y: downwards.
        """

    def image(self, size: int | tuple[int, int] = 224) -> Float[Array, "*batch h w 3"]:
        """The stimulus as images, antialiased, in [0, 1]; under `jax.jit`, `jax.vmap` and `jax.grad` as well.

        Args:
            size: side of the image, or height and width. The middle is the middle of pixel `size // 2`.

        Raises:
            ValueError: a size under 1, shapes of parameters that do not broadcast, colours that are not RGB.

        >>> from circuits.stimuli import Curve
        >>> Curve(orientation=np.arange(0, 360, 45)).image(32).shape
        (8, 32, 32, 3)
        """
        height, width = _checked(size)
        batch = self.batch_shape
        shapes = {name: (*batch, 3) if each.color else batch for name, each in self.ranges().items()}
        given = {name: jnp.asarray(getattr(self, name)) for name in shapes}
        dtype = jnp.result_type(jnp.float32, *given.values())
        flat = {
            name: jnp.broadcast_to(leaf.astype(dtype), shapes[name]).reshape(-1, *shapes[name][len(batch) :])
            for name, leaf in given.items()
        }
        return _drawn(dataclasses.replace(self, **flat), height, width).reshape(*batch, height, width, 3)

    @property
    def batch_shape(self) -> tuple[int, ...]:
        """Shape of the parameters, broadcast: that of `image` without its last three axes.

        Raises:
            ValueError: shapes of parameters that do not broadcast, colours that are not RGB.

        >>> from circuits.stimuli import Grating
        >>> Grating(orientation=np.zeros((6, 1)), wavelength=np.ones(5)).batch_shape
        (6, 5)
        """
        shapes = {}
        for name, each in self.ranges().items():
            shape = np.shape(getattr(self, name))
            if each.color and shape[-1:] != (3,):
                raise ValueError(f"{name} has shape {shape}; expected RGB in [0, 1], [3] or [*batch, 3]")
            shapes[name] = shape[:-1] if each.color else shape
        try:
            return np.broadcast_shapes(*shapes.values())
        except ValueError:
            shown = ", ".join(f"{name} {list(shape)}" for name, shape in shapes.items() if shape)
            raise ValueError(f"parameters do not broadcast: {shown}; expected NumPy's rules to join them") from None

    @classmethod
    def ranges(cls) -> dict[str, Range]:
        """The kind's parameters, its own first, with their ranges.

        >>> from circuits.stimuli import Grating
        >>> Grating.ranges()["orientation"]
        Range(low=0.0, high=360.0, period=360.0, color=False)
        """
        hints = get_type_hints(cls, include_extras=True)
        names = [each.name for each in dataclasses.fields(cls)]
        shared = [each.name for each in dataclasses.fields(Stimulus)]
        own = [name for name in names if name not in shared]
        return {name: get_args(hints[name])[1] for name in (*own, *shared)}

    @classmethod
    def sample(cls, count: int, seed: int = 0) -> "Stimulus":
        """Stimuli of the kind whose parameters are drawn evenly from their ranges, independently.

        Args:
            count: how many.
            seed: same seed, same stimuli.

        Raises:
            ValueError: fewer than one.

        >>> from circuits.stimuli import Gabor
        >>> Gabor.sample(5).image(16).shape
        (5, 16, 16, 3)
        """
        if operator.index(count) < 1:
            raise ValueError(f"count is {count}; expected 1 or more stimuli")
        rng = np.random.default_rng(seed)
        drawn = {
            name: rng.uniform(each.low, each.high, (count, 3) if each.color else count).astype(np.float32)
            for name, each in cls.ranges().items()
        }
        return cls(**drawn)


@partial(jax.jit, static_argnums=(1, 2))
def _drawn(stimuli: Stimulus, height: int, width: int) -> Float[Array, "n h w 3"]:
    """Images of stimuli whose parameters are all arrays of one length."""
    y, x = jnp.meshgrid(jnp.arange(height) - height // 2, jnp.arange(width) - width // 2, indexing="ij")

    def draw(one: Stimulus) -> Array:
        cover = jnp.clip(one.cover(x - one.x, y - one.y), 0.0, 1.0)[..., None]
        share = 0.5 + one.polarity * (cover - 0.5)
        return share * one.ink + (1 - share) * one.paper

    return jax.vmap(draw)(stimuli)


def _checked(size: int | tuple[int, int]) -> tuple[int, int]:
    sides = tuple(map(operator.index, size if isinstance(size, tuple) else (size, size)))
    if len(sides) != 2 or min(sides) < 1:
        raise ValueError(f"size is {size}; expected a side in pixels, 1 or more, or height and width")
    return sides[0], sides[1]
