"""Numbers that are drawn anew each time: fixed, from a list, or from a distribution."""

import abc
import math
from collections.abc import Iterable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key


class Draw(abc.ABC):
    """A random number with bounds. Hashable; two equal ones are the same distribution."""

    @property
    @abc.abstractmethod
    def bounds(self) -> tuple[float, float]:
        """Smallest and largest number that can be drawn."""

    @abc.abstractmethod
    def sample(self, key: Key[Array, ""], shape: tuple[int, ...] = ()) -> Float[Array, "..."]:
        """Independent draws in an array of that shape, by default one number."""

    @property
    def fixed(self) -> bool:
        """Whether every draw is the same."""
        return self.bounds[0] == self.bounds[1]

    @property
    def largest(self) -> float:
        """Largest absolute value that can be drawn."""
        return max(abs(bound) for bound in self.bounds)


Values = float | Iterable[float] | Draw
"""What transforms take wherever something is random: a number is fixed, of several numbers one is drawn with equal
chances (listing one twice doubles its chance), and `uniform` and `normal` draw from an interval."""


@dataclass(frozen=True)
class Choice(Draw):
    """One of `values`, with equal chances."""

    values: tuple[float, ...]

    @property
    def bounds(self) -> tuple[float, float]:
        """The smallest and the largest of them."""
        return min(self.values), max(self.values)

    def sample(self, key: Key[Array, ""], shape: tuple[int, ...] = ()) -> Float[Array, "..."]:
        """One of them for each entry."""
        if len(self.values) == 1:
            return jnp.full(shape, self.values[0], jnp.float32)
        return jax.random.choice(key, jnp.asarray(self.values, jnp.float32), shape)


@dataclass(frozen=True)
class Uniform(Draw):
    """See `uniform`."""

    low: float
    high: float

    @property
    def bounds(self) -> tuple[float, float]:
        """The interval's ends."""
        return self.low, self.high

    def sample(self, key: Key[Array, ""], shape: tuple[int, ...] = ()) -> Float[Array, "..."]:
        """Uniform numbers."""
        return jax.random.uniform(key, shape, jnp.float32, self.low, self.high)


@dataclass(frozen=True)
class Normal(Draw):
    """See `normal`."""

    mean: float
    sd: float
    cut: float

    @property
    def bounds(self) -> tuple[float, float]:
        """Where the distribution is cut."""
        return self.mean - self.cut * self.sd, self.mean + self.cut * self.sd

    def sample(self, key: Key[Array, ""], shape: tuple[int, ...] = ()) -> Float[Array, "..."]:
        """Truncated normal numbers."""
        return self.mean + self.sd * jax.random.truncated_normal(key, -self.cut, self.cut, shape, jnp.float32)


def uniform(low: float, high: float) -> Uniform:
    """A number between `low` and `high`, all equally likely.

    Raises:
        ValueError: bounds that are not finite or in the wrong order.

    >>> uniform(0.9, 1.1).bounds
    (0.9, 1.1)
    """
    if not (math.isfinite(low) and math.isfinite(high) and low <= high):
        raise ValueError(f"uniform({low}, {high}) has no numbers; expected finite bounds, the lower one first")
    return Uniform(float(low), float(high))


def normal(mean: float, sd: float, cut: float = 2.0) -> Normal:
    """A normal number, drawn again until it lies within `cut` standard deviations of the mean.

    Transforms need bounds. Cut at 2, as in TensorFlow's `truncated_normal`, it varies by 0.88 of `sd`.

    Raises:
        ValueError: a mean, `sd` or `cut` that is not finite, a negative `sd`, a `cut` that is not above 0.

    >>> normal(0, 5).bounds
    (-10.0, 10.0)
    """
    if not (math.isfinite(mean) and math.isfinite(sd) and math.isfinite(cut) and sd >= 0 and cut > 0):
        raise ValueError(
            f"normal({mean}, {sd}, cut={cut}) is no distribution; expected finite numbers, "
            "a standard deviation of at least 0 and a cut above 0"
        )
    return Normal(float(mean), float(sd), float(cut))


def as_draw(
    values: Values, name: str, *, above: float = -math.inf, least: float = -math.inf, most: float = math.inf
) -> Draw:
    """The distribution that `values` stand for.

    Args:
        values: a number, several numbers, or a distribution.
        name: what they are called in error messages, in the plural.
        above: a bound that all of them must exceed.
        least: the smallest number allowed.
        most: the largest number allowed.

    Raises:
        ValueError: no numbers, or some that are not finite or out of range.

    >>> as_draw(3, "scales"), as_draw(range(2), "shifts")
    (Choice(values=(3.0,)), Choice(values=(0.0, 1.0)))
    """
    if isinstance(values, Draw):
        given, (low, high) = values, values.bounds
    else:
        given = _numbers(values, name)
        usable = given and all(map(math.isfinite, given))
        low, high = (min(given), max(given)) if usable else (math.nan, math.nan)
    if not (low > above and low >= least and high <= most):
        limits = {"above": above, "at least": least, "at most": most}
        allowed = " and ".join(f"{word} {limit:g}" for word, limit in limits.items() if math.isfinite(limit))
        raise ValueError(f"{name} are {given}; expected at least one, all {allowed or 'finite'}")
    return given if isinstance(given, Draw) else Choice(given)


def _numbers(values: float | Iterable[float], name: str) -> tuple[float, ...]:
    try:
        if isinstance(values, str):
            raise TypeError
        return tuple(float(v) for v in (values if isinstance(values, Iterable) else (values,)))
    except (TypeError, ValueError):
        raise ValueError(
            f"{name} are {values!r}; expected a number, several numbers, uniform(low, high) or normal(mean, sd)"
        ) from None
