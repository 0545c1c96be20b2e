"""Units of one network in place of units of another."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from circuits.interventions.edited import activations, as_pytree
from circuits.interventions.references import mean_activation
from circuits.interventions.values import Activations, Upstream, check_units, selected
from inception_jax.model import Model


@partial(
    jax.tree_util.register_dataclass, data_fields=["donor", "units", "sources", "gain"], meta_fields=["layer", "source"]
)
@dataclass(frozen=True, eq=False)
class Graft:
    """Units that another network computes from the same images: see `graft`."""

    layer: str
    source: str
    donor: Any
    units: Any
    sources: Any
    gain: Any

    def __call__(self, value: Array, upstream: Upstream) -> Array:
        """The changed activation."""
        found = activations(self.donor, upstream.images, (self.source,), {})[self.source]
        if value.shape[:-1] != found.shape[:-1]:
            raise ValueError(
                f"{self.source} of the donor has shape {found.shape} and {self.layer} {value.shape}; "
                "expected maps of one size"
            )
        new = found[..., self.sources] * jnp.asarray(self.gain, found.dtype)
        return value.at[..., self.units].set(new.astype(value.dtype))

    def check(self, model: Model) -> None:
        """Raise `ValueError` for units that the layer or the donor does not have."""
        check_units(self.units, model.layers[self.layer], self.layer)
        if (layers := getattr(self.donor, "layers", None)) is not None:
            check_units(self.sources, layers[self.source], f"{self.source} of the donor")


def graft(
    layer: str,
    units: Mapping[int, int],
    donor: Activations,
    source: str | None = None,
    gain: float | Float[np.ndarray, " k"] = 1.0,
) -> Graft:
    """Put units of another network in place of units of a layer; both see the same images.

    Args:
        layer: where the units are put.
        units: for each unit that is replaced, the donor's unit that takes its place.
        donor: the other network, `handwritten_network()` say.
        source: the donor's layer, with a map of the same size; by default the layer of the same name.
        gain: what the donor's activations are multiplied by, one number or one for each unit: networks count in units
            of their own. `matching_gain` measures it.

    Raises:
        ValueError: no units, numbers below 0, a layer that the donor does not have.

    Source: *Curve Circuits* (Distill, 2021), whose artificial curve detectors take the place of mixed3b's.

    >>> import inception_jax
    >>> donor = inception_jax.initialise(inception_jax.INCEPTION5H.scaled(1 / 16), seed=0)
    >>> graft("mixed3b", {379: 16, 385: 19}, donor).sources
    array([16, 19])
    """
    source = source or layer
    layers = getattr(donor, "layers", {source: 0})
    if source not in layers:
        raise ValueError(f"the donor has no layer {source!r}; it has {', '.join(layers)}")
    if not units:
        raise ValueError(f"no units of {layer!r} are chosen; expected {{unit: unit of the donor}}")
    replaced, sources = np.array(list(units)), np.array(list(units.values()))
    selected(replaced, layer)
    selected(sources, source)
    return Graft(layer, source, as_pytree(donor), replaced, sources, gain)


def matching_gain(
    model: Activations,
    images: Float[Array | np.ndarray, "n h w 3"],
    layer: str,
    units: Mapping[int, int],
    donor: Activations,
    source: str | None = None,
) -> float:
    """The gain with which grafted units are as active over photographs, together, as those they replace.

    Args:
        model: the network that is grafted.
        images: photographs, RGB in [0, 1].
        layer: as in `graft`.
        units: as in `graft`.
        donor: as in `graft`.
        source: as in `graft`.

    Raises:
        ValueError: donor units that are silent for all images.

    >>> twice = lambda images, edits: {"a": 2 * images}
    >>> once = lambda images, edits: {"a": images}
    >>> matching_gain(twice, np.full((1, 4, 4, 3), 0.5, np.float32), "a", {0: 1}, once)
    2.0
    """
    ours = mean_activation(model, images, layer)[list(units)].sum()
    theirs = mean_activation(donor, images, source or layer)[list(units.values())].sum()
    if not theirs > 0:
        raise ValueError("the donor's units are silent for all of these images; expected images that they answer to")
    return float(ours / theirs)
