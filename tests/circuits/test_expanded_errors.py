"""What cannot be asked of expanded and direct weights, and what the messages say."""

import numpy as np
import pytest

from circuits import expanded_weights, weights

BLACK = np.zeros((1, 64, 64, 3), np.float32)


@pytest.mark.parametrize(
    ("ends", "settings", "message"),
    [
        (("mixed3x", "mixed3b"), {}, "no layer 'mixed3x'; did you mean"),
        (("mixed3a", "mixed3x"), {}, "no layer 'mixed3x'; did you mean"),
        (("mixed3b", "mixed3a"), {}, "'mixed3b' comes after 'mixed3a'; weights go from an earlier layer to a later"),
        (("mixed3a", "mixed3a"), {}, "both ends are 'mixed3a'; expected a layer and a later one"),
        (("mixed3a_1x1", "mixed3a_3x3"), {}, "nothing leads from 'mixed3a_1x1' to 'mixed3a_3x3'"),
        (("conv2d0", "input"), {}, "no layer 'input'"),
        (("mixed3a", "mixed3b"), {"size": 7}, r"size is 7; 'mixed3b' sees 5x5 positions of 'mixed3a': expected 1 to 5"),
        (("mixed3a", "mixed3b"), {"size": 0}, "size is 0; .*expected 1 to 5"),
        (("mixed3a", "mixed3b"), {"units": []}, "units is empty; expected unit numbers of 'mixed3b', 0 to 59, or dire"),
        (("mixed3a", "mixed3b"), {"units": [0, 60, -1]}, "units has -1, 60; expected unit numbers of 'mixed3b', 0 to"),
        (("mixed3a", "mixed3b"), {"inputs": np.ones((2, 60))}, r"inputs has shape \(2, 60\) .*directions \[n, 32\]"),
        (("mixed3a", "mixed3b"), {"inputs": np.full(32, np.nan)}, "inputs has directions that are not finite"),
        (("mixed3a", "mixed3b"), {"units": np.ones(60, bool)}, "units has shape .* and type bool; expected unit"),
        (("mixed3a", "mixed3b"), {"batch": 0}, "batch is 0; expected 1 or more units at a time"),
        (("mixed3a", "mixed3b"), {"position": (28, 0)}, r"position is \(28, 0\); 'mixed3b' has a map of 28x28: exp"),
        (("mixed3a", "mixed3b"), {"position": (3,)}, r"position is \(3,\); .*expected a row, 0 to 27, and a column"),
        (("mixed3a", "mixed3b"), {"out": np.zeros((60, 32, 3, 3))}, r"out has shape .*expected \(60, 32, 5, 5\) of f"),
        (("mixed3a", "mixed3b"), {"out": np.zeros((60, 32, 5, 5), int)}, "out has .* type int64; expected"),
        (("mixed3a", "mixed3b"), {"through": "mixed4a"}, "no way from 'mixed3a' to 'mixed3b' passes 'mixed4a'; expect"),
        (("mixed3a", "mixed3b"), {"through": ("mixed3b_1x1", "mixed3b_3x3")}, "passes all of .*; expected layers in a"),
        (("mixed3a", "mixed3b"), {"images": BLACK[0]}, "images have shape .*add a batch axis"),
        (("mixed3a", "mixed3b"), {"images": BLACK[:0]}, "images has none; expected at least one"),
        (("mixed3a", "mixed3b"), {"images": BLACK.astype(np.uint8)}, "expected floating point RGB"),
        (("mixed5b", "avgpool0"), {"images": BLACK}, "images of 64x64 pixels give .* or stop earlier"),
        (("mixed3a", "mixed3b"), {"edits": {"mixed4a": lambda a: a}}, "edits of .*mixed4a.* would have no effect"),
        (("mixed3a", "mixed3b"), {"edits": {"mixed3b": lambda a: a[..., 0]}}, "the edit of 'mixed3b' returned shape"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_what_cannot_be_asked(ends, settings, message, narrow):
    with pytest.raises(ValueError, match=message):
        expanded_weights(narrow, *ends, **settings)


@pytest.mark.parametrize(
    ("ends", "settings", "message"),
    [
        (("mixed3a", "mixed4a"), {}, "'mixed3a' and 'mixed4a' are not adjacent: 'mixed3b' lies between"),
        (("conv2d0", "conv2d2"), {}, "'conv2d0' and 'conv2d2' are not adjacent: 'conv2d1' lies between"),
        (("mixed3b", "maxpool4"), {}, "no weights lie between 'mixed3b' and 'maxpool4'; expected a layer and one that"),
        (("mixed3a_1x1", "mixed3a"), {}, "no weights lie between 'mixed3a_1x1' and 'mixed3a'"),
        (("mixed3b", "mixed3a"), {}, "'mixed3b' comes after 'mixed3a'"),
        (("conv2d1", "conv2d2"), {"units": np.eye(24)}, "units are directions, which have no names; expected unit num"),
        (("conv2d1", "conv2d2"), {"inputs": []}, "inputs is empty"),
    ],
)
def test_what_is_not_adjacent(ends, settings, message, narrow):
    with pytest.raises(ValueError, match=message):
        weights(narrow, *ends, **settings)
