"""What is public: the names in each `__all__`, each at home where its path is shortest."""

import importlib
import inspect
import pkgutil
from dataclasses import dataclass
from functools import cache
from types import ModuleType

from . import sources

ALSO = (
    "featvis.pixels",
    "featvis.sheet",
    "experiments.figures",
    "inception_jax.gradients",
    "inception_jax.images",
)
"""Modules that nothing exports and the guides name. Without `__all__`, what a module defines is public."""


@dataclass(frozen=True)
class Public:
    """A name that users may call."""

    module: str
    name: str
    origin: str

    @property
    def path(self) -> str:
        """As users write it."""
        return f"{self.module}.{self.name}"

    @property
    def thing(self) -> object:
        """What it stands for."""
        return getattr(importlib.import_module(self.module), self.name)

    @property
    def text(self) -> str:
        """Its docstring; of a constant, the string below it."""
        holder, name = self.origin.rsplit(".", 1)
        return sources.definitions(holder)[name][1]


@cache
def modules() -> tuple[str, ...]:
    """Modules that have public names."""
    found = set(ALSO)
    for package in sources.PACKAGES:
        root = importlib.import_module(package)
        inside = (module.name for module in pkgutil.walk_packages(root.__path__, f"{package}."))
        listing = [
            importlib.import_module(name) for name in (package, *inside) if "__all__" in sources.definitions(name)
        ]
        found |= {module.__name__ for module in listing}
        things = (getattr(module, name) for module in listing for name in module.__all__)
        found |= {thing.__name__ for thing in things if inspect.ismodule(thing)}
    return tuple(sorted(found, key=lambda path: (sources.PACKAGES.index(path.split(".")[0]), path)))


@cache
def exported(module: str) -> tuple[str, ...]:
    """The public names of a module, modules among them left out."""
    loaded = importlib.import_module(module)
    own = [name for name in sources.definitions(module) if not name.startswith("_")]
    listed = getattr(loaded, "__all__", own)
    return tuple(name for name in listed if not inspect.ismodule(getattr(loaded, name)))


@cache
def homes() -> dict[str, Public]:
    """Where each public thing is described, by the place of its definition."""
    every = [
        Public(module, name, sources.origin(module, name) or f"{module}.{name}")
        for module in modules()
        for name in exported(module)
    ]
    found: dict[str, Public] = {}
    for public in sorted(every, key=lambda public: (public.path.count("."), public.module in ALSO)):
        found.setdefault(public.origin, public)
    return found


@cache
def by_path() -> dict[str, Public]:
    """The same by the paths that users write."""
    return {public.path: public for public in homes().values()}


@cache
def aliases() -> dict[str, str]:
    """Every other public path to a thing, with the path to its home."""
    found = {}
    for module in modules():
        for name in exported(module):
            home = homes()[sources.origin(module, name) or f"{module}.{name}"]
            if home.path != f"{module}.{name}":
                found[f"{module}.{name}"] = home.path
    return found


def described(path: str) -> str:
    """The first line of a module's docstring, or of a public name's."""
    text = by_path()[path].text if path in by_path() else module_text(path)
    return " ".join(text.split("\n\n")[0].split())


def module_text(path: str) -> str:
    """The docstring of a module."""
    loaded: ModuleType = importlib.import_module(path)
    return inspect.getdoc(loaded) or ""
