"""Universality: the same families in every network at hand, and units of two networks that go together."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

import jax
import numpy as np
from PIL import Image

import inception_jax
from circuits.families import RULES, Family, Search, apart
from circuits.matching import Matches, best_matches, joint_moments_of, rotated
from experiments.articles.zoom_in.features import plural
from experiments.circuits import pictures
from experiments.circuits.icons import unit_icons
from experiments.families import pictures as plots
from experiments.study import Study
from experiments.study.study import EARLY

OTHERS = ("mini", "mini-seed1")
"""Networks that come with the library: the same architecture and training, two seeds."""
SOUGHT = ("curves", "high-low frequency")
"""The families that the article looks for in other networks."""

_SIDE, _ACROSS = 84, 8
_WINDOW, _PLACES, _PHOTOGRAPHS = 96, 24, 300
"""Side of the part of photographs that two networks see, places of each, and how many photographs."""
_LAYERS = ("conv2d2", "mixed3a", "mixed3b")

Networks = dict[str, inception_jax.Model]


def show_networks(study: Study) -> None:
    """Families in each network, and matches between each two."""
    networks = _networks(study)
    searches = {name: _searched(study, name, model) for name, model in networks.items()}
    blank = inception_jax.initialise(inception_jax.MINI, seed=0)
    untrained = _searched(study, "untrained", blank)
    study.page.section(
        "Universality: the same families",
        f"What {len(networks)} networks have: {', '.join(networks)}. Each was shown the same drawn stimuli, and the "
        "same rules decide; beside them a network of the architecture of mini that was not trained.",
    )
    rows = [
        [name, layer, *(len(found.family(layer, family)) for family in RULES), found.measured[layer].units]
        for name, found in {**searches, "mini, not trained": untrained}.items()
        for layer in found.verdicts
    ]
    study.page.table("networks", ["network", "layer", *RULES, "units"], rows, "Units of each family by layer.")
    for family in SOUGHT:
        counts = {name: counted(found, family) for name, found in searches.items()}
        study.claim(
            f"Every network has {plural(family)}",
            "three or more units in each, and more than in the network that was not trained",
            measured=", ".join(f"{name} {count}" for name, count in counts.items())
            + f"; not trained {counted(untrained, family)}",
            published="found by hand in AlexNet, InceptionV1, VGG19 and ResNetV2-50",
            holds=min(counts.values()) >= 3 and min(counts.values()) > counted(untrained, family),
            basis="found units",
            rows=(29,),
        )
    _show_icons(study, networks, searches)
    _show_matches(study, networks, searches)


def counted(found: Search, family: str) -> int:
    """Units of a family in all layers.

    >>> from circuits.families import find
    >>> counted(find({}), "curves")
    0
    """
    return sum(len(found.family(layer, family)) for layer in found.verdicts)


def _networks(study: Study) -> Networks:
    """The network of the article, and those that come with the library, each once."""
    others = {name: inception_jax.load(name) for name in OTHERS if name != study.config.model}
    own = study.config.model if study.config.model in OTHERS else study.model.name
    return {own if own not in others else f"this {own}": study.model} | others


def _searched(study: Study, name: str, model: inception_jax.Model) -> Search:
    if model is study.model:
        return study.found
    return study.searched(f"responses-of-{name}", model, [layer for layer in EARLY if layer in model.layers])


def _best(found: Search, family: str) -> Family | None:
    """The family of the layer that has most of it; None where no layer has any."""
    families = [one for layer in found.verdicts if (one := found.family(layer, family)).units]
    return max(families, key=len, default=None)


def _show_icons(study: Study, networks: Networks, searches: dict[str, Search]) -> None:
    """The best units of both families in each network, by orientation."""
    for name in SOUGHT:
        rows: list[tuple[str, list[Image.Image]]] = []
        for network, found in searches.items():
            family = _best(found, name)
            if family is None:
                continue
            angles = family.angles
            units = sorted(family.units[: study.few(_ACROSS)], key=lambda u, angles=angles: angles.get(u, 0.0))
            icons = _icons(study, network, networks[network], family.layer, units)
            rows.append(
                (f"{network}\n{family.layer}\nof {len(family)} there", [pictures.icon(icons[u], _SIDE) for u in units])
            )
        if rows:
            short = name.split()[0]
            study.page.figure(
                f"universal-{short}",
                plots.lines(rows, _SIDE),
                f"{plural(name).capitalize()} in {len(rows)} of {len(networks)} networks: the best units of the layer "
                "that has most of them, by orientation.",
                alt=f"{len(rows)} rows of icons of {name}",
            )


def _icons(
    study: Study, network: str, model: inception_jax.Model, layer: str, units: Sequence[int]
) -> dict[int, pictures.Icon]:
    if model is study.model:
        return study.icons(layer, units)
    # Their own names, since units of several networks go by the same labels.
    name = f"icons-of-{network}-{layer}-{'-'.join(map(str, units))}"
    return unit_icons(study.page, model, layer, units, replace(study.drawing, size=None), name)


def _show_matches(study: Study, networks: Networks, searches: dict[str, Search]) -> None:
    """Which units of two networks do the same with the same photographs."""
    text = "Units of one network have partners in another"
    expected = "mean correlation with the best partner above that with directions at random in place of units"
    aligned_text = "Curve detectors have curve detectors of their orientation for partners"
    aligned_expected = "in more than half; orientations within 30 degrees"
    if study.dataset is None:
        for said, wanted in ((text, expected), (aligned_text, aligned_expected)):
            study.claim(said, wanted, why="no photographs", basis="found units", rows=(29,))
        return
    rows, better, pairs = [], [], []
    for one, other in pairwise(networks):
        for layer, (found, chance) in _matched(study, networks, one, other).items():
            above = int(found.above(chance).sum())
            rows.append([one, other, layer, len(found.partners), found.mean, chance.mean, above])
            better.append(found.mean > chance.mean)
            pairs += _curves(searches[one], searches[other], layer, found)
    if not rows:
        for said, wanted in ((text, expected), (aligned_text, aligned_expected)):
            study.claim(said, wanted, why="no two networks have a layer in common", basis="found units", rows=(29,))
        return
    study.page.section(
        "Universality: the same units",
        "Two networks are shown the same parts of the same photographs. Each unit of the first is given the unit of "
        "the second that it correlates with most. By chance: the same layer in a random basis, which says as much, "
        "only not in units.",
    )
    study.page.table(
        "matches",
        ["network", "other network", "layer", "units", "mean correlation", "by chance", "above 99 % of chance"],
        rows,
        "Correlations of units with their best partners, over positions of photographs.",
    )
    study.claim(
        text,
        expected,
        measured="; ".join(f"{one} and {other}, {layer}: {m:.2f}, {c:.2f}" for one, other, layer, _, m, c, _ in rows),
        holds=all(better),
        basis="found units",
        rows=(29,),
    )
    if not pairs:
        why = "no two networks have curve detectors in one layer"
        study.claim(aligned_text, aligned_expected, why=why, basis="found units", rows=(29,))
        return
    right = sum(pairs)
    study.claim(
        aligned_text,
        aligned_expected,
        measured=f"{right} of {len(pairs)}",
        holds=right > len(pairs) / 2,
        basis="found units",
        rows=(29,),
    )


def _curves(one: Search, other: Search, layer: str, found: Matches) -> list[bool]:
    """For each curve detector of a layer, whether its partner is one of the same orientation."""
    if layer not in one.verdicts or layer not in other.verdicts:
        return []
    ours, theirs = one.family(layer, "curves").angles, other.family(layer, "curves").angles
    if not theirs:
        return []
    partners = {unit: int(found.partners[unit]) for unit in ours}
    return [partner in theirs and apart(theirs[partner], ours[unit]) <= 30 for unit, partner in partners.items()]


def _matched(study: Study, networks: Networks, one: str, other: str) -> dict[str, tuple[Matches, Matches]]:
    """For each layer that two networks share, the best matches, and those in a random basis."""
    layers = [layer for layer in _LAYERS if all(layer in networks[name].layers for name in (one, other))]
    if not layers:
        return {}

    def make() -> dict[str, np.ndarray]:
        photos = _windows(study, list(study.photographs)[: study.few(_PHOTOGRAPHS)])
        both = [(layer, layer) for layer in layers]
        taps = tuple(layers)
        a, b = (jax.jit(lambda images, model=networks[name]: model(images, taps=taps)) for name in (one, other))
        found = joint_moments_of(a, b, photos, both, per_image=_PLACES, seed=study.config.seed)
        made = {}
        for layer, moments in zip(layers, found, strict=True):
            chance = rotated(moments, study.config.seed)
            for name, given in (("found", moments), ("chance", chance)):
                best = best_matches(given)
                made |= {
                    f"{layer}/{name}/partners": best.partners,
                    f"{layer}/{name}/correlations": best.correlations,
                    f"{layer}/{name}/mutual": best.mutual,
                }
        return made

    kept = study.page.kept(f"matches-{one}-{other}".replace(" ", "-"), make)

    def read(layer: str, name: str) -> Matches:
        partners, correlations, mutual = (
            kept[f"{layer}/{name}/{part}"] for part in ("partners", "correlations", "mutual")
        )
        return Matches((layer, layer), partners, correlations, mutual)

    return {layer: (read(layer, "found"), read(layer, "chance")) for layer in layers}


def _windows(study: Study, numbers: list[int]) -> Iterator[np.ndarray]:
    """The middle of photographs, as large for all networks, so that what units see is as large."""
    for batch in study.batches(numbers):
        images = batch.images[batch.ids >= 0]
        side = min(_WINDOW, images.shape[1])
        first = (images.shape[1] - side) // 2
        yield images[:, first : first + side, first : first + side].astype(np.float32) / 255
