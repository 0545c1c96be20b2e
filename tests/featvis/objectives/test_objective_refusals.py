"""What does not fit is refused in words."""

import numpy as np
import pytest

from featvis import objectives as obj
from featvis.algebra import check

SHAPES = {"a": (2, 4, 5, 6), "b": (2, 8, 9, 3), "logits": (2, 10), "input": (2, 32, 40, 3), "step": ()}
ONE = {name: shape and (1, *shape[1:]) for name, shape in SHAPES.items()}
channel = obj.channel("a", 0)


@pytest.mark.parametrize(
    ("objective", "message"),
    [
        (obj.channel("a", 6), "a has units 0 to 5; unit 6 was asked for"),
        (channel + 2 * obj.channel("a", 9), "a has units 0 to 5; unit 9 was asked for"),
        (obj.channel("a", 6) ** 2, "unit 6 was asked for"),
        (abs(obj.channel("a", 6)), "unit 6 was asked for"),
        (obj.ramp(obj.channel("a", 6), 0, 1), "unit 6 was asked for"),
        (obj.class_logit("logits", 10), "logits has units 0 to 9; unit 10 was asked for"),
        (obj.neuron("a", 6), "unit 6 was asked for"),
        (obj.neuron("a", 1, row=4), "^row 4 lies outside a, which is 4x5 here"),
        (obj.neuron("a", 1, column=5), "^column 5 lies outside a, which is 4x5 here"),
        (obj.neuron("logits", 1), r"logits has no positions: its shape is \(2, 10\)"),
        (obj.window(channel, 2, 0, 3, 1), "^rows 2 to 4 lie outside a, which is 4x5 here"),
        (obj.window(channel, None, 4, 1, 2), "^columns 4 to 5 lie outside a, which is 4x5 here"),
        (obj.window(channel, height=5), "^a window of 5x1 is larger than a, 4x5 here"),
        (obj.window(channel + obj.l1("b"), 1, 1), "a window lies on layers of one size, not on a 4x5, b 8x9; give"),
        (obj.total_variation("logits"), r"logits has no positions: its shape is \(2, 10\)"),
        (obj.masked(channel, np.ones((4, 4))), r"the mask has shape \(4, 4\); a is 4x5 here"),
        (obj.masked(obj.channel("logits", 1), np.ones((4, 4))), "logits has no positions"),
        (obj.direction("a", np.ones(5)), r"the direction has shape \(5,\); a needs \(6,\)"),
        (obj.cosine("a", np.ones(5)), r"the direction has shape \(5,\); a needs \(6,\)"),
        (obj.direction_neuron("a", np.ones(6), row=7), "row 7 lies outside a"),
        (obj.tensor_direction("a", np.ones((2, 2, 5))), r"shape \(2, 2, 5\); a needs \(2, 2, 6\)"),
        (obj.tensor_direction("a", np.ones((5, 5, 6))), "a window of 5x5 is larger than a, 4x5 here"),
        (obj.facet("a", np.ones(5)), "the facet has weights for 5 units; a has 6"),
        (obj.facet("logits", np.ones((2, 2, 10))), "logits has no positions"),
        (
            obj.facet("a", np.ones(6), "positive"),
            "attribution 'positive' needs the gradient at a, which is not computed",
        ),
        (obj.blur_alpha_each_step(), "images have 3 channels here; opacity is the 4th"),
        (obj.mean_alpha(), "images have 3 channels here; opacity is the 4th"),
        (
            obj.penalize_boundary_complexity(mask=np.ones((32, 32))),
            r"the mask has shape \(32, 32\); the image is 32x40 here",
        ),
        (obj.caricature("a", np.ones((4, 4, 6))), r"the reference has shape \(4, 4, 6\); a has \(4, 5, 6\) here"),
        (obj.input_difference(np.ones((8, 8, 3))), r"shape \(8, 8, 3\); input has \(32, 40, 3\) here"),
        (obj.style("a", np.ones((4, 4, 7))), r"the reference has shape \(7, 7\); a has \(6, 6\) here"),
        (obj.inversion("a", 2), "the reference is image 2; a result has images 0 to 1 here"),
        (obj.on(channel, image=2), "image 2 was asked for; a has images 0 to 1 here"),
        (obj.on(channel, image=[0, 3]), "image 3 was asked for; a has images 0 to 1 here"),
        (obj.on(obj.diversity("a"), image=1), "a was computed from 1 image, but this objective relates several"),
        (obj.on(obj.channel("a", 6), image=1), "unit 6 was asked for"),
    ],
)
def test_data_that_do_not_fit(objective, message):
    with pytest.raises(ValueError, match=message):
        check(objective.fn, SHAPES, objective.data)


@pytest.mark.parametrize(
    "objective",
    [
        obj.diversity("a"),
        obj.alignment("a"),
        obj.ramp(channel, 0, 1),
        obj.interpolate(channel, channel),
        obj.content("a", 0),
    ],
    ids=lambda objective: objective.label,
)
def test_objectives_over_several_images_given_one(objective):
    check(objective.fn, SHAPES, objective.data)
    with pytest.raises(ValueError, match=r"a was computed from 1 image.*; give a parameterisation of several images"):
        check(objective.fn, ONE, objective.data)


class Unhashable:
    __hash__ = None


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: obj.neuron("a", 1, row=-1), "row is -1; expected 0 or more"),
        (lambda: obj.channel("a", 3.5), "unit is 3.5; expected a whole number"),
        (lambda: obj.channel("a", -3), "unit is -3; expected 0 or more"),
        (lambda: obj.class_logit(3, "softmax2"), "unit is 'softmax2'; expected a whole number"),
        (lambda: obj.window(channel, height=0), "the window is 0x1; expected sides of at least 1"),
        (lambda: obj.window(channel, width=1.5), "width is 1.5; expected a whole number"),
        (lambda: obj.on(channel, image=-1), "image is -1; expected 0 or more"),
        (lambda: obj.on(channel, image=[]), "no images were given; expected the number of one, or several"),
        (lambda: obj.masked(channel, np.ones(3)), r"the mask has shape \(3,\); expected \(height, width\)"),
        (lambda: obj.function(max, "conv2d0"), r"layers is the text 'conv2d0'; expected a list of layer names"),
        (lambda: obj.function(Unhashable(), ["a"]), "is not hashable; expected a function or a frozen dataclass"),
        (lambda: obj.schedule(Unhashable()), "is not hashable; expected a function or a frozen dataclass"),
        (lambda: obj.direction("a", np.ones((2, 3))), r"the direction has shape \(2, 3\); expected \(units\)"),
        (lambda: obj.direction("a", np.array([1, np.nan])), "the direction holds numbers that are not finite"),
        (lambda: obj.direction("a", np.ones(6), -1), "cossim_pow is -1; expected a number from 0 up"),
        (
            lambda: obj.direction("a", np.ones(6), whitening=np.ones((5, 5))),
            r"the whitening matrix has shape \(5, 5\); expected \(6, 6\)",
        ),
        (lambda: obj.tensor_direction("a", np.ones(6)), r"shape \(6,\); expected \(height, width, units\)"),
        (lambda: obj.facet("a", np.ones((2, 6))), r"shape \(2, 6\); expected \(height, width, units\)"),
        (lambda: obj.facet("a", np.ones(6), "both"), "attribution is 'both'; expected one of none, positive, signed"),
        (lambda: obj.caricature("a", np.ones((1, 4, 5, 6))), r"\(1, 4, 5, 6\); expected \(height, width, units\)"),
        (lambda: obj.caricature("a", 1.5), "reference is 1.5; expected a whole number"),
        (lambda: obj.caricature("a", 0, float("inf")), "cossim_pow is inf; expected a number from 0 up"),
        (lambda: obj.alignment("a", 0), "decay_ratio is 0; expected a number above 0"),
        (lambda: obj.ramp(obj.decay(10), 0, 1), r"decay\(10\) reads no images; expected an objective that does"),
        (lambda: obj.decay(0), "steps is 0; expected a number above 0"),
        (lambda: obj.l2(epsilon=-1), "epsilon is -1; expected a number from 0 up"),
        (lambda: obj.penalize_boundary_complexity(-1), "width is -1; expected a number of pixels, from 0 up"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_impossible_objectives(make, message):
    with pytest.raises(ValueError, match=message):
        make()
