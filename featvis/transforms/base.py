"""What a transform is, and how a list of them is applied."""

import abc
from collections.abc import Callable, Sequence
from dataclasses import dataclass, is_dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from featvis.transforms.draws import Draw, Step
from featvis.transforms.warp import reach_of, warp

Size = tuple[int, int]
Shape = tuple[int, int, int]
Transform = Callable[[Key[Array, ""], Float[Array, "h w c"]], Float[Array, "h2 w2 c2"]]
"""Any hashable function of a key and an image `[height, width, channels]` whose output has a static shape."""


class Drawn(abc.ABC):
    """A transform in two parts: what it draws, and what it does with that."""

    def draw(self, key: Key[Array, ""], shape: Shape) -> Any:
        """All that is random, for an image of that shape."""
        del key, shape

    @abc.abstractmethod
    def act(self, image: Float[Array, "h w c"], draws: Any) -> Float[Array, "h2 w2 c2"]:
        """The transformed image, given what was drawn."""

    def at(self, step: Step) -> "Drawn":
        """The transform at a step of the optimisation: with the distributions that its fields have there."""
        if not is_dataclass(self):
            return self
        return replace(self, **{name: v.at(step) for name, v in vars(self).items() if isinstance(v, Draw | Drawn)})

    def __call__(self, key: Key[Array, ""], image: Float[Array, "h w c"]) -> Float[Array, "h2 w2 c2"]:
        """Draw and act."""
        return self.act(image, self.draw(key, _shape(image)))


class Geometric(Drawn):
    """A random affine view of the plane on which the image lies; neighbours in a list are sampled as one view."""

    @property
    def plane(self) -> Draw | None:
        """The colour that it gives to the plane, if it does; that is then all it draws."""
        return None

    @property
    def magnification(self) -> float:
        """How much further apart it may move two points, in the larger of their distances along rows and columns."""
        return 1.0

    def size(self, size: Size, original: Size) -> Size:
        """Size of the output, from the input's and that of the image before all transforms.

        Raises:
            ValueError: an input too small.
        """
        del original
        return size

    @abc.abstractmethod
    def matrix(self, draws: Any, size: Size, out: Size) -> Float[Array, "3 3"]:
        """The map from output pixel indices (row, column, 1) to input pixel indices."""

    def act(self, image: Float[Array, "h w c"], draws: Any) -> Float[Array, "h2 w2 c"]:
        """The view of the image alone."""
        return _View(image, _shape(image)[:2], _shape(image)[:2]).then(self, draws).sample()


def output_shape(transforms: Sequence[Transform], shape: Shape) -> Shape:
    """Height, width and channels of the image after `transforms`, for checks before anything is compiled.

    Raises:
        ValueError: a transform does not fit the image, or leaves nothing of it.

    >>> from featvis.transforms import LUCID, LUCID_ALPHA, jitter, pad
    >>> output_shape(LUCID_ALPHA, (128, 128, 4)), output_shape([pad(12), jitter(8)], (128, 128, 3))
    ((128, 128, 3), (144, 144, 3))
    """
    original = shape[:2]
    for transform in transforms:
        if isinstance(transform, Geometric):
            shape = (*_resized(transform, shape[:2], original), shape[2])
        else:
            image = jax.ShapeDtypeStruct(shape, jnp.float32)
            try:
                shape = _shape(jax.eval_shape(transform, jax.eval_shape(lambda: jax.random.key(0)), image))
            except ValueError as error:
                if not isinstance(transform, Drawn | Compose):
                    raise
                # Without JAX's remarks on its own frames.
                raise ValueError(*error.args) from None
    return shape


def apply(
    transforms: Sequence[Transform], key: Key[Array, ""], image: Float[Array, "h w c"], step: Step | None = None
) -> Float[Array, "h2 w2 c2"]:
    """Draw `transforms` with `key`, as they are at `step` of the optimisation, and apply them to one image, in order.

    >>> import jax, jax.numpy as jnp
    >>> from featvis.transforms import LUCID
    >>> apply(LUCID, jax.random.key(0), jnp.zeros((64, 64, 3))).shape
    (64, 64, 3)
    """
    if step is not None:
        transforms = _at(transforms, step)
    original = _shape(image)[:2]
    view = _View(image, original, original)
    for transform, subkey in zip(transforms, jax.random.split(key, max(1, len(transforms))), strict=False):
        if not isinstance(transform, Geometric):
            image = transform(subkey, view.sample())
            view = _View(image, _shape(image)[:2], original)
            continue
        if not view.admits(transform):
            view = _View(view.sample(), view.size, original)
        view = view.then(transform, transform.draw(subkey, (*view.size, image.shape[2])))
    return view.sample()


@dataclass(frozen=True)
class Compose:
    """See `compose`."""

    transforms: tuple[Transform, ...]

    def __call__(self, key: Key[Array, ""], image: Float[Array, "h w c"]) -> Float[Array, "h2 w2 c2"]:
        """One after another."""
        return apply(self.transforms, key, image)

    def at(self, step: Step) -> "Compose":
        """Each as it is at that step."""
        return Compose(_at(self.transforms, step))


def compose(transforms: Sequence[Transform]) -> Compose:
    """Several transforms as one, whose `crop_or_pad_to()` means the image that this one receives.

    Source: Lucid, `transform.compose`.

    >>> from featvis.transforms import jitter
    >>> compose([jitter(8)])
    Compose(transforms=(Jitter(pixels=8),))
    """
    return Compose(tuple(transforms))


@dataclass(frozen=True)
class _View:
    """Neighbouring geometric transforms of `image`, not yet sampled."""

    image: Array
    size: Size
    original: Size
    matrix: Array | None = None
    magnification: float = 1.0
    fill: Array | float = 0.5
    plane: Draw | None = None
    cropped: bool = False

    def admits(self, transform: Geometric) -> bool:
        """Whether `transform` can be part of this view.

        One plane has one colour, and what was cropped must not come back: both ask for a second sampling.
        """
        out = _resized(transform, self.size, self.original)
        if self.cropped and max(out[0] - self.size[0], out[1] - self.size[1]) > 0:
            return False
        if self.plane is None or transform.plane is None:
            return True
        return self.plane == transform.plane and self.plane.fixed

    def then(self, transform: Geometric, draws: Any) -> "_View":
        """This view followed by another."""
        out = _resized(transform, self.size, self.original)
        step = transform.matrix(draws, self.size, out)
        # At the default precision, GPUs would move the samples by a tenth of a pixel.
        matrix = jnp.eye(3) if self.matrix is None else self.matrix
        matrix = jnp.matmul(matrix, step, precision=jax.lax.Precision.HIGHEST)
        return replace(
            self,
            size=out,
            matrix=matrix.astype(jnp.float32),
            magnification=self.magnification * transform.magnification,
            fill=self.fill if transform.plane is None else draws,
            plane=transform.plane or self.plane,
            cropped=self.cropped or min(out[0] - self.size[0], out[1] - self.size[1]) < 0,
        )

    def sample(self) -> Array:
        """The pixels of the view."""
        if self.matrix is None:
            return self.image
        return warp(self.image, self.matrix[:2], self.fill, self.size, reach_of(self.magnification))


def _at(transforms: Sequence[Transform], step: Step) -> tuple[Transform, ...]:
    return tuple(t.at(step) if isinstance(t, Drawn | Compose) else t for t in transforms)


def _resized(transform: Geometric, size: Size, original: Size) -> Size:
    out = transform.size(size, original)
    if min(out) < 1:
        raise ValueError(f"{transform} leaves an image of {out[0]}x{out[1]} pixels; give a larger image")
    return out


def _shape(image: Any) -> Shape:
    height, width, channels = image.shape
    return height, width, channels
