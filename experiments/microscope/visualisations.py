"""The visualisations of units: where jobs have them, and how they get into the site."""

import io
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import inception_jax
from experiments import provenance
from experiments.options import UsageError
from experiments.rundir import RunDirectory
from experiments.store.opening import recorded
from experiments.store.records import Record
from experiments.store.store import Store
from featvis.shortform import Unit

SPRITE = 64
"""Side of a unit's icon in pixels."""
COLUMNS = 32
"""Icons in a row of a layer's sheet."""

KINDS = {
    "positive": "raises the unit",
    "negative": "lowers the unit",
    "diversity": "several that raise it in different ways",
    "negative-diversity": "several that lower it in different ways",
}
"""Kinds of visualisations and what each image does, the one that stands for the unit first."""

_PRE_RELU = "_pre_relu"


@dataclass(frozen=True)
class Shown:
    """A visualisation of a unit.

    Attributes:
        kind: of those of `KINDS`.
        unit: which unit, in the layer it was drawn at.
        record: how it was made.
        store: where it is.
        settings: of the job, as its `config.json` has them.
    """

    kind: str
    unit: Unit
    record: Record
    store: Store
    settings: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Its file on the unit's page."""
        return f"{self.kind}.png"

    def read(self) -> bytes:
        """The file, as the job wrote it."""
        return self.store.read(self.unit)

    def facts(self) -> dict[str, Any]:
        """What a page says of it."""
        score = self.record.score
        return {
            "kind": self.kind,
            "file": self.name,
            "says": KINDS[self.kind],
            "images": self.record.images,
            "label": self.record.label,
            "score": float(f"{score:.5g}") if np.isfinite(score) else None,
            "steps": self.record.steps,
            "device": self.record.device,
            "key": list(self.record.origin.key),
            "job": self.record.identity[:8],
            "settings": {
                name: self.settings[name] for name in ("objective", "size", "seed", "restarts", "dtype", "diversity")
                if name in self.settings
            },
        }  # fmt: skip


def drawn(
    stores: Sequence[Path], model: inception_jax.Model, layers: Sequence[str]
) -> dict[str, dict[int, dict[str, Shown]]]:
    """All visualisations of units of some layers that are finished, by layer, unit and kind; the first store counts.

    Raises:
        UsageError: a directory that holds no job, or one of another network.
    """
    found: dict[str, dict[int, dict[str, Shown]]] = {layer: {} for layer in layers}
    digest, unfit = provenance.weights_digest(model.weights), []
    for path in stores:
        directory, store, known = recorded(path)
        settings = _settings(directory, digest, model)
        home = {unit: unit.layer.removesuffix(_PRE_RELU) for unit in known}
        ours = [unit for unit, layer in home.items() if layer in found and unit.number < model.layers[layer]]
        records, wrong = store.look(ours)
        unfit += [f"{path}/{reason}" for reason in wrong]
        for record in records:
            unit, kind = record.unit, list(KINDS)[record.unit.negative + 2 * (record.images > 1)]
            kinds = found[home[unit]].setdefault(unit.number, {})
            kinds.setdefault(kind, Shown(kind, unit, record, store, settings))
    if unfit:
        warnings.warn(f"left out {len(unfit)} damaged files, such as {unfit[0]}", stacklevel=2)
    return {
        layer: {n: {kind: kinds[kind] for kind in KINDS if kind in kinds} for n, kinds in units.items()}
        for layer, units in found.items()
    }


def icon(shown: Mapping[str, Shown]) -> Image.Image | None:
    """The icon of a unit, of what raises it; None where nothing does.

    Raises:
        UsageError: its file cannot be read.
    """
    best = next((shown[kind] for kind in ("positive", "diversity") if kind in shown), None)
    if best is None:
        return None
    try:
        with Image.open(io.BytesIO(best.read()), formats=["PNG"]) as strip:
            image = strip.convert("RGB").crop((0, 0, strip.width // best.record.images, strip.height))
    except (OSError, ValueError, SyntaxError) as error:
        raise UsageError(f"cannot read {best.store.file(best.unit)}: {error}") from error
    return image.resize((SPRITE, SPRITE), Image.Resampling.LANCZOS)


def sheet(units: int, shown: Mapping[int, Mapping[str, Shown]]) -> bytes:
    """The icons of a layer in rows of `COLUMNS`, as WebP; units without one have a grey field with a stroke."""
    paper = Image.new("RGB", (SPRITE * min(COLUMNS, units), SPRITE * -(-units // COLUMNS)), (200, 200, 200))
    blank = _blank()
    for unit in range(units):
        paper.paste(icon(shown.get(unit, {})) or blank, place(unit))
    return webp(paper)


def place(unit: int) -> tuple[int, int]:
    """Where a unit's icon is on its sheet, in pixels from the left and the top.

    >>> place(0), place(33)
    ((0, 0), (64, 64))
    """
    return unit % COLUMNS * SPRITE, unit // COLUMNS * SPRITE


def webp(image: Image.Image, quality: int = 82) -> bytes:
    """A picture as a WebP file."""
    return encoded(image, "WEBP", quality=quality, method=2)


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    """A picture as a file."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def _blank() -> Image.Image:
    across = np.abs(np.subtract.outer(np.arange(SPRITE), np.arange(SPRITE))) < 2
    return Image.fromarray(np.where(across[..., None], 150, 200).astype(np.uint8).repeat(3, -1))


def _settings(directory: RunDirectory, digest: str, model: inception_jax.Model) -> Mapping[str, Any]:
    settings = directory.config.get("settings", {})
    if settings.get("arrays_sha256") != digest:
        raise UsageError(
            f"{directory.path} shows units of {settings.get('model')} with other weights "
            f"({str(settings.get('arrays_sha256'))[:8]}); expected those of {model.name} ({digest[:8]})"
        )
    return settings
