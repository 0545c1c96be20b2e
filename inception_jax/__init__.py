"""InceptionV1 in Flax: every activation of the network of *Thread: Circuits*, tappable and editable."""

from inception_jax.architecture import (
    ARCHITECTURES,
    BVLC_GOOGLENET,
    FOUR_BRANCHES,
    INCEPTION5H,
    LRN,
    MINI,
    SIMPLIFIED,
    Architecture,
    Block,
    Head,
    Plain,
)
from inception_jax.files import save
from inception_jax.gradients import LINEAR, LUCID, STANDARD, Rules
from inception_jax.labels import class_index, labels
from inception_jax.model import Model, initialise
from inception_jax.pretrained import load

__version__ = "0.1.0"

__all__ = [
    "ARCHITECTURES",
    "BVLC_GOOGLENET",
    "FOUR_BRANCHES",
    "INCEPTION5H",
    "LINEAR",
    "LRN",
    "LUCID",
    "MINI",
    "SIMPLIFIED",
    "STANDARD",
    "Architecture",
    "Block",
    "Head",
    "Model",
    "Plain",
    "Rules",
    "class_index",
    "initialise",
    "labels",
    "load",
    "save",
]
