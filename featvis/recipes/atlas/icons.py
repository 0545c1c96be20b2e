"""Activation atlas: a map of what a layer sees in many images, with an icon for each region of it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Array, Float, Int
from PIL import Image, ImageDraw, ImageFont

from featvis import objectives as obj
from featvis.algebra import Objective
from featvis.pixels import picture
from featvis.recipes.atlas.cells import Cells
from featvis.recipes.atlas.samples import Samples

_CHUNK = 1 << 16
_PAPER, _INK, _RIM = (255, 255, 255), (255, 255, 255), (0, 0, 0)


@dataclass(frozen=True, repr=False, eq=False)
class ActivationAtlas:
    """The cells of an atlas and what is known of each: see `activation_atlas`.

    Attributes:
        layer: the layer.
        cells: where the cells are, and their samples.
        vectors: average of the activations in each.
        images: number of images that the samples of each come from.
        attributions: average of what they add to each class; None where samples have no attributions.
    """

    layer: str
    cells: Cells
    vectors: Float[np.ndarray, "cells units"]
    images: Int[np.ndarray, " cells"]
    attributions: Float[np.ndarray, "cells classes"] | None

    def __len__(self) -> int:
        return len(self.cells)

    def __repr__(self) -> str:
        return f"<atlas of {self.layer}, {str(self.cells)[1:]}"

    def objectives(
        self, whitening: Float[np.ndarray, "units units"] | None = None, cossim_pow: float = 2.0
    ) -> list[Objective]:
        """What to render for an icon of each cell: the direction of its average, at the centre of the icon.

        Args:
            whitening: the `whitening` of all samples, so that icons show what is special in a cell, not what the layer
                sees everywhere; None for the averages themselves.
            cossim_pow: how closely icons keep to the direction; see `featvis.objectives.direction`.
        """
        lengths = np.linalg.norm(self.vectors, axis=1, keepdims=True)
        unit = self.vectors / np.where(lengths > 0, lengths, 1)
        return [obj.direction_neuron(self.layer, v, cossim_pow=cossim_pow, whitening=whitening) for v in unit]

    def top_classes(self, count: int = 1) -> Int[np.ndarray, "cells count"]:
        """The classes that each cell adds most to, the first the most; none where samples have no attributions."""
        if self.attributions is None:
            return np.empty((len(self), 0), int)
        return np.argsort(-self.attributions, axis=1, kind="stable")[:, :count]

    def picture(
        self,
        icons: Float[Array | np.ndarray, "cells side side 3"],
        captions: Sequence[str] | None = None,
        *,
        side: int | None = None,
        least: float = 0.5,
    ) -> Image.Image:
        """The icons of `objectives()` in their places, larger where there are more samples.

        Args:
            icons: one for each cell, as `featvis.render(...).images` has them.
            captions: a few words on each icon, cut off where it ends; the name of its first class, for instance.
            side: of a cell in pixels; by default that of the icons.
            least: width of the smallest icons as a fraction of the cell's, which the half of the icons with the most
                samples fill; 1 makes all the same size.

        Raises:
            ValueError: another number of icons or captions, icons that are not square, or an argument out of range.
        """
        array = np.asarray(icons)
        if array.ndim != 4 or len(array) != len(self) or array.shape[1] != array.shape[2]:
            raise ValueError(f"icons have shape {array.shape}; expected square ones, ({len(self)}, side, side, 3)")
        if captions is not None and len(captions) != len(self):
            raise ValueError(f"{len(captions)} captions were given for {len(self)} cells; expected one for each")
        cell = array.shape[1] if side is None else side
        if cell < 1 or not 0 < least <= 1:
            raise ValueError(f"side is {cell} and least {least}; expected at least 1, and above 0 to 1")
        paper = Image.new("RGB", (self.cells.columns * cell, self.cells.rows * cell), _PAPER)
        font = ImageFont.load_default(max(8, cell // 8))
        widths = icon_widths(self.cells.counts, least) * cell
        for i, (row, column) in enumerate(self.cells.places.tolist()):
            width = max(1, round(float(widths[i])))
            tile = picture(array[i]).resize((width, width), Image.Resampling.LANCZOS)
            if captions is not None:
                pen = ImageDraw.Draw(tile)
                pen.text((2, width - 2), captions[i], _INK, font, "ld", stroke_width=1, stroke_fill=_RIM)
            paper.paste(tile, (column * cell + (cell - width) // 2, row * cell + (cell - width) // 2))
        return paper


def icon_widths(counts: Int[np.ndarray, " cells"], least: float = 0.5) -> Float[np.ndarray, " cells"]:
    """How wide icons are, as fractions of a cell: larger with more samples, and full from their median on.

    >>> icon_widths(np.array([1, 4, 9, 16, 2])).round(2).tolist()
    [0.5, 1.0, 1.0, 1.0, 0.71]
    """
    return np.sqrt(counts / np.median(counts)).clip(least, 1)


def activation_atlas(samples: Samples, cells: Cells) -> ActivationAtlas:
    """An atlas of a layer: the average of what it sees, cell by cell.

    Args:
        samples: as `collect` finds them.
        cells: of a layout of these samples, or of the same places in another layer or model: two atlases with the same
            cells show side by side what two models see in the same things.

    Raises:
        ValueError: cells of other samples.

    Source: Carter et al. 2019, *Activation Atlas*; Lucid, `activation_atlas` and `aligned_activation_atlas`.

    >>> import inception_jax
    >>> from featvis.recipes import atlas
    >>> model = inception_jax.initialise(inception_jax.INCEPTION5H.scaled(1 / 16), seed=0)
    >>> photos = np.random.default_rng(0).random((3, 32, 32, 3), np.float32)
    >>> samples = atlas.collect(model, [(photos, [5, 5, 7])], "conv2d0", positions=4)
    >>> points = atlas.in_unit_square(atlas.lay_out(samples.vectors, "pca"))
    >>> drawn = activation_atlas(samples, atlas.gather(points, (2, 2), least=1))
    >>> objectives = drawn.objectives(whitening(samples.vectors))  # for featvis.render, which makes the icons
    >>> drawn.picture(np.zeros((len(objectives), 16, 16, 3))).size
    (32, 32)
    """
    if (last := max(int(members.max()) for members in cells.members)) >= len(samples):
        raise ValueError(
            f"{cells!r} go up to sample {last}, and there are {len(samples)}; expected cells of these samples"
        )
    return ActivationAtlas(
        layer=samples.layer,
        cells=cells,
        vectors=cells.means(samples.vectors),
        images=np.array([len(np.unique(samples.images[members])) for members in cells.members]),
        attributions=None if samples.attributions is None else cells.means(samples.attributions),
    )


def whitening(vectors: Float[np.ndarray, "n units"], ridge: float = 0.1) -> Float[np.ndarray, "units units"]:
    """The inverse of the units' second moments, `vectors.T @ vectors / n`, which makes up for their correlations.

    Args:
        vectors: of all samples, at best many times as many as there are units.
        ridge: added to the diagonal of the second moments, as a fraction of its mean, so that what few samples say
            little about is not blown up; above 0.

    Raises:
        ValueError: no vectors, or no ridge.

    Source: Carter et al. 2019, *Activation Atlas*; Lucid, `layer_inverse_covariance`, which has no ridge.

    >>> whitening(np.array([[2.0, 0.0], [0.0, 1.0]]), ridge=1e-6).round(3)
    array([[0.5, 0. ],
           [0. , 2. ]], dtype=float32)
    """
    if vectors.ndim != 2 or not len(vectors) or not ridge > 0:
        raise ValueError(f"vectors have shape {vectors.shape} and ridge is {ridge}; expected (n, units), and above 0")
    moments = np.zeros(2 * vectors.shape[1:])
    for start in range(0, len(vectors), _CHUNK):  # In double precision, but not all vectors at once.
        part = vectors[start : start + _CHUNK].astype(np.float64)
        moments += part.T @ part / len(vectors)
    np.fill_diagonal(moments, moments.diagonal() + ridge * (moments.diagonal().mean() or 1.0))
    return np.linalg.inv(moments).astype(np.float32)
