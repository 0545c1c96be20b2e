"""How well a model classifies a data set."""

from collections.abc import Iterable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import multihost_utils
from jaxtyping import Array, Float, Int, UInt8

from inception_jax.datasets import Batch
from inception_jax.model import Model
from inception_jax.training.step import LOGITS


@dataclass(frozen=True)
class Accuracy:
    """Shares of images classified rightly at the first and within five guesses, and the mean cross-entropy."""

    top1: float
    top5: float
    loss: float
    images: int
    damaged: int


def evaluate(model: Model, batches: Iterable[Batch]) -> Accuracy:
    """Accuracy of `model` on `batches`, those of `datasets.eval_batches` for example.

    Images with label -1 are left out. With several processes, each gives its own batches and gets the result of all.

    Raises:
        ValueError: no images at all; labels that the model has no class for.

    >>> import inception_jax
    >>> model = inception_jax.initialise(inception_jax.INCEPTION5H.scaled(1 / 16), seed=0)
    >>> batch = Batch(np.zeros((2, 224, 224, 3), np.uint8), np.array([3, -1], np.int32), 0)
    >>> evaluate(model, [batch]).images
    1
    """
    sums = np.zeros(5)
    for batch in batches:
        if (top := int(batch.labels.max(initial=-1))) >= model.architecture.classes:
            raise ValueError(f"label {top} in the data; {model.name} has {model.architecture.classes} classes")
        sums += [*map(float, _judge(model, batch.images, batch.labels)), batch.damaged]
    if jax.process_count() > 1:
        sums = np.asarray(multihost_utils.process_allgather(sums)).sum(0)
    first, five, loss, images, damaged = (float(total) for total in sums)
    if images == 0:
        raise ValueError(f"no images to evaluate {model.name} on; {int(damaged)} were damaged")
    return Accuracy(first / images, five / images, loss / images, int(images), int(damaged))


@jax.jit
def _judge(
    model: Model, images: UInt8[Array, "n h w 3"], labels: Int[Array, "n"]
) -> tuple[Float[Array, ""], Float[Array, ""], Float[Array, ""], Int[Array, ""]]:
    logits = model(images.astype(jnp.float32) / 255.0, taps=LOGITS)[LOGITS].astype(jnp.float32)
    valid = labels >= 0
    of_label = jnp.take_along_axis(logits, jnp.maximum(labels, 0)[:, None], axis=1)
    # Ties count against the model, so that constant logits are not right by accident.
    rank = (logits >= of_label).sum(-1)
    cross_entropy = jax.nn.logsumexp(logits, axis=-1) - of_label[:, 0]
    first, five = (jnp.where(valid, rank <= k, False).sum().astype(jnp.float32) for k in (1, 5))
    return first, five, jnp.where(valid, cross_entropy, 0).sum(), valid.sum()
