"""The weight tiles that the article published: what they say, and whether the network has the same."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from experiments.study import Study
from experiments.study.measures import correlation
from experiments.study.unit_pictures import inputs_of, lean

_FIGURES = {
    "curve": ("Zoom In curve weights excited", "Zoom In curve weights inhibited"),
    "dog": ("Zoom In oriented dog heads", "Equivariance invariant dog head (= Zoom In DogMerge)"),
    "car": ("Zoom In car circuit",),
}
"""What the published tiles call the article's figures."""
_MIRRORED = (((308, 443), (222, 429)), ((308, 418), (222, 418)), ((234, 418), (325, 418)))
"""Pairs of tiles, from and to which units, that the article shows as mirror images."""
_WINDOWS, _WHEELS = (237, 447), (373, 447)

Tiles = Mapping[tuple[int, int], np.ndarray]
"""Published weights by the units from and to which they lead."""


def show_published(study: Study) -> None:
    """The article's statements about its own tiles, and its tiles beside the network's weights."""
    file = study.numbers_of("weight_tiles.json")
    _claim_statements(study, None if file is None else file["tiles"])
    for name, figures in _FIGURES.items():
        _claim_same(study, name, None if file is None else of_figures(file["tiles"], figures))


def of_figures(tiles: Sequence[Mapping[str, Any]], figures: Sequence[str]) -> list[Mapping[str, Any]]:
    """The tiles of some figures whose units are both known.

    >>> of_figures([{"figure": "a", "from_unit": 1}, {"figure": "a", "from_unit": None}], ["a"])
    [{'figure': 'a', 'from_unit': 1}]
    """
    return [tile for tile in tiles if tile["figure"] in figures and tile["from_unit"] is not None]


def by_units(tiles: Sequence[Mapping[str, Any]]) -> Tiles:
    """Weights by the units at both ends.

    >>> by_units([{"from_unit": 1, "to_unit": 2, "values": [[0.5]]}])
    {(1, 2): array([[0.5]])}
    """
    return {(tile["from_unit"], tile["to_unit"]): np.array(tile["values"]) for tile in tiles}


def _claim_statements(study: Study, tiles: Sequence[Mapping[str, Any]] | None) -> None:
    def state(text: str, expected: str, **known: Any) -> None:
        if tiles is None:
            known = {"why": "the published tiles are not at hand"}
        study.claim(text, expected, basis="published numbers", rows=(26,), **known)

    known = {name: by_units(of_figures(tiles or (), figures)) for name, figures in _FIGURES.items()}
    excited = by_units(of_figures(tiles or (), _FIGURES["curve"][:1]))
    inhibited = by_units(of_figures(tiles or (), _FIGURES["curve"][1:]))
    positive = sum(float(tile.sum()) > 0 for tile in excited.values())
    negative = sum(float(tile.sum()) < 0 for tile in inhibited.values())
    state(
        "Published curves excite curves of their orientation and inhibit opposite ones",
        "sums of all eight tiles, positive and negative",
        measured=f"{positive} and {negative} of 4",
        published="4 and 4 of 4",
        holds=positive == negative == 4,
    )
    dogs = known["dog"]
    mirrored = [correlation(dogs[a], dogs[b][:, ::-1]) for a, b in _MIRRORED if a in dogs and b in dogs]
    state(
        "Published weights of dogs that face left are those of dogs that face right, mirrored",
        "correlation above 0.9 in all three pairs: they were learned apart",
        measured=f"{min(mirrored, default=0.0):.2f} to {max(mirrored, default=0.0):.2f} in {len(mirrored)} pairs",
        holds=len(mirrored) == 3 and min(mirrored) > 0.9,
    )
    cars = known["car"]
    ends = [lean(cars[pair])[0] if pair in cars else 0.0 for pair in (_WINDOWS, _WHEELS)]
    state(
        "Published weights look for windows in the upper part of a car and for wheels in the lower",
        "they lean up for windows and down for wheels, by a position or more",
        measured=f"{ends[0]:+.2f} and {ends[1]:+.2f} positions downwards",
        holds=ends[0] <= -1 and ends[1] >= 1,
    )


def _claim_same(study: Study, name: str, tiles: Sequence[Mapping[str, Any]] | None) -> None:
    text = f"Weights of the {name} circuit have the signs of the published tiles"
    expected = "in 99 of 100 places where these are above 0.02 of full scale: they were read from pictures"
    if not study.labelled or tiles is None:
        why = "the published tiles are not at hand" if study.labelled else "needs the weights of inception5h"
        study.claim(text, expected, published="all", why=why, rows=(26,))
        return
    alike, scores = [], []
    for tile in tiles:
        lower, upper, unit = tile["from_layer"], tile["to_layer"], tile["to_unit"]
        theirs = np.array(tile["values"])
        own = inputs_of(study, lower, upper, unit, 0, [tile["from_unit"]])[1][0]
        clear = np.abs(theirs) > 0.02
        alike.append((np.sign(own) == np.sign(theirs))[clear])
        scores.append(correlation(own, theirs))
    share = float(np.concatenate(alike).mean())
    study.claim(
        text,
        expected,
        measured=f"{share:.1%} in {len(tiles)} tiles, least correlation {min(scores):.3f}",
        published="all",
        holds=share >= 0.99,
        rows=(26,),
    )
