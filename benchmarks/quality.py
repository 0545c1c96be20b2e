"""Do visualisations drive their units harder than photographs do, and as hard as Lucent's?

    python benchmarks/quality.py --photographs path/to/photographs.zip --lucent path/to/lucent/bin/python

draws random units of mixed4a to mixed4e by the default recipe, and by Lucent's, on the same weights: once as its users
get it (it enlarges a 128-pixel image to 224), once at equal network input size. The measure is what both maximise, the
unit's mean activation over all positions; here of the finished image, without transforms, divided by the largest over
all photographs. This project's model measures all images, as they are and enlarged to 224 pixels, the size of the
photographs. An image made to be seen at one size drives its unit less at another: `--enlarged` adds ours made as
Lucent's are by default, seen at 224 pixels. Without `--lucent` that part is left out; `lucent_env.py` says how to
install it.

Every image is kept in `--out`, so that the same command goes on where it was interrupted, and images are not made
twice; `ratios.json` beside them has the ratios of all units. `--units 2 --steps 16 --every 50` tries it out;
`--record` appends the table to `RESULTS.md`.
"""

import argparse
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jax
import numpy as np
from report import HERE, heading, publish

import featvis
import inception_jax
from featvis import objectives as obj
from featvis import transforms
from inception_jax.files import write_whole
from inception_jax.photographs import photographs

LAYERS = ("mixed4a", "mixed4b", "mixed4c", "mixed4d", "mixed4e")
PHOTOGRAPH_SIZE = 224
BATCH = 20
OURS, ENLARGED = "ours", "ours, enlarged"
DEFAULT, EQUAL = "Lucent, default", "Lucent, equal input size"
AGREE = 5e-3
"""How far two frameworks may be apart on one image: float32 summed in other orders on CPUs, TF32 on GPUs."""

Unit = tuple[str, int]
Ratios = dict[str, dict[str, np.ndarray]]
"""By contender, and by the size at which its images were measured: one for each unit."""


def main() -> None:
    """Read the options, compare, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="bvlc_googlenet", help="name or weights file; Lucent's part takes GoogLeNet")
    parser.add_argument("--photographs", required=True, help="zip file or folder of folders")
    parser.add_argument("--every", type=int, default=1, help="look at every n-th photograph only")
    parser.add_argument("--lucent", help="interpreter of an environment with Lucent")
    parser.add_argument("--equal-only", action="store_true", help="without Lucent's default, which takes longest")
    parser.add_argument("--enlarged", action="store_true", help="ours also with images enlarged to 224, like Lucent's")
    parser.add_argument("--plain-relu", action="store_true", help="Lucent without its redirected ReLU")
    parser.add_argument("--units", type=int, default=64)
    parser.add_argument("--steps", type=int, default=512)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("results/quality"), help="folder for the images")
    parser.add_argument("--record", action="store_true", help="append the table to RESULTS.md")
    options = parser.parse_args()
    try:
        publish(compare(options), options.record)
    except KeyboardInterrupt:
        print(f"interrupted; the images so far are in {options.out}, and the same command goes on", file=sys.stderr)
        sys.exit(130)


def compare(options: argparse.Namespace) -> list[str]:
    """Draw what is missing, measure everything, and report."""
    model = inception_jax.load(options.model)
    units = chosen(model, options.units, options.seed)
    folders = {name: draw_ours(model, units, name, options) for name in (OURS, ENLARGED)[: 1 + options.enlarged]}
    if options.lucent:
        lucents = (EQUAL,) if options.equal_only else (EQUAL, DEFAULT)
        folders |= {name: draw_lucent(model, units, name, options) for name in lucents}
    limits = largest(model, units, options)
    ratios = {name: measure(model, units, folder, name) for name, folder in folders.items()}
    ratios = {name: {size: a / limits for size, a in sizes.items()} for name, sizes in ratios.items()}
    listed = {name: {size: a.tolist() for size, a in sizes.items()} for name, sizes in ratios.items()}
    content = {"units": [f"{layer}:{unit}" for layer, unit in units], "ratios": listed}
    write_whole(options.out / "ratios.json", json.dumps(content, indent=1).encode())
    return table(ratios, options)


def chosen(model: inception_jax.Model, count: int, seed: int) -> list[Unit]:
    """Random units of all layers together, sorted."""
    every = [(layer, unit) for layer in LAYERS for unit in range(model.layers[layer])]
    places = np.random.default_rng(seed).choice(len(every), count, replace=False)
    return [every[place] for place in sorted(places)]


def folder(name: str, options: argparse.Namespace) -> Path:
    """Where a contender's images are, made if it is missing; other settings have another one."""
    words = [
        *name.replace(",", "").lower().split(),
        f"{options.size}px",
        f"{options.steps}steps",
        f"seed{options.seed}",
    ]
    if options.plain_relu and name in (DEFAULT, EQUAL):
        words.append("plain-relu")
    path = options.out / "-".join([Path(options.model).stem, *words])
    path.mkdir(parents=True, exist_ok=True)
    return path


def file(images: Path, unit: Unit) -> Path:
    """Where the image of a unit is."""
    return images / f"{unit[0]}_{unit[1]}.npz"


def draw_ours(model: inception_jax.Model, units: list[Unit], name: str, options: argparse.Namespace) -> Path:
    """The folder with our images, those that were missing among them."""
    images = folder(name, options)
    enlarge = (transforms.resize_to(PHOTOGRAPH_SIZE),) if name == ENLARGED else ()

    def keep(result: featvis.Result) -> None:
        if result.interrupted:
            return  # before these had all steps
        for index, image, score in zip(result.indices, result.images, result.scores, strict=True):
            buffer = io.BytesIO()
            np.savez(buffer, image=image, score=score)
            write_whole(file(images, units[index]), buffer.getvalue())

    missing = [place for place, unit in enumerate(units) if not file(images, unit).exists()]
    if missing:
        result = featvis.render(
            model,
            [obj.channel(*unit) for unit in units],
            only=missing,
            steps=options.steps,
            seed=options.seed,
            param=featvis.param.image(options.size),
            transforms=(*transforms.LUCID, *enlarge),
            on_batch=keep,
        )
        if result.interrupted:
            raise KeyboardInterrupt
    return images


def draw_lucent(model: inception_jax.Model, units: list[Unit], name: str, options: argparse.Namespace) -> Path:
    """The folder with Lucent's images, those that were missing among them."""
    images, weights = folder(name, options), options.out / "weights.npz"
    inception_jax.save(model, weights)
    command = [options.lucent, str(HERE / "lucent_images.py"), "--weights", str(weights), "--out", str(images)]
    command += ["--size", str(options.size), "--steps", str(options.steps), "--seed", str(options.seed)]
    command += ["--units", *(f"{layer}:{unit}" for layer, unit in units)]
    command += ["--equal-size"] if name == EQUAL else []
    command += ["--plain-relu"] if options.plain_relu else []
    if subprocess.run(command, check=False).returncode:
        sys.exit(f"{name} failed")
    return images


@jax.jit
def means(model: inception_jax.Model, images: jax.Array) -> dict[str, jax.Array]:
    """The mean activation of every unit over all positions, `[images, units]` by layer."""
    with jax.default_matmul_precision("highest"):
        return {name: a.mean((1, 2)) for name, a in model(images, taps=LAYERS).items()}


def largest(model: inception_jax.Model, units: list[Unit], options: argparse.Namespace) -> np.ndarray:
    """The largest mean activation of each unit over the photographs."""
    result = np.zeros(len(units))
    for batch in photographs(options.photographs, crop=PHOTOGRAPH_SIZE)[:: options.every].batches(BATCH):
        found = means(model, batch.images)
        result = np.maximum(result, [found[layer][:, unit].max() for layer, unit in units])
    return result


def measure(model: inception_jax.Model, units: list[Unit], images: Path, name: str) -> dict[str, np.ndarray]:
    """Mean activation of each unit for its image, at the image's own size and at the photographs'."""
    drawn: list[dict[str, Any]] = []
    for unit in units:
        with np.load(file(images, unit)) as arrays:
            drawn.append({"image": arrays["image"], "score": arrays["score"]})
    stack = np.stack([each["image"] for each in drawn])
    result = {}
    for size in dict.fromkeys((stack.shape[1], PHOTOGRAPH_SIZE)):
        shown = jax.image.resize(stack, (len(stack), size, size, 3), "linear")
        parts = [means(model, shown[i : i + BATCH]) for i in range(0, len(shown), BATCH)]
        found = {layer: np.concatenate([part[layer] for part in parts]) for layer in LAYERS}
        result[f"{size}"] = np.array([found[layer][i, unit] for i, (layer, unit) in enumerate(units)])
    # Each contender measured its own images too; if these numbers differ, it had another network.
    theirs, ours = np.array([each["score"] for each in drawn]), result[f"{stack.shape[1]}"]
    if not np.allclose(theirs, ours, rtol=AGREE, atol=AGREE):
        worst = np.abs(theirs - ours).argmax()
        sys.exit(f"{name}: {units[worst]} has activation {theirs[worst]:g} there and {ours[worst]:g} in our model")
    return result


def table(ratios: Ratios, options: argparse.Namespace) -> list[str]:
    """The report, in Markdown."""
    ratios = {name: with_better(sizes) for name, sizes in ratios.items()}
    ours = [name for name in (OURS, ENLARGED) if name in ratios]
    what = f"{options.units} units of {LAYERS[0]} to {LAYERS[-1]}, {options.size} pixels, {options.steps} steps"
    numbers = [
        "lowest",
        "first quartile",
        "median",
        "third quartile",
        "above 1",
        *(f"{name}: as high" for name in ours),
    ]
    lines = [
        *heading([Path(options.model).stem, f"jax {jax.__version__}", jax.devices()[0].device_kind], what),
        f"| images | measured at | {' | '.join(numbers)} |",
        "|---" * (2 + len(numbers)) + "|",
    ]
    for name, sizes in ratios.items():
        for size, values in sizes.items():
            cells = [f"{q:.2f}" for q in np.quantile(values, (0, 0.25, 0.5, 0.75))] + [f"{(values > 1).mean():.0%}"]
            cells += ["" if name in ours else f"{(ratios[our][size] >= values).mean():.0%}" for our in ours]
            lines.append(f"| {name} | {size} | {' | '.join(cells)} |")
    return lines


def with_better(sizes: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The ratios at every size, and at whichever is the better for each unit."""
    return sizes if len(sizes) == 1 else sizes | {"the better": np.max(list(sizes.values()), axis=0)}


if __name__ == "__main__":
    main()
