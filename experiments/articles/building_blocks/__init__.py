"""The Building Blocks of Interpretability: what a network sees in a photograph, and how that leads to its answer.

- Command: python -m experiments building_blocks --model bvlc_googlenet
- Time: 5 minutes on two CPU cores with --model bvlc_googlenet, a third of them compiling
- Expect: of one photograph a semantic dictionary, an activation grid, spatial and channel attribution, and neuron
  groups; whether what is attributed adds up to the answer, whether the answer depends on it, and whether six groups are
  enough for it. With the weights of inception5h and the article's photographs in building_blocks beside the published
  numbers, its forward pass and its attributions
- Source: *The Building Blocks of Interpretability* (Olah et al. 2018)
- Resume: Ctrl-C keeps what is done, the same command goes on from there
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

import jax
import numpy as np
from jaxtyping import Float

from experiments.articles.building_blocks.reference import show_reference
from experiments.recipes import activation_grid, attribution, neuron_groups, semantic_dictionary
from experiments.recipes.subject import LOGITS, Subject
from experiments.study import ArticleOptions, Study, run_article
from experiments.study.measures import likeness
from experiments.study.optimised import subjects
from featvis import recipes
from featvis.recipes.downstream import forward
from inception_jax import STANDARD

CUT = 8
"""Units that are cut out together."""
CHOICES = 63
"""Random choices of as many units beside them."""
GROUPS = 6

Config = ArticleOptions


def run(config: Config) -> int:
    """Draw the article; returns the exit code.

    Raises:
        UsageError: the request cannot be met.
    """
    lede = (
        "What a network sees, where it sees it, and what that adds to its answer: interfaces that put together feature "
        "visualisation and attribution, for one photograph."
    )
    return run_article("building_blocks", config, "The building blocks of interpretability", lede, draw)


def draw(study: Study) -> None:
    """All figures and claims of the article."""
    show_reference(study)
    layer, later = study.layers("mixed4d", "mixed3a")[0], study.layers("mixed5a", "mixed3b")[0]
    about = subjects(study, 1)[0]
    steps, seed = study.drawing.steps, study.config.seed
    known: dict[str, Any] = {"layer": layer, "steps": steps, "seed": seed}

    study.page.section("Semantic dictionary", "The units that are most active at some positions, each by its image.")
    semantic_dictionary.draw(study.page.part("dictionary"), about, semantic_dictionary.Config(**known))

    study.page.section("Activation grid", "Each position by an image of all its activations together.")
    grid, icons = activation_grid.draw(
        study.page.part("grid"), about, activation_grid.Config(**known, groups=0 if study.config.quick else GROUPS)
    )
    state_grid(study, grid, icons)

    study.page.section("Attribution", "Which positions and which units speak for an answer.")
    found = attribution.draw(study.page.part("attribution"), about, attribution.Config(**known, to=later, units=2))
    if found:
        state_sum(study, found)
        state_cut(study, about, found["integrated"])

    study.page.section("Neuron groups", "The directions that the activations of this photograph are made of.")
    neuron_groups.draw(study.page.part("groups"), about, neuron_groups.Config(**known, groups=GROUPS))
    state_groups(study, layer)


def state_grid(study: Study, grid: recipes.ActivationGrid, icons: Float[np.ndarray, "positions side side 3"]) -> None:
    """Whether icons show their positions."""
    _, width, units = grid.vectors.shape
    batches = [icons[i : i + width] for i in range(0, len(icons), width)]
    seen = np.concatenate([recipes.layer_activations(study.model, batch, grid.layer) for batch in batches])
    own, others = likeness(seen.mean((1, 2)), grid.vectors.reshape(-1, units))
    share = float((own > others).mean())
    study.claim(
        "What the network sees in the icon of a position is more like that position than like the others",
        "for at least nine positions of ten, a larger cosine than the mean over the others",
        measured=f"{share:.0%}, cosines {own.mean():.2f} and {others.mean():.2f}",
        holds=share >= 0.9,
        basis="weights",
        rows=(32,),
    )


def state_sum(study: Study, found: Mapping[str, recipes.Attribution]) -> None:
    """Whether attributions of all units add up to the difference of two logits."""
    apart = {}
    for method in ("integrated", "gradient"):
        one = found[method]
        change = float(one.scores[0, 0] - one.baseline_scores[0, 0])
        apart[method] = abs(float(one.channels.sum()) - change) / max(abs(change), 1e-12)
    study.claim(
        "Along a path from nothing, attributions of all units add up to the difference of two logits",
        "within 5 %: a sum over 50 points stands for the path",
        measured=f"{apart['integrated']:.2%} apart; {apart['gradient']:.0%} by the gradient alone",
        holds=apart["integrated"] < 0.05,
        basis="weights",
        rows=(32,),
    )


def state_cut(study: Study, about: Subject, found: recipes.Attribution) -> None:
    """Whether the difference of two logits depends on the units that it is attributed to."""
    channels, acts = found.channels[0, 0], found.change
    active = np.flatnonzero(acts.max((0, 1, 2)) > 0)
    count = min(CUT, len(active) // 2)
    if not count:
        return
    best = np.argsort(-channels, kind="stable")[:count]
    rng = np.random.default_rng(study.config.seed)
    chosen = [best, *(rng.choice(active, count, replace=False) for _ in range(CHOICES))]
    kept = np.ones((len(chosen) + 1, acts.shape[-1]), np.float32)
    for i, units in enumerate(chosen):
        kept[i + 1, units] = 0
    first, second = _first_two(going_on(about, found.layer, acts)[0])
    logits = going_on(about, found.layer, acts * kept[:, None, None])
    lost = (logits[0] - logits[1:])[:, [first, second]] @ np.array([1.0, -1.0])
    p = float((1 + (lost[1:] >= lost[0]).sum()) / (1 + CHOICES))
    study.claim(
        f"Without the {count} units that speak most for the first class rather than the second, more of the difference "
        "is lost than without as many others that are active",
        f"p below 0.05 beside {CHOICES} random choices",
        measured=f"{lost[0]:.2f} lost, {np.median(lost[1:]):.2f} in the middle of others, p {p:.2g}",
        holds=p < 0.05,
        basis="weights",
        rows=(32,),
    )


def state_groups(study: Study, layer: str) -> None:
    """Whether the groups are all that the answer needs."""
    kept = []
    for about in subjects(study, study.few(6)):
        groups = recipes.neuron_groups(study.model, about.batch, layer, GROUPS, seed=study.config.seed)
        acts = recipes.layer_activations(study.model, about.batch, layer)
        made = groups.maps @ groups.factors.directions
        logits = going_on(about, layer, np.concatenate([acts, made.astype(np.float32)]))
        kept.append(bool(logits[0].argmax() == logits[1].argmax()))
    study.claim(
        f"{GROUPS} neuron groups in place of the activations leave the network's answer as it is",
        "for more than half of the photographs",
        measured=f"{sum(kept)} of {len(kept)}" if study.dataset is not None else None,
        holds=2 * sum(kept) > len(kept) if study.dataset is not None else None,
        why="" if study.dataset is not None else "no photographs",
        basis="weights",
        rows=(32,),
    )


def going_on(about: Subject, layer: str, acts: Float[np.ndarray, "n h w units"]) -> Float[np.ndarray, "n classes"]:
    """Logits as they follow from activations in place of the photograph's own."""
    images = np.repeat(about.batch, len(acts), 0)
    run = jax.jit(partial(forward, (LOGITS,), layer, STANDARD))
    found = np.asarray(run(about.model, images, acts)[LOGITS])
    return found.reshape(len(acts), -1, found.shape[-1]).mean(1)


def _first_two(logits: Float[np.ndarray, " classes"]) -> tuple[int, int]:
    first, second = np.argsort(-logits, kind="stable")[:2].tolist()
    return first, second
