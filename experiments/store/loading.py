"""The results of a job as arrays."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from experiments.options import UsageError
from experiments.store import units
from experiments.store.opening import recorded
from experiments.store.records import UnfitError


@dataclass(frozen=True, eq=False)
class Loaded:
    """Finished units of a job, in the order in which they were asked for, layer by layer.

    Attributes:
        images: `[n, height, width, 3]`; `[n, images, height, width, 3]` where there are several of each unit.
        labels: names of the units' objectives.
        layers: the layer of each unit.
        units: its number.
        negative: whether it is the unit's negative that is shown.
        scores: the objective of each image, or of all images of a unit, as shown.
        history: the objective at each step.
    """

    images: UInt8[np.ndarray, "n *image"]
    labels: tuple[str, ...]
    layers: tuple[str, ...]
    units: Int[np.ndarray, " n"]
    negative: Bool[np.ndarray, " n"]
    scores: Float[np.ndarray, " n"]
    history: Float[np.ndarray, "n steps"]

    def __len__(self) -> int:
        return len(self.labels)


def load(path: str | Path, layers: Sequence[str] | None = None) -> Loaded:
    """What a job has finished so far, as arrays; its directory is only read.

    Args:
        path: the job's directory.
        layers: of which layers; by default of all. All 5,804 units of InceptionV1 at 128 pixels are 285 MB.

    Raises:
        UsageError: no job is there, nothing of it is finished, it has no such layer, or a file is damaged.

    >>> load("nowhere")
    Traceback (most recent call last):
    experiments.options.UsageError: nowhere holds no job of units; expected a directory of `neurons` or `feature_vis`
    """
    _, store, known = recorded(Path(path))
    there = list(dict.fromkeys(unit.layer for unit in known))
    if layers is not None and (unknown := [layer for layer in layers if layer not in there]):
        raise UsageError(f"{path} has no layer {unknown[0]!r}; it has {', '.join(there)}")
    pixels, records = [], []
    for unit in known:
        if (layers is None or unit.layer in layers) and store.file(unit).exists():
            try:
                image, record = store.decode(unit, store.read(unit))
                if pixels and image.shape != pixels[0].shape:
                    raise UnfitError(f"has images of shape {image.shape}, others have {pixels[0].shape}")
                if records and record.steps != records[0].steps:
                    raise UnfitError(f"has {record.steps} steps, others have {records[0].steps}")
            except UnfitError as error:
                raise UsageError(
                    f"{units.file(unit)} {error}; see `python -m experiments verify {path} --repair`"
                ) from error
            pixels.append(image)
            records.append(record)
    if not records:
        raise UsageError(f"{path} has no finished units yet; see `python -m experiments status {path}`")
    images = np.stack(pixels)
    return Loaded(
        images=images[:, 0] if images.shape[1] == 1 else images,
        labels=tuple(record.label for record in records),
        layers=tuple(record.unit.layer for record in records),
        units=np.array([record.unit.number for record in records]),
        negative=np.array([record.unit.negative for record in records]),
        scores=np.array([record.score for record in records], np.float32),
        history=np.stack([record.history for record in records]),
    )
