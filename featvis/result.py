"""What `render` returns."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int


@dataclass(frozen=True, repr=False, eq=False)
class Result:
    """Images of several units, and how they were reached.

    Attributes:
        images: one per unit, in [0, 1].
        history: objective at every step, of the transformed image before that step's update; NaN for steps not done.
        scores: objective of each image as it is, without transforms.
        labels: name of each unit's objective.
        indices: place of each unit in the list of objectives.
        steps_done: steps that every attempt at each unit had; fewer than asked for only after an interruption.
        seed: the seed of the whole call.
        interrupted: whether Ctrl-C ended the call, so that units or steps are missing.
    """

    images: Float[np.ndarray, "n h w c"]
    history: Float[np.ndarray, "n steps"]
    scores: Float[np.ndarray, " n"]
    labels: tuple[str, ...]
    indices: Int[np.ndarray, " n"]
    steps_done: Int[np.ndarray, " n"]
    seed: int
    interrupted: bool = False

    def __repr__(self) -> str:
        height, width = self.images.shape[1:3]
        names = ", ".join(self.labels[:4]) + (", ..." if len(self) > 4 else "")
        return f"<{len(self)} images of {height}x{width} pixels: {names}>"

    def __len__(self) -> int:
        return len(self.labels)

    @staticmethod
    def merge(parts: Sequence["Result"], interrupted: bool = False) -> "Result":
        """The units of several results of one call, in the order of the list of objectives."""
        order = np.argsort(np.concatenate([part.indices for part in parts]), kind="stable")
        arrays = {
            name: np.concatenate([getattr(part, name) for part in parts])[order]
            for name in ("images", "history", "scores", "indices", "steps_done")
        }
        labels = [label for part in parts for label in part.labels]
        labels = tuple(labels[i] for i in order)
        return Result(**arrays, labels=labels, seed=parts[0].seed, interrupted=interrupted)
