"""Several images of one result that are alike: with parts that they share, or between objectives."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from featvis import color
from featvis.color import Colors
from featvis.frozen import Frozen
from featvis.param.base import Size, check_count, check_one_image, check_shape, sides
from featvis.param.fields import Blend, Field, LowRes, Sum, linear_weights
from featvis.param.images import Image, image
from featvis.param.pyramids import pyramid
from featvis.param.stacks import Stack

Levels = Sequence[tuple[int, int]]

ALIGNED: Levels = ((1, 2), (1, 4), (1, 8), (2, 8), (1, 16), (2, 16))
"""What the images of `aligned` share."""


@dataclass(frozen=True)
class Interpolation(Image):
    """Images between each pair of several objectives; see `interpolation_basis`."""

    objectives: int = 2
    steps: int = 2

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """The pairs of objectives, in the order of the images: `steps` images for each."""
        return list(itertools.combinations(range(self.objectives), 2))

    @property
    def weights(self) -> Float[np.ndarray, "images objectives"]:
        """How much of each objective each image is for; rows sum to 1."""
        return _pair_weights(self.objectives, self.steps)

    def grid(self, images: Float[np.ndarray, "images h w c"]) -> Float[np.ndarray, "from to steps h w c"]:
        """Images of one result, ordered by the first objective, the second, and the step between them.

        Where both are the same objective, its image is repeated.

        Raises:
            ValueError: images of another shape.
        """
        check_shape(images, self.shape)
        pairs = images.reshape(-1, self.steps, *images.shape[1:])
        result = np.empty((self.objectives, self.objectives, *pairs.shape[1:]), images.dtype)
        for pair, (a, b) in zip(pairs, self.pairs, strict=True):
            result[a, b], result[b, a] = pair, pair[::-1]
            result[a, a], result[b, b] = pair[0], pair[-1]
        return result


def shared(param: Image, images: int, levels: Levels = ((1, 4),)) -> Image:
    """Several images of one result that are alike: each is the sum of a part of its own and of shared ones.

    Parts are summed before colours and sigmoid.

    Args:
        param: the parameterisation of each image's own part.
        images: how many, 1 or more.
        levels: the shared parts. Each is (sources, factor): so many grids of parameters, at 1/factor of the image's
            resolution. One source is the same for all images. Several are spread evenly from the first image to the
            last, and images between them have the linear interpolation.

    Raises:
        ValueError: no images, a parameterisation that makes several already, or levels out of range.

    Source: Mordvintsev et al. 2018, *Differentiable Image Parameterizations*; Lucid, `lowres_tensor` with a smaller
    batch; Captum, `SharedImage`.

    >>> shared(image(32), 4).shape
    (4, 32, 32, 3)
    """
    check_one_image(param)
    check_count("images", images, 1)
    height, width, channels = param.field.shape
    parts: list[Field] = []
    for sources, factor in levels:
        check_count("sources of a level", sources, 1, images)
        check_count("factor of a level", factor, 1, max(height, width))
        grid = LowRes((height, width, channels), (max(1, height // factor), max(1, width // factor)), 0.01)
        weights = linear_weights(np.linspace(0, 1, images), np.linspace(0, 1, sources))
        parts.append(Blend(Stack(grid, sources), Frozen(weights)))
    return replace(param, field=Sum((*parts, Stack(param.field, images))))


def aligned(size: Size = 128, images: int = 6, *, sd: float = 0.01, decay_power: float = 1.0) -> Image:
    """Images of a row of objectives that are as aligned as they can be, for interpolation: see `ALIGNED`.

    Each image has Fourier coefficients of its own, and shares parts at several resolutions with all, or with its
    neighbours. Arguments as of `image` and `shared`; at least 2 images.

    Source: Mordvintsev et al. 2018, *Differentiable Image Parameterizations*, its notebook of aligned interpolation.

    >>> aligned(32, 4).shape
    (4, 32, 32, 3)
    """
    check_count("images", images, 2)
    own = image(size, sd=sd, decay_power=decay_power)
    longest = max(own.shape[:2])
    return shared(own, images, [(sources, min(factor, longest)) for sources, factor in ALIGNED])


def interpolation_basis(
    objectives: int = 6,
    steps: int = 5,
    size: Size = 128,
    *,
    sd: float = 0.01,
    colors: Colors | None = color.IMAGENET,
) -> Interpolation:
    """Images for interpolating between each pair of objectives, made of parts that keep them aligned.

    There are `steps` images for each pair, from the one objective's own image to the other's. An objective's own
    image is the same in all its pairs. All images share one pyramid, each objective has one, mixed in linearly, and
    images between two objectives have one of their own, of two levels.

    Args:
        objectives: how many, 2 or more.
        steps: images for each pair, both ends included, 2 or more.
        size: side in pixels, or (height, width).
        sd: standard deviation of the initial parameters.
        colors: as in `image`; None for none.

    Raises:
        ValueError: a number out of range.

    Source: Lucid, `multi_interpolation_basis`, which has every pair twice and where, against its documentation, the
    image of an objective depends on the pair; `Interpolation.grid` puts our images in its order.

    >>> basis = interpolation_basis(3, 5, 16)
    >>> basis.shape, basis.pairs
    ((15, 16, 16, 3), [(0, 1), (0, 2), (1, 2)])
    >>> basis.weights[:5].tolist()
    [[1.0, 0.0, 0.0], [0.75, 0.25, 0.0], [0.5, 0.5, 0.0], [0.25, 0.75, 0.0], [0.0, 1.0, 0.0]]
    """
    check_count("objectives", objectives, 2)
    check_count("steps", steps, 2)
    channels = colors.matrix.array.shape[1] if colors else 3
    shape = (*sides(size), channels)
    weights = _pair_weights(objectives, steps)
    between = np.eye(len(weights))[:, weights.max(1) < 1]

    # Pyramids of each resolution, and who takes how much of them.
    layout = ((range(4), np.ones((len(weights), 1))), (range(4), weights), (range(2), between))
    parts = tuple(
        Blend(Stack(pyramid(shape, octaves, sd), mix.shape[1]), Frozen(mix)) for octaves, mix in layout if mix.size
    )
    return Interpolation(Sum(parts), colors, objectives=objectives, steps=steps)


def _pair_weights(objectives: int, steps: int) -> Float[np.ndarray, "images objectives"]:
    second, one = np.linspace(0, 1, steps)[:, None], np.eye(objectives)
    pairs = itertools.combinations(range(objectives), 2)
    return np.concatenate([(1 - second) * one[a] + second * one[b] for a, b in pairs])
