"""Photographs, data sets and results that are made to do harm."""

import importlib
import io
import json
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from store_toys import FACTS, SETTINGS, pixels, record

from experiments.options import UsageError
from experiments.rundir import RunDirectory, open_run
from experiments.store import records, verify
from experiments.store.claims import Claims
from experiments.store.loading import load
from experiments.store.records import UnfitError
from fuzz.pictures import images, picture, prepared
from fuzz.reader import write
from fuzz.results import RESULTS
from inception_jax import datasets
from inception_jax.datasets import DatasetError
from inception_jax.download import download_file
from inception_jax.images import ImageError, decode_image
from inception_jax.photographs import photographs
from inception_jax.registry import REGISTRY, Published
from inception_jax.training import log


def test_scans_of_a_jpeg_are_counted() -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (2000, 2000)).save(buffer, "JPEG", progressive=True)
    data = buffer.getvalue()
    scan = data[data.rindex(b"\xff\xda") : -2]
    assert decode_image(data, "a.jpg", 8).shape == (8, 8, 3)
    with pytest.raises(ImageError, match=r"^a\.jpg has 2000 x 2000 pixels \d+ times; at most 1,500,000,000 in all$"):
        decode_image(data[:-2] + scan * 400 + data[-2:], "a.jpg", 8)


def test_the_largest_pictures_take_less_than_a_gigabyte(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.new("P", (7000, 7000)).save(buffer, "PNG", transparency=0, compress_level=1)
    (tmp_path / "a").write_bytes(buffer.getvalue())
    assert len(buffer.getvalue()) < 500_000
    program = (
        "import resource, sys; from inception_jax.images import load_image\n"
        "from pathlib import Path\n"
        "size = int(Path('/proc/self/statm').read_text().split()[0]) * resource.getpagesize()\n"
        "resource.setrlimit(resource.RLIMIT_AS, (size + 2**30, -1))\n"
        "print(load_image(sys.argv[1]).shape)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, tmp_path / "a"], capture_output=True, text=True, check=False,
        cwd=Path(__file__).parent.parent.parent,
    )  # fmt: skip
    assert (done.stdout, done.returncode) == ("(7000, 7000, 3)\n", 0), done.stderr


@pytest.mark.parametrize(
    ("name", "message"),
    [
        *((name, "names a path outside itself") for name in ("../a.png", "n/../../a.png", "/n/a.png", "\\n\\a.png")),
        *((name, "names a path outside itself") for name in ("C:\\n\\a.png", "C:/n/a.png", "n\\..\\..\\a.png")),
        ("n/\x1b[2Ja.png", "has a file name of characters that cannot be printed, 'n/"),
    ],
)
def test_names_in_a_zip_file(name: str, message: str, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        info = zipfile.ZipInfo("x")
        info.filename = name
        archive.writestr(info, picture("PNG"))
    with pytest.raises(ImageError, match=f"^{tmp_path}/a.zip {message}"):
        photographs(tmp_path / "a.zip")


def test_a_link_in_a_zip_file_is_its_own_text(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        info = zipfile.ZipInfo("n1/a.png")
        info.create_system, info.external_attr = 3, 0o120777 << 16
        archive.writestr(info, "/etc/passwd")
    with pytest.raises(ImageError, match=r"a\.zip: n1/a\.png is no image"):
        photographs(tmp_path / "a.zip")[0]


def test_an_image_that_unpacks_to_much_more(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("n1/a.bmp", picture("BMP") + bytes(2**24))
    message = r"a\.zip: n1/a\.bmp is damaged: it unpacks to 16,778,\d+ bytes, 20 times what it takes or more"
    with pytest.raises(ImageError, match=message):
        photographs(tmp_path / "a.zip")[0]


def test_links_and_pipes_among_photographs(tmp_path: Path) -> None:
    write(
        {"photos/n1/a.png": images()[".png"][0], "photos/n2/b.png": images()[".png"][0], "c.png": b"secret"}, tmp_path
    )
    os.mkfifo(tmp_path / "photos" / "n1" / "pipe.png")
    found = photographs(tmp_path / "photos", None, None)
    assert [name for _, _, name in found] == ["a.png", "b.png"]
    assert len(datasets.open_dataset(tmp_path / "photos", "train", tmp_path / "copy")) == 2
    (tmp_path / "photos" / "n1" / "c.png").symlink_to(tmp_path / "c.png")
    with pytest.raises(ImageError, match=r"n1/c\.png is a link that leads out of .*photos; such links are not"):
        list(photographs(tmp_path / "photos"))
    with pytest.raises(DatasetError, match=r"n1/c\.png is a link to a file outside; such links are not followed"):
        datasets.open_dataset(tmp_path / "photos", "train", tmp_path / "copy")


def test_a_data_set_imports_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(prepared(), tmp_path)
    features = tmp_path / "set" / "features.json"
    text = features.read_text()
    assert len(datasets.open_dataset(tmp_path / "set")) == 3
    before = "tensorflow" in sys.modules
    (tmp_path / "harmful.py").write_text("raise SystemExit('executed')\n")
    monkeypatch.syspath_prepend(tmp_path)
    features.write_text(text.replace("tensorflow_datasets.core.features.image_feature.Image", "harmful.Image"))
    message = r"set is no data set that tfds can read: features of the kind harmful\.Image, which is none of tfds"
    with pytest.raises(DatasetError, match=message):
        datasets.open_dataset(tmp_path / "set")
    assert "harmful" not in sys.modules
    with pytest.raises(SystemExit, match="executed"):  # It could have been.
        importlib.import_module("harmful")
    features.write_text(text.replace('"uint8"', '"uint9"'))
    with pytest.raises(DatasetError, match="set is no data set that tfds can read: data type 'uint9' not understood"):
        datasets.open_dataset(tmp_path / "set")
    assert ("tensorflow" in sys.modules) == before


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    made = open_run(tmp_path / "run", SETTINGS, FACTS)
    made.write_json("metrics.json", {"seconds": {"a": 1.0}})
    made.write_arrays("a.npz", {"a": np.zeros(3)})
    return made


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("config.json", '{"settings": [1, 2]}', r"settings is list \[1, 2\]; expected dict"),
        ("config.json", '{"git_commit": 1e999}', "git_commit is float inf; expected str or NoneType"),
        ("config.json", '{"a": 9' + "9" * 5000 + "}", "is no JSON: Exceeds the limit"),
        ("metrics.json", '{"seconds": {"a": "1"}}', "seconds are not all numbers"),
        ("metrics.json", '{"claims": {}}', r"claims is Known \{\}; expected list"),
        ("metrics.json", "[]", "expected a JSON object"),
        ("metrics.json", "[" * 10**5, "is nested in more than 50 levels"),
    ],
)
def test_files_of_a_run_are_what_they_should_be(file: str, text: str, message: str, run: RunDirectory) -> None:
    (run.path / file).write_text(text)
    with pytest.raises(UsageError, match=f"^cannot read {run.path / file}: {message}"):
        run.read_json(file)


def test_what_a_run_lacks_is_said(run: RunDirectory) -> None:
    with pytest.raises(UsageError, match=r"metrics\.json has no 'numbers'; expected it beside seconds$"):
        run.metrics["numbers"]
    with pytest.raises(UsageError, match=r"a\.npz has no 'b'; expected it beside a$"):
        run.read_arrays("a.npz")["b"]


def test_a_run_stays_in_its_directory(run: RunDirectory, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    write({"secret.json": b"{}", "a.npz": b"", "a.png": picture("PNG"), ".hidden": b"", "b": b""}, outside)
    for name in ("secret.json", "b.npz", "b.png"):
        (run.path / name).symlink_to(outside / name.replace("b.", "a."))
    for read in (
        lambda: run.read_json("secret.json"),
        lambda: run.read_arrays("b.npz"),
        lambda: run.read_image("b.png"),
    ):
        with pytest.raises(UsageError, match=r"is a link that leads out of .*run; such links are not followed$"):
            read()
    (run.path / "images").symlink_to(outside)
    (run.path / "claims").symlink_to(outside)
    for use in (lambda claims: claims.sweep(), lambda claims: claims.take("b")):
        with (
            pytest.raises(UsageError, match=r"claims is a link; expected a folder, or none$"),
            Claims(run.path / "claims") as claims,
        ):
            use(claims)
    open_run(run.path, {"steps": 3}, FACTS, force=True)
    assert sorted(file.name for file in outside.iterdir()) == [".hidden", "a.npz", "a.png", "b", "secret.json"]


def changed(**values: object) -> bytes:
    known = records._to_json(record()) | values
    image = Image.fromarray(pixels()[0])
    about, buffer = records.PngInfo(), io.BytesIO()
    about.add_text(records.KEYWORD, json.dumps(known))
    image.save(buffer, "PNG", pnginfo=about)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: changed(steps=2**30), "has a record that cannot be read: 1073741824 steps; at most 1048576 are read"),
        (lambda: changed(device="\x1b[2J"), "has a record that cannot be read: text that cannot be printed"),
        (lambda: changed(label="x" * (9 << 20)), r"has a record of 943\d+ bytes; at most 8388608 are read"),
    ],
)
def test_records_within_bounds(make: Callable[[], bytes], message: str) -> None:
    with pytest.raises(UnfitError, match=f"^{message}"):
        records.decode(make())


def test_a_store_stays_in_its_directory(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(RESULTS["job"].seeds()[0], tmp_path)
    file = tmp_path / "job" / "images" / "a" / "0000.png"
    file.rename(tmp_path / "elsewhere.png")
    file.symlink_to(tmp_path / "elsewhere.png")
    with pytest.raises(UsageError, match=r"^images/a/0000\.png is a link that leads out of .*job; such links"):
        load(tmp_path / "job")
    assert verify.run(verify.Config(tmp_path / "job")) == 1
    assert "images/a/0000.png is a link that leads out of" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("step\n" + "1" * 200_000, "field larger than field limit"),
        ("step,\0\n1,2\n", "is no table of a training run"),
        ("\xff\xfe", "is no table of a training run: 'utf-8' codec"),
        ("step\n" + "9" * 5000, "is no table of a training run"),
    ],
)
def test_tables_of_a_training(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_bytes(text.encode("latin-1"))
    with pytest.raises(ValueError, match=f"^{tmp_path}/log.csv .*{message}"):
        log.read(tmp_path / "log.csv")


@pytest.mark.parametrize(
    "checksum", ["", "md5:" + "0" * 32, "0" * 64, "sha256:", "sha256:" + "0" * 63, "sha1:" + "g" * 40]
)
@pytest.mark.parametrize("address", ["http://localhost:9/a", "https://localhost:9/a"])
def test_nothing_is_downloaded_without_a_checksum(checksum: str, address: str, tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match=f"^a has checksum '{re.escape(checksum)}'; expected sha256: and 64, or sha1: "
    ):
        download_file([address], tmp_path / "a", checksum, 10)


def test_what_is_published_has_checksums_and_sizes() -> None:
    for entry in REGISTRY.values():
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}|sha1:[0-9a-f]{40}", known) for known in entry.checksums.values())
        if isinstance(entry, Published):
            assert entry.size > 0
            assert all(url.startswith(("https://", "http://")) for url in entry.urls)
