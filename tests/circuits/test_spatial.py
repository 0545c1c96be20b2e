"""Where weights lie, by hand and against the published numbers."""

import json

import numpy as np
import pytest

from circuits import angular, banding, radial


def test_rings():
    tile = np.zeros((5, 5))
    tile[2, 2], tile[2, 3], tile[1, 1], tile[0, 4] = 1, 2, 3, 4
    found = radial(tile)
    # Distances 0, 1, 1.41 and 2.83, rounded.
    assert found.at.tolist() == [0, 1, 2, 3]
    np.testing.assert_allclose(found.shares, np.array([1, 4 + 9, 0, 16]) / 30)
    np.testing.assert_array_equal(radial(np.stack([[tile, 0 * tile]])).shares[0, 1], 0)


def test_directions_turn_with_the_tile():
    tile = np.random.default_rng(0).normal(size=(3, 5, 5))
    shares = angular(tile, bins=8).shares
    np.testing.assert_allclose(shares.sum(-1), 1)
    # A quarter turn counterclockwise, two bins back.
    np.testing.assert_allclose(angular(np.rot90(tile, axes=(1, 2)), bins=8).shares, np.roll(shares, -2, -1))
    below = np.zeros((5, 5))
    below[4, 2] = 1
    assert angular(below, bins=8).at[angular(below, bins=8).shares.argmax()] == 90


def test_bands():
    rng = np.random.default_rng(0)
    rows, columns = np.broadcast_arrays(rng.normal(size=(4, 3, 5, 1)), rng.normal(size=(4, 3, 1, 5)))
    np.testing.assert_allclose(banding(rows), (1, 0), atol=1e-12)
    np.testing.assert_allclose(banding(columns), (0, 1), atol=1e-12)
    both = banding(rows + 2 * columns)
    variance = rows[..., 0].var(-1).sum(), 4 * columns[:, :, 0].var(-1).sum()
    np.testing.assert_allclose(both, np.array(variance) / sum(variance))


def test_what_has_no_place():
    with pytest.raises(ValueError, match="the weights are the same at all positions; there is no variance to share"):
        banding(np.ones((2, 3, 5, 5)))
    with pytest.raises(ValueError, match="bins is 0; expected 1 or more"):
        angular(np.ones((5, 5)), bins=0)
    with pytest.raises(ValueError, match="the weights are not all finite; expected numbers"):
        radial(np.full((5, 5), np.inf))


@pytest.mark.shared
def test_published_pictures_of_banding(thread):
    """The shares of rows and columns in all 18 published sets of pictures, and what they tell apart."""
    unbanded = {
        "AlexNet_modelzoo_conv5_weights_read",
        "InceptionV1_fc_only_v0_v1_InceptionV1_Mixed_5c_Branch_2_Conv2d_0b_5x5_weights_read",
        "ResNet50_fc_only_v0_v1_resnet_model_conv2d_51_kernel_read",
        "Simplified_fc_only_v0_v1_5b_weights_read",
        "Simplified_x_avgpool_v0_v1_5b_weights_read",
    }
    with np.load(thread / "weight_banding_reduced.npz") as pictures:
        published = json.loads((thread / "weight_banding.json").read_text())["reduced_weights"]
        assert len(published) == 18
        for name, expected in published.items():
            found = banding(np.moveaxis(pictures[name].astype(float), -1, 1))
            shares = expected["row_variance_share"], expected["column_variance_share"]
            np.testing.assert_allclose(found, shares, atol=5e-5, err_msg=name)  # Given to four digits.
            if "90deg" in name:
                assert found.rows < 0.17
            elif name in unbanded:
                assert found.rows < 0.73
            else:
                assert found.rows > 0.75
