"""Training InceptionV1 and its relatives from scratch.

In short::

    from inception_jax import INCEPTION5H, datasets, training

    data = datasets.open_dataset("imagenette"), datasets.open_dataset("imagenette", "validation")
    trained = training.train(architecture, training.Recipe(epochs=20), *data, folder)
    trained.model
"""

from inception_jax.training.evaluate import Accuracy, evaluate
from inception_jax.training.loop import CURVES, LOG, Trained, TrainingError, train, validate
from inception_jax.training.recipe import Recipe

__all__ = [
    "CURVES",
    "LOG",
    "Accuracy",
    "Recipe",
    "Trained",
    "TrainingError",
    "evaluate",
    "train",
    "validate",
]
