"""InceptionV1 in Flax: every activation of the network of *Thread: Circuits*, tappable and editable."""

from inception_jax.architecture import ARCHITECTURES, BVLC_GOOGLENET, INCEPTION5H, LRN, Architecture, Block, Head
from inception_jax.gradients import LINEAR, STANDARD, Rules
from inception_jax.model import Model, initialise

__all__ = [
    "ARCHITECTURES",
    "BVLC_GOOGLENET",
    "INCEPTION5H",
    "LINEAR",
    "LRN",
    "STANDARD",
    "Architecture",
    "Block",
    "Head",
    "Model",
    "Rules",
    "initialise",
]
