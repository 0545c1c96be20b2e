"""How a network is trained: everything that decides the result, apart from the architecture, the data and the seed."""

import math
from dataclasses import dataclass
from typing import Literal

import jax
import optax

from inception_jax.datasets import Preparation

Schedule = Literal["cosine", "linear", "exponential", "constant"]
Optimizer = Literal["sgd", "rmsprop", "adamw"]


@dataclass(frozen=True)
class Recipe:
    """Everything that decides a training run besides the architecture, the data and the seed.

    The defaults train a narrow network on some ten thousand small photographs in an hour or two on two processors:
    stochastic gradient descent with Nesterov momentum, a learning rate that rises and then falls along a cosine, and
    images that grow from part to part of the run (Howard and Gugger 2020, chapter 7, call it progressive resizing).

    Raises:
        ValueError: anything out of its range.

    >>> recipe = Recipe(epochs=2, batch=10, sizes=(32, 64))
    >>> recipe.steps(examples=100), recipe.size_at(9, 20, 64), recipe.size_at(10, 20, 64)
    (20, 32, 64)
    """

    epochs: float = 24.0
    """How often each example is seen."""
    batch: int = 64
    """Images of one step, over all devices and processes together."""
    sizes: tuple[int, ...] = ()
    """Sides of the images in equal parts of the run, in pixels; empty: the architecture's image size throughout."""
    optimizer: Optimizer = "sgd"
    """Rule of the steps."""
    learning_rate: float = 0.1
    """Largest learning rate."""
    schedule: Schedule = "cosine"
    """Course of the learning rate after the warm-up; `exponential` loses 4 % every 8 epochs, as GoogLeNet's did."""
    warmup: float = 0.1
    """Part of the run in which the learning rate rises linearly from 0."""
    momentum: float = 0.9
    """Momentum of sgd and rmsprop (Nesterov's for sgd); the first decay rate of adamw."""
    weight_decay: float = 4e-4
    """Shrinking of kernels; biases and scales are left alone."""
    label_smoothing: float = 0.1
    """Part of the target that is spread over all classes."""
    head_weight: float = 0.3
    """Weight of each auxiliary classifier's loss (Szegedy et al. 2015)."""
    batch_norm: bool = True
    """Normalise what convolutions compute over the batch; it becomes part of the kernels in the finished model."""
    statistics_decay: float = 0.99
    """How slowly the running mean and variance of batch normalisation follow the batches'."""
    calibration: int = 100
    """Batches of training photographs, prepared as for testing, on which the normalisation of a model that is judged or
    finished is measured; 0 for the running statistics. They are of enlarged parts of photographs, and do not fit whole
    ones (Wu and Johnson 2021, Touvron et al. 2019)."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Arithmetic of the network; weights, statistics and the loss are float32 always."""
    quarter_turns: int = 0
    """Quarter turns (counter-clockwise) by which all images are turned, in training and in testing."""
    area: tuple[float, float] = (0.3, 1.0)
    """Least and largest part of a training photograph's area that is cut out at random."""
    aspect: tuple[float, float] = (3 / 4, 4 / 3)
    """Least and largest ratio of width to height of that part."""
    flip: bool = True
    """Mirror half of the training photographs."""
    brightness: float = 0.2
    """Strength of a random change to training photographs, 0 to 1."""
    contrast: float = 0.2
    """Strength of a random change to training photographs, 0 to 1."""
    saturation: float = 0.2
    """Strength of a random change to training photographs, 0 to 1."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        positive = {"epochs": self.epochs, "learning_rate": self.learning_rate}
        if wrong := [f"{name} is {value}" for name, value in positive.items() if not 0 < value < math.inf]:
            raise ValueError(f"{' and '.join(wrong)}; expected a number above 0")
        if self.batch < 1 or min(self.sizes, default=1) < 1:
            raise ValueError(f"batch is {self.batch}, sizes {self.sizes}; expected 1 or more images and pixels")
        if self.calibration < 0:
            raise ValueError(f"calibration is {self.calibration}; expected a number of batches, 0 or more")
        for name in ("warmup", "momentum", "label_smoothing", "statistics_decay"):
            if not 0 <= (value := getattr(self, name)) < 1:
                raise ValueError(f"{name} is {value}; expected 0 or more and less than 1")
        for name in ("weight_decay", "head_weight"):
            if not 0 <= (value := getattr(self, name)) < math.inf:
                raise ValueError(f"{name} is {value}; expected 0 or more")
        self.preparation(1)

    def steps(self, examples: int) -> int:
        """Steps of a run over a data set of this many examples; at least 1."""
        return max(1, round(self.epochs * examples / self.batch))

    def size_at(self, step: int, steps: int, default: int) -> int:
        """Side of the images at `step` of `steps`, in pixels; `default` where `sizes` is empty."""
        return self.sizes[min(step * len(self.sizes) // steps, len(self.sizes) - 1)] if self.sizes else default

    def preparation(self, size: int) -> Preparation:
        """What happens to photographs that become `size` pixels wide."""
        return Preparation(
            size=size,
            area=self.area,
            aspect=self.aspect,
            flip=self.flip,
            brightness=self.brightness,
            contrast=self.contrast,
            saturation=self.saturation,
            quarter_turns=self.quarter_turns,
        )

    def learning_rates(self, steps: int, examples: int) -> optax.Schedule:
        """The learning rate as a function of the step."""
        rise = round(self.warmup * steps)
        fall = max(1, steps - rise)
        after = {
            "cosine": lambda: optax.cosine_decay_schedule(self.learning_rate, fall),
            "linear": lambda: optax.linear_schedule(self.learning_rate, 0.0, fall),
            "exponential": lambda: optax.exponential_decay(
                self.learning_rate, max(1, round(8 * examples / self.batch)), 0.96, staircase=True
            ),
            "constant": lambda: optax.constant_schedule(self.learning_rate),
        }[self.schedule]()
        if rise == 0:
            return after
        return optax.join_schedules([optax.linear_schedule(0.0, self.learning_rate, rise), after], [rise])

    def transformation(self, steps: int, examples: int) -> optax.GradientTransformation:
        """The optimiser, with weight decay on kernels only."""
        rates = self.learning_rates(steps, examples)
        if self.optimizer == "adamw":
            return optax.adamw(rates, b1=self.momentum, weight_decay=self.weight_decay, mask=_kernels)
        decay = optax.add_decayed_weights(self.weight_decay, mask=_kernels)
        if self.optimizer == "rmsprop":
            return optax.chain(decay, optax.rmsprop(rates, decay=0.9, eps=1e-3, momentum=self.momentum))
        return optax.chain(decay, optax.sgd(rates, momentum=self.momentum, nesterov=True))


def _kernels(params: optax.Params) -> optax.Params:
    return jax.tree_util.tree_map_with_path(lambda path, _: path[-1].key == "kernel", params)
