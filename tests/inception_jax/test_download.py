"""Downloads from a server on this machine that breaks off, lies, or is not there."""

import hashlib
import socket
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from web_server import Refuse, Web, serve

from inception_jax.download import DownloadError, download_file

CONTENT = np.random.default_rng(0).bytes(1_000_000)
CHECKSUM = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with serve(CONTENT) as server:
        yield server


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "weights.bin"


def fetch(web: Web, path: Path, checksum: str = CHECKSUM) -> Path:
    return download_file([web.url], path, checksum, len(CONTENT))


def left_behind(path: Path) -> list[str]:
    return sorted(entry.name for entry in path.parent.iterdir())


def test_file_appears_whole_and_alone(web: Web, path: Path) -> None:
    assert fetch(web, path) == path
    assert path.read_bytes() == CONTENT
    assert left_behind(path) == ["weights.bin"]


def test_sha1_is_as_good(web: Web, path: Path) -> None:
    fetch(web, path, f"sha1:{hashlib.sha1(CONTENT).hexdigest()}")
    assert path.read_bytes() == CONTENT


def test_present_file_is_not_fetched_again(web: Web, path: Path) -> None:
    path.write_bytes(CONTENT)
    fetch(web, path)
    assert web.requests == []


def test_other_file_of_that_name_is_replaced(web: Web, path: Path) -> None:
    path.write_bytes(b"something else")
    fetch(web, path)
    assert path.read_bytes() == CONTENT


def test_broken_connection_is_continued_at_once(web: Web, path: Path) -> None:
    web.answers = [400_000, 300_000, None]
    fetch(web, path)
    assert path.read_bytes() == CONTENT
    starts = [int(asked.removeprefix("bytes=").rstrip("-")) for asked in web.requests if asked]
    # What the client had not written when the connection broke is lost: at most its buffer of 64 KiB.
    assert starts == [pytest.approx(400_000 - 32_768, abs=32_768), pytest.approx(700_000 - 65_536, abs=65_536)]


def test_next_call_continues(web: Web, path: Path) -> None:
    web.answers = [400_000, Refuse(503), None]
    with pytest.raises(DownloadError, match="the server answers 503"):
        fetch(web, path)
    assert left_behind(path) == ["weights.bin.part"]
    have = path.with_name("weights.bin.part").stat().st_size
    assert have > 300_000
    fetch(web, path)
    assert path.read_bytes() == CONTENT
    assert web.requests[-1] == f"bytes={have}-"
    assert left_behind(path) == ["weights.bin"]


def test_complete_part_needs_no_server(path: Path) -> None:
    path.with_name("weights.bin.part").write_bytes(CONTENT)
    download_file(["http://127.0.0.1:9/"], path, CHECKSUM, len(CONTENT))
    assert path.read_bytes() == CONTENT


def test_server_without_ranges_starts_over(web: Web, path: Path) -> None:
    web.ranges = False
    web.answers = [400_000, None]
    fetch(web, path)
    assert path.read_bytes() == CONTENT
    assert len(web.requests) == 2


def test_server_without_ranges_that_always_breaks_off_is_given_up(web: Web, path: Path) -> None:
    web.ranges = False
    web.answers = [400_000]
    with pytest.raises(DownloadError, match="the connection broke off"):
        fetch(web, path)
    assert len(web.requests) == 2


def test_wrong_checksum_leaves_nothing(web: Web, path: Path) -> None:
    web.content = bytes(len(CONTENT))
    with pytest.raises(DownloadError, match=f"does not match the known hash: expected {CHECKSUM}"):
        fetch(web, path)
    assert left_behind(path) == []


def test_wrong_checksum_of_a_resumed_file_leaves_nothing(web: Web, path: Path) -> None:
    path.with_name("weights.bin.part").write_bytes(bytes(1000))
    with pytest.raises(DownloadError, match="does not match the known hash"):
        fetch(web, path)
    assert left_behind(path) == []


def test_truncated_body_without_a_length_is_noticed(web: Web, path: Path) -> None:
    web.declares_length = False
    web.answers = [400_000, 0]
    with pytest.raises(DownloadError, match="it ended after 400,000 of 1,000,000 bytes"):
        fetch(web, path)
    assert left_behind(path) == ["weights.bin.part"]


@pytest.mark.parametrize("declares_length", [True, False])
def test_more_than_expected_is_refused(web: Web, path: Path, declares_length: bool) -> None:
    web.content, web.declares_length = CONTENT + b"!", declares_length
    with pytest.raises(DownloadError, match="the file there has more than the 1,000,000 bytes expected"):
        fetch(web, path)
    assert left_behind(path) == []


def test_shorter_file_is_refused(web: Web, path: Path) -> None:
    path.with_name("weights.bin.part").write_bytes(CONTENT[:900_000])
    web.content = CONTENT[:800_000]
    with pytest.raises(DownloadError, match="the file there has fewer than the 1,000,000 bytes expected"):
        fetch(web, path)
    assert left_behind(path) == []


def test_overlong_part_is_dropped(web: Web, path: Path) -> None:
    path.with_name("weights.bin.part").write_bytes(CONTENT + b"!")
    fetch(web, path)
    assert path.read_bytes() == CONTENT


def test_another_range_than_asked_for_is_refused(web: Web, path: Path) -> None:
    path.with_name("weights.bin.part").write_bytes(CONTENT[:1000])
    web.shift = 10
    with pytest.raises(DownloadError, match="the server sent another part of the file than asked for"):
        fetch(web, path)
    assert left_behind(path) == []


def test_next_address_is_tried(web: Web, path: Path) -> None:
    download_file(["http://127.0.0.1:9/file", web.url], path, CHECKSUM, len(CONTENT))
    assert path.read_bytes() == CONTENT


def test_all_addresses_fail(web: Web, path: Path) -> None:
    web.answers = [Refuse(404)]
    message = (
        r"http://127\.0\.0\.1:9/file: cannot connect to 127\.0\.0\.1:9; is there a network\?; .*answers 404 Not Found"
    )
    with pytest.raises(DownloadError, match=message):
        download_file(["http://127.0.0.1:9/file", web.url], path, CHECKSUM, len(CONTENT))
    assert left_behind(path) == []


def test_silent_server_times_out(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A socket that accepts connections and never answers.
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr("inception_jax.download.TIMEOUTS", (0.2, 0.2))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        with pytest.raises(DownloadError, match="no answer in time"):
            download_file([url], path, CHECKSUM, len(CONTENT))
