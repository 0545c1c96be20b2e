"""The command line: `python -m experiments NAME [options]`, `python -m experiments --help` for the list."""

import contextlib
import difflib
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import jax
import tyro

from experiments import doctor, examples, families, feature_vis, logs, microscope, neurons, thread, train
from experiments.articles import ARTICLES
from experiments.circuits import circuit, weights, weights_in_context
from experiments.options import UsageError, usage_errors
from experiments.recipes import (
    activation_grid,
    atlas,
    attribution,
    caricature,
    directions,
    diversity,
    interaction,
    neuron_groups,
    patterns,
    semantic_dictionary,
    spectrum,
    sprites,
    style,
)
from experiments.store import status, verify
from inception_jax.cache import cache_folder

EXPERIMENTS: dict[str, ModuleType] = {
    "activation_grid": activation_grid,
    "atlas": atlas,
    "attribution": attribution,
    "caricature": caricature,
    "circuit": circuit,
    "directions": directions,
    "diversity": diversity,
    "examples": examples,
    "families": families,
    "feature_vis": feature_vis,
    "interaction": interaction,
    "microscope": microscope,
    "neuron_groups": neuron_groups,
    "neurons": neurons,
    "patterns": patterns,
    "semantic_dictionary": semantic_dictionary,
    "spectrum": spectrum,
    "sprites": sprites,
    "style": style,
    "thread": thread,
    "train": train,
    "weights": weights,
    "weights_in_context": weights_in_context,
    **ARTICLES,
}
"""Every experiment: a module with its card as docstring, a dataclass `Config` and `run(config) -> exit code`."""

TOOLS = {"doctor": doctor, "status": status, "verify": verify}
"""Commands that make nothing, written like experiments."""

GROUPS = {
    "experiments": {name: module for name, module in EXPERIMENTS.items() if name not in ARTICLES},
    "articles of Thread: Circuits, and those before": dict(ARTICLES),
    "looking after an installation, and the directories of feature_vis and neurons": TOOLS,
}
"""All commands, as `--help` and the documentation list them."""

COMMANDS = EXPERIMENTS | TOOLS

INTERRUPTED = 130
"""Exit code of a run stopped by Ctrl-C (128 plus the signal's number, as shells count)."""


def overview() -> str:
    """The text of `python -m experiments --help`: every experiment with the first line of its card.

    >>> print(overview().splitlines()[0])
    usage: python -m experiments NAME [options]
    """
    width = max(map(len, COMMANDS))
    lines = ["usage: python -m experiments NAME [options]", ""]
    for group, members in GROUPS.items():
        lines += [f"{group}:", *(f"  {name:<{width}}  {_card(name).splitlines()[0]}" for name in members), ""]
    return "\n".join([*lines, "`python -m experiments NAME --help` shows what it does, the command and the options."])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one experiment; the return value is the exit code.

    0 is success, 2 a request that cannot be met (standard error says why), 130 an interrupted run.

    >>> main(["--help"])  # doctest: +ELLIPSIS
    usage: python -m experiments NAME [options]
    ...
    0
    """
    name, *options = (sys.argv[1:] if arguments is None else arguments) or ["--help"]
    if name in ("-h", "--help"):
        print(overview())
        return 0
    if name not in COMMANDS:
        near = difflib.get_close_matches(name, COMMANDS, n=1) or sorted(COMMANDS)
        print(f"error: no experiment {name!r}; try {', '.join(near)} or --help", file=sys.stderr)
        return 2
    experiment: Any = COMMANDS[name]
    try:
        with usage_errors():
            config = tyro.cli(
                experiment.Config,
                prog=f"python -m experiments {name}",
                description=_card(name),
                args=options,
                config=(tyro.conf.FlagCreatePairsOff,),
            )
        _cache_compilations(cache_folder() / "xla")
        with warnings.catch_warnings():
            warnings.showwarning = lambda message, *_: print(f"warning: {message}", file=sys.stderr)
            with logs.shown() if getattr(config, "verbose", False) else contextlib.nullcontext():
                return experiment.run(config)
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED


def _card(name: str) -> str:
    return (COMMANDS[name].__doc__ or "").strip()


def _cache_compilations(folder: Path) -> None:
    """Keep compiled programs between runs, unless JAX has been told where already."""
    if jax.config.values["jax_compilation_cache_dir"] is None:
        jax.config.update("jax_compilation_cache_dir", str(folder))


if __name__ == "__main__":
    sys.exit(main())
