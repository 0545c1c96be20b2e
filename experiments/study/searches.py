"""The articles' search for families, in other layers and in other networks than `Study.found` looks at."""

from collections.abc import Sequence

import numpy as np

import inception_jax
from circuits.examples import receptive_fields
from circuits.families import Measured, Search, battery, find, measure
from experiments.options import usage_errors
from experiments.study import Study
from experiments.study.study import BATCH


def searched(study: Study, name: str, model: inception_jax.Model, layers: Sequence[str]) -> Search:
    """Families in some layers of a network, by what its units respond to; the responses are kept for all articles.

    Args:
        study: whose options say how large stimuli are, and how finely they turn.
        name: under which the responses are kept.
        model: the network.
        layers: of it.
    """
    side = study.config.side
    with usage_errors():
        probes = battery(study.config.step)

    def make() -> dict[str, np.ndarray]:
        seen = measure(model, layers, probes, size=side, batch=BATCH)
        return {f"{layer}/{kind}": values for layer, one in seen.items() for kind, values in one.responses.items()}

    kept, axes, measured = study.common.kept(name, make), {kind: probe.axes for kind, probe in probes.items()}, {}
    for layer in layers:
        (first, stop), _ = receptive_fields(model.architecture, layer, (side, side)).first
        measured[layer] = Measured(layer, {kind: kept[f"{layer}/{kind}"] for kind in probes}, axes, stop - first)
    return find(measured)
