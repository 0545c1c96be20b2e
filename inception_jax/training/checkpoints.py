"""Training states on disk, by Orbax: each whole or not there, the last two kept."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jax

from inception_jax.readers.contents import plain
from inception_jax.training.step import State


class Checkpoints:
    """The checkpoints in a folder; see `checkpoints`."""

    def __init__(self, manager: Any) -> None:
        self._manager = manager

    def save(self, step: int, state: State) -> None:
        """Keep the state after `step` steps, unless it is there already."""
        import orbax.checkpoint as ocp

        if step != self._manager.latest_step():
            self._manager.save(step, args=ocp.args.StandardSave(state._asdict()))

    def latest(self, state: State) -> State:
        """The latest checkpoint of a training with states like `state`; `state` itself if there is none.

        Raises:
            ValueError: checkpoints of another network or optimiser, or damaged ones.
        """
        import orbax.checkpoint as ocp

        step = self._manager.latest_step()
        if step is None:
            return state
        # Compared before anything is read, since Orbax leaves other reads under way when one fails.
        with _readable(self._manager.directory):
            there, here = (_shapes(tree) for tree in (self._manager.item_metadata(step).tree, state._asdict()))
        if there != here:
            raise ValueError(
                f"{self._manager.directory} holds checkpoints of another network or optimiser: "
                f"{len(there)} arrays there, {len(here)} here, {len(set(there) ^ set(here))} shapes in one only; "
                "give another folder"
            )
        like = jax.tree.map(ocp.utils.to_shape_dtype_struct, state._asdict())
        with _readable(self._manager.directory):
            return State(**self._manager.restore(step, args=ocp.args.StandardRestore(like)))


@contextmanager
def checkpoints(folder: Path) -> Iterator[Checkpoints]:
    """The checkpoints in `folder`, which is made if missing."""
    import orbax.checkpoint as ocp

    # Written before the next step, which would overwrite the state's memory.
    options = ocp.CheckpointManagerOptions(max_to_keep=2, enable_async_checkpointing=False)
    handler = ocp.StandardCheckpointHandler()
    with _readable(folder):
        opened = ocp.CheckpointManager(folder.absolute(), item_handlers=handler, options=options)
    with opened as manager:
        yield Checkpoints(manager)


@contextmanager
def _readable(folder: Any) -> Iterator[None]:
    """Turns what Orbax raises into a `ValueError` that names the folder."""
    try:
        yield
    except Exception as error:  # damaged files fail in many ways
        raise ValueError(f"{folder} holds a checkpoint that cannot be read: {plain(error)}") from error


def _shapes(tree: Any) -> list[str]:
    return sorted(f"{leaf.dtype}{list(leaf.shape)}" for leaf in jax.tree.leaves(tree))
