"""Times Xplique; run by `render.py` in an interpreter that has it. Prints one JSON line.

Its default transforms are lighter than Lucid's. The network stops at the layer that is drawn.

Install (its pins ask for TensorFlow with CUDA, so without dependencies over the build for CPUs):

    python3.11 -m venv xplique && xplique/bin/pip install tensorflow-cpu==2.21.0 scikit-learn scipy matplotlib einops \\
        deprecated opencv-python-headless scikit-image decorator cloudpickle dm-tree
    xplique/bin/pip install --no-deps xplique==2.0.2 tensorflow-probability==0.25.0 tf-keras
"""

import argparse
import json
import os
import resource
import time
import warnings
from importlib import import_module

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
warnings.filterwarnings("ignore")

import tensorflow as tf  # noqa: E402
from inception_widths import build  # noqa: E402

visualizations = import_module("xplique.features_visualizations")
Objective, optimize = visualizations.Objective, visualizations.optimize

parser = argparse.ArgumentParser()
parser.add_argument("--layer", default="mixed4a")
parser.add_argument("--size", type=int, default=128)
parser.add_argument("--steps", type=int, default=48)
options = parser.parse_args()
keras = tf.keras.layers


class Operations:
    """Keras layers, with random weights."""

    def conv(self, x, units, size, name, stride=1):
        """A convolution and its ReLU."""
        # He's initialisation keeps activations at a scale where nothing under- or overflows.
        settings = {"activation": "relu", "kernel_initializer": "he_normal", "name": name}
        return keras.Conv2D(units, size, stride, "same", **settings)(x)

    def pool(self, x, stride, name):
        """A max-pool."""
        return keras.MaxPooling2D(3, stride, "same", name=name)(x)

    def norm(self, x, name):
        """Local response normalisation."""
        return keras.Lambda(lambda t: tf.nn.lrn(t, 5, 2.0, 1e-4, 0.5), name=name)(x)

    def concat(self, branches, name):
        """Branches side by side."""
        return keras.Concatenate(name=name)(branches)


images = keras.Input((options.size, options.size, 3))
network = tf.keras.Model(images, build(Operations(), keras.Rescaling(255.0, -117.0)(images), options.layer))


def run(steps):
    """Seconds of an optimisation, the tracing of its program included."""
    start = time.perf_counter()
    optimize(Objective.channel(network, options.layer, 7), nb_steps=steps, custom_shape=(options.size, options.size))
    return time.perf_counter() - start


# Every call traces anew, so what a step costs is the difference of two calls: of the fastest, in turns, since one that
# is disturbed while it traces would make the steps seem cheap.
pairs = [(run(4), run(4 + options.steps)) for _ in range(4)]
short, long = (min(times) for times in zip(*pairs, strict=True))
print(
    json.dumps(
        {
            "seconds_per_image_step": (long - short) / options.steps,
            "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
            "version": f"xplique 2.0.2, tensorflow {tf.__version__}",
        }
    )
)
