"""A model with interventions, which is used like the model itself."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from circuits.interventions.values import Activations, Intervention, Upstream
from inception_jax.architecture import Architecture
from inception_jax.gradients import STANDARD, Rules
from inception_jax.graph import graph
from inception_jax.model import Edit, Model, check_layer


@partial(jax.tree_util.register_dataclass, data_fields=["model", "interventions"], meta_fields=["until"])
@dataclass(frozen=True, eq=False)
class Edited:
    """A model with interventions: a function from images to named activations, and a pytree. See `edited`.

    Attributes:
        model: the model without them.
        interventions: in network order.
        until: where to stop if a call does not say.
    """

    model: Any
    interventions: tuple[Any, ...]
    until: str | None = None

    def __repr__(self) -> str:
        where = ", ".join(dict.fromkeys(each.layer for each in self.interventions))
        return f"<{self.model!r} with {len(self.interventions)} interventions: {where or 'none'}>"

    @property
    def architecture(self) -> Architecture:
        """The model's architecture, where it is this project's."""
        return self.model.architecture

    @property
    def name(self) -> str:
        """The model's name, where it is this project's."""
        return self.model.name

    @property
    def layers(self) -> Mapping[str, int]:
        """Every named activation with its number of units, where the model tells."""
        return self.model.layers

    def astype(self, dtype: Any) -> "Edited":
        """The same model computing in `dtype`, where it is this project's."""
        return replace(self, model=self.model.astype(dtype))

    def __call__(
        self,
        images: Float[Array | np.ndarray, "n h w c"],
        until: str | None = None,
        *,
        edits: Mapping[str, Edit] | None = None,
        taps: str | Iterable[str] | None = None,
        rules: Rules = STANDARD,
    ) -> Mapping[str, Array]:
        """Named activations, with the interventions.

        Args:
            images: what the model takes.
            until: as in a model's call; without it and without `taps`, what the edited model was made with.
            edits: further edits; at a layer of interventions they come after these.
            taps: as in a model's call.
            rules: as in a model's call.

        Raises:
            ValueError: what the model refuses, and patches that do not fit the activation.
        """
        wanted, asked = (taps,) if isinstance(taps, str) else tuple(taps or ()), dict(edits or {})
        until = self.until if until is None and not wanted else until
        return self._run(jnp.asarray(images), wanted, until, self._composed(images, asked, rules), rules, tuple(asked))

    def edits(self, images: Float[Array | np.ndarray, "n h w c"]) -> dict[str, Edit]:
        """The interventions as edits, for functions that take these: `expanded_weights(model, ..., edits=...)`.

        Args:
            images: those that the edits are for. It does not matter which, unless there are grafts, cut edges or
                rewired units.

        >>> from circuits import ablate
        >>> import inception_jax
        >>> model = inception_jax.initialise(inception_jax.INCEPTION5H.scaled(1 / 16), seed=0)
        >>> list(edited(model, ablate("conv2d0", 1)).edits(np.zeros((1, 16, 16, 3), np.float32)))
        ['conv2d0']
        """
        return self._composed(images, {}, STANDARD)

    def _composed(self, images: Any, further: Mapping[str, Edit], rules: Rules) -> dict[str, Edit]:
        made: dict[str, Edit] = {}
        for each in self.interventions:
            before = {name: edit for name, edit in _chained(made, further).items() if name != each.layer}
            upstream = Upstream(jnp.asarray(images), partial(self._upstream, images, before, rules))
            made = _chained(made, {each.layer: partial(_changed, each, upstream)})
        return _chained(made, further)

    def _upstream(
        self, images: Any, before: Mapping[str, Edit], rules: Rules, layers: tuple[str, ...], edits: Mapping[str, Edit]
    ) -> Mapping[str, Array]:
        # An edit of a layer that others go on from comes last.
        return self._run(images, layers, None, _chained(before, edits), rules)

    def _run(
        self,
        images: Any,
        wanted: tuple[str, ...],
        until: str | None,
        edits: Mapping[str, Edit],
        rules: Rules,
        asked: tuple[str, ...] = (),
    ) -> Mapping[str, Array]:
        if not isinstance(self.model, Model):
            return activations(self.model, images, wanted, edits, rules)
        targets = [*wanted, *([until] if until is not None else [])] or list(self.layers)
        for name in targets:
            check_layer(name, self.layers)
        network = graph(self.model.architecture)
        names = {*network.upto(targets), *asked}
        # Interventions further on do not matter here; edits of the call's own that do not are a mistake.
        reached = {n: e for n, e in edits.items() if n in names or names.intersection(network.parts(n))}
        return self.model(images, until, edits=reached, taps=wanted or None, rules=rules)


def edited(model: Activations, *interventions: Intervention, until: str | None = None) -> Edited:
    """A model with interventions, to be used wherever a model is: drawn, attributed, evaluated, edited further.

    Args:
        model: this project's, an edited one, or any that takes `edits` as they do.
        interventions: made by `ablate`, `scale`, `patch`, `mean_ablate`, `resample_ablate`, `cut`, `graft` and
            `rewire`. They take effect in network order, at one layer in the order given. For models that are not this
            project's, the order given counts everywhere.
        until: where calls stop that say neither `until` nor `taps`, such as those of `featvis.render`, which takes
            any function of images: name the layer that is drawn.

    Raises:
        ValueError: layers or units that the model does not have, two cuts or rewirings of one unit.

    >>> import inception_jax
    >>> from circuits import ablate
    >>> model = inception_jax.initialise(inception_jax.INCEPTION5H.scaled(1 / 16), seed=0)
    >>> without = edited(model, ablate("conv2d2", [1, 2]), until="mixed3a")
    >>> acts = without(jnp.full((1, 32, 32, 3), 0.5))
    >>> float(abs(acts["conv2d2"][..., [1, 2]]).max()), "mixed3a" in acts
    (0.0, True)
    """
    if isinstance(model, Edited):
        return edited(model.model, *model.interventions, *interventions, until=until or model.until)
    if not isinstance(model, Model):
        return Edited(as_pytree(model), interventions, until)
    for each in interventions:
        check_layer(each.layer, model.layers)
        each.check(model)
    if until is not None:
        check_layer(until, model.layers)
    _check_apart(interventions)
    places = {name: place for place, name in enumerate(model.layers)}
    return Edited(model, tuple(sorted(interventions, key=lambda each: places[each.layer])), until)


def activations(
    model: Activations,
    images: Float[Array | np.ndarray, "n h w c"],
    layers: tuple[str, ...],
    edits: Mapping[str, Edit],
    rules: Rules = STANDARD,
) -> Mapping[str, Array]:
    """Activations of layers with edits: nothing else where the model is this project's, maybe more of others.

    Raises:
        ValueError: rules for a model that has gradients of its own, layers that it does not return.

    >>> images = jnp.ones((1, 1, 1, 3))
    >>> activations(lambda x, edits: {"a": edits["a"](x)}, images, ("a",), {"a": jnp.negative})["a"].ravel()
    Array([-1., -1., -1.], dtype=float32)
    """
    if isinstance(model, Model | Edited):
        return model(images, taps=layers, edits=edits, rules=rules)
    if rules != STANDARD:
        raise ValueError(f"rules are for this project's models; {type(model).__name__} has gradients of its own")
    found = model(images, edits=edits)
    if missing := [name for name in layers if name not in found]:
        raise ValueError(f"the model returns no {', '.join(missing)}; it returns {', '.join(sorted(found))}")
    return found


def read(model: Any, images: Float[Array | np.ndarray, "n h w c"], layers: tuple[str, ...]) -> dict[str, Array]:
    """Activations of layers of any function from images to named activations, which need not take edits.

    Of this project's models nothing else is computed.

    Raises:
        ValueError: layers that the model does not return.

    >>> read(lambda images: {"a": 2 * images, "b": images}, jnp.ones((1, 1, 1, 3)), ("a",))["a"].ravel()
    Array([2., 2., 2.], dtype=float32)
    """
    ours = isinstance(model, Model | Edited)
    found = model(images, taps=layers) if ours else model(images)
    if missing := [name for name in layers if name not in found]:
        raise ValueError(f"the model returns no {', '.join(missing)}; it returns {', '.join(sorted(found))}")
    return {name: found[name] for name in layers}


def base(model: Any) -> Any:
    """The model that interventions were made in.

    >>> base(edited(jax.tree_util.Partial(abs))).func, base(3)
    (<built-in function abs>, 3)
    """
    return model.model if isinstance(model, Edited) else model


def as_pytree(model: Activations) -> Any:
    """A model as an argument of compiled functions: functions that are no pytrees become static.

    >>> jax.tree.leaves(as_pytree(abs))
    []
    """
    return jax.tree_util.Partial(model) if jax.tree_util.all_leaves([model]) else model


def _changed(intervention: Intervention, upstream: Upstream, value: Array) -> Array:
    return intervention(value, upstream)


def _chained(first: Mapping[str, Edit], then: Mapping[str, Edit]) -> dict[str, Edit]:
    both = {name: partial(_both, first[name], edit) for name, edit in then.items() if name in first}
    return {**first, **then, **both}


def _both(first: Edit, then: Edit, value: Array) -> Array:
    return then(first(value).astype(value.dtype))


def _check_apart(interventions: Iterable[Intervention]) -> None:
    taken: set[tuple[str, int]] = set()
    for each in interventions:
        units = {(each.layer, int(unit)) for unit in getattr(each, "recomputed", ())}
        if twice := sorted(units & taken):
            raise ValueError(
                f"{twice[0][0]}:{twice[0][1]} is recomputed by two interventions; expected one cut or rewiring of a "
                "unit, with all of its edges"
            )
        taken |= units
