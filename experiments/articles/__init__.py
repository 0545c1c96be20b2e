"""The articles of *Thread: Circuits* and those before it, a module each."""

from types import ModuleType

from experiments.articles import equivariance

ARTICLES: dict[str, ModuleType] = {
    "equivariance": equivariance,
}
"""Every article by the name of its command, in the order of the thread."""
