"""Times Lucid; run by `render.py` in an interpreter that has it. Prints one JSON line.

Lucid stops at the layer that is drawn, and varies the size of what the network sees around the image's own.

Install (Python 3.7, which TensorFlow 1.15 needs):

    python3.7 -m venv lucid && lucid/bin/pip install 'tensorflow-cpu==1.15.0' 'protobuf<3.21' 'numpy<1.19' lucid==0.3.10
"""

import argparse
import json
import os
import resource
import tempfile
import time
import warnings
from importlib import import_module
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
warnings.filterwarnings("ignore")

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402
from inception_widths import build  # noqa: E402

tf.compat.v1.logging.set_verbosity(tf.compat.v1.logging.ERROR)

Model = import_module("lucid.modelzoo.vision_base").Model
objectives, param, render = (import_module(f"lucid.optvis.{name}") for name in ("objectives", "param", "render"))

parser = argparse.ArgumentParser()
parser.add_argument("--layer", default="mixed4a")
parser.add_argument("--size", type=int, default=128)
parser.add_argument("--steps", type=int, default=48)
options = parser.parse_args()


class Operations:
    """TensorFlow's, with random weights."""

    random = np.random.RandomState(0)

    def conv(self, x, units, size, name, stride=1):
        """A convolution and its ReLU."""
        inputs = int(x.shape[-1])
        # He's initialisation keeps activations at a scale where nothing under- or overflows.
        kernel = self.random.randn(size, size, inputs, units) * np.sqrt(2 / (size * size * inputs))
        linear = tf.nn.conv2d(x, tf.constant(kernel.astype("f4")), stride, "SAME")
        return tf.nn.relu(linear + tf.constant(np.zeros(units, "f4")), name=name)

    def pool(self, x, stride, name):
        """A max-pool."""
        return tf.nn.max_pool2d(x, 3, stride, "SAME", name=name)

    def norm(self, x, name):
        """Local response normalisation."""
        return tf.nn.lrn(x, 5, 2.0, 1e-4, 0.5, name=name)

    def concat(self, branches, name):
        """Branches side by side."""
        return tf.concat(branches, 3, name=name)


class Network(Model):
    """InceptionV1 up to the layer, as Lucid reads models: from a file."""

    model_path = str(Path(tempfile.mkdtemp(), "network.pb"))
    labels_path = None
    image_shape = (224, 224, 3)
    image_value_range = (-117, 255 - 117)
    input_name = "input"
    layers = ()


graph = tf.Graph()
with graph.as_default():
    build(Operations(), tf.compat.v1.placeholder(tf.float32, (None, None, None, 3), name="input"), options.layer)
Path(Network.model_path).write_bytes(graph.as_graph_def().SerializeToString())
network = Network()
network.load_graphdef()
seconds = []
with tf.Graph().as_default(), tf.compat.v1.Session() as session:
    vis = render.make_vis_T(network, objectives.channel(options.layer, 7), lambda: param.image(options.size))
    session.run(tf.compat.v1.global_variables_initializer())
    step = vis("vis_op")
    session.run(step)
    for _ in range(2):
        start = time.perf_counter()
        for _ in range(options.steps):
            session.run(step)
        seconds.append(time.perf_counter() - start)
print(
    json.dumps(
        {
            "seconds_per_image_step": min(seconds) / options.steps,
            "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
            "version": f"lucid 0.3.10, tensorflow {tf.__version__}",
        }
    )
)
