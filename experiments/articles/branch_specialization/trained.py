"""*Branch Specialization*, trained: do branches come to the same division of labour in networks trained apart?"""

import dataclasses
from itertools import permutations

import numpy as np
from jaxtyping import Float

import inception_jax
from circuits.families import PermutationTest, filter_features
from experiments.circuits import pictures
from experiments.study import Study
from experiments.study.plots import spread
from experiments.study.small_networks import MISSING, TrainingOptions, accuracy, trained
from inception_jax.architecture import FOUR_BRANCHES, Plain

BRANCHES = 4
NETWORK = dataclasses.replace(
    FOUR_BRANCHES,
    name="branches",
    blocks=(
        ("0a", Plain(48)),
        ("1a", Plain(64, kernel=3, groups=BRANCHES, pool_before="pool0")),
        ("2a", Plain(64, kernel=3, groups=BRANCHES)),
        ("3a", Plain(64, kernel=3, pool_before="pool1")),
    ),
    image_size=16,
)
"""Four branches of twelve filters each, which join in the last layer; much smaller than `FOUR_BRANCHES`."""
FIRST = "0a"
MEASURED = ("colour", "coarse", "oriented")
"""What is measured of each filter, see `circuits.families.Filters`."""
SHUFFLES = 1999


def show_trained(study: Study, config: TrainingOptions) -> None:
    """Train two networks that differ in their seeds alone, and compare what their branches have come to."""
    models = [trained(study, config, f"branches-{i}", NETWORK, seed=config.seed + i) for i in range(2)]
    found = [model for model in models if model is not None]
    if len(found) < 2:
        study.claim(*_SPECIALISE, why=MISSING, **_KNOWN)
        study.claim(*_ALIKE, why=MISSING, **_KNOWN)
        return
    measured = [filters(model) for model in found]
    tests = [specialised(one, study.config.seed) for one in measured]
    both = alike(measured[0], measured[1], study.config.seed)
    _draw(study, found, measured, both)
    judge(study, tests, both)


def filters(model: inception_jax.Model) -> Float[np.ndarray, "filters measures"]:
    """What is measured of each filter of the first layer, over the network with mean 0 and deviation 1."""
    features = filter_features(np.asarray(model.weights[FIRST]["kernel"], np.float32))
    values = np.stack([getattr(features, name) for name in MEASURED], 1)
    return (values - values.mean(0)) / np.maximum(values.std(0), 1e-9)


def specialised(values: Float[np.ndarray, "filters measures"], seed: int = 0) -> PermutationTest:
    """Share of the variance of filters that lies between branches, beside that of filters dealt to them at random.

    >>> values = np.repeat([1.0, 1.0, -1.0, -1.0], 6)[:, None]
    >>> test = specialised(values)
    >>> test.score, test.p < 0.01
    (1.0, True)
    """
    rng = np.random.default_rng(seed)

    def score(given: np.ndarray) -> float:
        return float(np.square(_means(given)).mean() / max(float(np.square(given).mean()), 1e-12))

    centred = values - values.mean(0)
    return PermutationTest(score(centred), np.array([score(rng.permutation(centred)) for _ in range(SHUFFLES)]))


def alike(
    values: Float[np.ndarray, "filters measures"], others: Float[np.ndarray, "filters measures"], seed: int = 0
) -> PermutationTest:
    """How well the branches of two networks match, at the best assignment, beside filters dealt at random.

    The score is the sum of products of the means of matched branches over filters. It is large where branches
    differ within each network, and in the same ways.

    >>> values = np.repeat([1.0, 1.0, -1.0, -1.0], 6)[:, None]
    >>> test = alike(values, -values)
    >>> test.score, test.p < 0.01
    (1.0, True)
    """
    rng = np.random.default_rng(seed)
    orders = np.array(list(permutations(range(BRANCHES))))

    def score(some: np.ndarray, rest: np.ndarray) -> float:
        products = _means(some) @ _means(rest).T
        return float(products[np.arange(BRANCHES), orders].sum(1).max() / (BRANCHES * some.shape[1]))

    null = [score(rng.permutation(values), rng.permutation(others)) for _ in range(SHUFFLES)]
    return PermutationTest(score(values, others), np.array(null))


def judge(study: Study, tests: list[PermutationTest], both: PermutationTest) -> None:
    """Claims on how far branches differ, and on whether they differ in the same ways."""
    study.claim(
        *_SPECIALISE,
        measured=", ".join(f"{test.score:.2f} of the variance, p {test.p:.2g}" for test in tests),
        holds=all(test.p < 0.05 for test in tests),
        **_KNOWN,
    )
    study.claim(*_ALIKE, measured=f"{both.score:.2f}, p {both.p:.2g}", holds=both.p < 0.05, **_KNOWN)


_KNOWN = {"published": "they do, in a picture", "basis": "trained here", "rows": (31,)}
_SPECIALISE = (
    "First-layer filters of a network of four branches differ between branches",
    "in both networks p below 0.05 beside filters dealt to branches at random",
)
_ALIKE = (
    "Branches of two networks trained apart divide the labour alike",
    "their best match has p below 0.05 beside filters dealt at random",
)


def _means(values: np.ndarray) -> np.ndarray:
    return values.reshape(BRANCHES, -1, values.shape[-1]).mean(1)


def _draw(study: Study, models: list[inception_jax.Model], measured: list[np.ndarray], both: PermutationTest) -> None:
    study.page.section(
        "Branches that nobody told apart",
        "Two small networks of four equal branches, which differ in their seeds alone. Whatever one branch does that "
        "another does not, the networks have found by themselves.",
    )
    lines = []
    for i, (model, values) in enumerate(zip(models, measured, strict=True)):
        kernel = np.moveaxis(np.asarray(model.weights[FIRST]["kernel"], np.float32), 3, 0)
        shown = 0.5 + 0.5 * kernel / np.maximum(np.abs(kernel).max((1, 2, 3), keepdims=True), 1e-9)
        means = _means(values)
        order = np.argsort(-means[:, 0], kind="stable")
        rows, each = [], len(kernel) // BRANCHES
        for branch in order:
            part = range(branch * each, (branch + 1) * each)
            rows.append([pictures.tile(shown[unit], 56) for unit in sorted(part, key=lambda unit: -values[unit, 0])])
            lines.append([f"network {i}", int(branch), *map(float, means[branch])])
        study.page.figure(
            f"branches-trained-{i}",
            pictures.columns(rows, [""] * each, [f"branch {branch}" for branch in order]),
            f"First-layer filters of network {i}, {accuracy(model)} right on photographs it has not seen: a row for "
            "each branch, the most coloured one on top, and the most coloured filters on the left.",
            alt=f"Four rows of {each} filters",
        )
    study.page.figure(
        "branches-alike",
        spread(both.null, {f"these networks, p {both.p:.2g}": both.score}, "match of branches"),
        "How well branches of the two networks match, beside the same of filters that are dealt to branches at random.",
        alt="A null distribution and a score",
    )
    study.page.table("branches-trained", ["network", "branch", *MEASURED], lines,
                     "Means over the filters of each branch, in deviations from the mean of the network.")  # fmt: skip
