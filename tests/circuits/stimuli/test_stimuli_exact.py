"""Every kind of stimulus against its definition, point by point, averaged over 16x16 points of each pixel."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import erf

from circuits.stimuli import KINDS, Circle, Line, ThreadCurve, thread_orientations, thread_radii
from circuits.stimuli.coverage import inside

SIZE, FINE, COUNT = 41, 16, 12


def turned(s, x, y):
    c, d = np.cos(np.deg2rad(s["orientation"])), np.sin(np.deg2rad(s["orientation"]))
    return c * x + d * y, c * y - d * x


def apart(a, b):
    """Angle between two directions, in degrees, 0 to 180."""
    return np.abs((a - b + 180) % 360 - 180)


def direction(x, y):
    return np.rad2deg(np.arctan2(y, x))


def outlined(s, line, inner):
    return s["filled"] * inner + (1 - s["filled"]) * line


def curve(s, x, y):
    a = np.deg2rad(s["orientation"])
    x, y = x + s["radius"] * np.cos(a), y + s["radius"] * np.sin(a)
    far = np.hypot(x, y)
    line = (np.abs(far - s["radius"]) < s["width"] / 2) & (apart(direction(x, y), s["orientation"]) < s["arc"] / 2)
    return outlined(s, line, far < s["radius"] + s["width"] / 2)


def line(s, x, y):
    u, v = turned(s, x, y)
    return (np.abs(u) < s["width"] / 2) & (np.abs(v) < s["length"] / 2)


def angle(s, x, y):
    """The sides are rays from the sharp corner; what lies farther in than the radius rounds it."""
    u, v = turned(s, x, y)
    u, half = u + s["radius"], np.deg2rad(s["opening"] / 2)
    nearest = np.hypot(u, v)
    for side in (-1, 1):
        way = -np.cos(half), side * np.sin(half)
        t = np.maximum(u * way[0] + v * way[1], 0)
        nearest = np.minimum(nearest, np.hypot(u - t * way[0], v - t * way[1]))
    within = np.abs(v) * np.cos(half) < -u * np.sin(half)
    field = np.where(within, -nearest, nearest) - s["radius"]
    return outlined(s, np.abs(field) < s["width"] / 2, field < s["width"] / 2)


def circle(s, x, y):
    far = np.hypot(x, y)
    return outlined(s, np.abs(far - s["radius"]) < s["width"] / 2, far < s["radius"] + s["width"] / 2)


def divergence(s, x, y):
    ink = np.zeros_like(x)
    each_side = s["opening"] / 2 / s["spread"]
    for number in range(-12, 13):
        u, v = turned({"orientation": s["orientation"] + number * s["spread"]}, x, y)
        strength = np.clip(each_side - abs(number) + 1, 0, 1)
        ink = np.maximum(ink, strength * ((np.abs(v) < s["width"] / 2) & (u > 0)))
    return ink


def grating(s, x, y):
    return 0.5 + 0.5 * np.cos(2 * np.pi * turned(s, x, y)[0] / s["wavelength"] - np.deg2rad(s["phase"]))


def gabor(s, x, y):
    u, v = turned(s, x, y)
    return 0.5 + (grating(s, x, y) - 0.5) * np.exp(-(u**2 + (v / s["aspect"]) ** 2) / 2 / s["sigma"] ** 2)


def high_low(s, x, y):
    u, v = turned(s, x, y)
    high, phase = np.clip(u / s["blend"] + 0.5, 0, 1), np.deg2rad(s["phase"])
    waves = [
        np.cos(2 * np.pi * u / wavelength - phase) * np.cos(2 * np.pi * v / wavelength - phase)
        for wavelength in (s["wavelength"], s["wavelength"] * s["ratio"])
    ]
    return 0.5 + 0.5 * (high * waves[0] + (1 - high) * waves[1])


def checkerboard(s, x, y):
    u, v = turned(s, x, y)
    return (np.floor(u / s["side"] + 0.5) + np.floor(v / s["side"] + 0.5)) % 2 == 0


def hatch(s, x, y):
    first, second = (
        np.abs((at + s["spacing"] / 2) % s["spacing"] - s["spacing"] / 2) < s["width"] / 2 for at in turned(s, x, y)
    )
    return np.where(first, 1.0, s["crossed"] * second)


def boundary(s, x, y):
    u = turned(s, x, y)[0]
    return 0.5 + 0.5 * erf(u / s["blur"] / np.sqrt(2)) if s["blur"] else u > 0


def center_surround(s, x, y):
    far = np.hypot(x, y)
    return np.select([far < s["radius"], far < s["radius"] + s["surround"]], [1.0, 0.0], s["ground"])


def thread_curve(s, x, y):
    a = np.deg2rad(s["orientation"])
    far = np.hypot(x + s["radius"] * np.cos(a), y + s["radius"] * np.sin(a))
    return np.maximum(0, 1 - np.abs(far - s["radius"]) / 1.5)


EXACT = {
    f.__name__: f
    for f in (
        curve,
        line,
        angle,
        circle,
        divergence,
        grating,
        gabor,
        high_low,
        checkerboard,
        hatch,
        boundary,
        center_surround,
        thread_curve,
    )
}


def supersampled(kind, s):
    fine = (np.arange(SIZE * FINE) + 0.5) / FINE - 0.5 - SIZE // 2
    ink = EXACT[kind](s, *np.broadcast_arrays(fine[None] - s["x"], fine[:, None] - s["y"])).astype(np.float64)
    ink = ink.reshape(SIZE, FINE, SIZE, FINE)
    share = 0.5 + s["polarity"] * (ink.mean((1, 3))[..., None] - 0.5)
    return share * s["ink"] + (1 - share) * s["paper"], ink.min((1, 3)) != ink.max((1, 3))


def test_every_kind_has_a_definition():
    assert list(EXACT) == list(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_against_supersampling(kind):
    drawn = KINDS[kind].sample(COUNT, seed=3)
    # In full contrast, where errors are largest; the last ones in any colours and contrast.
    plain = {"polarity": np.float32([1] * 8 + [-1]), "ink": np.zeros((9, 3)), "paper": np.ones((9, 3))}
    replaced = {name: np.float32(np.concatenate([v, getattr(drawn, name)[9:]])) for name, v in plain.items()}
    drawn = dataclasses.replace(drawn, **replaced)
    images = np.asarray(drawn.image(SIZE))
    for number in range(0, COUNT, 2):
        one = {each.name: np.asarray(getattr(drawn, each.name)[number], float) for each in dataclasses.fields(drawn)}
        expected, crossed = supersampled(kind, one)
        error = np.abs(images[number] - expected).mean(-1)
        assert error.mean() < 0.01
        # Where lines are few, a mean over all pixels says little: over those in which ink changes. 16x16 points of a
        # pixel that a border crosses are uncertain by about 1/32; borders that are bent or meet are taken for straight.
        # The article's line is sampled in the middles of pixels.
        if crossed.any():
            assert error[crossed].mean() < (0.05 if kind == "thread_curve" else 0.04)
        # Elsewhere there are corners of pixels, cut off by less than the points tell; and the middle from which lines
        # diverge, some pixels wide.
        assert (error[~crossed] > 0.07).sum() <= 10


def test_straight_borders_are_exact():
    rng = np.random.default_rng(0)
    fine = (np.arange(400) + 0.5) / 400 - 0.5
    for turn, offset in zip(rng.uniform(0, 2 * np.pi, 20), rng.uniform(-0.7, 0.7, 20), strict=True):
        c, s = np.cos(turn), np.sin(turn)
        share = inside(lambda x, y, c=c, s=s, at=offset: 5 * (c * x + s * y - at), jnp.zeros((1, 1)), jnp.zeros((1, 1)))
        # 400x400 points of the pixel, and boxes of at least a hundredth.
        assert float(share[0, 0]) == pytest.approx((c * fine + s * fine[:, None] < offset).mean(), abs=4e-3)


@pytest.mark.parametrize("orientation", [0.0, 17.0, 45.0, 80.0])
@pytest.mark.parametrize("width", [0.25, 1.0, 3.0])
def test_ink_of_a_line_is_its_area(orientation, width):
    """Thin lines are fainter, not thicker."""
    image = Line(orientation=orientation, width=width, length=20.0, x=0.3, y=0.4).image(48)
    # Its two ends, where shares of pixels multiply.
    assert float((1 - image[..., 0]).sum()) == pytest.approx(20 * width, rel=0.02)


@pytest.mark.parametrize("radius", [5.0, 10.0, 20.0])
def test_ink_of_a_disc_is_its_area(radius):
    image = Circle(radius=radius, width=0.0, filled=1.0, x=0.3).image(48)
    # Borders that bend are taken for straight, which adds an area that does not depend on the radius.
    assert float((1 - image[..., 0]).sum()) == pytest.approx(np.pi * radius**2, abs=0.3)


def test_the_raster_of_the_thread():
    """The published line: ink falls off by 1/1.5 for each pixel from a circle through the middle."""
    for phi, radius in ((180.0, 57.4), (270.0, 25.7), (0.0, 128.6), (37.5, 11.94)):
        image = np.asarray(ThreadCurve(orientation=phi, radius=radius).image(60))
        y, x = np.mgrid[:60, :60] - 30.0
        middle = -radius * np.cos(np.deg2rad(phi)), -radius * np.sin(np.deg2rad(phi))
        expected = 1 - np.maximum(0, 1 - np.abs(np.hypot(x - middle[0], y - middle[1]) - radius) / 1.5)
        # float32 of distances of some hundred pixels.
        np.testing.assert_allclose(image, np.repeat(expected[..., None], 3, -1), atol=1e-4)
    # Theta 0 bulges to the left: the leftmost ink is in the middle row, and the other parts lie right of it.
    left = np.asarray(ThreadCurve(orientation=0.0 + 180.0, radius=25.7).image(60))[..., 0]
    assert np.argwhere(left < 0.1)[:, 1].min() == 30
    assert (left[:, 31:] < 0.5).sum() > 10 > (left[:, :29] < 0.5).sum()


def test_the_grid_of_the_thread():
    assert thread_orientations().shape == (720,)
    assert thread_radii().shape == (80,)
    # Circle fits to the published stimuli at rows 0, 20, 40 and 60, good to one per cent.
    np.testing.assert_allclose(thread_radii()[::20], [286.8, 128.6, 57.5, 25.7], rtol=0.01)
