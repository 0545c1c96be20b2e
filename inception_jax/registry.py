"""Networks by name: those in the package and those published elsewhere, and how to tell their files from others."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from inception_jax.readers import READERS, WeightsError

ENDINGS = " ".join(READERS)
"""What the names of weights files end in, for messages."""

DEFAULT = "mini"
"""The network to use where none is named."""


@dataclass(frozen=True)
class Bundled:
    """A network trained by this project, whose weights are in the package, beside a card that describes them."""

    name: str
    sha256: str
    licence: str = "Apache-2.0"

    @property
    def path(self) -> Path:
        """The weights file."""
        return Path(__file__).parent / "data" / f"{self.name}.safetensors"

    @property
    def size(self) -> int:
        """Of the weights file, in bytes."""
        return self.path.stat().st_size

    @property
    def checksums(self) -> Mapping[str, str]:
        """That of the weights file by its name, as in `Published`."""
        return {self.path.name: f"sha256:{self.sha256}"}


@dataclass(frozen=True)
class Published:
    """A network trained and published by others, and the files that hold it.

    `checksums` has the published files by name, `sha256:<hex>` or `sha1:<hex>`; `urls` and `size` (in bytes) describe
    the first of them. `copies` are names under which the same weights may be found in formats that nobody published.
    """

    name: str
    checksums: Mapping[str, str]
    urls: tuple[str, ...]
    size: int
    licence: str
    copies: tuple[str, ...]

    @property
    def file(self) -> str:
        """Name of the published file that is downloaded."""
        return next(iter(self.checksums))


_INCEPTION5H_FILES = {
    "inception5h.zip": "sha256:d13569f6a98159de37e92e9c8ec4dae8f674fbf475f69fe6199b514f756d4364",
    "tensorflow_inception_graph.pb": "sha256:a39b08b826c9d5a5532ff424c03a3a11a202967544e389aca4b06c2bd8aef63f",
}

REGISTRY: Mapping[str, Bundled | Published] = MappingProxyType(
    {
        "mini": Bundled("mini", sha256="37bd751b75b9d9da1c5b025d8264d19c2e52dd37cf5f69fdbda61d1f7d9cf57c"),
        "mini-seed1": Bundled("mini-seed1", sha256="3e069809ec7b06e97993f229f4df27f193814b8c841fad7d4b869dd11e0ff3fc"),
        "inception5h": Published(
            name="inception5h",
            checksums=MappingProxyType(_INCEPTION5H_FILES),
            urls=("https://storage.googleapis.com/download.tensorflow.org/models/inception5h.zip",),
            size=49_937_555,
            licence="Apache-2.0",
            copies=("inception5h.safetensors", "inception5h.npz"),
        ),
        "bvlc_googlenet": Published(
            name="bvlc_googlenet",
            checksums=MappingProxyType({"bvlc_googlenet.caffemodel": "sha1:405fc5acd08a3bb12de8ee5e23a96bec22f08204"}),
            # This server knows no https; the checksum is what vouches for the file.
            urls=("http://dl.caffe.berkeleyvision.org/bvlc_googlenet.caffemodel",),
            size=53_533_754,
            licence="unrestricted use",
            copies=("bvlc_googlenet.safetensors", "bvlc_googlenet.npz"),
        ),
    }
)
"""The networks by name."""


def registered(name: str) -> Bundled | Published:
    """The entry of `REGISTRY`.

    Raises:
        WeightsError: no such name; says which are nearest, and what else names weights.

    >>> registered("inception5h").licence
    'Apache-2.0'
    """
    if name in REGISTRY:
        return REGISTRY[name]
    near = difflib.get_close_matches(name, REGISTRY, n=2, cutoff=0.6)
    hint = f"did you mean {' or '.join(map(repr, near))}? " if near else ""
    raise WeightsError(f"no weights {name!r}; {hint}expected {' or '.join(REGISTRY)}, or a file ({ENDINGS})")
