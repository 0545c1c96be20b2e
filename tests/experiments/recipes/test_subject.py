"""The photograph and the classes of an experiment, and what is shown of them."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import inception_jax
from experiments.options import UsageError
from experiments.recipes.sources import drawn
from experiments.recipes.subject import Subject, SubjectOptions, subject


@pytest.fixture(scope="module")
def mini() -> inception_jax.Model:
    return inception_jax.load("mini")


@pytest.fixture
def quarters(mini: inception_jax.Model) -> Subject:
    """A white photograph, for maps of 2x2."""
    return Subject(mini, np.ones((4, 4, 3), np.float32), "white")


def test_a_file_is_cut_to_the_size_of_the_model(mini: inception_jax.Model, tmp_path: Path) -> None:
    pixels = np.zeros((73, 99, 3), np.uint8)
    pixels[:, 49:] = 255
    Image.fromarray(pixels).save(tmp_path / "two halves.png")
    about = subject(SubjectOptions(image=tmp_path / "two halves.png"), mini)
    assert about.name == "two halves"
    # A short side of 8/7 of 64 pixels is not resized; the middle of it is cut out.
    np.testing.assert_array_equal(about.image, pixels[4:68, 17:81] / np.float32(255))
    np.testing.assert_array_equal(about.batch, about.image[None])


def test_a_photograph_of_a_folder_by_number(mini: inception_jax.Model, photographs: Path) -> None:
    red, blue = (subject(SubjectOptions(image=photographs, number=number), mini) for number in (0, 23))
    assert red.image.shape == (64, 64, 3)
    # The first class is reddish noise, the second is green.
    assert red.image.mean((0, 1)).argmax() == 0
    assert blue.image.mean((0, 1)).argmax() == 1
    assert red.name == "0"


def test_there_is_a_picture_with_nothing_at_hand(mini: inception_jax.Model) -> None:
    about = subject(SubjectOptions(), mini)
    assert about.name == "a drawn picture"
    np.testing.assert_array_equal(about.image, drawn(64))
    assert about.image.min() >= 0
    assert about.image.max() <= 1
    assert about.image.std() > 0.1


@pytest.mark.parametrize(
    ("image", "number", "message"),
    [
        ("missing.jpg", 0, "cannot read .*missing.jpg: No such file"),
        ("missing.zip", 0, "cannot read .*missing.zip: No such file"),
        ("", 24, "number is 24; .* has photographs 0 to 23"),
        ("", -1, "number is -1; .* has photographs 0 to 23"),
    ],
)
def test_photographs_that_are_not_there(
    image: str, number: int, message: str, mini: inception_jax.Model, photographs: Path
) -> None:
    with pytest.raises(UsageError, match=message):
        subject(SubjectOptions(image=photographs / image, number=number), mini)


def test_classes_are_the_likeliest_or_those_that_are_named(mini: inception_jax.Model) -> None:
    about = subject(SubjectOptions(), mini)
    probabilities = np.asarray(mini(about.batch, taps="softmax2")["softmax2"][0])
    likeliest = about.classes((), 3)
    order = np.argsort(-probabilities)[:3]
    assert [one.name for one in likeliest] == [inception_jax.labels(mini)[i] for i in order]
    # Rounding of float32, twice.
    np.testing.assert_allclose([one.probability for one in likeliest], probabilities[order], rtol=1e-4)
    goldfish, fifth = about.classes(("goldfish", "5"), 1)
    assert (goldfish.name, goldfish.logit.label) == ("goldfish", "softmax2_pre_activation:0")
    assert (fifth.name, fifth.logit.label) == (inception_jax.labels(mini)[5], "softmax2_pre_activation:5")
    with pytest.raises(UsageError, match="has no class 'goldfisch'; did you mean 'goldfish'"):
        about.classes(("goldfisch",), 1)
    with pytest.raises(UsageError, match="mini has classes 0 to 199, not 200"):
        about.classes(("200",), 1)


def test_classes_without_names_have_numbers(mini: inception_jax.Model) -> None:
    nameless = dataclasses.replace(mini, provenance={})
    assert subject(SubjectOptions(), nameless).classes(("7",), 1)[0].name == "class 7"


def test_maps_lie_over_the_photograph(quarters: Subject) -> None:
    values = np.array([[0.0, 1.0], [2.0, 4.0]])
    expected = np.kron(values, np.ones((2, 2)))
    np.testing.assert_array_equal(quarters.spread(values), expected)
    np.testing.assert_allclose(quarters.spotlight(values)[..., 1], 0.12 + 0.88 * expected / 4)
    np.testing.assert_allclose(quarters.spotlight(0 * values), 0.12)


def test_signs_are_orange_and_blue(quarters: Subject) -> None:
    shown = quarters.signed(np.array([[0.0, 1.0], [-2.0, 0.5]]), full=2.0)
    corners = shown[::3, ::3]
    np.testing.assert_allclose(corners[0, 0], 1)
    assert corners[0, 1, 0] > corners[0, 1, 2], "positive is orange"
    np.testing.assert_allclose(corners[1, 0], [0.10, 0.40, 0.75], atol=1e-6)
    assert corners[1, 1].mean() > corners[0, 1].mean(), "weaker is paler"
    assert np.isfinite(quarters.signed(np.zeros((2, 2)))).all()


def test_rows_are_enlarged(quarters: Subject) -> None:
    picture = quarters.row([quarters.image, quarters.image])
    assert picture.width == 2 * 240 + 3 * 8
