"""Families of units: published ones, and a search for them in networks that nobody has labelled."""

from circuits.families.battery import Battery, Probe, battery
from circuits.families.equivariance import PermutationTest, sums_by_angle, turn_together
from circuits.families.family import Family, published, published_family
from circuits.families.first_layer import Filters, filter_features, sort_filters
from circuits.families.measuring import Measured, measure
from circuits.families.readings import READINGS, apart, curve_reading, high_low_reading, line_reading
from circuits.families.relating import Relations, related
from circuits.families.rules import RULES, THRESHOLD, Rule, Verdict, ramp, resultant
from circuits.families.search import Search, find, search
from circuits.families.turning import SYMMETRIES, Symmetry, exchange, hue_mix, mirrored, scaled, turned

__all__ = [
    "READINGS",
    "RULES",
    "SYMMETRIES",
    "THRESHOLD",
    "Battery",
    "Family",
    "Filters",
    "Measured",
    "PermutationTest",
    "Probe",
    "Relations",
    "Rule",
    "Search",
    "Symmetry",
    "Verdict",
    "apart",
    "battery",
    "curve_reading",
    "exchange",
    "filter_features",
    "find",
    "high_low_reading",
    "hue_mix",
    "line_reading",
    "measure",
    "mirrored",
    "published",
    "published_family",
    "ramp",
    "related",
    "resultant",
    "scaled",
    "search",
    "sort_filters",
    "sums_by_angle",
    "turn_together",
    "turned",
]
