"""Recipes: the figures of *Feature Visualization*, *The Building Blocks of Interpretability* and others, one by one."""

from featvis.recipes import atlas
from featvis.recipes.attribution import Attribution, attribute, attribute_positions, position_norm
from featvis.recipes.beside import Beside
from featvis.recipes.caricature import Caricatures, caricature, feature_inversion
from featvis.recipes.dictionary import SemanticDictionary, semantic_dictionary
from featvis.recipes.directions import directions, pair_directions, random_directions
from featvis.recipes.diversity import diversity
from featvis.recipes.grid import ActivationGrid, activation_grid
from featvis.recipes.groups import NeuronGroups, neuron_groups
from featvis.recipes.interaction import Grid, interactions, interpolation, interpolation_grid
from featvis.recipes.maco import maco
from featvis.recipes.maps import layer_activations, layer_maps
from featvis.recipes.patterns import Patterns, patterns
from featvis.recipes.reduce import Factors, reduce
from featvis.recipes.spectrum import Spectrum, spectrum
from featvis.recipes.sprites import Sprites, sprites
from featvis.recipes.style import style_transfer, texture

__all__ = [
    "ActivationGrid",
    "Attribution",
    "Beside",
    "Caricatures",
    "Factors",
    "Grid",
    "NeuronGroups",
    "Patterns",
    "SemanticDictionary",
    "Spectrum",
    "Sprites",
    "activation_grid",
    "atlas",
    "attribute",
    "attribute_positions",
    "caricature",
    "directions",
    "diversity",
    "feature_inversion",
    "interactions",
    "interpolation",
    "interpolation_grid",
    "layer_activations",
    "layer_maps",
    "maco",
    "neuron_groups",
    "pair_directions",
    "patterns",
    "position_norm",
    "random_directions",
    "reduce",
    "semantic_dictionary",
    "spectrum",
    "sprites",
    "style_transfer",
    "texture",
]
