"""The cells of an activation atlas: a grid over the plane, each sample in exactly one cell."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int


@dataclass(frozen=True, repr=False, eq=False)
class Cells:
    """The cells of a grid that hold enough samples: see `gather`.

    Attributes:
        rows: of the whole grid, from the top.
        columns: of the whole grid, from the left.
        places: row and column of each cell, row by row.
        members: numbers of the samples in each.
    """

    rows: int
    columns: int
    places: Int[np.ndarray, "cells 2"]
    members: tuple[Int[np.ndarray, " _"], ...]

    def __len__(self) -> int:
        return len(self.places)

    def __repr__(self) -> str:
        return f"<{len(self)} cells of {self.rows}x{self.columns}, {self.counts.sum()} samples in them>"

    @property
    def counts(self) -> Int[np.ndarray, " cells"]:
        """Number of samples in each."""
        return np.array([len(members) for members in self.members])

    def means(self, values: Float[np.ndarray, "n k"]) -> Float[np.ndarray, "cells k"]:
        """Average over each cell of what is known of the samples.

        >>> cells = gather(np.array([[0.2, 0.5], [0.3, 0.5], [0.9, 0.5]]), (1, 2), least=1)
        >>> cells.means(np.array([[1.0], [2.0], [5.0]]))
        array([[1.5],
               [5. ]], dtype=float32)
        """
        # Wider than the samples, whose sums half precision does not hold.
        return np.stack([values[members].mean(0, dtype=np.float64) for members in self.members]).astype(np.float32)


def gather(points: Float[np.ndarray, "n 2"], size: Sequence[int], least: int = 6) -> Cells:
    """Sort points of the unit square into a grid; each is in exactly one cell.

    Args:
        points: distance from the left and from the top, each from 0 to 1, as `in_unit_square` makes them. A point on
            the border of two cells belongs to the one further right or down.
        size: rows and columns.
        least: cells with fewer points are left out.

    Raises:
        ValueError: points outside, a size below 1, or a grid so fine that no cell has enough points.

    Source: Lucid, `activation_atlas`, `grid`, which loses what lies on the last border; Captum,
    `calc_grid_indices`, which counts what lies on a border twice.

    >>> gather(np.array([[0.0, 0.0], [0.5, 0.0], [1.0, 1.0]]), (2, 2), least=1).places.tolist()
    [[0, 0], [0, 1], [1, 1]]
    """
    rows, columns = size
    if min(rows, columns) < 1 or least < 1:
        raise ValueError(f"the grid is {rows}x{columns} with {least} samples a cell; expected at least 1 of each")
    array = np.asarray(points, np.float64)
    if array.ndim != 2 or array.shape[1] != 2 or not len(array):
        raise ValueError(f"the points have shape {array.shape}; expected one or more, (n, 2)")
    if not (array.min() >= 0 and array.max() <= 1):
        raise ValueError(f"points go from {array.min():g} to {array.max():g}; expected 0 to 1, as of in_unit_square")
    column, row = np.minimum((array * (columns, rows)).astype(int), (columns - 1, rows - 1)).T
    cells, counts = np.unique(row * columns + column, return_counts=True)
    kept = counts >= least
    if not kept.any():
        raise ValueError(
            f"no cell of {rows}x{columns} has {least} of the {len(array)} samples, the fullest has {counts.max()}; "
            "give a coarser grid, more samples, or a smaller least"
        )
    members = np.split(np.argsort(row * columns + column, kind="stable"), np.cumsum(counts)[:-1])
    chosen = tuple(part for part, enough in zip(members, kept, strict=True) if enough)
    return Cells(rows, columns, np.stack(np.divmod(cells[kept], columns), axis=1), chosen)
