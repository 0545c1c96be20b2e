"""`python -m inception_jax`: the weights tool."""

import sys
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import jax
import numpy as np
import tyro

from inception_jax import pretrained
from inception_jax.architecture import ARCHITECTURES
from inception_jax.cache import file_checksum
from inception_jax.files import read_model, save
from inception_jax.model import Model
from inception_jax.registry import ENDINGS, REGISTRY, Bundled
from inception_jax.summary import columns, summarise, table

Name = Annotated[str, tyro.conf.Positional]
File = Annotated[Path, tyro.conf.Positional]


def list_weights() -> None:
    """List the networks that have names, and where they are."""
    lines = [("name", "licence", "size", "on this machine")]
    for name, entry in REGISTRY.items():
        found = pretrained.find(name)
        where = f"{found.place}: {found.path}" if found else "no"
        lines.append((name, entry.licence, f"{entry.size / 1e6:.1f} MB", where))
    print(columns(lines, left=4))


def download(name: Name) -> None:
    """Fetch a published network into the cache.

    Args:
        name: A name of the list.
    """
    path = pretrained.download(name)
    print(f"{name} is bundled and needs no download: {path}" if isinstance(REGISTRY[name], Bundled) else path)


def convert(source: Name, dest: File) -> None:
    """Write weights in this project's format.

    Args:
        source: A name of the list, or a .npz .safetensors .pb .zip .caffemodel .pth file.
        dest: The .safetensors or .npz file to write; replaced if it exists.
    """
    save(pretrained.load(source), dest)
    print(f"{dest}  sha256 {file_checksum(dest)}")


def verify(file: File) -> None:
    """Check a file: names, shapes, values, checksum.

    Args:
        file: A .npz .safetensors .pb .zip .caffemodel .pth file.
    """
    if not file.is_file():
        raise ValueError(f"{file} is no file; expected a weights file ({ENDINGS})")
    model = read_model(file)  # checks names and shapes against the architecture
    if bad := _not_finite(model):
        raise ValueError(f"{file}: values that are not finite in {', '.join(bad)}")
    print(f"{file}: sound")
    arrays = jax.tree.leaves(model.weights)
    print(f"architecture: {model.name}, {len(arrays)} arrays, {sum(array.size for array in arrays):,} parameters")
    print(f"published file: {_published(file)}")
    _print_facts(model.provenance)


def summary(source: Name, convolutions: bool = False, size: int | None = None) -> None:
    """Show layers: shapes, parameters, GFLOPs.

    Args:
        source: An architecture (mini, inception5h, bvlc_googlenet, simplified, four_branches), whose weights are not
            needed, or a weights file. Every multiply-add of convolutions and matrix products counts as two.
        convolutions: One row for every convolution, instead of one for every inception block.
        size: Side of the input image in pixels, by default what the network was trained on.
    """
    architecture = ARCHITECTURES[source] if source in ARCHITECTURES else pretrained.load(source).architecture
    rows = summarise(architecture, size, blocks=not convolutions)
    print(table(rows))
    parameters, gflop = sum(row.parameters for row in rows), sum(row.flops for row in rows) / 1e9
    side = architecture.image_size if size is None else size
    print(f"{architecture.name}, images of {side} x {side}: {parameters:,} parameters, {gflop:.4f} GFLOP")


def main(args: Sequence[str] | None = None) -> int:
    """Run the command line `args`, by default this process's; returns the exit code (1: an error, said on stderr)."""
    commands = {"list": list_weights, "download": download, "convert": convert, "verify": verify, "summary": summary}
    with warnings.catch_warnings():
        warnings.showwarning = lambda message, *_: print(f"warning: {message}", file=sys.stderr)
        try:
            tyro.extras.subcommand_cli_from_dict(
                commands,
                prog="python -m inception_jax",
                description="Weights of InceptionV1: fetch, convert, check, look at.",
                args=args,
            )
        except (ValueError, OSError) as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
    return 0


def _not_finite(model: Model) -> list[str]:
    return [
        f"{layer}/{part}"
        for layer, parts in model.weights.items()
        for part, array in parts.items()
        if not np.isfinite(np.asarray(array, np.float32)).all()
    ]


def _published(file: Path) -> str:
    for entry in REGISTRY.values():
        for name, checksum in entry.checksums.items():
            algorithm, expected = checksum.split(":")
            if file_checksum(file, algorithm) == expected:
                return f"yes, {name} of {entry.name}{', bundled' if isinstance(entry, Bundled) else ''}"
    return "no"


def _print_facts(facts: Mapping[str, Any], indent: str = "") -> None:
    for key, value in facts.items():
        if isinstance(value, Mapping):
            print(f"{indent}{key}:")
            _print_facts(value, f"{indent}  ")
        elif isinstance(value, list) and len(value) > 10:
            print(f"{indent}{key}: {len(value)}, {value[0]} to {value[-1]}")
        else:
            print(f"{indent}{key}: {value}")


if __name__ == "__main__":
    sys.exit(main())
