"""What `render` returns."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Bool, Float, Int
from PIL import Image

from featvis import display, store
from featvis import sheet as sheets
from featvis import video as videos

_ARRAYS = ("history", "scores", "indices", "steps_done", "reached", "snapshots")


class Origin(NamedTuple):
    """What made one image, besides the settings of its call: enough to make it again, bit for bit on the same device.

    Plain numbers, to be stored with the image: the words of the random key, the place in the batch, and its width.
    """

    key: tuple[int, ...]
    slot: int
    width: int


@dataclass(frozen=True, repr=False, eq=False)
class Result:
    """Images of several units, and how they were reached.

    Attributes:
        images: one per unit, in [0, 1]; several per unit where the parameterisation has several.
        history: objective at every step, of the transformed image before that step's update; NaN for steps not done.
        scores: objective of each image as it is, without transforms.
        labels: name of each unit's objective.
        indices: place of each unit in the list of objectives.
        steps_done: steps that every attempt at each unit had; fewer than asked for only after an interruption or where
            the target was reached.
        reached: whether each unit reached the target of `stop_at`.
        snapshots: the images after each of `snapshot_steps`; NaN where an interruption came before.
        snapshot_steps: when the snapshots were taken, in steps done.
        origins: what made each image; `render(..., origins=...)` makes some of them again.
        seed: the seed of the whole call.
        interrupted: whether Ctrl-C ended the call, so that units or steps are missing.
        params: what the parameterisation makes the images of, on a leading axis of units; `None` in loaded results.
    """

    images: Float[np.ndarray, "n *image"]
    history: Float[np.ndarray, "n steps"]
    scores: Float[np.ndarray, " n"]
    labels: tuple[str, ...]
    indices: Int[np.ndarray, " n"]
    steps_done: Int[np.ndarray, " n"]
    reached: Bool[np.ndarray, " n"]
    snapshots: Float[np.ndarray, "n snapshots *image"]
    snapshot_steps: tuple[int, ...]
    origins: tuple[Origin, ...]
    seed: int
    interrupted: bool = False
    params: Any = None

    def __repr__(self) -> str:
        *several, height, width, _ = self.images.shape[1:]
        each = f" times {several[0]}" if several else ""
        names = ", ".join(self.labels[:4]) + (", ..." if len(self) > 4 else "")
        return f"<{len(self)}{each} images of {height}x{width} pixels: {names}>"

    def __len__(self) -> int:
        return len(self.labels)

    def _repr_html_(self) -> str:
        return self.to_html()

    def to_html(self, title: str | None = None, limit: int = 48) -> str:
        """The images with their labels, scores and curves; a whole page where it has a title. See `display.to_html`."""
        scores = [f"{score:.3g}" for score in self.scores]
        return display.to_html(self.images, self.labels, scores, self.history, title=title, limit=limit)

    def sheet(self, columns: int | None = None, zoom: int = 1) -> Image.Image:
        """All images on one sheet with their labels. See `sheet.sheet`."""
        return sheets.sheet(self.images, self.labels, columns, zoom=zoom)

    def video(self, path: str | Path, unit: int = 0, fps: float = 20.0) -> None:
        """One unit's snapshots as an animation, which ends with its image; `.webp`, `.png` or `.gif`.

        Raises:
            ValueError: there are no snapshots, or another suffix.
        """
        if not self.snapshot_steps:
            raise ValueError("there are no snapshots; render with snapshots=range(1, steps + 1), for example")
        taken = self.snapshots[unit][np.isfinite(self.snapshots[unit]).all(tuple(range(1, self.snapshots.ndim - 1)))]
        frames = np.concatenate([taken, self.images[unit][None]])
        if frames.ndim == 5:
            # Several images stand side by side.
            frames = np.concatenate(list(np.moveaxis(frames, 1, 0)), axis=2)
        videos.video(frames, path, fps)

    def save(self, folder: str | Path, overwrite: bool = False) -> Path:
        """A PNG for each image, exact arrays and a manifest, which `Result.load` reads. See `store.save`."""
        manifest = {
            "snapshot_steps": list(self.snapshot_steps),
            "origins": [origin._asdict() for origin in self.origins],
            "seed": self.seed,
            "interrupted": self.interrupted,
        }
        arrays = {name: getattr(self, name) for name in _ARRAYS}
        return store.save(folder, self.images, self.labels, arrays, manifest, overwrite=overwrite)

    @staticmethod
    def load(folder: str | Path) -> "Result":
        """What `save` wrote.

        Raises:
            ValueError: a folder of another kind, or one that has been changed.
            OSError: no such folder.
        """
        saved = store.load(folder)
        facts = saved.manifest
        if missing := [name for name in _ARRAYS if name not in saved.arrays] + [
            name for name in ("snapshot_steps", "origins", "seed", "interrupted") if name not in facts
        ]:
            raise ValueError(f"{folder} holds no result of featvis.render: {', '.join(missing)} are missing")
        origins = tuple(Origin(tuple(o["key"]), o["slot"], o["width"]) for o in facts["origins"])
        return Result(
            images=saved.images,
            labels=saved.labels,
            **{name: saved.arrays[name] for name in _ARRAYS},
            snapshot_steps=tuple(facts["snapshot_steps"]),
            origins=origins,
            seed=facts["seed"],
            interrupted=facts["interrupted"],
        )

    @staticmethod
    def merge(parts: Sequence["Result"], interrupted: bool = False) -> "Result":
        """The units of several results of one call, in the order of the list of objectives."""
        order = np.argsort(np.concatenate([part.indices for part in parts]), kind="stable")
        names = ("images", *_ARRAYS)
        arrays = {name: np.concatenate([getattr(part, name) for part in parts])[order] for name in names}
        labels = [label for part in parts for label in part.labels]
        origins = [origin for part in parts for origin in part.origins]
        return Result(
            **arrays,
            labels=tuple(labels[i] for i in order),
            origins=tuple(origins[i] for i in order),
            snapshot_steps=parts[0].snapshot_steps,
            seed=parts[0].seed,
            interrupted=interrupted,
            params=jax.tree.map(lambda *leaves: np.concatenate(leaves)[order], *[part.params for part in parts]),
        )
