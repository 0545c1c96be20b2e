"""What is read from a state: bins, quantiles, moments, selectivity, files."""

from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from circuits.examples import Examples, edges, init, load, read, save, update
from circuits.examples.bins import bin_of, bucket_edges, bucket_of
from circuits.examples.files import _ARRAYS

SHARES = (0.0, 0.01, 0.25, 0.5, 0.9, 0.999, 1.0)


@pytest.fixture(scope="module")
def values() -> np.ndarray:
    """Activations of 40 images and 4 units: normal, heavy at one end, above zero only, and never anything else."""
    rng = np.random.default_rng(0)
    shape = (40, 6, 6)
    units = [rng.normal(3, 2, shape), rng.exponential(200, shape) - 150, rng.random(shape), np.full(shape, 0.7)]
    return np.stack(units, -1).astype(np.float32)


@pytest.fixture(scope="module")
def labels() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 3, 40).astype(np.int32)


@pytest.fixture(scope="module")
def found(values: np.ndarray, labels: np.ndarray) -> Examples:
    state = init({"a": 4}, count=3, classes=4)  # Of the last class there are no images.
    return read(update(state, {"a": jnp.asarray(values)}, np.arange(40), labels))["a"]


def test_every_number_is_in_its_bin() -> None:
    rng = np.random.default_rng(2)
    magnitudes = 2.0 ** rng.uniform(-20, 20, 5000)
    exact = np.concatenate([edges()[1:-1], bucket_edges()[1:-1]])
    numbers = np.concatenate([magnitudes, -magnitudes, exact, [0.0, -0.0]]).astype(np.float32)
    bins = np.asarray(bin_of(jnp.asarray(numbers)))
    for places, ends in ((bins, edges()), (np.asarray(bucket_of(jnp.asarray(bins))), bucket_edges())):
        low, high = ends[places], ends[places + 1]
        inside = np.where(numbers > 0, (low <= numbers) & (numbers < high), (low < numbers) & (numbers <= high))
        # In the outermost ones there is no end; beside zero, the lower end of what is above zero is zero itself.
        assert inside.all()


def test_quantiles_are_in_the_bin_of_the_exact_ones(values: np.ndarray, found: Examples) -> None:
    quantiles = found.quantiles(*SHARES)
    for unit in range(4):
        exact = np.quantile(values[..., unit], SHARES, method="inverted_cdf")
        bins = [np.asarray(bin_of(jnp.asarray(x, jnp.float32))) for x in (exact, quantiles[unit])]
        np.testing.assert_array_equal(bins[0], bins[1])
        # Ends of a bin differ by an eighth, so that its middle is off by a sixteenth at most.
        np.testing.assert_allclose(quantiles[unit], exact, rtol=1 / 16, atol=2.0**-12)
        assert quantiles[unit, 0] == values[..., unit].min()
        assert quantiles[unit, -1] == values[..., unit].max()


def test_moments(values: np.ndarray, found: Examples) -> None:
    for unit in range(3):
        one = values[..., unit].ravel().astype(np.float64)
        expected = one.mean(), one.var(), scipy.stats.skew(one), scipy.stats.kurtosis(one, fisher=False)
        # Sums in float32 within an image are off by about 1e-7 of the raw moments, which are up to 30 times larger.
        np.testing.assert_allclose(found.moments[unit], expected, rtol=2e-5)
    assert found.moments[3, 1] == 0
    assert np.isnan(found.moments[3, 2:]).all()


def test_densities_are_shares_over_widths(values: np.ndarray, found: Examples) -> None:
    for unit in range(4):
        ends, density = found.density(unit)
        assert (density * np.diff(ends)).sum() == pytest.approx(1)
        assert ends[0] <= values[..., unit].min() <= values[..., unit].max() <= ends[-1]
        half = values[..., unit] < ends[len(ends) // 2]
        assert (density * np.diff(ends))[: len(ends) // 2].sum() == pytest.approx(half.mean())


def test_class_selectivity(values: np.ndarray, labels: np.ndarray, found: Examples) -> None:
    for unit in range(4):
        means = [np.maximum(values[labels == label, :, :, unit], 0).mean(dtype=np.float64) for label in range(3)]
        best = int(np.argmax(means))
        rest = np.mean([mean for label, mean in enumerate(means) if label != best])
        # The highest less the others is a small difference of sums in float32.
        assert found.selectivity[unit] == pytest.approx((means[best] - rest) / (means[best] + rest), abs=1e-6)
        assert found.top_classes(2)[unit].tolist() == np.argsort(-np.array(means), kind="stable")[:2].tolist()
    assert np.isnan(found.class_means[3]).all()
    assert found.top_classes(9).shape == (4, 3)


def test_selectivity_at_its_ends() -> None:
    acts = jnp.asarray([[1.0, 2.0, -1.0], [0.0, 2.0, -3.0], [-5.0, 2.0, 0.0]])
    state = update(init({"a": 3}, classes=3), {"a": acts}, np.arange(3), np.arange(3))
    assert read(state)["a"].selectivity.tolist() == [1.0, 0.0, 0.0]
    alone = update(init({"a": 3}, classes=3), {"a": acts}, np.arange(3), np.zeros(3, np.int32))
    assert np.isnan(read(alone)["a"].selectivity).all()


def test_files_read_back(found: Examples, tmp_path: Path) -> None:
    save({"a": found, "b/c": found}, tmp_path / "examples.npz")
    back = load(tmp_path)
    assert list(back) == ["a", "b/c"]
    for layer in back.values():
        assert (layer.size, layer.images) == ((6, 6), 40)
        for part in _ARRAYS:
            np.testing.assert_array_equal(getattr(layer, part), getattr(found, part))
    with np.load(tmp_path / "examples.npz", allow_pickle=False) as file:
        np.testing.assert_array_equal(file["a/top_images"], found.top_images)
        np.testing.assert_array_equal(file["edges"], edges())


def test_errors_of_files(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"nothing\.npz"):
        load(tmp_path / "nothing.npz")
    (tmp_path / "text.npz").write_text("no archive")
    with pytest.raises(ValueError, match=r"text\.npz is no file of examples that can be read: "):
        load(tmp_path / "text.npz")
    np.savez(tmp_path / "other.npz", weights=np.zeros(3))
    with pytest.raises(ValueError, match=r"other\.npz is no file of examples: it has no layers"):
        load(tmp_path / "other.npz")
    part: Any = {"a/images": np.zeros(3)}
    np.savez(tmp_path / "part.npz", **part)
    with pytest.raises(ValueError, match=r"part\.npz is no file of examples: it has no a/size, a/top_values"):
        load(tmp_path / "part.npz")


def test_errors_of_questions(found: Examples) -> None:
    with pytest.raises(ValueError, match="no unit 4 in a; it has units 0 to 3"):
        found.density(4)
    with pytest.raises(ValueError, match=r"the shares are \(0\.5, 1\.5\); expected numbers from 0 to 1"):
        found.quantiles(0.5, 1.5)
    nothing = read(init({"a": 4}))["a"]
    with pytest.raises(ValueError, match="there are no images in the examples of a; expected at least one"):
        nothing.quantiles(0.5)
