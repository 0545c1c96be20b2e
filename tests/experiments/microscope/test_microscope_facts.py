"""What a page of the microscope shows is what the library computes."""

import io
import json
import re

import numpy as np
import pytest
from microscope_toys import Toy
from PIL import Image

import circuits
from circuits.examples import load
from circuits.families import battery, find, measure
from experiments.circuits.units import read_at
from experiments.examples.tiles import SIDE
from experiments.microscope.gathering import photographs_seen
from experiments.microscope.options import Config
from experiments.microscope.pages import SORTS
from experiments.microscope.responses import CURVES
from experiments.page import filter_colours
from featvis import objectives as obj
from featvis import recipes
from featvis.pixels import eight_bit

# Files have five digits.
FIVE = 1e-4


@pytest.mark.parametrize(("lower", "upper"), [("conv2d1", "conv2d2"), ("conv2d2", "mixed3a"), ("mixed3a", "mixed3b")])
def test_neighbours_and_tiles(toy: Toy, lower: str, upper: str) -> None:
    weights = circuits.expanded_weights(toy.model, read_at(toy.model, lower, upper), upper)
    for unit in (0, 3):
        said = toy.facts(upper)[unit]["weights"]["inputs"]
        found = circuits.in_neighbours(weights, unit, 12)
        assert said["layer"] == lower
        assert [one["unit"] for one in said["neighbours"]] == found.units.tolist()
        np.testing.assert_allclose([one["norm"] for one in said["neighbours"]], found.norms, rtol=FIVE)
        tiles = weights[unit, found.units]
        np.testing.assert_allclose(
            [one["net"] for one in said["neighbours"]], tiles.sum((1, 2)), rtol=FIVE, atol=1e-6 * np.abs(tiles).max()
        )
        picture = np.asarray(Image.open(toy.out / upper / str(unit) / "weights.png"))
        rows, columns = said["rows"], said["columns"]
        shown = np.stack(np.split(picture[said["top"] : said["top"] + rows, : len(tiles) * columns], len(tiles), 1))
        # One level of grey, where rounding falls otherwise.
        expected = eight_bit(circuits.weights_to_rgb(tiles, float(np.abs(tiles).max()))).astype(int)
        assert np.abs(shown.astype(int) - expected).max() <= 1
    outward = toy.facts(lower)[2]["weights"]["outputs"]
    assert [one["unit"] for one in outward["neighbours"]] == circuits.out_neighbours(weights, 2, 12).units.tolist()
    stored = np.load(toy.out / "data" / "weights" / f"{upper}-inputs.npy")
    np.testing.assert_array_equal(stored[0], weights[0, circuits.in_neighbours(weights, 0, 12).units])


def test_two_layers_back_likeness_and_groups(toy: Toy) -> None:
    weights = circuits.expanded_weights(toy.model, read_at(toy.model, "conv2d2", "mixed3b"), "mixed3b")
    back = toy.facts("mixed3b")[4]["weights"]["back"]
    assert back["layer"] == "conv2d2"
    assert [one["unit"] for one in back["neighbours"]] == circuits.in_neighbours(weights, 4, 6).units.tolist()

    weights = circuits.expanded_weights(toy.model, "mixed3a", "mixed3b")
    rows = weights.reshape(len(weights), -1)
    cosines = [
        1 if n == 4 else rows[n] @ rows[4] / np.linalg.norm(rows[n]) / np.linalg.norm(rows[4]) for n in range(len(rows))
    ]
    alike = toy.facts("mixed3b")[4]["alike"]
    assert [one["unit"] for one in alike] == [n for n in np.argsort(-np.array(cosines)) if n != 4][: len(alike)]
    np.testing.assert_allclose([one["cosine"] for one in alike], [cosines[one["unit"]] for one in alike], atol=FIVE)

    factors = circuits.nmf(weights[4:5], 3, signed="inputs")
    groups = toy.facts("mixed3b")[4]["weights"]["groups"]["groups"]
    for group, inputs in zip(groups, factors.inputs, strict=True):
        order = np.argsort(-np.abs(inputs), kind="stable")[:4]
        assert [one["unit"] for one in group] == order.tolist()
        np.testing.assert_allclose([one["share"] for one in group], inputs[order], atol=FIVE)


def test_first_filters(toy: Toy) -> None:
    said = toy.facts("conv2d0")[1]["weights"]
    assert said["inputs"] is None
    kernel = np.asarray(toy.model.weights["conv2d0"]["kernel"])
    shown = np.asarray(Image.open(toy.out / "conv2d0" / "1" / "weights.png"))
    place = said["filter"]
    shown = shown[place["top"] : place["top"] + place["rows"], : place["columns"]]
    np.testing.assert_array_equal(shown, eight_bit(filter_colours(kernel)[1]))


def test_tuning_and_families(toy: Toy) -> None:
    layers = ["conv2d1", "mixed3a"]
    seen = measure(toy.model, layers, battery(15.0), size=96)
    found = find(seen)
    for layer in layers:
        for unit in (0, 2):
            fact = toy.facts(layer)[unit]
            for said, curve in zip(fact["tuning"], CURVES, strict=True):
                values = seen[layer].mean(curve.stimulus, curve.axis)[:, unit]
                # Batches of another size are convolved in another order.
                np.testing.assert_allclose(said["responses"], values, rtol=1e-3, atol=1e-5)
        members = {(unit, name) for at, unit, name, *_ in found.rows() if at == layer}
        said = {(fact["unit"], family["name"]) for fact in toy.facts(layer) for family in fact["families"]}
        assert said == members
        for fact in toy.facts(layer):
            for family in fact["families"]:
                assert fact["unit"] in [one["unit"] for one in family["siblings"]]


def test_photographs_and_activations(toy: Toy) -> None:
    found = load(toy.folder / "work" / "examples" / "examples.npz")["mixed3a"]
    for unit in (0, 7):
        said = toy.facts("mixed3a")[unit]["photographs"]
        assert [one["photograph"] for one in said["top"]] == found.top_images[unit, :9].tolist()
        np.testing.assert_allclose([one["value"] for one in said["top"]], found.top_values[unit, :9], rtol=FIVE)
        ends, shares = said["histogram"]["ends"], said["histogram"]["shares"]
        assert sum(shares) == pytest.approx(1, abs=1e-3)
        assert ends[0] == pytest.approx(found.bottom_values[unit, 0], rel=FIVE)
        assert ends[-1] == pytest.approx(found.top_values[unit, 0], rel=FIVE)
        above = sum(share for share, end in zip(shares, ends, strict=False) if end >= 0)
        # Bars are even, and one of them lies across zero.
        assert above == pytest.approx(float(found.positive[unit]), abs=max(shares))
        with Image.open(toy.out / "mixed3a" / str(unit) / "examples.webp") as strip:
            assert strip.size == (SIDE * (len(said["top"]) + len(said["bottom"])), SIDE)
    page = (toy.out / "mixed3a" / "7" / "index.html").read_text()
    for value in found.top_values[7, :9]:
        assert f"activation {value:.3g}" in page


def test_visualisations_are_the_jobs_files(toy: Toy) -> None:
    said = toy.facts("mixed3a")[2]["visualisations"]
    assert [one["kind"] for one in said] == ["positive", "negative", "diversity"]
    source = {"positive": "mixed3a/0002.png", "negative": "mixed3a_pre_relu/0002_negative.png"}
    for kind, name in source.items():
        there = (toy.out / "mixed3a" / "2" / f"{kind}.png").read_bytes()
        assert there == (toy.folder / kind / "images" / name).read_bytes()
    assert said[0]["score"] == pytest.approx(2 / 7, rel=FIVE)
    assert said[0]["settings"] == {"objective": "channel", "size": 16, "seed": 0}
    icon = np.asarray(Image.open(io.BytesIO((toy.out / "mixed3a" / "2" / "positive.png").read_bytes())))
    sheet = np.asarray(Image.open(toy.out / "sprites" / "mixed3a.webp"))[:64, 128:192]
    # Noise is blurred when it is enlarged, and by WebP; another image would differ by 85.
    assert np.abs(sheet.reshape(16, 4, 16, 4, 3).mean((1, 3)) - icon).mean() < 35


def test_pages_of_photographs(toy: Toy) -> None:
    one = json.loads((toy.out / "data" / "photographs.json").read_text())[0]
    config = Config(images=str(toy.photographs), data_dir=toy.folder / "data")
    album = photographs_seen(config, toy.model, ["mixed3a"], toy.folder / "work")
    assert album is not None
    ((_, pixels),) = album.photographs([one["number"]])
    side = toy.model.architecture.image_size
    image = np.asarray(Image.fromarray(pixels).resize((side, side), Image.Resampling.BICUBIC), np.float32)[None] / 255
    acts = toy.model(image, taps=["mixed3b", "softmax2_pre_activation"])
    logits = np.asarray(acts["softmax2_pre_activation"])[0]
    chances = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
    best = np.argsort(-logits, kind="stable")[:3]
    np.testing.assert_allclose([answer["probability"] for answer in one["answers"]], chances[best], rtol=1e-3)
    largest = np.asarray(acts["mixed3b"]).max((0, 1, 2))
    for unit in one["strongest"][-1]["units"]:
        assert unit["value"] == pytest.approx(float(largest[unit["unit"]]), rel=1e-3, abs=1e-6)
    target = obj.class_logit("softmax2_pre_activation", int(best[0]))
    adds = recipes.attribute(toy.model, image, "mixed3b", [target]).channels[0, 0]
    for unit in one["attribution"][-1]["for"]:
        assert unit["adds"] == pytest.approx(float(adds[unit["unit"]]), rel=1e-3, abs=1e-6)


def test_grids_sort_by_the_facts(toy: Toy) -> None:
    page = (toy.out / "mixed3a" / "index.html").read_text()
    text = re.search(r'<script type="application/json" id="grid">(.*?)</script>', page)
    assert text
    columns = json.loads(text[1])["mixed3a"]
    facts = toy.facts("mixed3a")
    assert columns["sorts"].keys() == SORTS.keys() - {"number"}
    assert columns["sorts"]["high"] == [-fact["photographs"]["high"] for fact in facts]
    assert sorted(columns["sorts"]["alike"]) == list(range(16))
    assert columns["branches"] == [fact["branch"] for fact in facts]
    assert columns["branches"][:5] == ["1x1"] * 4 + ["3x3"]
