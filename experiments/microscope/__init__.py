"""Microscope: a site of the whole network, with a page for each unit, that opens from disk or any file server.

- Command: python -m experiments microscope --images ../shared/data/imagenet-samples.zip
- Time: with the bundled network nine and a half minutes on two CPU cores, most of them for the visualisations; what was
  made before is kept, and the same command takes half a minute. With bvlc_googlenet and a finished job, half an hour
- Expect: index.html leads to grids of all units, which can be searched, filtered and sorted, and to a page for each
  unit: visualisations, photographs, tuning, inputs and outputs with their weights, family, units like it. Circuits grow
  by clicking, an activation atlas can be searched by class, and photographs have pages of their own. After OpenAI's
  Microscope and the weight explorer of *Thread: Circuits*; see docs/microscope.md
- Resume: Ctrl-C keeps what is done, the same command goes on from there; until it ends, an older site stays as it is
"""

from pathlib import Path

import inception_jax
from experiments import provenance
from experiments.figures import INDEX, Figures
from experiments.microscope.connections import connected
from experiments.microscope.facts import Sources
from experiments.microscope.gathering import atlas_made, photographs_seen, units_drawn
from experiments.microscope.options import Config
from experiments.microscope.responses import responses
from experiments.microscope.site import begin
from experiments.microscope.visualisations import drawn
from experiments.microscope.writing import write
from experiments.neurons import MAIN
from experiments.options import UsageError, load_model, usage_errors
from experiments.rundir import identity, open_run
from inception_jax.model import check_layer

__all__ = ["Config", "run"]

_RESERVED = ("assets", "data", "photographs", "sprites")


def run(config: Config) -> int:
    """Gather or make what there is to know, then write the site; returns the exit code.

    Raises:
        UsageError: the request cannot be met.
    """
    for name, least in {"steps": 0, "pictured": 0, "grid": 1}.items():
        if (value := getattr(config, name)) < least:
            raise UsageError(f"--{name} is {value}; expected {least} or more")
    model = load_model(config)
    layers = _layers(config, model)
    known = provenance.model_facts(model)
    weights = {"model": known["architecture"], "arrays_sha256": known["arrays_sha256"]}
    settings = {"experiment": "microscope", "layers": layers, "seed": config.seed, **weights}
    path = config.work or Path("results", "microscope", f"{model.name}-{identity(settings)[:8]}")
    out = config.out or path / "site"
    site = begin(out)  # Before anything takes long.
    directory = open_run(path, settings, provenance.facts("microscope", config, known), force=config.force)
    work = Figures(directory, "", "")
    stores = config.stores
    if not stores and config.steps:
        stores = (path / "neurons",)
        units_drawn(config, model, layers, stores[0])
    sources = Sources(
        model=model,
        layers=layers,
        shown=drawn(stores, model, layers),
        connections=connected(work, model, layers),
        responses=responses(work, model, layers),
        album=photographs_seen(config, model, layers, path),
    )
    atlas = config.atlas or atlas_made(config, layers, path)
    write(site, sources, config, work, atlas)
    site.finish()
    print(f"{site.written:,} files written, {site.kept:,} as they were")
    print(out / INDEX)
    return 0


def _layers(config: Config, model: inception_jax.Model) -> list[str]:
    chosen: list[str] = []
    main = model.architecture.main_layers
    for name in config.layers:
        with usage_errors():
            check_layer(name, [*model.layers, MAIN])
        chosen += main if name == MAIN else [name]
    if wrong := [name for name in chosen if name not in main or name in _RESERVED]:
        raise UsageError(f"--layers names {wrong[0]}; expected some of {', '.join(main)}, or {MAIN}")
    return [name for name in main if name in chosen]
