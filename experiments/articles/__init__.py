"""The articles of *Thread: Circuits* and those before it, a module or a folder each."""

from types import ModuleType

from experiments.articles import (
    activation_atlas,
    branch_specialization,
    building_blocks,
    curve_circuits,
    curve_detectors,
    differentiable_parameterizations,
    early_vision,
    equivariance,
    feature_visualization,
    high_low_frequency,
    visualizing_weights,
    weight_banding,
    zoom_in,
)

ARTICLES: dict[str, ModuleType] = {
    "zoom_in": zoom_in,
    "early_vision": early_vision,
    "curve_detectors": curve_detectors,
    "equivariance": equivariance,
    "high_low_frequency": high_low_frequency,
    "curve_circuits": curve_circuits,
    "visualizing_weights": visualizing_weights,
    "branch_specialization": branch_specialization,
    "weight_banding": weight_banding,
    "feature_visualization": feature_visualization,
    "building_blocks": building_blocks,
    "differentiable_parameterizations": differentiable_parameterizations,
    "activation_atlas": activation_atlas,
}
"""Every article by the name of its command, in the order of the thread."""
