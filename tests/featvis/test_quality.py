"""Does each visualisation drive its own unit, in the real network?"""

import jax
import numpy as np
import pytest

import featvis
from featvis import objectives as obj
from inception_jax.photographs import photographs

LAYERS = ("mixed3b", "mixed4a", "mixed4d")


@pytest.fixture(scope="module")
def photograph_maxima(bvlc, shared_dir):
    """The largest mean activation of each unit over the 1,000 photographs."""
    channels = jax.jit(lambda model, x: {name: a.mean((1, 2)) for name, a in model(x, taps=LAYERS).items()})
    batches = photographs(shared_dir / "data" / "imagenet-samples.zip").batches(20)
    maxima = [{name: np.asarray(a).max(0) for name, a in channels(bvlc, batch.images).items()} for batch in batches]
    return {name: np.max([m[name] for m in maxima], axis=0) for name in LAYERS}


@pytest.mark.shared
@pytest.mark.slow
def test_visualisations_drive_their_own_units_harder_than_photographs(bvlc, photograph_maxima):
    rng = np.random.default_rng(0)
    units = [(layer, int(u)) for layer in LAYERS for u in rng.choice(bvlc.layers[layer], 11, replace=False)][:32]
    # An eighth of the default number of steps: 512 give about twice the activation.
    result = featvis.render(bvlc, [obj.channel(*unit) for unit in units], steps=64, progress=False)
    ratios = result.scores / [photograph_maxima[layer][unit] for layer, unit in units]
    assert (ratios > 1).sum() >= 28, dict(zip(result.labels, ratios.round(2), strict=True))
