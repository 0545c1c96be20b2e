"""Statistics of finished models, on photographs as they will see them."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from inception_jax.architecture import Architecture
from inception_jax.datasets import Preparation, open_dataset, train_batches
from inception_jax.training import Recipe
from inception_jax.training.batchnorm import initial
from inception_jax.training.calibrate import as_tested, calibrate

RECIPE = Recipe(batch=4, area=(0.2, 0.4), brightness=0.5, contrast=0.5, saturation=0.5, calibration=3)


def test_statistics_are_those_of_whole_photographs(small: Architecture, photographs: Path) -> None:
    data = open_dataset(str(photographs), "train", None)
    params, statistics = initial(small, 0, batch_norm=True)
    found = calibrate(small, RECIPE, params, statistics, data, jnp.asarray, seed=5)
    batches = train_batches(data, as_tested(RECIPE, small.image_size), 4, seed=5)
    images = np.concatenate([next(batches).images for _ in range(3)])
    batches.close()
    # The first convolution over all twelve images at once, in NumPy's float64.
    pixels = images / 255.0 * small.input_scale - np.asarray(small.input_mean)
    y = jax.lax.conv_general_dilated(
        jnp.asarray(pixels, jnp.float32),
        params["conv2d0"]["kernel"],
        (small.strides[0],) * 2,
        "SAME",
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )
    wide = np.asarray(y, np.float64)
    # Sums of thousands of float32 numbers in another order; the variance is a difference of two of them.
    np.testing.assert_allclose(found["conv2d0"]["mean"], wide.mean((0, 1, 2)), rtol=1e-3, atol=1e-3 * wide.std())
    np.testing.assert_allclose(found["conv2d0"]["variance"], wide.var((0, 1, 2)), rtol=1e-3)


def test_photographs_are_whole_and_in_their_own_colours(photographs: Path) -> None:
    data = open_dataset(str(photographs), "train", None)
    plain = Preparation(24, area=(1.0, 1.0), aspect=(1.0, 1.0))
    first, second = (train_batches(data, preparation, 4, seed=1) for preparation in (as_tested(RECIPE, 24), plain))
    np.testing.assert_array_equal(next(first).images, next(second).images)
    first.close()
    second.close()


@pytest.mark.parametrize(("calibration", "batch_norm"), [(0, True), (3, False)])
def test_nothing_to_measure(small: Architecture, photographs: Path, calibration: int, batch_norm: bool) -> None:
    params, statistics = initial(small, 0, batch_norm)
    data = open_dataset(str(photographs), "train", None)
    assert calibrate(small, Recipe(calibration=calibration), params, statistics, data, jnp.asarray) is statistics


def test_calibration_is_a_number_of_batches() -> None:
    with pytest.raises(ValueError, match="calibration is -1; expected a number of batches, 0 or more"):
        Recipe(calibration=-1)
