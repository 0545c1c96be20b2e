"""What units respond to, and what the weights between them compute."""

from circuits import examples, families, matching, stimuli, tuning
from circuits.attribution import Attribution, attribute
from circuits.branches import branch_units, by_branch, enrichment
from circuits.colors import ORANGE_BLUE, RED_BLUE, mosaic, small_multiples, weights_to_rgb
from circuits.direct import CircuitWeights, weights
from circuits.edge_attribution import EdgeAttribution, attribute_edges
from circuits.expanded import expanded_weights
from circuits.factors import Factors, nmf, spatial_rgb, svd
from circuits.faithful_circuits import Faithfulness, exclude, faithfulness, isolate
from circuits.faithful_edges import Curves, edge_curves, edge_strengths
from circuits.graphs import Circuit, Edge, Unit, circuit
from circuits.handwritten import curves_by_angle, handwritten_network
from circuits.interventions import (
    Edited,
    ablate,
    cut,
    edit_kernel,
    edited,
    graft,
    matching_gain,
    mean_ablate,
    mean_activation,
    patch,
    resample_ablate,
    rewire,
    scale,
    scale_outgoing,
)
from circuits.neighbours import balance, in_neighbours, norms, out_neighbours
from circuits.polysemantic import Facets, facets_of, features_at
from circuits.spatial import angular, banding, radial

__all__ = [
    "ORANGE_BLUE",
    "RED_BLUE",
    "Attribution",
    "Circuit",
    "CircuitWeights",
    "Curves",
    "Edge",
    "EdgeAttribution",
    "Edited",
    "Facets",
    "Factors",
    "Faithfulness",
    "Unit",
    "ablate",
    "angular",
    "attribute",
    "attribute_edges",
    "balance",
    "banding",
    "branch_units",
    "by_branch",
    "circuit",
    "curves_by_angle",
    "cut",
    "edge_curves",
    "edge_strengths",
    "edit_kernel",
    "edited",
    "enrichment",
    "examples",
    "exclude",
    "expanded_weights",
    "facets_of",
    "faithfulness",
    "families",
    "features_at",
    "graft",
    "handwritten_network",
    "in_neighbours",
    "isolate",
    "matching",
    "matching_gain",
    "mean_ablate",
    "mean_activation",
    "mosaic",
    "nmf",
    "norms",
    "out_neighbours",
    "patch",
    "radial",
    "resample_ablate",
    "rewire",
    "scale",
    "scale_outgoing",
    "small_multiples",
    "spatial_rgb",
    "stimuli",
    "svd",
    "tuning",
    "weights",
    "weights_to_rgb",
]
