"""What the units of some layers respond to, measured once for a run."""

from collections.abc import Sequence

import numpy as np

import inception_jax
from circuits.examples import receptive_fields
from circuits.families import Measured, battery, measure
from experiments.families.options import BATCH
from experiments.figures import Figures
from experiments.options import usage_errors


def measured(
    page: Figures,
    model: inception_jax.Model,
    layers: Sequence[str],
    step: float,
    side: int,
    name: str = "responses",
) -> dict[str, Measured]:
    """Responses of all units to the battery by which families are found, kept with the page.

    Args:
        page: of the run.
        model: the network.
        layers: of the units.
        step: degrees between the orientations of stimuli.
        side: in pixels, of their images.
        name: under which they are kept.

    Raises:
        UsageError: the request cannot be met.
    """
    with usage_errors():
        probes = battery(step)

    def make() -> dict[str, np.ndarray]:
        found = measure(model, layers, probes, size=side, batch=BATCH)
        return {f"{layer}/{probe}": values for layer, seen in found.items() for probe, values in seen.responses.items()}

    kept = page.kept(name, make)
    axes = {probe: stimuli.axes for probe, stimuli in probes.items()}
    seen = {}
    for layer in layers:
        (first, stop), _ = receptive_fields(model.architecture, layer, (side, side)).first
        responses = {probe: kept[f"{layer}/{probe}"] for probe in probes}
        seen[layer] = Measured(layer, responses, axes, stop - first)
    return seen
