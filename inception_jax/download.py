"""Downloads of known files: bounded, resumed where they broke off, checked before anyone sees them."""

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pooch
import requests
from tqdm import tqdm

_LOG = logging.getLogger(__name__)

_CHECKSUM = re.compile(r"sha256:[0-9a-fA-F]{64}|sha1:[0-9a-fA-F]{40}")

TIMEOUTS = (10.0, 60.0)
"""Seconds to wait for a connection, and for the next bytes."""


class DownloadError(OSError):
    """A file that cannot be had from any of its addresses; the message says why for each."""


def download_file(urls: Sequence[str], path: Path, checksum: str, size: int) -> Path:
    """Fetch a file of known size and checksum to `path`, from the first of `urls` that has it.

    What has arrived is kept in `<path>.part` and continued by the next call, if the server can. `path` itself appears
    complete and checked, or not at all; a file with another checksum is deleted. On terminals a bar shows progress.

    Args:
        urls: http or https addresses of the same file. Plain http is as safe, since the checksum decides.
        path: the file to write, in a folder that exists. Returned at once where it is there and has the checksum.
        checksum: `sha256:<hex>` or `sha1:<hex>`.
        size: bytes, exactly; nothing beyond is read.

    Raises:
        DownloadError: no network, an answer other than the file, or a file of another size or checksum.
        ValueError: no checksum of one of these kinds; nothing is fetched.
    """
    if not _CHECKSUM.fullmatch(checksum):
        raise ValueError(
            f"{path.name} has checksum {checksum!r}; expected sha256: and 64, or sha1: and 40 hexadecimal digits, "
            "without which nobody vouches for the file"
        )
    problems = []
    for url in urls:
        # pooch's type for downloaders is not how it calls them.
        fetch: Any = _Resuming(path.with_name(f"{path.name}.part"), size)
        try:
            return Path(pooch.retrieve(url, checksum, path.name, path.parent, downloader=fetch))
        except (OSError, ValueError) as error:  # requests' errors are OSErrors; pooch raises ValueError for checksums
            problems.append(f"{url}: {_reason(error)}")
    raise DownloadError("; ".join(problems))


@dataclass(frozen=True)
class _Resuming:
    """A downloader for pooch that collects a file of `size` bytes in `part`."""

    part: Path
    size: int

    def __call__(self, url: str, output_file: str, _pooch: Any) -> None:
        while (start := self._length()) != self.size:
            try:
                self._continue(url, start)
            except DownloadError:
                self.part.unlink(missing_ok=True)
                raise
            except requests.RequestException:
                # A connection that brought something is worth another try at once; others end the call.
                if self._length() <= start:
                    raise
            else:
                if self._length() <= start:
                    raise DownloadError(f"it ended after {self._length():,} of {self.size:,} bytes")
        self.part.replace(output_file)

    def _length(self) -> int:
        length = self.part.stat().st_size if self.part.exists() else 0
        return length if length <= self.size else 0

    def _continue(self, url: str, start: int) -> None:
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={start}-"} if start else {})
        _LOG.info("fetching %s from byte %d on", url, start)
        with requests.get(url, headers=headers, stream=True, timeout=TIMEOUTS) as response:
            if response.status_code == 416:
                raise DownloadError(f"the file there has fewer than the {self.size:,} bytes expected")
            response.raise_for_status()
            if response.status_code != 206:
                start = 0
            elif not response.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
                raise DownloadError("the server sent another part of the file than asked for")
            self._check(start + int(response.headers.get("Content-Length", 0)))
            bar = tqdm(desc=self.part.stem, initial=start, total=self.size, unit="B", unit_scale=True, disable=None)
            with bar, self.part.open("ab" if start else "wb") as file:
                for chunk in response.iter_content(1 << 16):
                    self._check(file.tell() + len(chunk))
                    file.write(chunk)
                    bar.update(len(chunk))

    def _check(self, length: int) -> None:
        if length > self.size:
            raise DownloadError(f"the file there has more than the {self.size:,} bytes expected")


def _reason(error: Exception) -> str:
    match error:
        case requests.HTTPError(response=response) if response is not None:
            return f"the server answers {response.status_code} {response.reason}"
        case requests.Timeout():
            return "no answer in time"
        case requests.exceptions.ChunkedEncodingError():
            return "the connection broke off"
        case requests.ConnectionError(request=request):
            host = urlsplit(request.url).netloc if request is not None and request.url else "the server"
            return f"cannot connect to {host}; is there a network?"
    return str(error)
