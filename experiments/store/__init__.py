"""Where jobs over many units keep their results: one PNG per unit that says itself what it is, shared by processes.

`load` reads the results of a job; `run` in `experiments.store.running` makes them.
"""

from experiments.store.loading import Loaded, load

__all__ = ["Loaded", "load"]
