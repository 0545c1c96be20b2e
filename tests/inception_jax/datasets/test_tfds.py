"""Data sets that tfds prepared, or prepares now."""

import socket
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from pictures import noise, record
from test_tfrecords import chain

from inception_jax.datasets import Dataset, DatasetError, Preparation, open_dataset, tfds, train_batches

Splits = Mapping[str, Sequence[tuple[bytes, int]]]

SPLITS: Splits = {
    "train": [(noise(i, (20, 16), "jpeg"), i % 3) for i in range(23)],
    "validation": [(noise(100 + i), i % 3) for i in range(6)],
}


def write(data_dir: Path, name: str, splits: Splits, file_format: str = "array_record", **features: Any) -> Path:
    """Writes a data set of three classes as tfds does, by its own writer; TFRECORD files as their format says."""
    import tensorflow_datasets
    from tensorflow_datasets.core import dataset_info

    folder = data_dir / name
    folder.mkdir(parents=True)
    features = {
        "image": tensorflow_datasets.features.Image(),
        "label": tensorflow_datasets.features.ClassLabel(names=["ant", "bee", "cow"]),
    } | features
    version = tensorflow_datasets.core.Version(folder.name)
    info = dataset_info.DatasetInfo(
        builder=dataset_info.DatasetIdentity(name.split("/")[0], version, str(folder), __name__),
        features=tensorflow_datasets.features.FeaturesDict(features),
    )
    if file_format == "array_record":
        writer = tensorflow_datasets.core.SequentialWriter(info, 10, file_format="array_record")
        writer.initialize_splits(list(splits))
        for split, examples in splits.items():
            writer.add_examples({split: [{"image": image, "label": label} for image, label in examples]})
        writer.close_all()
        return folder
    info.set_file_format(file_format)
    infos = []
    for split, examples in splits.items():
        template = tensorflow_datasets.core.ShardedFileTemplate(
            folder, dataset_name=info.name, split=split, filetype_suffix=file_format
        )
        shards = [examples[start : start + 10] for start in range(0, len(examples), 10)]
        for i, shard in enumerate(shards):
            path = Path(template.sharded_filepath(shard_index=i, num_shards=len(shards)))
            path.write_bytes(chain([record(image, label) for image, label in shard]))
        lengths = [len(shard) for shard in shards]
        infos.append(
            tensorflow_datasets.core.SplitInfo(
                name=split, shard_lengths=lengths, num_bytes=1, filename_template=template
            )
        )
    info.set_splits(tensorflow_datasets.core.splits.SplitDict(infos))
    info.write_to_directory(folder)
    return folder


def contents(dataset: Dataset) -> list[tuple[bytes, int]]:
    return [tuple(dataset[i]) for i in range(len(dataset))]


@pytest.fixture
def offline(monkeypatch):
    def fail(*_):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    monkeypatch.setattr("urllib.request.getproxies", dict)


@pytest.mark.parametrize("file_format", ["array_record", "tfrecord"])
@pytest.mark.parametrize("name", ["imagenette/full-size-v2/1.0.0", "imagenette/full-size-v2/0.1.0", "my_set/2.0.0"])
def test_by_name(tmp_path, name, file_format):
    """A version that tfds would prepare now, an older one, and a data set that tfds has no code of."""
    write(tmp_path, name, SPLITS, file_format)
    dataset = open_dataset(name.rpartition("/")[0], data_dir=tmp_path)
    assert contents(dataset) == SPLITS["train"]
    assert contents(open_dataset(name.rpartition("/")[0], "val", tmp_path)) == SPLITS["validation"]


@pytest.mark.parametrize("file_format", ["array_record", "tfrecord"])
def test_by_path(tmp_path, file_format):
    folder = write(tmp_path, "my_set/1.0.0", SPLITS, file_format)
    assert open_dataset(folder).classes == ("ant", "bee", "cow")
    assert contents(open_dataset(folder)) == SPLITS["train"]
    assert contents(open_dataset(folder, "train[5:-2]")) == SPLITS["train"][5:-2]
    assert contents(open_dataset(folder, "train[:50%]+val")) == [*SPLITS["train"][:12], *SPLITS["validation"]]
    batch = next(train_batches(open_dataset(folder), Preparation(size=8), 4, seed=0))
    assert (batch.images.shape, batch.damaged) == ((4, 8, 8, 3), 0)


def test_fingerprints(tmp_path):
    folder = write(tmp_path / "a", "my_set/1.0.0", SPLITS)
    same = write(tmp_path / "b", "my_set/1.0.0", SPLITS)
    newer = write(tmp_path / "b", "my_set/1.1.0", SPLITS)
    shorter = write(tmp_path / "c", "my_set/1.0.0", SPLITS | {"train": SPLITS["train"][1:]})
    first = open_dataset(folder).fingerprint
    assert open_dataset(same).fingerprint == first
    others = [
        open_dataset(folder, "val"),
        open_dataset(folder, "train[1:]"),
        open_dataset(newer),
        open_dataset(shorter),
    ]
    assert len({first, *(dataset.fingerprint for dataset in others)}) == 5


def test_names_that_tfds_does_not_know(tmp_path):
    with pytest.raises(DatasetError, match=r"no file or folder 'imagenete', and no tfds data set of that name; exp"):
        open_dataset("imagenete", data_dir=tmp_path)


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize("name", ["cifar10", "imagenet_resized/64x64", "imagenet2012"])
def test_what_is_neither_there_nor_to_be_had(tmp_path, name):
    with pytest.raises(DatasetError) as error:
        open_dataset(name, data_dir=tmp_path)
    assert str(error.value).startswith(f"{name} is not in {tmp_path}/{name}/")
    assert "tfds cannot prepare it here (gaierror: [Errno -2] Name or service not known)" in str(error.value)
    assert f"tensorflow_datasets.builder('{name}').download_and_prepare(file_format='array_record')" in str(error.value)


def test_other_versions_than_asked_for(tmp_path):
    write(tmp_path, "imagenette/full-size-v2/1.0.0", SPLITS)
    with pytest.raises(DatasetError, match=r"tfds cannot open imagenette/full-size-v2:9\.9\.9: "):
        open_dataset("imagenette/full-size-v2:9.9.9", data_dir=tmp_path)


def test_tfds_prepares_what_is_not_there(tmp_path, monkeypatch):
    import tensorflow_datasets

    class TinyThings(tensorflow_datasets.core.GeneratorBasedBuilder):
        VERSION = tensorflow_datasets.core.Version("1.0.0")
        pkg_dir_path = Path(__file__).parent

        def _info(self):
            features = tensorflow_datasets.features.FeaturesDict(
                {
                    "picture": tensorflow_datasets.features.Image(),
                    "kind": tensorflow_datasets.features.ClassLabel(num_classes=3),
                }
            )
            return self.dataset_info_from_configs(features=features, supervised_keys=("picture", "kind"))

        def _split_generators(self, dl_manager):
            del dl_manager
            return {split: self._generate_examples(split) for split in SPLITS}

        def _generate_examples(self, split):
            for i, (image, label) in enumerate(SPLITS[split]):
                yield i, {"picture": image, "kind": label}

    monkeypatch.setattr(tfds, "_check_network", lambda: None)
    dataset = open_dataset("tiny_things", data_dir=tmp_path)
    assert sorted(contents(dataset)) == sorted(SPLITS["train"])
    assert contents(dataset) != SPLITS["train"], "tfds shuffles"
    assert dataset.classes == ("0", "1", "2")


def test_other_features(tmp_path):
    import tensorflow_datasets

    text = write(tmp_path, "my_set/1.0.0", {"train": [(b"hello", 1)]}, image=tensorflow_datasets.features.Text())
    with pytest.raises(DatasetError, match=r"is no data set of labelled photographs: expected a Image feature 'image'"):
        open_dataset(text)


def test_files_that_are_missing(tmp_path):
    folder = write(tmp_path, "my_set/1.0.0", SPLITS)
    next(folder.glob("*train*00001*")).unlink()
    message = r"1 files of .* are missing: .*my_set-train\.array_record-00001.*; prepare or copy it again"
    with pytest.raises(DatasetError, match=message):
        open_dataset(folder)
    assert contents(open_dataset(folder, "val")) == SPLITS["validation"]


def test_files_that_are_damaged(tmp_path):
    folder = write(tmp_path, "my_set/1.0.0", SPLITS, "tfrecord")
    file = next(folder.glob("*train*00001-of*"))
    file.write_bytes(file.read_bytes()[:-9])
    with pytest.raises(DatasetError, match=r"the files of .* cannot be read: .* ends inside record 9 of 10; it is dam"):
        open_dataset(folder)
    other = write(tmp_path, "my_set/2.0.0", SPLITS)
    (other / "dataset_info.json").write_text("{")
    with pytest.raises(DatasetError, match=r"my_set/2\.0\.0 is no data set that tfds can read: "):
        open_dataset(other)


def test_damaged_records_count_as_damage(tmp_path):
    folder = write(tmp_path, "my_set/1.0.0", {"train": SPLITS["train"][:10]})
    file = next(folder.glob("*train*"))
    data = bytearray(file.read_bytes())
    data[2000:2060] = bytes(60)  # inside the third record
    file.write_bytes(data)
    dataset = open_dataset(folder)
    assert dataset[1] == SPLITS["train"][1]
    with pytest.raises(DatasetError, match=r"example 2 of train is damaged: .*hash mismatch"):
        dataset[2]
    batches = train_batches(dataset, Preparation(size=8), 10, seed=0)
    assert next(batches).damaged >= 1


def test_parquet_is_refused(tmp_path):
    folder = write(tmp_path, "my_set/1.0.0", SPLITS, "parquet")
    with pytest.raises(DatasetError, match=r"the files of .* are parquet; expected array_record or tfrecord"):
        open_dataset(folder)


@pytest.mark.frameworks
def test_what_tfds_writes_with_tensorflow(tmp_path):
    """Of images given as arrays, which tfds itself reads back."""
    pytest.importorskip("tensorflow")
    import numpy as np
    import tensorflow_datasets

    pixels = np.random.default_rng(0).integers(0, 256, (30, 12, 12, 3), np.uint8)

    class TinyArrays(tensorflow_datasets.core.GeneratorBasedBuilder):
        VERSION = tensorflow_datasets.core.Version("1.0.0")
        pkg_dir_path = Path(__file__).parent

        def _info(self):
            features = tensorflow_datasets.features.FeaturesDict(
                {
                    "image": tensorflow_datasets.features.Image(shape=(12, 12, 3)),
                    "label": tensorflow_datasets.features.ClassLabel(num_classes=30),
                }
            )
            return self.dataset_info_from_configs(features=features)

        def _split_generators(self, dl_manager):
            del dl_manager
            return {"train": self._generate_examples()}

        def _generate_examples(self):
            for i in range(30):
                yield i, {"image": pixels[i], "label": i}

    for file_format in ("array_record", "tfrecord"):
        builder = TinyArrays(data_dir=tmp_path / file_format)
        builder.download_and_prepare(file_format=file_format)
        dataset = open_dataset("tiny_arrays", data_dir=tmp_path / file_format)
        labels = [dataset[i].label for i in range(30)]
        assert sorted(labels) == list(range(30))
        for i, label in enumerate(labels):
            assert (Preparation(size=12).test(dataset[i].image, "x") == pixels[label]).all()
    assert labels == [int(example["label"]) for example in builder.as_dataset("train")]
