"""Differentiable Image Parameterizations: what is optimised decides what comes out.

- Command: python -m experiments differentiable_parameterizations --model bvlc_googlenet
- Time: 4 minutes on two CPU cores with --model bvlc_googlenet, half of them compiling
- Expect: a row of images from one unit to another whose parts stay in place, and one whose parts do not; a photograph
  in the style of a pattern, by a decorrelated space and by pixels; units drawn by small networks from coordinates to
  colours, at several times the size at which they were optimised; units that are opaque only where they need to be
- Source: *Differentiable Image Parameterizations* (Mordvintsev et al. 2018), figures on aligned interpolation, style
  transfer, compositional pattern-producing networks and semi-transparent patterns
- Resume: Ctrl-C keeps what is done, the same command goes on from there
"""

from typing import Any

import numpy as np
from PIL import Image

import featvis
from experiments.recipes import interaction, patterns, style
from experiments.recipes.drawing import row
from experiments.study import ArticleOptions, Study, run_article
from experiments.study.measures import correlation, inside, on_chequers, smaller
from experiments.study.optimised import drawing, kept, listed, subjects
from featvis import objectives as obj
from featvis import transforms
from featvis.pixels import picture
from featvis.recipes.given import objective_values

ENDS = (5, 13)
"""Units between which images pass."""
DRAWN = (11, 97)
"""Units that are drawn as patterns and with transparency."""
KEEPS = 0.8
"""Of the activation without sharing, that the ends of an aligned row should have."""

Config = ArticleOptions


def run(config: Config) -> int:
    """Draw the article; returns the exit code.

    Raises:
        UsageError: the request cannot be met.
    """
    lede = (
        "An image can be anything that pixels can be computed from: Fourier coefficients, parts that several images "
        "share, a small network, colours with opacity. Optimised for the same, each comes out in its own way."
    )
    return run_article("differentiable_parameterizations", config, "Differentiable image parameterizations", lede, draw)


def draw(study: Study) -> None:
    """All figures and claims of the article."""
    layer = study.layers("mixed4a", "mixed3b")[0]
    show_passage(study, study.layers("mixed4e", "mixed3b")[0])
    show_style(study)
    show_patterns(study, layer)
    show_opacity(study, layer)


def show_passage(study: Study, layer: str) -> None:
    """From one unit to another, with parts in common and without."""
    numbers = listed(study, layer, ENDS)
    config = interaction.Config(units=f"{layer}:{','.join(map(str, numbers))}", images=6, **drawing(study))
    study.page.section("Aligned interpolation", "Images that share parts show the same things in the same places.")
    rows = [
        interaction.passage(study.page.part(name), study.model, config, aligned=name == "aligned")
        for name in ("aligned", "unaligned")
    ]
    steps = [float(np.abs(np.diff(images, axis=0)).mean()) / float(images.std()) for images in rows]
    known: dict[str, Any] = {"basis": "weights", "rows": (32,)}
    study.claim(
        "From one image to the next, less changes where images share parts",
        "a smaller mean difference of pixels, as a multiple of their standard deviation",
        measured=f"{steps[0]:.2f} and {steps[1]:.2f}",
        holds=steps[0] < steps[1],
        **known,
    )
    ends = [np.diag(objective_values(study.model, config.units, images[[0, -1]])) for images in rows]
    share = ends[0] / np.maximum(ends[1], 1e-12)
    study.claim(
        "Sharing parts costs the ends of the row little",
        f"at least {KEEPS:.0%} of the activations without sharing",
        measured=" and ".join(f"{one:.0%}" for one in share),
        holds=bool(share.min() >= KEEPS),
        **known,
    )


def show_style(study: Study) -> None:
    """A photograph in the style of a pattern, by two spaces."""
    about, options = subjects(study, 1)[0], drawing(study)
    side = options["size"]
    layers = tuple(study.layers(*style.STYLE_LAYERS)), tuple(study.layers(*style.CONTENT_LAYERS))
    config = style.Config(**options, style_layers=layers[0], content_layers=layers[1])
    content = np.asarray(picture(about.image).resize((side, side), Image.Resampling.LANCZOS), np.float32) / 255
    both = content, style.waves(side)
    spaces: dict[str, Any] = {"decorrelated": {}, "pixels": {"fft": False, "decorrelate": False}}
    made = {
        name: style.transfer(
            study.page, f"style-{name}", study.model, both, 1.0, config, featvis.param.image(side, **space)
        )
        for name, space in spaces.items()
    }
    study.page.section(
        "Style transfer",
        "The same objective in two spaces. Style transfer used to work with VGG networks alone; in a decorrelated "
        "space it does with others.",
    )
    study.page.figure(
        "style",
        row([*both, *(one["images"][0, 0] for one in made.values())]),
        f"{about.name.capitalize()}, a drawn pattern, and the one in the style of the other by Fourier coefficients of "
        "decorrelated colours and by pixels, after as many steps.",
        alt="A photograph, a pattern of waves, and the photograph twice in its colours and strokes",
        rows=[["content", "style", *made]],
    )
    left = {name: -float(one["scores"][0]) for name, one in made.items()}
    study.claim(
        "Style transfer comes further in a decorrelated space than with pixels, in as many steps",
        "a smaller loss: style and content together, as fractions",
        measured=f"{left['decorrelated']:.2f} and {left['pixels']:.2f}",
        holds=left["decorrelated"] < left["pixels"],
        basis="weights",
        rows=(32,),
    )


def show_patterns(study: Study, layer: str) -> None:
    """Units drawn by small networks."""
    numbers = listed(study, layer, DRAWN)[: study.few(2)]
    options = drawing(study)
    size, large = options["size"], 4 * options["size"]
    # These take more steps than others to begin at all.
    options["steps"] *= 4
    units = f"{layer}_pre_relu:{','.join(map(str, numbers))}"
    study.page.section("Compositional pattern-producing networks", "Images without a resolution of their own.")
    found = patterns.draw(
        study.page.part("patterns"), study.model, patterns.Config(units=units, large=large, **options)
    )
    same = [correlation(smaller(one["large"], size), one["images"][0]) for one in found.values()]
    study.claim(
        "Drawn four times as large, they are the same images",
        "correlations of at least 0.95, made small again: finer sampling may show what lay between pixels",
        measured=", ".join(f"{one:.3f}" for one in same),
        holds=min(same) >= 0.95,
        basis="weights",
        rows=(32,),
    )


def show_opacity(study: Study, layer: str) -> None:
    """Units drawn with opacity, which costs."""
    numbers = listed(study, layer, DRAWN)
    param = featvis.param.image(drawing(study)["size"], alpha=True)
    units = [obj.neuron(layer, number) for number in numbers]
    cheap = [unit * (1 - obj.mean_alpha()) for unit in units]
    images = kept(study, "opacity", cheap, param=param, transforms=transforms.LUCID_ALPHA)["images"]
    alpha = images[..., 3]
    study.page.section(
        "Semi-transparent patterns",
        "Opacity costs, and what is not opaque lies on another random background each step.",
    )
    pairs = [(on_chequers(image), np.repeat(image[..., 3:], 3, -1)) for image in images]
    study.page.figure(
        "opacity",
        row([one for pair in pairs for one in pair]),
        "Each unit in the middle of the image, on a chequered floor, and its opacity: white is opaque.",
        alt="Patterns on a chequered floor, and beside each its opacity as white on black",
        rows=[[text for number in numbers for text in (f"{layer}:{number}", "opacity")]],
    )
    middle, rim = inside(alpha)
    study.claim(
        "Where opacity costs, an image for the middle of a layer is opaque there and transparent at the rim",
        "more opacity in the middle quarter than outside of it, all units",
        measured=", ".join(f"{a:.2f} and {b:.2f}" for a, b in zip(middle, rim, strict=True)),
        holds=bool((middle > rim).all()),
        basis="weights",
        rows=(32,),
    )
