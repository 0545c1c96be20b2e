"""What every experiment takes from the command line, and how it says that it cannot."""

import dataclasses
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inception_jax import Model, pretrained
from inception_jax.model import check_layer


class UsageError(Exception):
    """A request that cannot be met. The command line prints the message and exits with code 2."""


@dataclass(frozen=True)
class Options:
    """Options that all experiments share."""

    model: str | None = None
    """A name of the registry (`python -m inception_jax list`) or a weight file; by default the weights found first."""
    out: Path | None = None
    """Directory to write into; by default one of its own below results/."""
    seed: int = 0
    """Seed of everything random."""
    force: bool = False
    """Start over, discarding what an earlier run left in the directory."""


@contextmanager
def usage_errors() -> Iterator[None]:
    """Turn what the libraries raise on bad input into `UsageError`.

    >>> with usage_errors():
    ...     int("ten")
    Traceback (most recent call last):
    experiments.options.UsageError: invalid literal for int() with base 10: 'ten'
    """
    try:
        yield
    except (ValueError, OSError, MemoryError) as error:
        raise UsageError(str(error)) from error


def load_model(options: Options) -> Model:
    """The model that `--model` names, else the first weights found.

    Raises:
        UsageError: no such name or file, a file that cannot be read, or no weights to be had.
    """
    with usage_errors():
        return pretrained.default() if options.model is None else pretrained.load(options.model)


def parse_units(text: str, layer: str, layers: Mapping[str, int]) -> list[int]:
    """Unit numbers of `layer` from `all`, slices `a:b` and single numbers, separated by commas.

    Order is kept and repetitions are dropped. `layers` maps layer names to numbers of units (`model.layers`).

    Raises:
        UsageError: an unknown layer, text that cannot be read, or units that the layer does not have.

    >>> parse_units("0:3,7", "mixed4a", {"mixed4a": 508})
    [0, 1, 2, 7]
    >>> parse_units("500:600", "mixed4a", {"mixed4a": 508})
    Traceback (most recent call last):
    experiments.options.UsageError: units '500:600': mixed4a has units 0 to 507
    """
    with usage_errors():
        check_layer(layer, layers)
    count = layers[layer]
    chosen: list[int] = []
    for part in text.split(","):
        first, colon, last = ("0", ":", "") if part.strip() == "all" else part.strip().partition(":")
        try:
            start = int(first or 0) if colon else int(first)
            stop = int(last or count) if colon else start + 1
        except ValueError:
            raise UsageError(f"units {text!r}: expected numbers, slices a:b or 'all', separated by commas") from None
        if not 0 <= start < stop <= count:
            what = f"{layer} has units 0 to {count - 1}" if start < stop else f"{part.strip()} selects none"
            raise UsageError(f"units {text!r}: {what}")
        chosen.extend(range(start, stop))
    return list(dict.fromkeys(chosen))


def command(experiment: str, options: Options) -> str:
    """The shell command that runs `experiment` with these options.

    >>> command("feature_vis", Options(model="my weights.npz", force=True))
    "python -m experiments feature_vis --model 'my weights.npz'"
    """
    words = ["python", "-m", "experiments", experiment]
    for name, value in _changed(options).items():
        words += [f"--{name.replace('_', '-')}"] + ([] if value is True else [str(value)])
    return shlex.join(words)


def _changed(options: Options) -> dict[str, Any]:
    fields = {f.name: (f.default, getattr(options, f.name)) for f in dataclasses.fields(options)}
    return {name: value for name, (default, value) in fields.items() if value != default and name != "force"}
