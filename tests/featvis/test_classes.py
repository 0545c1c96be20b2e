"""Objectives for classes, by label."""

import numpy as np

import inception_jax
from featvis import objectives as obj

LOGITS = "softmax2_pre_activation"


def test_logit_of_a_label() -> None:
    model = inception_jax.load("mini")
    goldfish = obj.class_logit(LOGITS, inception_jax.class_index(model, "goldfish"))
    photograph = np.random.default_rng(0).random((1, 64, 64, 3), np.float32)
    acts = model(photograph, taps=["avgpool0", LOGITS])
    row = list(inception_jax.labels(model)).index("goldfish")
    weights = model.weights["softmax2"]
    expected = acts["avgpool0"][0] @ weights["kernel"][:, row] + weights["bias"][row]
    # float32 sums over 384 inputs, in another order.
    np.testing.assert_allclose(goldfish(acts), expected, rtol=1e-4, atol=1e-4)
    assert np.unique(np.asarray(acts[LOGITS])).size == 200  # No other output would do.
