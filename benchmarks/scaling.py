"""How does the cost of feature visualisation grow with the number of units, the steps, the image size, and devices?

    python benchmarks/scaling.py

changes one of them at a time, beside the same job otherwise: 16 units of mixed4a at 128 pixels. The first call, which
compiles, is timed apart. More units than fit in a batch, and more steps, should cost in proportion and compile nothing;
larger images in proportion to their pixels. `--devices 1 2 4 8` spreads a job over devices; CPUs have none to spare, so
several of them share its cores, which tells what the splitting costs. Weights are random, which costs the same.

`--units 4 --steps 4 --rounds 1` tries it out; `--record` appends the table to `RESULTS.md`.
"""

import argparse
import json
import os
import sys
import time
from typing import Any

from report import HERE, heading, measured, publish

NOTHING = 4
"""Steps of the calls that warm up."""


def main() -> None:
    """Run each job in a process of its own, in rounds, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--layer", default="mixed4a")
    parser.add_argument("--units", type=int, default=16)
    parser.add_argument("--steps", type=int, default=32)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--batch", type=int, default=None, help="images at once; by default what `render` would choose")
    parser.add_argument("--devices", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--record", action="store_true", help="append the table to RESULTS.md")
    parser.add_argument("--worker", type=json.loads, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        print(json.dumps(work(**options.worker)))
        return
    jobs = series(options)
    best: dict[str, dict[str, Any]] = {}
    for _ in range(options.rounds):
        for name, job in jobs.items():
            row = measured(name, [sys.executable, str(HERE / "scaling.py"), "--worker", json.dumps(job)])
            if name not in best or row["seconds"] < best[name]["seconds"]:
                best[name] = row | {"job": job}
    publish(table(best), options.record)


def series(options: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """The jobs, by what is different about them."""
    base = {name: getattr(options, name) for name in ("layer", "units", "steps", "size", "batch")} | {"devices": 1}
    jobs = {"the job": base}
    for name, factors in (("units", (1 / 4, 4)), ("steps", (1 / 2, 4)), ("size", (1 / 2, 7 / 4))):
        for factor in factors:
            value = max(1, round(base[name] * factor))
            jobs[f"{value} {'pixels' if name == 'size' else name}"] = base | {name: value}
    jobs |= {f"batches of {n}": base | {"batch": n} for n in (1, 2, 8, 16) if n <= options.units}
    jobs |= {f"{n} devices": base | {"devices": n} for n in options.devices if n > 1}
    return jobs


def work(layer: str, units: int, steps: int, size: int, batch: int | None, devices: int) -> dict[str, Any]:
    """Time one job in this process."""
    # Before JAX looks for devices; accelerators do not mind.
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count={devices}"
    import jax

    import featvis
    import inception_jax

    model = inception_jax.initialise(inception_jax.INCEPTION5H, seed=0)
    param, shown = featvis.param.image(size), jax.devices()[:devices]
    if len(shown) < devices:
        sys.exit(f"there are {len(shown)} devices; expected {devices}")

    def run(count: int) -> float:
        start = time.perf_counter()
        names = f"{layer}:0-{units - 1}"
        featvis.render(model, names, steps=count, batch=batch, param=param, devices=shown, progress=False)
        return time.perf_counter() - start

    first = run(NOTHING)
    return {
        "first": first,
        "seconds": min(run(steps) for _ in range(2)),
        "version": f"jax {jax.__version__}, {shown[0].device_kind}",
    }


def table(rows: dict[str, dict[str, Any]]) -> list[str]:
    """The report, in Markdown: time in all, and beside what the numbers of images, steps and pixels lead to expect."""
    base = rows["the job"]

    def work_of(row: dict[str, Any]) -> float:
        return row["job"]["units"] * row["job"]["steps"] * row["job"]["size"] ** 2

    job, batch = base["job"], base["job"]["batch"] or "batches as `render` chooses"
    lines = [
        *heading(row["version"] for row in rows.values()),
        f"The job: {job['units']} units of {job['layer']}, {job['steps']} steps at {job['size']} pixels, {batch}.",
        "",
        "| different | seconds | ms per image-step | over the job | over what units, steps and pixels say "
        "| first call, 4 steps |",
        "|---|---|---|---|---|---|",
    ]
    for name, row in rows.items():
        seconds, images = row["seconds"], row["job"]["units"] * row["job"]["steps"]
        ratio = seconds / base["seconds"]
        lines.append(
            f"| {name} | {seconds:.2f} | {1e3 * seconds / images:.2f} | {ratio:.2f} "
            f"| {ratio * work_of(base) / work_of(row):.2f} | {row['first']:.1f} |"
        )
    return lines


if __name__ == "__main__":
    main()
