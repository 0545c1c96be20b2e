"""The prepared copy of a folder or zip."""

import os
import shutil
import subprocess
import sys
import warnings
from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest
from pictures import encoded, noise, plain, some_files, write_folder, write_zip
from PIL import Image

from inception_jax.datasets import Dataset, DatasetError, Preparation, open_dataset, prepare


def examples(dataset: Dataset) -> Counter[tuple[bytes, str]]:
    return Counter((dataset[i].image, dataset.classes[dataset[i].label]) for i in range(len(dataset)))


@pytest.mark.parametrize("write", [write_folder, write_zip])
def test_examples_are_the_files(tmp_path, write):
    files = some_files(["train/", "val/"], n=5)
    source = write(tmp_path / "photos.zip", files)
    for split, folder in (("train", "train/"), ("val", "val/")):
        expected = Counter((data, name.split("/")[1]) for name, data in files.items() if name.startswith(folder))
        assert examples(open_dataset(source, split)) == expected


def test_without_tensorflow(tmp_path):
    program = """
import sys

class Without:
    def __init__(self, finder):
        self.finder = finder
    def __getattr__(self, name):
        return getattr(self.finder, name)
    def find_spec(self, name, *args):
        return None if name.partition(".")[0] == "tensorflow" else self.finder.find_spec(name, *args)

sys.meta_path[:] = map(Without, sys.meta_path)
from inception_jax import datasets
train = datasets.open_dataset(sys.argv[1], "train[:4]")
print(next(datasets.train_batches(train, datasets.Preparation(8), 4, seed=0)).images.shape)
"""
    source = write_folder(tmp_path / "photos", some_files())
    command = [sys.executable, "-c", program, str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout == "(4, 8, 8, 3)\n", done.stderr
    assert done.stderr == "", "progress bars are for terminals, and tfds has nothing to say"


def test_slices_are_random_parts(tmp_path):
    source = write_folder(tmp_path / "photos", some_files(n=40))
    half, rest = open_dataset(source, "train[:50%]"), open_dataset(source, "train[50%:]")
    assert len(half) == len(rest) == 40
    assert examples(half) + examples(rest) == examples(open_dataset(source))
    # Of 40 drawn from 40 cats and 40 dogs, 20 are cats, with a standard deviation of 2.2.
    assert 12 <= sum(half[i].label == 0 for i in range(40)) <= 28
    labels = [half[i].label for i in range(40)]
    assert labels != sorted(labels)
    assert labels != sorted(labels, reverse=True)


def test_a_copy_is_made_once(tmp_path, cache, monkeypatch):
    source = write_folder(tmp_path / "photos", some_files())
    first = open_dataset(source)
    assert len(list(cache.glob("photographs-*"))) == 1
    monkeypatch.setattr(prepare, "_make", None)
    again = open_dataset(source)
    assert (again.fingerprint, examples(again)) == (first.fingerprint, examples(first))


def test_changed_files_are_prepared_again(tmp_path):
    source = write_folder(tmp_path / "photos", some_files())
    first = open_dataset(source)
    (source / "cat" / "0.png").write_bytes(plain("blue", (30, 30)))
    second = open_dataset(source)
    assert first.fingerprint != second.fingerprint
    assert plain("blue", (30, 30)) in {second[i].image for i in range(len(second))}


def test_fingerprints_are_those_of_the_content(tmp_path):
    files = some_files()
    source = write_folder(tmp_path / "a", files)
    elsewhere = write_folder(tmp_path / "b", files)
    os.utime(elsewhere / "cat" / "0.png", (1, 1))
    first = open_dataset(source)
    assert open_dataset(elsewhere).fingerprint == first.fingerprint
    assert open_dataset(write_zip(tmp_path / "c.zip", files)).fingerprint == first.fingerprint
    assert open_dataset(source, "train[:50%]").fingerprint != first.fingerprint
    (elsewhere / "cat" / "0.png").rename(elsewhere / "cat" / "renamed.png")
    assert open_dataset(elsewhere).fingerprint != first.fingerprint


def test_data_dir_is_where_the_copy_goes(tmp_path, cache):
    source = write_folder(tmp_path / "photos", some_files())
    open_dataset(source, data_dir=tmp_path / "elsewhere")
    assert not cache.exists()
    (copy,) = (tmp_path / "elsewhere").glob("photographs-*")
    assert examples(open_dataset(copy)) == examples(open_dataset(source))


def test_damaged_images_are_left_out_and_counted(tmp_path):
    files = some_files(n=6)
    bad = {
        "cat/html.jpg": b"<html>",
        "cat/cut.png": noise(5, (50, 50))[:300],
        "dog/none.jpg": b"",
        "dog/large.png": plain(0, (8001, 8000), "1"),
    }
    source = write_zip(tmp_path / "photos.zip", files | bad)
    for _ in range(2):  # when the copy is made, and when it is read
        with pytest.warns(UserWarning, match=r"skipped 4 of 16 images in .*\.zip that cannot be read: .*, \.\.\.$"):
            dataset = open_dataset(source)
    assert examples(dataset) == Counter((data, name.split("/")[0]) for name, data in files.items())


def test_a_member_with_a_wrong_checksum_is_damaged(tmp_path):
    files = some_files()
    source = write_zip(tmp_path / "photos.zip", files)
    data = source.read_bytes()
    source.write_bytes(data.replace(files["cat/1.png"], bytes(len(files["cat/1.png"]))))
    with pytest.warns(UserWarning, match=r"skipped 1 of 6 .*cat/1\.png is damaged: Bad CRC-32"):
        assert len(open_dataset(source)) == 5


def test_a_class_of_damaged_images(tmp_path, cache):
    source = write_folder(tmp_path / "photos", some_files() | {"owl/a.jpg": b"<html>", "owl/b.jpg": b""})
    message = r"every image of train/owl in .*photos is damaged; the first: owl/.\.jpg is no image; expected one of BMP"
    with pytest.raises(DatasetError, match=message):
        open_dataset(source)
    assert list(cache.glob("*photographs*")) == []


@pytest.mark.parametrize("damage", [KeyboardInterrupt, MemoryError])
def test_what_is_interrupted_leaves_nothing(tmp_path, cache, monkeypatch, damage):
    source = write_folder(tmp_path / "photos", some_files())

    def fail(*_):
        assert list(cache.glob(".photographs-*")), "work has begun"
        raise damage

    with monkeypatch.context() as patch:
        patch.setattr(prepare, "_check", fail)
        with pytest.raises(damage):
            open_dataset(source)
    assert list(cache.glob("*photographs*")) == []
    assert len(open_dataset(source)) == 6


def test_what_a_killed_run_left_is_taken_away(tmp_path, cache):
    source = write_folder(tmp_path / "photos", some_files())
    open_dataset(source)
    (copy,) = cache.glob("photographs-*")
    copy.rename(cache / f".{copy.name}")
    open_dataset(source)
    assert [path.name for path in cache.glob("*photographs*")] == [copy.name]


def test_no_room(tmp_path, cache, monkeypatch):
    source = write_folder(tmp_path / "photos", some_files())
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=0))
    with pytest.raises(
        DatasetError, match=r"cannot be prepared in .*: [\d,]+ bytes are needed, 0 are free; give data_"
    ):
        open_dataset(source)
    assert list(cache.glob("*photographs*")) == []


def test_a_folder_that_cannot_be_written(tmp_path):
    source = write_folder(tmp_path / "photos", some_files())
    (tmp_path / "file").write_text("")
    with pytest.raises(DatasetError, match=r"photos cannot be prepared in .*file: .*; give data_dir, or set INC"):
        open_dataset(source, data_dir=tmp_path / "file")


def test_images_of_all_kinds(tmp_path):
    upright = np.zeros((10, 20, 3), np.uint8)
    upright[:, :10] = 255  # white on the left, black on the right
    turned = Image.Exif()
    turned[0x0112] = 6  # to be turned clockwise by a quarter
    sideways = Image.fromarray(np.rot90(upright))
    files = {
        "a/grey.png": encoded(Image.fromarray(upright[..., 0])),
        "a/cmyk.jpg": encoded(Image.fromarray(upright).convert("CMYK"), "jpeg", quality=95),
        "a/palette.gif": encoded(Image.fromarray(upright).convert("P"), "gif"),
        "a/deep.png": encoded(Image.fromarray(upright[..., 0].astype(np.uint16) * 257)),
        "b/exif.jpg": encoded(sideways, "jpeg", quality=95, exif=turned),
        "b/clear.png": encoded(Image.fromarray(np.dstack([upright * 0, upright[..., 0]]).copy(), "RGBA").rotate(180)),
    }
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):  # Pillow's, of the mode above
        dataset = open_dataset(write_folder(tmp_path / "photos", files))
    assert len(dataset) == 6
    for i in range(6):
        pixels = Preparation(size=8, short_side=10).test(dataset[i].image, "")
        # The centre of the image: half white, half black. JPEG is off by a few levels.
        assert np.abs(pixels[:, :3].astype(int) - 255).max() <= 8
        assert pixels[:, 5:].max() <= 8


@pytest.mark.shared
def test_photographs(shared_dir):
    dataset = open_dataset(shared_dir / "data" / "imagenet-samples.zip", "val")
    assert (len(dataset), len(dataset.classes), dataset.split) == (1000, 1000, "validation")
    assert sorted(dataset[i].label for i in range(1000)) == list(range(1000))
