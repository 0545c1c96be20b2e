"""Labelled photographs for training: tfds data sets, folders and zips of class folders, and batches of them.

In short::

    from inception_jax import datasets

    train = datasets.open_dataset("imagenette", "train")
    for batch in datasets.train_batches(train, datasets.Preparation(size=224), batch=128, seed=0):
        batch.images, batch.labels
"""

from inception_jax.datasets.batches import Batch, eval_batches, train_batches
from inception_jax.datasets.dataset import Dataset, DatasetError, Example, open_dataset
from inception_jax.datasets.preparation import Preparation

__all__ = [
    "Batch",
    "Dataset",
    "DatasetError",
    "Example",
    "Preparation",
    "eval_batches",
    "open_dataset",
    "train_batches",
]
