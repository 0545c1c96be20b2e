"""How many images to optimise at once."""

import jax
import numpy as np

CPU_BATCH = 4
ACCELERATOR_LIMIT = 256


def batch_size(bytes_per_image: int) -> int:
    """Images per program that suit the default device.

    On CPUs larger batches only fall out of the caches (measured on two cores). On accelerators, as many as fit three
    times over into the memory the device reports, at most 256.

    >>> batch_size(1) >= 1
    True
    """
    device = jax.local_devices()[0]
    if device.platform == "cpu":
        return CPU_BATCH
    free = (device.memory_stats() or {}).get("bytes_limit", 8 << 30)
    return int(np.clip(free // (3 * max(1, bytes_per_image)), 1, ACCELERATOR_LIMIT))
