"""Every objective with its value, worked out in NumPy. A new objective is a new entry."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np

from featvis import objectives as obj
from featvis.algebra import Objective

rng = np.random.default_rng(0)
A = rng.standard_normal((3, 4, 5, 6)).astype(np.float32)
B = rng.standard_normal((3, 4, 5, 3)).astype(np.float32)
LOGITS = rng.standard_normal((3, 10)).astype(np.float32)
IMAGE = rng.random((3, 32, 40, 4)).astype(np.float32)
SLOPE = rng.standard_normal((3, 4, 5, 6)).astype(np.float32)
ACTS = {"a": A, "b": B, "logits": LOGITS, "input": IMAGE, "gradient:a": SLOPE, "step": np.float32(25)}
ACTS = {name: jnp.asarray(values) for name, values in ACTS.items()}
SHAPES = {name: values.shape for name, values in ACTS.items()}

V, W = np.arange(6, dtype=np.float32) - 2, rng.standard_normal(6).astype(np.float32)
T, U = rng.standard_normal((2, 3, 2, 6)).astype(np.float32)
MAP, OTHER_MAP = rng.random((2, 4, 5)).astype(np.float32)
FULL, OTHER_FULL = rng.standard_normal((2, 4, 5, 6)).astype(np.float32)
PHOTO, OTHER_PHOTO = rng.random((2, 32, 40, 4)).astype(np.float32)
BORDER = rng.random((32, 40)).astype(np.float32)
WHITENING = np.linalg.inv(A.reshape(-1, 6).T @ A.reshape(-1, 6) / 60).astype(np.float32)


def cosines(a: np.ndarray, v: np.ndarray) -> np.ndarray:
    return (a * v).sum(-1) / ((np.linalg.norm(a, axis=-1) + 1e-4) * (np.linalg.norm(v, axis=-1) + 1e-4))


def dot_cosines(a: np.ndarray, v: np.ndarray, power: float) -> np.ndarray:
    return (a * v).sum(-1) * np.maximum(0.1, cosines(a, v)) ** power


def per_image(measure: Callable[[np.ndarray, np.ndarray], Any], a: np.ndarray, reference: np.ndarray) -> np.ndarray:
    return np.mean([measure(image, reference) for image in a])


def caricature(power: float) -> Callable[[np.ndarray, np.ndarray], float]:
    def measure(a: np.ndarray, r: np.ndarray) -> float:
        cosine = (a * r).sum() / ((np.linalg.norm(a) + 1e-6) * (np.linalg.norm(r) + 1e-6))
        return (a * r).sum() * max(0.1, cosine) ** power

    return measure


def inversion(a: np.ndarray, r: np.ndarray) -> float:
    return -((a - r) ** 2).sum() / (r**2).sum()


def gram(a: np.ndarray) -> np.ndarray:
    return sum(np.outer(x, x) for x in a.reshape(-1, a.shape[-1])) / a[..., 0].size


def style(a: np.ndarray, r: np.ndarray) -> float:
    return np.abs(gram(a) - gram(r)).mean()


def blurred(images: np.ndarray, size: int) -> np.ndarray:
    """Pixel by pixel: the rim of the window counts half, what lies outside the image nothing."""
    result, reach = np.zeros_like(images), size // 2
    for i in range(images.shape[1]):
        for j in range(images.shape[2]):
            total, weights = 0.0, 0.0
            for y in range(max(0, i - reach), min(images.shape[1], i + reach + 1)):
                for x in range(max(0, j - reach), min(images.shape[2], j + reach + 1)):
                    weight = 0.5 if reach in (abs(y - i), abs(x - j)) else 1.0
                    total, weights = total + weight * images[:, y, x], weights + weight
            result[:, i, j] = total / weights
    return result


BLURRED, SMOOTH = blurred(IMAGE, 3), blurred(IMAGE, 5)


def boundary(mask: np.ndarray, color: float) -> float:
    return -(((SMOOTH - IMAGE) ** 2 + 0.8 * (IMAGE - color) ** 2) * mask[..., None]).sum()


def border(width: int) -> np.ndarray:
    mask = np.ones((32, 40))
    mask[width:-width, width:-width] = 0
    return mask


def variation(a: np.ndarray) -> float:
    return np.abs(np.diff(a, axis=1)).sum() + np.abs(np.diff(a, axis=2)).sum()


def diversity(a: np.ndarray) -> float:
    grams = [gram(image) / np.linalg.norm(gram(image)) for image in a]
    return sum((g * h).sum() for i, g in enumerate(grams) for j, h in enumerate(grams) if i != j) / len(a)


def alignment(a: np.ndarray, ratio: float) -> float:
    pairs = [(i, i + d, d) for d in (1, 2, 3, 4) for i in range(len(a) - d)]
    return -sum(((a[i] - a[j]) ** 2).mean() / ratio**d for i, j, d in pairs)


def corner(acts: Any) -> Any:
    return acts["a"][0, 0, 0].sum() * acts["step"]


@dataclass(frozen=True)
class Case:
    """A kind of objective: how to make one from some data, and the value it has on `ACTS`.

    Several `values` are data of one kind. `sign` is -1 for what is usually subtracted; `dead` says whether gradients
    are finite where all activations are 0.
    """

    make: Callable[[Any], Objective]
    expected: Callable[[Any], Any]
    values: tuple[Any, ...] = (None,)
    sign: int = 1
    dead: bool = True


TABLE = {
    # Units.
    "channel": Case(lambda u: obj.channel("a", u), lambda u: A[..., u].mean(), (3, 1)),
    "channel of a flat layer": Case(lambda u: obj.channel("logits", u), lambda u: LOGITS[:, u].mean(), (3, 9)),
    "class logit": Case(lambda c: obj.class_logit("logits", c), lambda c: LOGITS[:, c].mean(), (7, 0)),
    "neuron": Case(lambda p: obj.neuron("a", 2, row=p[0], column=p[1]), lambda p: A[:, *p, 2].mean(), ((1, 3), (3, 4))),
    "centre neuron": Case(lambda u: obj.neuron("a", u), lambda u: A[:, 2, 2, u].mean(), (2, 5)),
    "neuron, one coordinate": Case(lambda r: obj.neuron("a", 2, row=r), lambda r: A[:, r, 2, 2].mean(), (0, 3)),
    # Whole layers.
    "mean": Case(lambda _: obj.layer_mean("a"), lambda _: A.mean()),
    "deepdream": Case(lambda _: obj.deepdream("a"), lambda _: (A**2).mean()),
    "mean square": Case(lambda c: obj.mean_square(constant=c), lambda c: ((IMAGE - c) ** 2).mean(), (0.5, 0.2), -1),
    "l1": Case(lambda c: obj.l1(constant=c), lambda c: np.abs(IMAGE - c).sum(), (0.5, 0.2), -1),
    "l2": Case(lambda c: obj.l2(constant=c), lambda c: np.sqrt(1e-6 + ((IMAGE - c) ** 2).sum()), (0.5, 0.2), -1),
    "l2, plain": Case(lambda _: obj.l2("a", epsilon=0), lambda _: np.linalg.norm(A), sign=-1),
    "l inf": Case(lambda c: obj.l_inf("a", c), lambda c: np.abs(A - c).max(), (0.0, 0.3)),
    "total variation": Case(lambda _: obj.total_variation(), lambda _: variation(IMAGE), sign=-1),
    "total variation of a layer": Case(lambda _: obj.total_variation("a"), lambda _: variation(A), sign=-1),
    # Directions.
    "direction": Case(lambda v: obj.direction("a", v), lambda v: (A @ v).mean(), (V, W)),
    "direction, power": Case(lambda v: obj.direction("a", v, 2), lambda v: dot_cosines(A, v, 2).mean(), (V, W)),
    "direction, flat": Case(
        lambda v: obj.direction("logits", v, 1), lambda v: dot_cosines(LOGITS, v, 1).mean(), (np.arange(10) - 4.0,)
    ),
    "whitened direction": Case(
        lambda v: obj.direction("a", v, whitening=WHITENING), lambda v: (A @ (v @ WHITENING)).mean(), (V, W)
    ),
    "direction neuron": Case(
        lambda v: obj.direction_neuron("a", v, 1, 3, 2), lambda v: dot_cosines(A[:, 1, 3], v, 2).mean(), (V, W)
    ),
    "whitened direction neuron": Case(
        lambda v: obj.direction_neuron("a", v, cossim_pow=4, whitening=WHITENING),
        lambda v: dot_cosines(A[:, 2, 2], v @ WHITENING, 4).mean(),
        (V, W),
    ),
    "tensor direction": Case(
        lambda t: obj.tensor_direction("a", t), lambda t: (A[:, 1:4, 1:3] * t).sum(-1).mean(), (T, U)
    ),
    "tensor direction, power": Case(
        lambda t: obj.tensor_direction("a", t, 2), lambda t: dot_cosines(A[:, 1:4, 1:3], t, 2).mean(), (T, U)
    ),
    "cosine": Case(lambda v: obj.cosine("a", v), lambda v: cosines(A, v).mean(), (V, W)),
    # Facets.
    "facet": Case(lambda w: obj.facet("a", w), lambda w: (A * w).sum(), (V, W)),
    "facet, map": Case(lambda w: obj.facet("a", w), lambda w: (A * w).sum(), (FULL, OTHER_FULL)),
    "facet, resized": Case(lambda w: obj.facet("a", w[None, None]), lambda w: (A * w).sum(), (V, W)),
    "facet, signed": Case(lambda w: obj.facet("a", w, "signed"), lambda w: (A * SLOPE * w).sum(), (V, W)),
    "facet, positive": Case(
        lambda w: obj.facet("a", w, "positive"), lambda w: (A * np.maximum(SLOPE, 0) * w).sum(), (V, W)
    ),
    # The image.
    "blur": Case(lambda _: obj.blur_input_each_step(), lambda _: 0.5 * ((IMAGE - BLURRED) ** 2).sum(), sign=-1),
    "blur alpha": Case(
        lambda _: obj.blur_alpha_each_step(), lambda _: 0.5 * ((IMAGE - BLURRED)[..., 3] ** 2).sum(), sign=-1
    ),
    "mean alpha": Case(lambda _: obj.mean_alpha(), lambda _: IMAGE[..., 3].mean(), sign=-1),
    "boundary": Case(
        lambda w: obj.penalize_boundary_complexity(w, color=0.3), lambda w: boundary(border(w), 0.3), (5, 2)
    ),
    "boundary, mask": Case(lambda m: obj.penalize_boundary_complexity(mask=m), lambda m: boundary(m, 0.5), (BORDER,)),
    # Comparisons.
    "caricature": Case(lambda r: obj.caricature("a", r), lambda r: per_image(caricature(0), A, r), (FULL, OTHER_FULL)),
    "caricature, power": Case(
        lambda r: obj.caricature("a", r, 2), lambda r: per_image(caricature(2), A, r), (FULL, OTHER_FULL)
    ),
    "caricature of an image": Case(
        lambda i: obj.caricature("a", i, 2), lambda i: per_image(caricature(2), np.delete(A, i, 0), A[i]), (0, 1)
    ),
    "inversion": Case(lambda r: obj.inversion("a", r), lambda r: per_image(inversion, A, r), (FULL, OTHER_FULL)),
    "inversion of an image": Case(
        lambda i: obj.inversion("a", i), lambda i: per_image(inversion, np.delete(A, i, 0), A[i]), (2, 0)
    ),
    "content": Case(lambda r: obj.content("a", r), lambda r: np.abs(A - r).mean(), (FULL, OTHER_FULL), -1),
    "style": Case(lambda r: obj.style("a", r), lambda r: per_image(style, A, r), (T, U), -1),
    "style of an image": Case(
        lambda i: obj.style("a", i), lambda i: per_image(style, np.delete(A, i, 0), A[i]), (2, 1), -1
    ),
    "input difference": Case(
        lambda r: obj.input_difference(r),
        lambda r: per_image(lambda x, r: np.sqrt(((x - r) ** 2).mean()), IMAGE, r),
        (PHOTO, OTHER_PHOTO),
        -1,
    ),
    # Several images.
    "diversity": Case(lambda _: obj.diversity("a"), lambda _: diversity(A), sign=-1),
    "alignment": Case(lambda d: obj.alignment("a", d), lambda d: alignment(A, d), (2, 3)),
    "ramp": Case(
        lambda w: obj.ramp(obj.channel("a", 1), *w),
        lambda w: np.linspace(*w, 3) @ A[..., 1].mean((1, 2)),
        ((1, 3), (0.5, 0)),
    ),
    "interpolation": Case(
        lambda u: obj.interpolate(obj.channel("a", u[0]), obj.channel("b", u[1])),
        lambda u: np.array([1, 0.5, 0]) @ A[..., u[0]].mean((1, 2)) + np.array([0, 0.5, 1]) @ B[..., u[1]].mean((1, 2)),
        ((1, 2), (4, 0)),
    ),
    # Views.
    "on": Case(lambda i: obj.on(obj.channel("a", 1), i), lambda i: A[i, ..., 1].mean(), (2, 0)),
    "on some": Case(lambda i: obj.on(obj.diversity("a"), i), lambda i: diversity(A[list(i)]), ((0, 2), (1, 0)), -1),
    "window": Case(
        lambda p: obj.window(obj.deepdream("a"), *p, height=2, width=3),
        lambda p: (A[:, p[0] : p[0] + 2, p[1] : p[1] + 3] ** 2).mean(),
        ((1, 2), (2, 0)),
    ),
    "window in the centre": Case(
        lambda v: obj.window(obj.direction("a", v), height=3, width=4), lambda v: (A[:, 1:, :4] @ v).mean(), (V, W)
    ),
    "mask": Case(lambda m: obj.masked(obj.channel("a", 1), m), lambda m: (A[..., 1] * m).mean(), (MAP, OTHER_MAP)),
    # Schedules.
    "decay": Case(lambda n: obj.channel("a", 1) * obj.decay(n), lambda n: A[..., 1].mean() * (1 - 25 / n), (100, 40)),
    "only after": Case(
        lambda n: obj.channel("a", 1) * obj.only_after(n), lambda n: A[..., 1].mean() * (n <= 25), (25, 26)
    ),
    "schedule": Case(lambda _: obj.channel("a", 1) * obj.schedule(jnp.sqrt), lambda _: A[..., 1].mean() * 5),
    # One's own, and the algebra.
    "function": Case(lambda _: obj.function(corner, ["a", "step"]), lambda _: A[0, 0, 0].sum() * 25),
    "sum": Case(
        lambda u: obj.channel("a", u) + obj.deepdream("b") + 3, lambda u: A[..., u].mean() + (B**2).mean() + 3, (1, 2)
    ),
    "difference": Case(lambda u: 2 - obj.channel("a", u) - 1, lambda u: 1 - A[..., u].mean(), (1, 2)),
    "product": Case(
        lambda f: f * obj.channel("a", 1) * obj.deepdream("a"), lambda f: f * A[..., 1].mean() * (A**2).mean(), (2, 5)
    ),
    "quotient": Case(lambda f: -obj.channel("a", 1) / f, lambda f: -A[..., 1].mean() / f, (4, 3)),
    "power": Case(lambda p: obj.channel("a", 1) ** p, lambda p: A[..., 1].mean() ** p, (2, 3)),
    "root": Case(lambda p: obj.deepdream("a") ** p, lambda p: (A**2).mean() ** p, (0.5, 1)),
    "ratio": Case(
        lambda u: obj.channel("a", u) / obj.deepdream("b") + 1 / obj.deepdream("a"),
        lambda u: A[..., u].mean() / (B**2).mean() + 1 / (A**2).mean(),
        (1, 3),
        dead=False,
    ),
    "magnitude": Case(lambda u: abs(obj.channel("a", u) - 7), lambda u: np.abs(A[..., u].mean() - 7), (1, 3)),
    "sum of many": Case(
        lambda f: obj.sum_of(f * obj.channel("a", u % 6) for u in range(30)),
        lambda f: f * sum(A[..., u % 6].mean() for u in range(30)),
        (1, 3),
    ),
}
"""Kinds of objectives by name."""
