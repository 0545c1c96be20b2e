"""How units become images: everything about it but which units."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import jax
import jax.numpy as jnp

import featvis
import inception_jax
from featvis import memory
from featvis.network import activation_bytes
from featvis.shortform import Unit


@dataclass(frozen=True, eq=False)
class Drawing:
    """Arguments of `featvis.render` that all units of a job share, and the objective of each.

    Attributes:
        model: the network.
        objective: what a unit's image is optimised for; of one kind for all units of a layer.
        param: of one image, or of several.
        steps: of the optimisation.
        seed: of all random numbers.
        restarts: attempts per unit.
        dtype: of the network's arithmetic.
    """

    model: inception_jax.Model
    objective: Callable[[Unit], featvis.Objective]
    param: featvis.param.Parameterization
    steps: int
    seed: int = 0
    restarts: int = 1
    dtype: str = "float32"

    @property
    def images(self) -> int:
        """Images of each unit."""
        return self.param.shape[0] if len(self.param.shape) == 4 else 1

    def width(self, layer: str, batch: int | None = None) -> int:
        """Units of a layer that are drawn together: `batch`, or what suits the devices, and as many on each of them.

        Raises:
            ValueError: no such layer, images too small for it, or a batch below 1.
        """
        devices = jax.local_device_count()
        if batch is not None:
            if batch < 1:
                raise ValueError(f"batch is {batch}; expected a whole number, at least 1")
            return -(-batch // devices) * devices
        height, width, channels = self.param.shape[-3:]
        model = self.model.astype(jnp.dtype(self.dtype))
        return devices * memory.batch_size(activation_bytes(model, (layer,), (self.images, height, width, channels)))

    def __call__(self, units: Sequence[Unit], only: Sequence[int], batch: int) -> featvis.Result:
        """Draw those of `units` at the places `only`; they come out as if all were drawn, `batch` at once.

        Raises:
            ValueError: what `featvis.render` refuses.
            MemoryError: the memory of a device does not hold a single one.
            KeyboardInterrupt: if interrupted before anything was done.
        """
        return featvis.render(
            self.model,
            [self.objective(unit) for unit in units],
            steps=self.steps,
            seed=self.seed,
            param=self.param,
            restarts=self.restarts,
            dtype=jnp.dtype(self.dtype),
            batch=batch,
            only=only,
            progress=False,
        )
