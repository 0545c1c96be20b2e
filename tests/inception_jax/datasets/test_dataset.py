"""Opening data sets by path, and their examples."""

import pickle

import pytest
from pictures import in_memory, noise, plain, some_files, write_folder

from inception_jax.datasets import DatasetError, open_dataset


@pytest.fixture
def source(tmp_path):
    return write_folder(tmp_path / "photos", some_files(["train/", "val/"], n=10))


@pytest.mark.parametrize(
    ("split", "named", "length"),
    [
        ("train", "train", 20),
        ("val", "validation", 20),
        ("validation", "validation", 20),
        ("val[:30%]", "validation[:30%]", 6),
        ("train[5:15]", "train[5:15]", 10),
        ("train[-5:]+val", "train[-5:]+validation", 25),
    ],
)
def test_splits(source, split, named, length):
    dataset = open_dataset(source, split)
    assert (dataset.split, len(dataset)) == (named, length)
    assert dataset.classes == ("cat", "dog")
    assert dataset.name == str(source)


@pytest.mark.parametrize("split", ["test", "trian", "train[", "train[:x]", "train[:200%]", "", "train[0:1000]"])
def test_splits_that_are_not_there(source, split):
    with pytest.raises(DatasetError, match=r"photos has no split '.*'; it has train, validation, and parts of them"):
        open_dataset(source, split)


def test_an_empty_slice(source):
    with pytest.raises(DatasetError, match=r"split 'train\[5:5\]' of .*photos is empty"):
        open_dataset(source, "train[5:5]")


@pytest.mark.parametrize("name", ["./nothing", "/nothing", "~/nothing", "nothing.zip"])
def test_paths_that_are_not_there(name):
    with pytest.raises(DatasetError, match=r"no such file or folder: .*nothing.*; expected one, or the name of a tfds"):
        open_dataset(name)


def test_a_file_that_is_no_zip_file(tmp_path):
    (tmp_path / "photos.tar").write_bytes(b"hello")
    with pytest.raises(ValueError, match=r"photos\.tar is no zip file .*; expected a folder or a zip file of images"):
        open_dataset(tmp_path / "photos.tar")


def test_examples_by_number():
    dataset = in_memory([noise(0), noise(1)], [1, 0], 2)
    assert dataset[0] == (noise(0), 1)
    for index in (-1, 2):
        with pytest.raises(IndexError, match=rf"example {index} of memory, which has 2"):
            dataset[index]


def test_records_that_are_damaged():
    dataset = in_memory([plain()], [0], 2)
    dataset._records[0] = b"no record"  # type: ignore[index]
    with pytest.raises(DatasetError, match="memory: example 0 of train is damaged: "):
        dataset[0]
    dataset._records[0] = b""  # type: ignore[index] # a record without features
    with pytest.raises(DatasetError, match="memory: example 0 of train is damaged: "):
        dataset[0]


def test_data_sets_travel_to_other_processes(source):
    dataset = open_dataset(source)
    dataset[0]
    copy = pickle.loads(pickle.dumps(dataset))
    assert [copy[i] for i in range(20)] == [dataset[i] for i in range(20)]


def test_one_line_of_repr(source):
    assert repr(open_dataset(source)).startswith(f"Dataset(name={str(source)!r}, split='train', fingerprint=")
