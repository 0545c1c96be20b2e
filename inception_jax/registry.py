"""The released networks: which files hold them, where those are published, and how to tell them from others."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from inception_jax.readers import READERS, WeightsError

ENDINGS = " ".join(READERS)
"""What the names of weights files end in, for messages."""


@dataclass(frozen=True)
class Pretrained:
    """A released network, and the files that hold it.

    `checksums` has the published files by name, `sha256:<hex>` or `sha1:<hex>`; `urls` and `size` (in bytes) describe
    the first of them. `copies` are names under which the same weights may be found in formats that nobody published.
    """

    name: str
    checksums: Mapping[str, str]
    urls: tuple[str, ...]
    size: int
    licence: str
    description: str
    copies: tuple[str, ...]

    @property
    def file(self) -> str:
        """Name of the published file that is downloaded."""
        return next(iter(self.checksums))


_INCEPTION5H_FILES = {
    "inception5h.zip": "sha256:d13569f6a98159de37e92e9c8ec4dae8f674fbf475f69fe6199b514f756d4364",
    "tensorflow_inception_graph.pb": "sha256:a39b08b826c9d5a5532ff424c03a3a11a202967544e389aca4b06c2bd8aef63f",
}

REGISTRY: Mapping[str, Pretrained] = MappingProxyType(
    {
        "inception5h": Pretrained(
            name="inception5h",
            checksums=MappingProxyType(_INCEPTION5H_FILES),
            urls=("https://storage.googleapis.com/download.tensorflow.org/models/inception5h.zip",),
            size=49_937_555,
            licence="Apache-2.0",
            description="InceptionV1 of DeepDream, Lucid and Thread: Circuits, with its two auxiliary heads",
            copies=("inception5h.safetensors", "inception5h.npz"),
        ),
        "bvlc_googlenet": Pretrained(
            name="bvlc_googlenet",
            checksums=MappingProxyType({"bvlc_googlenet.caffemodel": "sha1:405fc5acd08a3bb12de8ee5e23a96bec22f08204"}),
            # This server knows no https; the checksum is what vouches for the file.
            urls=("http://dl.caffe.berkeleyvision.org/bvlc_googlenet.caffemodel",),
            size=53_533_754,
            licence="unrestricted use",
            description="GoogLeNet as trained by the Berkeley Vision and Learning Center",
            copies=("bvlc_googlenet.safetensors", "bvlc_googlenet.npz"),
        ),
    }
)
"""The released networks by name; the first is the default."""


def released(name: str) -> Pretrained:
    """The entry of `REGISTRY`.

    Raises:
        WeightsError: no such name; says which are nearest, and what else names weights.

    >>> released("inception5h").file
    'inception5h.zip'
    """
    if name in REGISTRY:
        return REGISTRY[name]
    near = difflib.get_close_matches(name, REGISTRY, n=2, cutoff=0.6)
    hint = f"did you mean {' or '.join(map(repr, near))}? " if near else ""
    raise WeightsError(f"no weights {name!r}; {hint}expected {' or '.join(REGISTRY)}, or a file ({ENDINGS})")
