"""Units of two layers, of one network or two, beside each other: correlations, matches, similarity, and ways across."""

from circuits.matching.matches import Matches, assignment, best_matches
from circuits.matching.moments import JointMoments, moments_of
from circuits.matching.nulls import random_matches, rotated
from circuits.matching.push import push, push_directions
from circuits.matching.similarity import Canonical, cca, cka, svcca
from circuits.matching.streaming import joint_moments, joint_moments_of

__all__ = [
    "Canonical",
    "JointMoments",
    "Matches",
    "assignment",
    "best_matches",
    "cca",
    "cka",
    "joint_moments",
    "joint_moments_of",
    "moments_of",
    "push",
    "push_directions",
    "random_matches",
    "rotated",
    "svcca",
]
