"""`jax.jit` with the options that suit the default device."""

from collections.abc import Callable
from functools import cached_property, update_wrapper
from typing import Any

import jax


def compiler_options() -> dict[str, str]:
    """Options of `jax.jit` with which convolutions are fast on the default device.

    On CPUs, XLA hands some convolutions to a library of fused kernels that is slower than its own: up to seven times
    with jax 0.10, half as slow again with jax 0.12, for a first layer whose width is no multiple of 16.

    >>> jax.jit(lambda x: x + 1, compiler_options=compiler_options())(1)
    Array(2, dtype=int32, weak_type=True)
    """
    return {"xla_cpu_experimental_ynn_fusion_type": ""} if jax.default_backend() == "cpu" else {}


class Compiled:
    """`jax.jit(function, **options)` with `compiler_options`, to be called outside other compiled functions only.

    Nothing asks for the device before the first call, so modules can be imported without any.

    >>> twice = Compiled(lambda x: 2 * x)
    >>> int(twice(3))
    6
    """

    def __init__(self, function: Callable[..., Any], **options: Any) -> None:
        self.options = options
        update_wrapper(self, function)

    @cached_property
    def jitted(self) -> Any:
        """The function that `jax.jit` makes."""
        return jax.jit(self.__wrapped__, **self.options, compiler_options=compiler_options())  # pyright: ignore

    def __call__(self, *arguments: Any) -> Any:
        return self.jitted(*arguments)
