"""One program on several devices: each has its share of a batch, and none needs to know of the others."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

AXIS = "results"


def mesh(devices: Sequence[Any] | None = None) -> Mesh:
    """The devices that share batches.

    Args:
        devices: of this process; by default all that it has, or the one that `jax.default_device` names.

    Raises:
        ValueError: no devices, some given twice, or some of other processes.

    >>> mesh().size == len(jax.local_devices())
    True
    """
    if devices is None:
        chosen = getattr(jax.config, "jax_default_device", None)
        devices = [chosen] if hasattr(chosen, "platform") else jax.local_devices()
    here = jax.local_devices(backend=devices[0].platform) if devices else []
    if not devices or len(set(devices)) < len(devices) or not set(devices) <= set(here):
        raise ValueError(f"devices are {list(devices)}; expected some of {here or jax.local_devices()}, each once")
    return Mesh(np.array(devices), (AXIS,))


def spread(mesh: Mesh, fn: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """`fn(split, shared)` on every device, with its share of `split` along the leading axes; so are the results.

    What a device computes are the bits that it would compute if its share were all there is.
    """
    if mesh.size == 1:
        return fn
    each = PartitionSpec(AXIS)
    return jax.shard_map(fn, mesh=mesh, in_specs=(each, PartitionSpec()), out_specs=each, check_vma=False)


def replicate(mesh: Mesh, arrays: Any) -> Any:
    """`arrays` on each of the devices."""
    return jax.device_put(arrays, NamedSharding(mesh, PartitionSpec()))


def share(mesh: Mesh, arrays: Any) -> Any:
    """`arrays`, split along their leading axes."""
    return jax.device_put(arrays, NamedSharding(mesh, PartitionSpec(AXIS)))
