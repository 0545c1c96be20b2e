"""Branches of blocks, and families that keep to them, against the published lists and numbers."""

import json
from math import comb

import pytest
import scipy.stats

import inception_jax
from circuits import branch_units, by_branch, enrichment
from inception_jax.graph import graph


def test_branches_of_both_networks():
    assert branch_units(inception_jax.INCEPTION5H, "mixed4a")["pool_reduce"] == range(444, 508)
    # Four more 3x3 units than the other network.
    assert branch_units(inception_jax.BVLC_GOOGLENET, "mixed4a")["pool_reduce"] == range(448, 512)
    model = inception_jax.load("mini")
    assert branch_units(model, "mixed3a") == branch_units(model.architecture, "mixed3a")


@pytest.mark.parametrize(("found", "family", "branch", "layer"), [(9, 14, 32, 256), (0, 3, 5, 9), (2, 7, 4, 12)])
def test_the_tail_of_the_distribution(found, family, branch, layer):
    expected = scipy.stats.hypergeom(layer, branch, family).sf(found - 1)
    assert enrichment(found, family, branch, layer) == pytest.approx(expected, rel=1e-9)


def test_what_cannot_be():
    with pytest.raises(
        ValueError, match="no block 'mixed3x' with branches in inception5h; expected mixed3a or mixed3b"
    ):
        branch_units(inception_jax.INCEPTION5H, "mixed3x")
    with pytest.raises(ValueError, match="no block '3a' with branches in simplified; expected none"):
        branch_units(inception_jax.SIMPLIFIED, "3a")
    with pytest.raises(ValueError, match="unit 256 is in no branch"):
        by_branch([256], branch_units(inception_jax.INCEPTION5H, "mixed3a"))
    with pytest.raises(ValueError, match="10 of 9 units in a branch of 32 of 256; expected found <= family and branch"):
        enrichment(10, 9, 32, 256)


@pytest.fixture(scope="module")
def articles(thread):
    """What *Branch Specialization* and *An Overview of Early Vision* counted."""
    return {name: json.loads((thread / f"{name}.json").read_text()) for name in ("branch_specialization", "families")}


@pytest.mark.shared
def test_ranges(articles):
    for block, ranges in articles["branch_specialization"]["branch_channel_ranges"].items():
        expected = {row["branch"]: range(row["start"], row["stop"]) for row in ranges}
        assert branch_units(inception_jax.INCEPTION5H, block) == expected


@pytest.mark.shared
def test_the_two_claims(articles):
    claims = articles["branch_specialization"]["claims"]
    for name, bound, value in (
        ("bw_vs_color_in_mixed3a_5x5", 1e-8, 2.48e-9),
        ("curve_related_in_mixed3b_5x5", 1e-20, 1.68e-23),
    ):
        claim, block = claims[name], name[name.index("mixed3") :].removesuffix("_5x5")
        counts = by_branch(claim["units"], branch_units(inception_jax.INCEPTION5H, block))
        assert counts["5x5"] == claim["n"]
        chance = enrichment(counts["5x5"], claim["n"], claim["K"], claim["N"])
        assert chance == pytest.approx(comb(claim["K"], claim["n"]) / comb(claim["N"], claim["n"]))
        assert chance == pytest.approx(value, rel=2e-3)  # Three digits in the text.
        assert chance < bound


@pytest.mark.shared
def test_all_families(articles):
    families = articles["families"]["layers"]
    for name, expected in articles["branch_specialization"]["family_by_branch"].items():
        layer, family = name.split("/", 1)
        units = next(group["units"] for group in families[layer]["groups"] if group["name"] == family)
        branches = branch_units(inception_jax.INCEPTION5H, layer)
        counts = by_branch(units, branches)
        assert {branch: n for branch, n in counts.items() if n} == expected["by_branch"]
        chance = enrichment(counts["5x5"], len(units), len(branches["5x5"]), families[layer]["n_units"])
        assert chance == pytest.approx(expected["p_5x5_at_least"], rel=1e-9)


@pytest.mark.shared
def test_families_are_partitions_of_early_vision(articles):
    layers = articles["families"]["layers"]
    early = ["conv2d0", "conv2d1", "conv2d2", "mixed3a", "mixed3b"]
    units = {node.name: node.op.units for node in graph(inception_jax.INCEPTION5H).nodes}
    for name in early:
        members = [unit for group in layers[name]["groups"] for unit in group["units"]]
        assert sorted(members) == list(range(units[name]))
    assert sum(len(layers[name]["groups"]) for name in early) == 77
    assert sum(units[name] for name in early) == 1056
