"""Several processes that begin together: which of them this one is."""

import jax

from experiments.options import UsageError, usage_errors
from experiments.store.work import ALONE, Share


def join(distributed: bool, coordinator: str | None, processes: int | None, process: int | None) -> Share:
    """This process's share of the work; with `distributed`, once all processes have found each other.

    It must be called before JAX is used. They part again at once: what they have in common then is the directory alone,
    so that none ends when another dies, as those do that stay together.

    Args:
        distributed: whether this is one of several.
        coordinator: address of the first process, `host:port`; by default, like the others, what the cluster says.
        processes: how many there are.
        process: number of this one, from 0.

    Raises:
        UsageError: some of the three without the others, or no processes to be found.

    >>> join(False, None, None, None)
    Share(index=0, count=1)
    """
    given = [value is not None for value in (coordinator, processes, process)]
    if any(given) and not (distributed and all(given)):
        raise UsageError("--coordinator, --processes and --process go together, and with --distributed")
    if not distributed:
        return ALONE
    if processes is not None and process is not None and not 0 <= process < processes:
        raise UsageError(f"--process is {process}; expected a number from 0 to {processes - 1}")
    with usage_errors():
        try:
            jax.distributed.initialize(coordinator, processes, process)
            share = Share(jax.process_index(), jax.process_count())
            jax.distributed.shutdown()
        except RuntimeError as error:
            raise UsageError(f"the processes did not find each other: {error}") from error
    return share
