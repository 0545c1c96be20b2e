"""How many images to optimise at once."""

import os
from typing import Any

import jax
import numpy as np

CPU_BATCH = 4
ACCELERATOR_LIMIT = 256


def batch_size(bytes_per_image: int) -> int:
    """Images per program that suit the default device: as many as fit three times over into its free memory.

    `bytes_per_image` are the activations of one image; a gradient step needs them, their gradients and room to work.
    At most 4 on CPUs, where larger batches only fall out of the caches (measured on two cores), else at most 256.

    >>> batch_size(1) >= 1
    True
    """
    device = jax.local_devices()[0]
    limit = CPU_BATCH if device.platform == "cpu" else ACCELERATOR_LIMIT
    return int(np.clip(_free_bytes(device) // (3 * max(1, bytes_per_image)), 1, limit))


def _free_bytes(device: Any) -> int:
    if device.platform == "cpu":
        known = hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2 if known else 4 << 30
    stats = device.memory_stats() or {}
    return stats.get("bytes_limit", 8 << 30) - stats.get("bytes_in_use", 0)
