"""What every experiment takes from the command line, and how it says that it cannot."""

import dataclasses
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import inception_jax
from inception_jax import Model
from inception_jax.registry import DEFAULT


class UsageError(Exception):
    """A request that cannot be met. The command line prints the message and exits with code 2."""


@dataclass(frozen=True)
class RunOptions:
    """Options that all experiments share."""

    out: Path | None = None
    """Directory to write into; by default one of its own below results/."""
    seed: int = 0
    """Seed of everything random."""
    force: bool = False
    """Start over, discarding what an earlier run left in the directory."""
    verbose: bool = False
    """Say on standard error what is read, compiled, drawn and written."""


@dataclass(frozen=True)
class Options(RunOptions):
    """Options of experiments on a trained network."""

    model: str = DEFAULT
    """A network's name (`python -m inception_jax list`) or a weights file."""


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
    """The model that `--model` names.

    Raises:
        UsageError: no such name or file, a file that cannot be read, or no weights to be had.
    """
    with usage_errors():
        return inception_jax.load(options.model)


def command(experiment: str, options: RunOptions) -> str:
    """The shell command that runs `experiment` with these options.

    >>> command("feature_vis", Options(model="my weights.npz", force=True))
    "python -m experiments feature_vis --model 'my weights.npz'"
    """
    words = ["python", "-m", "experiments", experiment]
    for name, value in _changed(options).items():
        flag, text = name.replace("_", "-"), str(value)
        if isinstance(value, bool):
            words.append(f"--{flag}" if value else f"--no-{flag}")
        elif isinstance(value, tuple):
            words += [f"--{flag}", *map(str, value)]
        else:
            # What begins with a dash would be taken for the next option.
            words += [f"--{flag}={text}"] if text.startswith("-") else [f"--{flag}", text]
    return shlex.join(words)


def _changed(options: Any) -> dict[str, Any]:
    """What differs from the defaults; options in groups like the others, as on the command line."""
    changed: dict[str, Any] = {}
    for field in dataclasses.fields(options):
        value = getattr(options, field.name)
        if dataclasses.is_dataclass(value):
            changed |= _changed(value)
        elif value != field.default and field.name not in ("force", "verbose"):
            changed[field.name] = value
    return changed
