"""Folders of results: what comes back, what is refused, what is left when writing fails."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from featvis.pixels import picture
from featvis.store import file_names, load, save

LABELS = ["mixed4a:476", "-mixed4a:1^2 * b"]
FILES = ["mixed4a_476.png", "negative_mixed4a_1_2_b.png"]


def noise(*shape, seed=0):
    return np.random.default_rng(seed).random(shape, np.float32)


def contents(folder: Path):
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.mark.parametrize("shape", [(2, 6, 9, 3), (2, 6, 9, 4), (2, 6, 9, 1), (2, 3, 6, 9, 3), (2, 6, 9, 7)])
def test_round_trip(shape, tmp_path):
    images = noise(*shape) * 1.5 - 0.2  # Out of range too: the arrays are exact, whatever pictures can hold.
    arrays = {"history": noise(2, 5), "steps": np.array([5, 4]), "names": np.array(["a", "b"]), "done": np.bool_(True)}
    facts = {"seed": 3, "note": "é", "nested": {"list": [1, None, 0.5]}}
    assert save(tmp_path / "deep" / "run", images, LABELS, arrays, facts) == tmp_path / "deep" / "run"
    saved = load(tmp_path / "deep" / "run")
    assert saved.labels == tuple(LABELS)
    assert saved.manifest == facts
    assert saved.arrays.keys() == arrays.keys()
    for name, array in {**arrays, "images": images}.items():
        back = saved.images if name == "images" else saved.arrays[name]
        assert back.dtype == np.asarray(array).dtype
        np.testing.assert_array_equal(back, array)


@pytest.mark.parametrize("count", [None, 2])
def test_there_is_a_png_for_each_image(count, tmp_path):
    images = noise(*([2, 6, 9, 3] if count is None else [2, count, 6, 9, 3]))
    save(tmp_path, images, LABELS)
    stems = [name.removesuffix(".png") for name in FILES]
    files = FILES if count is None else [f"{stem}_{j}.png" for stem in stems for j in range(count)]
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted([*files, "arrays.npz", "manifest.json"])
    for file, image in zip(files, images.reshape(-1, 6, 9, 3), strict=True):
        with Image.open(tmp_path / file) as shown:
            np.testing.assert_array_equal(np.asarray(shown), np.asarray(picture(image)))
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert [result["label"] for result in manifest["results"]] == LABELS
    assert [file for result in manifest["results"] for file in result["files"]] == files


def test_the_same_results_give_the_same_bytes(tmp_path):
    for name in "ab":
        save(tmp_path / name, noise(2, 6, 9, 3), LABELS, {"x": noise(3)}, {"seed": 0})
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


AWKWARD = [
    "mixed4a:476",
    "mixed4a 476",
    "MIXED4A:476",
    "mixed4a_476_2",
    "-mixed4a:476",
    "a * b^2",
    "con",
    "COM1.x",
    "nul:",
    "..",
    "../../x",
    "C:\\temp\\x",
    "",
    "?",
    "x" * 300,
    "x" * 301,
    "Ångström",
    "a\nb\0c",
    "-" * 5,
    "ends.",
    "ends ",
]


def test_file_names_are_safe_everywhere_and_unique():
    names = file_names(AWKWARD)
    assert len({name.lower() for name in names}) == len(names) == len(AWKWARD)
    for name in names:
        assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._+-]*", name), name
        assert len(name) <= 110
        assert name.split(".")[0].lower() not in {"con", "prn", "aux", "nul", "com1", "lpt9"}
        assert not name.endswith((".", " "))
    assert file_names(AWKWARD) == names
    assert names[:5] == [
        "mixed4a_476",
        "mixed4a_476_2",
        "MIXED4A_476_3",
        "mixed4a_476_2_2",
        "negative_mixed4a_476",
    ]


def test_awkward_labels_round_trip(tmp_path):
    save(tmp_path / "run", noise(len(AWKWARD), 2, 2, 3), AWKWARD)
    assert load(tmp_path / "run").labels == tuple(AWKWARD)
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_saving_again_replaces_what_was_saved(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    save(tmp_path, noise(2, 6, 9, 3), LABELS)
    later = noise(1, 4, 4, 3, seed=1)
    save(tmp_path, later, ["mixed3b:379"])
    assert {file.name for file in tmp_path.iterdir()} == {"notes.txt", "manifest.json", "arrays.npz", "mixed3b_379.png"}
    np.testing.assert_array_equal(load(tmp_path).images, later)


@pytest.mark.parametrize("name", [FILES[1], "arrays.npz", "manifest.json"])
def test_files_of_others_are_left_alone_unless_told(name, tmp_path):
    (tmp_path / name).write_text("{}")
    with pytest.raises(FileExistsError) as error:
        save(tmp_path, noise(2, 6, 9, 3), LABELS)
    assert str(error.value) == (
        f"{tmp_path} has files that were not saved from here: {name}; give another folder, or overwrite=True"
    )
    assert contents(tmp_path) == {name: b"{}"}
    save(tmp_path, noise(2, 6, 9, 3), LABELS, overwrite=True)
    np.testing.assert_array_equal(load(tmp_path).images, noise(2, 6, 9, 3))


def test_a_manifest_cannot_name_files_elsewhere(tmp_path):
    (tmp_path / "precious.png").write_bytes(b"precious")
    save(tmp_path / "run", noise(1, 2, 2, 3), ["a"])
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    manifest["results"][0]["files"] += ["../precious.png", str(tmp_path / "precious.png"), "notes.txt"]
    (tmp_path / "run" / "manifest.json").write_text(json.dumps(manifest))
    (tmp_path / "run" / "notes.txt").write_text("mine")
    save(tmp_path / "run", noise(1, 2, 2, 3), ["b"])
    assert (tmp_path / "precious.png").read_bytes() == b"precious"
    assert (tmp_path / "run" / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize("before", [False, True])
@pytest.mark.parametrize("place", ["first image", "second image", "arrays"])
def test_a_failing_write_leaves_nothing(place, before, tmp_path, monkeypatch):
    folder = tmp_path / "run"
    if before:
        save(folder, noise(1, 3, 3, 3), ["old"])
    there = contents(tmp_path)
    save_image, calls = Image.Image.save, []

    def full(self, fp, *arguments, **options):
        calls.append(fp)
        if len(calls) == (1 if place == "first image" else 2):
            raise OSError(28, "No space left on device")
        save_image(self, fp, *arguments, **options)

    def no_arrays(file, **arrays):
        del arrays
        file.write_bytes(b"cut short")
        raise OSError(28, "No space left on device")

    if place == "arrays":
        monkeypatch.setattr(np, "savez", no_arrays)
    else:
        monkeypatch.setattr(Image.Image, "save", full)
    with pytest.raises(OSError, match="No space left on device"):
        save(folder, noise(2, 6, 9, 3), LABELS)
    assert contents(tmp_path) == there
    assert [path.name for path in tmp_path.iterdir()] == (["run"] if before else [])


def test_arrays_of_another_manifest_are_noticed(tmp_path):
    save(tmp_path / "a", noise(1, 2, 2, 3), ["a"])
    save(tmp_path / "b", noise(1, 2, 2, 3, seed=1), ["a"])
    (tmp_path / "b" / "arrays.npz").replace(tmp_path / "a" / "arrays.npz")
    with pytest.raises(ValueError, match=r"arrays\.npz is not what manifest\.json describes; save the results again$"):
        load(tmp_path / "a")


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"format": "featvis 1"}', '{"format": "other"}'])
def test_other_manifests_are_refused(text, tmp_path):
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(
        ValueError, match=r"manifest\.json is no manifest of saved results; expected one that says 'fea"
    ):
        load(tmp_path)
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"labels": ["a"]}, "1 labels were given for 2 results; expected one for each"),
        ({"arrays": {"x": np.array([{}])}}, "array 'x' has type object; expected numbers, booleans or text"),
        (
            {"arrays": {"images": np.zeros(1)}},
            "an array cannot be called 'images'; expected a plain name, such as 'scores'",
        ),
        ({"arrays": {"a/b": np.zeros(1)}}, "an array cannot be called 'a/b'; expected a plain name, such as 'scores'"),
        (
            {"manifest": {"x": object()}},
            "JSON cannot hold the manifest: Object of type object is not JSON serializable",
        ),
        ({"manifest": {"x": float("nan")}}, "JSON cannot hold the manifest: Out of range float values are not JSON"),
    ],
)
def test_refusals(arguments, message, tmp_path):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        save(**{"folder": tmp_path / "run", "images": noise(2, 2, 2, 3), "labels": LABELS, **arguments})
    assert not list(tmp_path.iterdir())
