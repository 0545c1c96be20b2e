"""Data-set examples: what the units of a network respond to, in one pass over any number of images."""

from circuits.examples.bins import bucket_edges, edges
from circuits.examples.collecting import Batch, Collector, collect, units
from circuits.examples.fields import Fields, receptive_fields
from circuits.examples.files import load, save
from circuits.examples.found import Examples, bucket_name, read
from circuits.examples.state import LayerState, State, init, merge, update

__all__ = [
    "Batch",
    "Collector",
    "Examples",
    "Fields",
    "LayerState",
    "State",
    "bucket_edges",
    "bucket_name",
    "collect",
    "edges",
    "init",
    "load",
    "merge",
    "read",
    "receptive_fields",
    "save",
    "units",
    "update",
]
