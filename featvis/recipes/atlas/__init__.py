"""Activation atlases: what a layer sees in many images, laid out as a map. With `from featvis.recipes import atlas`:

samples = atlas.collect(model, datasets.eval_batches(photographs, preparation, 16), "mixed4c", positions=8)
points = atlas.in_unit_square(atlas.lay_out(samples.vectors))
found = atlas.activation_atlas(samples, atlas.gather(points, (20, 20)))
icons = featvis.render(model, found.objectives(atlas.whitening(samples.vectors)), param=featvis.param.image(80))
found.picture(icons.images)

Source: Carter, Armstrong, Schubert, Johnson and Olah 2019, *Activation Atlas*.
"""

from featvis.recipes.atlas.cells import Cells, gather
from featvis.recipes.atlas.icons import ActivationAtlas, activation_atlas, whitening
from featvis.recipes.atlas.layout import contrast, in_unit_square, joint, lay_out
from featvis.recipes.atlas.samples import Samples, collect

__all__ = [
    "ActivationAtlas",
    "Cells",
    "Samples",
    "activation_atlas",
    "collect",
    "contrast",
    "gather",
    "in_unit_square",
    "joint",
    "lay_out",
    "whitening",
]
