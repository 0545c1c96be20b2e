"""The modules that have public names."""

import importlib
import pkgutil
from types import ModuleType

PACKAGES = ("inception_jax", "featvis", "circuits", "experiments")


def modules() -> list[ModuleType]:
    """Those with `__all__`."""
    roots = [importlib.import_module(package) for package in PACKAGES]
    inside = [info.name for root in roots for info in pkgutil.walk_packages(root.__path__, f"{root.__name__}.")]
    found = roots + [importlib.import_module(name) for name in inside if not name.endswith("__main__")]
    return [module for module in found if hasattr(module, "__all__")]
