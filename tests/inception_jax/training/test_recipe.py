import math
import re
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from inception_jax.training import Recipe


def test_rates_rise_and_fall() -> None:
    recipe = Recipe(learning_rate=0.2, warmup=0.25)
    rates = recipe.learning_rates(100, 1000)
    assert float(rates(0)) == 0
    assert float(rates(25)) == pytest.approx(0.2)  # float32
    # Half way down a cosine.
    assert float(rates(25 + 75 // 3)) == pytest.approx(0.2 * (1 + math.cos(math.pi / 3)) / 2, rel=1e-6)
    assert float(rates(100)) == pytest.approx(0, abs=1e-8)


def test_exponential_rates_are_those_of_googlenet() -> None:
    recipe = Recipe(epochs=24, batch=10, learning_rate=1.0, warmup=0.0, schedule="exponential")
    rates = recipe.learning_rates(recipe.steps(1000), 1000)
    assert [float(rates(100 * epoch)) for epoch in (0, 7, 8, 16)] == pytest.approx([1, 1, 0.96, 0.96**2])


@pytest.mark.parametrize("optimizer", ["sgd", "rmsprop", "adamw"])
def test_only_kernels_decay(optimizer: Any) -> None:
    recipe = Recipe(optimizer=optimizer, warmup=0, weight_decay=0.1, learning_rate=0.5)
    params = {"conv": {"kernel": jnp.ones(2), "bias": jnp.ones(2), "scale": jnp.ones(2)}}
    rule = recipe.transformation(10, 10)
    still = {"conv": {name: jnp.zeros(2) for name in params["conv"]}}
    updates, _ = rule.update(still, rule.init(params), params)
    assert np.all(np.asarray(updates["conv"]["kernel"]) < 0)
    assert not np.any(np.asarray(updates["conv"]["bias"]))
    assert not np.any(np.asarray(updates["conv"]["scale"]))


def test_sizes_share_the_run_equally() -> None:
    recipe = Recipe(sizes=(32, 40, 48, 56))
    sizes = [recipe.size_at(step, 8, 64) for step in range(8)]
    assert sizes == [32, 32, 40, 40, 48, 48, 56, 56]
    assert Recipe().size_at(3, 8, 64) == 64


def test_preparation_has_the_augmentation() -> None:
    recipe = Recipe(area=(0.2, 0.9), flip=False, contrast=0.4, quarter_turns=1)
    prepared = recipe.preparation(48)
    assert (prepared.size, prepared.area, prepared.flip, prepared.contrast) == (48, (0.2, 0.9), False, 0.4)
    assert prepared.quarter_turns == 1


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"epochs": 0}, "epochs is 0; expected a number above 0"),
        ({"learning_rate": math.nan}, "learning_rate is nan; expected a number above 0"),
        ({"batch": 0}, "batch is 0, sizes (); expected 1 or more images and pixels"),
        ({"sizes": (32, 0)}, "batch is 64, sizes (32, 0); expected 1 or more images and pixels"),
        ({"warmup": 1.0}, "warmup is 1.0; expected 0 or more and less than 1"),
        ({"label_smoothing": -0.1}, "label_smoothing is -0.1; expected 0 or more and less than 1"),
        ({"weight_decay": math.inf}, "weight_decay is inf; expected 0 or more"),
        ({"area": (0.5, 2.0)}, "area is (0.5, 2.0); expected (least, largest) part"),
    ],
)
def test_refusals(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        Recipe(**wrong)
