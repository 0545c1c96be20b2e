"""Networks that articles train: kept, gone on with after a stop, given, or missing."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import inception_jax
from experiments.figures import Figures
from experiments.options import UsageError
from experiments.rundir import RunDirectory
from experiments.study import Study
from experiments.study import small_networks as small_networks
from experiments.study.small_networks import TrainingOptions, accuracy, trained, with_data
from inception_jax import training
from inception_jax.architecture import SIMPLIFIED, Plain

TINY = dataclasses.replace(SIMPLIFIED, name="tiny", blocks=(("0a", Plain(4, kernel=3)),), image_size=8)
RECIPE = dataclasses.replace(small_networks.RECIPE, batch=8)


def study(path: Path, config: TrainingOptions, shallow: inception_jax.Model) -> Study:
    return Study(Figures(RunDirectory(path), "Trained", ""), shallow, config)


def test_nothing_to_learn_from(shallow: inception_jax.Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INCEPTION_JAX_SHARED", str(tmp_path / "nothing"))
    config = with_data(TrainingOptions())
    assert config.learn_from is None
    assert trained(study(tmp_path, config, shallow), config, "tiny", TINY) is None
    (tmp_path / "nothing" / "data" / "tiny-imagenet").mkdir(parents=True)
    assert with_data(config).learn_from == str(tmp_path / "nothing" / "data" / "tiny-imagenet")


def test_a_network_is_trained_once_and_can_be_given(
    shallow: inception_jax.Model, photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = TrainingOptions(learn_from=str(photographs), data_dir=tmp_path / "prepared", epochs=2.0)
    here = study(tmp_path / "run", config, shallow)
    real: Any = training.train

    def stopped(*args: Any, **options: Any) -> training.Trained:
        return real(*args, **options, stop_after=1)

    monkeypatch.setattr(training, "train", stopped)
    with pytest.raises(KeyboardInterrupt):
        trained(here, config, "tiny", TINY, RECIPE)
    assert (tmp_path / "run" / "checkpoints" / "tiny").is_dir()
    monkeypatch.setattr(training, "train", real)
    model = trained(here, config, "tiny", TINY, RECIPE)
    assert model is not None
    assert model.architecture.classes == 2
    assert model.provenance["origin"]["steps"] == 4
    assert accuracy(model).endswith("%")
    assert not (tmp_path / "run" / "checkpoints" / "tiny").exists()

    monkeypatch.setattr(training, "train", None)
    again = trained(here, config, "tiny", TINY, RECIPE)
    given = TrainingOptions(networks=tmp_path / "run")
    taken = trained(study(tmp_path / "other", given, shallow), given, "tiny", TINY, RECIPE)
    for other in (again, taken):
        assert other is not None
        np.testing.assert_array_equal(other.weights["0a"]["kernel"], model.weights["0a"]["kernel"])


def test_a_folder_without_the_network(shallow: inception_jax.Model, tmp_path: Path) -> None:
    config = TrainingOptions(networks=tmp_path)
    with pytest.raises(UsageError, match=r"there is no tiny\.safetensors in .*; expected the directory of an earlier"):
        trained(study(tmp_path, config, shallow), config, "tiny", TINY)
