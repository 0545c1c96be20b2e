"""Weight files of other frameworks and of this project, read without those frameworks.

Files from elsewhere are hostile until shown otherwise: sizes are bounded before anything is allocated, no pickle is
executed, nothing is unpacked to disk, and whatever is wrong with a file is one `WeightsError`.
"""

from collections.abc import Callable
from pathlib import PurePath

from inception_jax.readers import caffemodel, checkpoint, graphdef, npz, safetensors
from inception_jax.readers.contents import MAX_BYTES, Contents, WeightsError, plain

__all__ = ["MAX_BYTES", "READERS", "Contents", "WeightsError", "named", "parse"]

_TEXT = 1500
"""Characters of an error's text, at most: more is a part of the file."""

READERS: dict[str, Callable[[bytes], Contents]] = {
    ".safetensors": safetensors.parse,
    ".npz": npz.parse,
    ".pb": graphdef.parse,
    ".zip": graphdef.parse_zip,
    ".caffemodel": caffemodel.parse,
    ".pth": checkpoint.parse,
    ".pt": checkpoint.parse,
}
"""Readers by the ending of the file's name."""


def parse(name: str, data: bytes) -> Contents:
    """Read the bytes of a weights file; the ending of `name` says which format it has.

    >>> parse("notes.txt", b"")
    Traceback (most recent call last):
    inception_jax.readers.contents.WeightsError: notes.txt: files ending in '.txt' are not read; expected one of ...

    Raises:
        WeightsError: another ending, or whatever is wrong with the file. The message begins with `name`.
    """
    ending = PurePath(name).suffix.lower()
    if ending not in READERS:
        raise WeightsError(f"{name}: files ending in {ending!r} are not read; expected one of {', '.join(READERS)}")
    try:
        return READERS[ending](data)
    except WeightsError as error:
        raise named(name, error) from None
    # The readers name what they check for. Damage can show in other ways, and is one kind of error all the same.
    except Exception as error:
        raise WeightsError(
            f"{name}: damaged, or not a {ending} file ({type(error).__name__}: {plain(error)})"
        ) from None


def named(name: str, error: Exception) -> WeightsError:
    """What is wrong with the file of that name, as one line of moderate length.

    >>> named("a.npz", KeyError("shape"))
    WeightsError("a.npz: 'shape'")
    """
    return WeightsError(f"{name}: {plain(error, _TEXT)}")
