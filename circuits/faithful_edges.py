"""How few of a unit's inputs explain it: faithfulness and completeness of its strongest edges, beside random ones."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Array, Float

from circuits.ends import check_ends, chosen_numbers
from circuits.interventions.kernels import Numbers
from circuits.windows import windows
from inception_jax.gradients import STANDARD, Rules
from inception_jax.model import Model, check_layer


@dataclass(frozen=True, repr=False, eq=False)
class Curves:
    """How well units are explained by some of their inputs, by how many: see `edge_curves`.

    1 means the unit does what it did, 0 that it does no better than without any input, and below 0 worse.

    Attributes:
        labels: names of the units.
        counts: how many inputs a circuit has.
        faithful: what remains with the inputs that are ranked first, and no others.
        without: what remains without these, and with all others: 0 where the circuit is complete.
        random_faithful: as `faithful`, for inputs drawn at random, the same number.
        random_without: as `without`, for these.
    """

    labels: tuple[str, ...]
    counts: tuple[int, ...]
    faithful: Float[np.ndarray, "units counts"]
    without: Float[np.ndarray, "units counts"]
    random_faithful: Float[np.ndarray, "draws units counts"]
    random_without: Float[np.ndarray, "draws units counts"]

    def __repr__(self) -> str:
        return f"<curves of {', '.join(self.labels[:3])} over {self.counts[0]} to {self.counts[-1]} inputs>"

    def table(self) -> str:
        """Means over units, a line for each number of inputs, and how random circuits compare.

        >>> one, many = np.ones((1, 1)), np.ones((1, 1, 1))
        >>> print(Curves(("b:0",), (3,), one, 0 * one, 0.25 * many, many).table())
        inputs    faithful      random     without      random
             3       1.000       0.250       0.000       1.000
        """
        lines = [f"{'inputs':>6}" + "".join(f"{name:>12}" for name in ("faithful", "random", "without", "random"))]
        for place, count in enumerate(self.counts):
            shown = [self.faithful[:, place], self.random_faithful[..., place]]
            shown += [self.without[:, place], self.random_without[..., place]]
            lines.append(f"{count:>6}" + "".join(f"{values.mean():>12.3f}" for values in shown))
        return "\n".join(lines)


def edge_curves(
    model: Model,
    images: Float[Array | np.ndarray, "n h w 3"],
    lower: str,
    upper: str,
    units: Numbers,
    ranking: Float[np.ndarray, "units inputs"],
    counts: Sequence[int] = (1, 2, 5, 10, 20, 50, 100),
    *,
    positions: int = 4,
    draws: int = 5,
    seed: int = 0,
    rules: Rules = STANDARD,
) -> Curves:
    """Faithfulness and completeness of units' strongest edges, by how many, beside as many edges drawn at random.

    A unit is computed with some of its inputs, while the others have their means over the photographs. How much of it
    remains is one minus the squared error over that of no input at all. Only the windows that the unit sees are
    computed, at positions drawn at random, those excepted whose windows reach over the border.

    Args:
        model: the network.
        images: photographs, RGB in [0, 1].
        lower: the layer that the edges come from; all that reaches the units must pass it.
        upper: the layer of the units, best its `_pre_relu`: inactive units have something to explain, too.
        units: of `upper`.
        ranking: for each unit a number for each unit of `lower`; the edges with the largest are its circuit. Norms of
            expanded weights, sizes of attributions, or `edge_strengths`.
        counts: numbers of edges.
        positions: how many in each photograph.
        draws: random circuits for each unit, each growing by counts as the ranked one does.
        seed: of positions and draws.
        rules: how the network computes.

    Raises:
        ValueError: no images, unknown layers, layers in the wrong order or with another way around the lower one,
            units that are not there or silent, a ranking of another shape, counts that are not from 1 to the number of
            inputs, images too small for a window.

    Source: faithfulness and completeness as in Marks et al. 2024, *Sparse Feature Circuits*, with errors over
    photographs and positions in place of differences of a single score.

    >>> import inception_jax
    >>> model = inception_jax.initialise(inception_jax.INCEPTION5H.scaled(1 / 16), seed=0)
    >>> photos = np.random.default_rng(0).random((2, 64, 64, 3), np.float32)
    >>> found = edge_curves(model, photos, "mixed3a", "mixed3b_pre_relu", [3], np.ones((1, 16)), [2, 16], draws=1)
    >>> found.faithful.shape, round(float(found.faithful[0, 1]), 6)
    ((1, 2), 1.0)
    """
    numbers, inputs = chosen_units(model, lower, upper, units)
    ranking = np.asarray(ranking)
    if ranking.shape != (len(numbers), inputs) or not np.isfinite(ranking).all():
        raise ValueError(f"the ranking has shape {ranking.shape}; expected {(len(numbers), inputs)}, all finite")
    counts = tuple(int(count) for count in counts)
    if not counts or min(counts) < 1 or max(counts) > inputs:
        raise ValueError(f"counts are {counts}; expected some of 1 to {inputs}, the units of {lower}")
    if draws < 1:
        raise ValueError(f"draws is {draws}; expected 1 or more")
    seen = windows(model, images, lower, upper, positions, seed, rules)
    rng, found = np.random.default_rng((seed, 1)), []
    for unit, row in zip(numbers, ranking, strict=True):
        orders = np.stack([np.argsort(-row, kind="stable"), *(rng.permutation(inputs) for _ in range(draws))])
        kept = np.argsort(orders, 1)[:, None] < np.array(counts)[:, None]
        both = np.stack([kept, ~kept])
        errors = seen.errors(int(unit), both.reshape(-1, inputs)).reshape(both.shape[:-1])
        found.append(1 - errors / seen.mean_error(int(unit)))
    remains = np.stack(found, 2)  # [with or without, ranked or drawn, unit, count]
    labels = tuple(f"{upper}:{unit}" for unit in numbers)
    return Curves(labels, counts, remains[0, 0], remains[1, 0], remains[0, 1:], remains[1, 1:])


def edge_strengths(
    model: Model,
    images: Float[Array | np.ndarray, "n h w 3"],
    lower: str,
    upper: str,
    units: Numbers,
    *,
    positions: int = 4,
    seed: int = 0,
    rules: Rules = STANDARD,
) -> Float[np.ndarray, "units inputs"]:
    """How much units change over photographs when a single input has its mean: exact patching of every edge.

    Root mean squares over random positions. As a ranking for `edge_curves` it knows, other than the norms of expanded
    weights, how active inputs are; measure it on other photographs than the curves.

    Args:
        model: the network.
        images: as in `edge_curves`.
        lower: as in `edge_curves`.
        upper: as in `edge_curves`.
        units: as in `edge_curves`.
        positions: as in `edge_curves`.
        seed: of positions.
        rules: as in `edge_curves`.

    Raises:
        ValueError: as `edge_curves`.

    >>> import inception_jax
    >>> model = inception_jax.initialise(inception_jax.INCEPTION5H.scaled(1 / 16), seed=0)
    >>> photos = np.random.default_rng(0).random((2, 64, 64, 3), np.float32)
    >>> edge_strengths(model, photos, "mixed3a", "mixed3b_pre_relu", [3, 5]).shape
    (2, 16)
    """
    numbers, inputs = chosen_units(model, lower, upper, units)
    seen = windows(model, images, lower, upper, positions, seed, rules)
    errors = np.stack([seen.errors(int(unit), ~np.eye(inputs, dtype=bool)) for unit in numbers])
    return np.sqrt(errors / (len(images) * positions))


def chosen_units(model: Model, lower: str, upper: str, units: Numbers) -> tuple[np.ndarray, int]:
    """Numbers of units of the upper layer, and how many the lower one has.

    Raises:
        ValueError: unknown layers, layers in the wrong order, units that are not there.

    >>> import inception_jax
    >>> chosen_units(inception_jax.load("mini"), "mixed3a", "mixed3b", 7)
    (array([7]), 64)
    """
    check_layer(lower, model.layers)
    check_ends(model, lower, upper, ())
    return chosen_numbers(units, model.layers[upper], "units", upper), model.layers[lower]
