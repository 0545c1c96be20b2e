"""Every parameterisation in one table, and what tests do with them."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from featvis import color, param
from featvis.param import spectrum

Size = tuple[int, int]


def photograph(size: Size, channels: int = 3, seed: int = 0) -> np.ndarray:
    """A picture with a natural spectrum, related colours, edges and flat areas, in [0.05, 0.95]."""
    rng, (height, width) = np.random.default_rng(seed), size
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None])
    waves = np.fft.fft2(rng.normal(size=(channels + 1, height, width)))
    noise = np.fft.ifft2(waves / np.maximum(frequency, 1 / max(size))).real
    noise /= noise.std((1, 2), keepdims=True)
    rows, columns = np.mgrid[:height, :width] / max(size)
    disc = np.hypot(rows - 0.4, columns - 0.5 + 0.1 * seed) < 0.25
    scene = noise[:channels] * 0.3 + noise[channels] + 2 * disc - rows
    return np.moveaxis(0.05 + 0.9 / (1 + np.exp(-scene)), 0, -1).astype(np.float32)


def logit(x: np.ndarray) -> np.ndarray:
    return np.log(x) - np.log1p(-x)


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def enlarged(small: np.ndarray, size: Size) -> np.ndarray:
    """Linear interpolation along both axes, by NumPy."""
    for axis, n in enumerate(size):
        old, new = np.linspace(0, 1, small.shape[axis]), np.linspace(0, 1, n)
        small = np.apply_along_axis(lambda v, old=old, new=new: np.interp(new, old, v), axis, small)
    return small


def several(size: Size, images: int) -> np.ndarray:
    return np.stack([photograph(size, seed=seed) for seed in range(images)])


def between(size: Size) -> np.ndarray:
    """For each pair of three photographs, five images from the one to the other, each with a trace of its own."""
    ends, result = logit(several(size, 3)), []
    for number, (a, b) in enumerate(((0, 1), (0, 2), (1, 2))):
        for step, t in enumerate(np.linspace(0, 1, 5)):
            own = 0 if step in (0, 4) else 0.2 * logit(photograph(size, seed=9 + 3 * number + step))
            result.append((1 - t) * ends[a] + t * ends[b] + own)
    return sigmoid(np.stack(result))


def nearby(size: Size) -> np.ndarray:
    """The photograph, every value moved by 0.15 towards the middle, which is possible everywhere."""
    picture = photograph(size)
    return picture - 0.15 * np.sign(picture - 0.5)


def half(size: Size) -> np.ndarray:
    return np.arange(size[0] * size[1]).reshape(size) % 7 < 4


def fading(size: Size) -> np.ndarray:
    return np.linspace(np.zeros(size[0]), 1, size[1], axis=1)


def filled(size: Size, mask: np.ndarray) -> np.ndarray:
    """The photograph, with another inside the mask."""
    share = mask[..., None].astype(np.float64)
    return share * photograph(size, seed=1) + (1 - share) * photograph(size)


def own_spectrum(size: Size) -> spectrum.Spectrum:
    return spectrum.estimate(photograph(size))


@dataclass(frozen=True)
class Member:
    """How to make a parameterisation of a size, and a picture it can represent."""

    make: Callable[[Size], param.Parameterization]
    target: Callable[[Size], np.ndarray] = photograph


def transparent(size: Size) -> np.ndarray:
    return photograph(size, 4)


ESTIMATED = color.estimate(photograph((24, 24), seed=5))
SEVEN = color.estimate(photograph((24, 24), 7))

TABLE = {
    "fft": Member(lambda size: param.image(size)),
    "fft steep": Member(lambda size: param.image(size, decay_power=1.5)),
    "fft in RGB": Member(lambda size: param.image(size, decorrelate=False)),
    "pixels": Member(lambda size: param.image(size, fft=False)),
    "pixels in RGB": Member(lambda size: param.image(size, fft=False, decorrelate=False)),
    "clipped": Member(lambda size: param.image(size, squash="clip")),
    "clipped pixels in RGB": Member(lambda size: param.image(size, fft=False, decorrelate=False, squash="clip")),
    "transparent": Member(lambda size: param.image(size, alpha=True), transparent),
    "transparent, clipped": Member(lambda size: param.image(size, alpha=True, squash="clip"), transparent),
    "transparent in RGB": Member(lambda size: param.image(size, alpha=True, decorrelate=False), transparent),
    "one channel": Member(lambda size: param.image(size, channels=1), lambda size: photograph(size, 1)),
    "seven channels": Member(lambda size: param.image(size, channels=7), lambda size: photograph(size, 7)),
    "seven colours": Member(lambda size: param.image(size, colors=SEVEN), lambda size: photograph(size, 7)),
    "I1I2I3": Member(lambda size: param.image(size, colors=color.I1I2I3)),
    "estimated colours": Member(lambda size: param.image(size, colors=ESTIMATED)),
    "grey": Member(lambda size: param.grey(size), lambda size: np.repeat(photograph(size, 1), 3, axis=-1)),
    "low resolution": Member(
        lambda size: param.lowres(size, (4, 5)), lambda size: sigmoid(enlarged(logit(photograph((4, 5))), size))
    ),
    "laplacian": Member(lambda size: param.laplacian(size, 3)),
    "laplacian, transparent": Member(lambda size: param.laplacian(size, 2, alpha=True), transparent),
    "stack": Member(lambda size: param.stack(param.image(size), 3), lambda size: several(size, 3)),
    "stack, transparent": Member(
        lambda size: param.stack(param.image(size, alpha=True), 2), lambda size: np.stack([transparent(size)] * 2)
    ),
    "shared": Member(lambda size: param.shared(param.image(size), 3, ((1, 4), (2, 2))), lambda size: several(size, 3)),
    "aligned": Member(lambda size: param.aligned(size, 4), lambda size: several(size, 4)),
    "interpolation": Member(lambda size: param.interpolation_basis(3, 5, size), between),
    "maco": Member(lambda size: param.maco(size, own_spectrum(size))),
    "maco, fading": Member(lambda size: param.maco(size, own_spectrum(size), fading=True)),
    "near, l2": Member(lambda size: param.perturbed(photograph(size), 0.2 * np.sqrt(3 * size[0] * size[1])), nearby),
    "near, linf": Member(lambda size: param.perturbed(photograph(size), 0.2, "linf"), nearby),
    "masked": Member(
        lambda size: param.masked(photograph(size), half(size), param.image(size)),
        lambda size: filled(size, half(size)),
    ),
    "masked, fading": Member(
        lambda size: param.masked(photograph(size), fading(size), param.image(size)),
        lambda size: filled(size, fading(size)),
    ),
    "masked, transparent": Member(
        lambda size: param.masked(transparent(size), half(size), param.image(size, alpha=True)), transparent
    ),
    "mixed": Member(
        lambda size: param.mixed(param.image(size), param.laplacian(size, 2), param.image(size, fft=False)),
        lambda size: several(size, 3),
    ),
    "mixed, transparent": Member(
        lambda size: param.mixed(param.image(size, alpha=True), param.image(size, alpha=True, squash="clip")),
        lambda size: np.stack([transparent(size)] * 2),
    ),
    "cppn": Member(
        lambda size: param.cppn(size, hidden=8, layers=3),
        lambda size: sigmoid(np.stack([*np.mgrid[-1 : 1 : size[0] * 1j, -1 : 1 : size[1] * 1j], np.ones(size)], -1)),
    ),
    "cppn, normalized": Member(
        lambda size: param.cppn(size, hidden=8, layers=2, activation="normalized_relu", normalize=True),
        lambda size: sigmoid(np.stack([*np.mgrid[-1 : 1 : size[0] * 1j, -1 : 1 : size[1] * 1j], np.ones(size)], -1)),
    ),
    "stack of cppn": Member(
        lambda size: param.stack(param.cppn(size, hidden=8, layers=2, channels=1), 2),
        lambda size: np.stack([np.full((*size, 1), level) for level in (0.2, 0.8)]),
    ),
}


def random_params(p: param.Parameterization, seed: int) -> Any:
    """Parameters drawn by NumPy: compiling `init` takes longer than all the rest."""
    rng = np.random.default_rng(seed)
    shapes = jax.eval_shape(p.init, jax.random.key(0))
    return jax.tree.map(lambda leaf: jnp.asarray(rng.normal(size=leaf.shape), jnp.float32), shapes)


@cache
def facts(name: str, size: Size) -> dict[str, Any]:
    """What the laws are about, all from one compiled program."""
    p = TABLE[name].make(size)
    pair = [random_params(p, seed) for seed in (0, 1)]
    weights = np.random.default_rng(0).normal(size=p.shape).astype(np.float32)
    target = TABLE[name].target(size).astype(np.float32)

    @jax.jit
    def compute(pair: Any, target: Any) -> dict[str, Any]:
        gradient = jax.grad(lambda params: (p(params) * weights).sum())
        result = {
            "images": [p(params) for params in pair],
            "batch": jax.vmap(p)(jax.tree.map(lambda *leaves: jnp.stack(leaves), *pair)),
            "gradient": gradient(pair[0]),
            "gradient at zero": gradient(jax.tree.map(jnp.zeros_like, pair[0])),
            "far": p(jax.tree.map(lambda leaf: 1000 * leaf, pair[0])),
        }
        if hasattr(p, "invert"):
            result["round trip"] = p(p.invert(target))  # pyright: ignore[reportAttributeAccessIssue]
        return result

    return compute(pair, target) | {"param": p, "target": target}


@cache
def begun(name: str, size: Size, seed: int) -> Any:
    """A parameterisation's first parameters."""
    return TABLE[name].make(size).init(jax.random.key(seed))


def fit(p: Any, start: Any, target: np.ndarray) -> float:
    """Mean distance after at most 1,000 steps of Adam on the squared distance, stopped once it is below 0.01."""
    optimizer = optax.adam(0.05)

    def distance(params: Any) -> jax.Array:
        return jnp.abs(p(params) - target).mean()

    def step(carry: Any) -> Any:
        params, state, count = carry
        gradient = jax.grad(lambda q: jnp.square(p(q) - target).sum())(params)
        updates, state = optimizer.update(gradient, state)
        return optax.apply_updates(params, updates), state, count + 1

    @jax.jit
    def run(start: Any) -> Any:
        unfinished = lambda carry: (carry[2] < 1000) & (distance(carry[0]) >= 0.01)  # noqa: E731
        fitted, _, _ = jax.lax.while_loop(unfinished, step, (start, optimizer.init(start), 0))
        return distance(start), distance(fitted)

    before, after = run(start)
    assert before > 0.03, "the target is too near the start for this to be a test"
    return float(after)
