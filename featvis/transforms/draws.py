"""Numbers that are drawn anew each time: fixed, from a list, or from a distribution."""

import abc
import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key

Step = Int[Array, ""] | int


class Draw(abc.ABC):
    """A random number with bounds. Hashable; two equal ones are the same distribution."""

    @property
    @abc.abstractmethod
    def bounds(self) -> tuple[float, float]:
        """Smallest and largest number that can be drawn."""

    @abc.abstractmethod
    def sample(self, key: Key[Array, ""], shape: tuple[int, ...] = ()) -> Float[Array, "..."]:
        """Independent draws in an array of that shape, by default one number."""

    def at(self, step: Step) -> "Draw":
        """The distribution at a step of the optimisation; most are the same at all of them."""
        del step
        return self

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
chances (listing one twice doubles its chance), `uniform` and `normal` draw from an interval, and `changing` from
something else at every step."""


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


@dataclass(frozen=True)
class Changing(Draw):
    """See `changing`. Equal ones are the same distribution at the same `step`."""

    first: Draw
    last: Draw
    steps: int
    step: Step = field(default=0, compare=False, repr=False)

    @property
    def bounds(self) -> tuple[float, float]:
        """Those of all steps."""
        (low, high), (other_low, other_high) = self.first.bounds, self.last.bounds
        return min(low, other_low), max(high, other_high)

    def sample(self, key: Key[Array, ""], shape: tuple[int, ...] = ()) -> Float[Array, "..."]:
        """A draw of each, with the same key, mixed."""
        share = jnp.clip(self.step / self.steps, 0.0, 1.0)
        return (1 - share) * self.first.sample(key, shape) + share * self.last.sample(key, shape)

    def at(self, step: Step) -> "Changing":
        """The distribution at that step."""
        return replace(self, first=self.first.at(step), last=self.last.at(step), step=step)


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


def changing(first: Values, last: Values, steps: int) -> Changing:
    """Numbers that change in the course of the optimisation: evenly from `first` to `last`, which stays.

    Between the two, a draw of the one is mixed with a draw of the other. Without a step, as where a transform is called
    on its own, it is the first.

    Args:
        first: the numbers of step 0.
        last: those of step `steps` and of all after it.
        steps: how many, 1 or more; most often those of the whole optimisation.

    Raises:
        ValueError: no numbers, or a number of steps below 1.

    >>> sizes = changing(0.5, uniform(0.05, 0.1), 200)
    >>> sizes.bounds, changing(0.5, 0.1, 200).at(100).sample(jax.random.key(0)).round(3)
    ((0.05, 0.5), Array(0.3, dtype=float32))
    """
    if not isinstance(steps, int | np.integer) or steps < 1:
        raise ValueError(f"steps is {steps}; expected a whole number, at least 1")
    return Changing(as_draw(first, "first numbers"), as_draw(last, "last numbers"), int(steps))


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
