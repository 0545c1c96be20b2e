"""Which files of a folder or zip belong to which split and class."""

import io
import struct
import zipfile
from pathlib import Path

import pytest
from pictures import noise, some_files, write_folder, write_zip

from inception_jax.datasets import DatasetError
from inception_jax.datasets.folders import Listing, entries, listing, state
from inception_jax.images import ImageError


def listed(source: Path) -> Listing:
    return listing(source, entries(source))


def found(source: Path) -> set[tuple[str, str]]:
    return {(member.split, member.class_id) for member in listed(source).members}


@pytest.mark.parametrize(
    ("outer", "split"),
    [
        ("", "train"),
        ("photos/", "train"),
        ("train/", "train"),
        ("val/", "validation"),
        ("Validation/", "validation"),
        ("test/", "test"),
        ("ILSVRC/Data/test/", "test"),
        ("val/extra/", "validation"),
        ("validated/", "train"),
    ],
)
@pytest.mark.parametrize("write", [write_folder, write_zip])
def test_a_folder_outermost_or_above_the_classes_names_the_split(tmp_path, write, outer, split):
    source = write(tmp_path / "photos.zip", some_files([outer]))
    assert found(source) == {(split, "cat"), (split, "dog")}
    assert listed(source).classes == ("cat", "dog")


def test_a_class_may_be_called_train(tmp_path):
    source = write_folder(tmp_path, some_files(["", "test/"], ["train", "plane"]))
    assert found(source) == {("train", "train"), ("train", "plane"), ("test", "train"), ("test", "plane")}


def test_a_folder_of_zip_files(tmp_path):
    files = some_files(["train/"])
    write_zip(tmp_path / "train-0.zip", {name: data for name, data in files.items() if "cat" in name})
    write_zip(tmp_path / "train-1.zip", {name: data for name, data in files.items() if "dog" in name})
    write_zip(tmp_path / "val.zip", some_files())  # the zip file's name is the split's
    all_listed = listed(tmp_path)
    assert found(tmp_path) == {(split, name) for split in ("train", "validation") for name in ("cat", "dog")}
    assert all_listed.size == sum(len(data) for data in [*files.values(), *some_files().values()])
    with all_listed.reader() as read:
        data = {(member.split, str(member.path)): read(member) for member in all_listed.members}
    assert data == {("train", name): files[name] for name in files} | {
        ("validation", name): content for name, content in some_files().items()
    }


def test_other_files_and_hidden_ones_are_passed_over(tmp_path):
    noted = ["cat/notes.txt", "cat/.hidden.png", ".git/cat/a.png", "__MACOSX/cat/a.png", "logo.png"]
    files = some_files()
    source = write_folder(tmp_path, files | dict.fromkeys(noted, b""))
    assert {str(member.path) for member in listed(source).members} == set(files)
    zipped = write_zip(tmp_path / "a.zip", files | dict.fromkeys(noted, b""))
    assert {str(member.path) for member in listed(zipped).members} == set(files)


def test_the_state_is_that_of_the_image_files(tmp_path):
    source = write_folder(tmp_path, some_files())
    before = state(entries(source))
    (source / "notes.txt").write_text("no image")
    assert state(entries(source)) == before
    (source / "cat" / "new.png").write_bytes(noise(99))
    after = state(entries(source))
    (source / "cat" / "new.png").write_bytes(noise(99, (9, 9)))
    assert len({before, after, state(entries(source))}) == 3


def test_the_state_of_a_zip_file_is_that_of_its_members(tmp_path):
    files = some_files()
    first = state(entries(write_zip(tmp_path / "a" / "photos.zip", files)))
    assert state(entries(write_zip(tmp_path / "b" / "photos.zip", files))) == first
    changed = files | {"cat/0.png": bytes(reversed(files["cat/0.png"]))}  # of the same length
    assert state(entries(write_zip(tmp_path / "c" / "photos.zip", changed))) != first


@pytest.mark.parametrize("write", [write_folder, write_zip])
def test_no_images(tmp_path, write):
    source = write(tmp_path / "x.zip", {"cat/a.txt": b"", ".a.png": noise(0)})
    with pytest.raises(DatasetError, match=r"no images in .*x\.zip; expected <class>/<name>\.jpg or another of \.bmp"):
        listed(source)


@pytest.mark.parametrize("write", [write_folder, write_zip])
def test_images_in_no_folder_are_of_one_class(tmp_path, write):
    flat = write(tmp_path / "flat.zip", {"a.png": noise(0), "b.png": noise(1), "docs/": b""})
    assert [str(member.path) for member in listed(flat).members] == ["a.png", "b.png"]
    assert listed(flat).classes == ("flat" if flat.is_file() else "flat.zip",)


def test_images_beside_class_folders_are_left_out(tmp_path):
    source = write_folder(tmp_path, some_files(["train/"], ["cat"]) | {"logo.png": noise(0)})
    assert listed(source).classes == ("cat",)
    assert all(member.class_id == "cat" for member in listed(source).members)


def test_an_empty_class_folder(tmp_path):
    source = write_folder(tmp_path, some_files(["train/", "val/"]))
    (source / "train" / "owl").mkdir()
    (source / "docs").mkdir()  # beside the splits, not beside classes
    with pytest.raises(DatasetError, match=r"1 class folders of .* have no images: train/owl; fill them or take them"):
        listed(source)


def test_an_empty_class_folder_in_a_zip_file(tmp_path):
    source = write_zip(tmp_path / "a.zip", some_files() | {"owl/": b"", "__MACOSX/": b""})
    with pytest.raises(DatasetError, match=r"1 class folders of .*a\.zip have no images: owl;"):
        listed(source)


def test_classes_that_training_does_not_know(tmp_path):
    source = write_folder(tmp_path, some_files(["train/"]) | some_files(["val/"], ["cat", "dog", "owl"]))
    with pytest.raises(DatasetError, match=r"validation of .* has 1 classes that train has not: owl; all splits need"):
        listed(source)


def test_classes_that_a_split_lacks_are_told(tmp_path):
    source = write_folder(tmp_path, some_files(["train/"]) | some_files(["val/"], ["dog"]))
    with pytest.warns(UserWarning, match=r"validation of .* has no images of 1 of 2 classes: cat$"):
        assert listed(source).classes == ("cat", "dog")


def test_paths_outside_the_zip_file(tmp_path):
    source = write_zip(tmp_path / "a.zip", some_files() | {"../evil/a.png": noise(0)})
    with pytest.raises(ImageError, match=r"a\.zip names a path outside itself, '\.\./evil/a\.png'"):
        listed(source)


def test_members_that_overlap(tmp_path):
    """A zip bomb: both entries of the directory lead to the same data."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("cat/a.bmp", bytes(1_000_000))
    data = buffer.getvalue()
    end = data.rindex(b"PK\x05\x06")
    offset = struct.unpack_from("<I", data, end + 16)[0]
    count = 50
    tail = struct.pack("<HHII", count, count, (end - offset) * count, offset)
    bomb = tmp_path / "bomb.zip"
    bomb.write_bytes(data[:offset] + data[offset:end] * count + data[end : end + 8] + tail + data[end + 20 :])
    with pytest.raises(DatasetError, match=r"the members of .*bomb\.zip overlap: it would unpack to more"):
        entries(bomb)


def test_a_file_that_is_no_zip_file(tmp_path):
    (tmp_path / "a.zip").write_bytes(b"hello")
    with pytest.raises(ImageError, match=r"a\.zip is no zip file"):
        entries(tmp_path / "a.zip")


def test_links_that_lead_outside(tmp_path):
    source = write_folder(tmp_path / "photos", some_files())
    write_folder(tmp_path, {"secret.png": noise(0)})
    (source / "cat" / "here.png").symlink_to(source / "dog" / "0.png")
    assert "cat/here.png" in {str(member.path) for member in listed(source).members}
    (source / "cat" / "out.png").symlink_to(tmp_path / "secret.png")
    with pytest.raises(DatasetError, match=r"cat/out\.png is a link to a file outside; such links are not followed\."):
        listed(source)


def test_links_to_folders(tmp_path):
    source = write_folder(tmp_path / "photos", some_files())
    (source / "owl").symlink_to(source / "dog")
    with pytest.raises(DatasetError, match=r"owl is a link to a folder; .*Copy what it leads to, or name that"):
        listed(source)


@pytest.mark.shared
def test_a_folder_of_zip_files_of_64_pixels(shared_dir):
    tiny = listed(shared_dir / "data" / "tiny-imagenet")
    counts = [sum(member.split == split for member in tiny.members) for split in ("train", "validation")]
    assert (counts, len(tiny.classes)) == ([50_000, 5_000], 200)
