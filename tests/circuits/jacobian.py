"""Gradients of a position of a layer by brute force: whole maps, a model as it is, no branches, no windows."""

import jax
import numpy as np

from inception_jax import LINEAR


def jacobian(model, lower, upper, position=None, images=None, rules=LINEAR, edits=None, size=128):
    """`[out, in, row, column]` over the whole map of `lower`, for one image, black by default."""
    images = np.zeros((1, size, size, 3), np.float32) if images is None else images
    acts = model(images, taps=[lower, upper], rules=rules, edits=edits)
    height, width = acts[upper].shape[1:3] if acts[upper].ndim == 4 else (1, 1)
    row, column = position or ((height - 1) // 2, (width - 1) // 2)

    def above(value):
        changed = model(images, taps=upper, rules=rules, edits={**(edits or {}), lower: lambda _: value})[upper]
        return changed[0, row, column] if changed.ndim == 4 else changed[0]

    found = np.asarray(jax.jit(jax.jacrev(above))(acts[lower]))[:, 0]
    return np.moveaxis(found, -1, 1) if found.ndim == 4 else found[..., None, None]


def support(tiles):
    """The smallest box around what is not zero, in rows and columns."""
    used = np.abs(tiles).sum((0, 1))
    rows, columns = (np.flatnonzero(used.sum(axis)) for axis in (1, 0))
    return tiles[:, :, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
