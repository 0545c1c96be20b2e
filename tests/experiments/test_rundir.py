import json
import stat
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from experiments.options import UsageError
from experiments.rundir import RunDirectory, identity, open_run

SETTINGS = {"steps": 4, "layer": "mixed4a", "size": None}


def begun(path: Path) -> RunDirectory:
    run = open_run(path, SETTINGS, {"device": "cpu"})
    run.write_json("metrics.json", {"units": {"a": {}}})
    return run


def test_config_holds_settings_identity_and_facts(tmp_path: Path) -> None:
    run = begun(tmp_path / "deep" / "run")
    assert run.config == {"device": "cpu", "identity": identity(SETTINGS), "settings": SETTINGS}


def test_same_settings_go_on_and_keep_the_first_facts(tmp_path: Path) -> None:
    begun(tmp_path)
    again = open_run(tmp_path, dict(reversed(SETTINGS.items())), {"device": "tpu"})
    assert again.config["device"] == "cpu"
    assert again.metrics == {"units": {"a": {}}}


@pytest.mark.parametrize(
    ("settings", "difference"),
    [
        ({**SETTINGS, "steps": 5}, "(steps 4 there, 5 here)"),
        ({**SETTINGS, "steps": 5, "layer": "mixed4b"}, "(steps 4 there, 5 here, layer mixed4a there, mixed4b here)"),
        ({"steps": 4, "size": None}, "(layer mixed4a there, None here)"),
    ],
)
def test_other_settings_are_refused_with_the_difference(
    tmp_path: Path, settings: dict[str, Any], difference: str
) -> None:
    begun(tmp_path)
    with pytest.raises(UsageError) as caught:
        open_run(tmp_path, settings, {})
    assert str(caught.value) == (
        f"{tmp_path} holds a run with other settings {difference}; give another directory with --out, "
        "or start over with --force"
    )


def test_a_run_without_results_gives_way(tmp_path: Path) -> None:
    open_run(tmp_path, SETTINGS, {})
    assert open_run(tmp_path, {"steps": 9}, {}).config["settings"] == {"steps": 9}


def test_force_discards_results(tmp_path: Path) -> None:
    run = begun(tmp_path)
    run.write_image("images/a.png", np.zeros((2, 2, 3)))
    for name in (
        "images/a.webp",
        "a.gif",
        "images/mixed4a/0001.png",
        "sheets/mixed4a.jpg",
        "sheets/mixed4a.json",
        "damaged/mixed4a/0001.png",
        "layer-mixed4a.html",
        "atlas.json",
        "index.html",
        "scores.csv",
        "model.safetensors",
        "checkpoints/1/state",
    ):
        run.write_text(name, "")
    run.write_arrays("a.npz", {})
    run = open_run(tmp_path, {"steps": 5}, {}, force=True)
    assert run.metrics == {}
    assert [file.name for file in tmp_path.rglob("*") if file.is_file()] == ["config.json"]


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("name", ["config.json", "thesis.png"])
def test_a_directory_of_other_files_is_left_alone(tmp_path: Path, name: str, force: bool) -> None:
    (tmp_path / name).write_text('{"years": "of work"}')
    with pytest.raises(UsageError, match="is not empty and holds no run; give another directory with --out"):
        open_run(tmp_path, SETTINGS, {}, force=force)
    assert [f.read_text() for f in tmp_path.iterdir()] == ['{"years": "of work"}']


@pytest.mark.parametrize("content", ["{", "[]", "\x00"])
def test_spoilt_config(tmp_path: Path, content: str) -> None:
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(UsageError, match=r"^cannot read .*config\.json"):
        open_run(tmp_path, SETTINGS, {})


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = begun(tmp_path)
    before = {f.name: f.read_bytes() for f in tmp_path.iterdir()}

    def full(self: Path, content: bytes) -> int:
        self.open("wb").close()  # Opened and cut short.
        del content
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(UsageError, match=r"^cannot write .*metrics\.json: No space left on device$"):
        run.write_json("metrics.json", {})
    monkeypatch.undo()
    assert {f.name: f.read_bytes() for f in tmp_path.iterdir()} == before


def test_files_have_the_usual_permissions(tmp_path: Path) -> None:
    begun(tmp_path)
    (tmp_path / "plain").touch()
    modes = {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("plain", "config.json")}
    assert len(modes) == 1


def test_images_round_to_the_nearest_level(tmp_path: Path) -> None:
    levels = np.arange(256) / 255
    image = np.stack([levels, np.clip(levels + 0.4 / 255, 0, 1), levels - 0.4 / 255], -1)[None].astype(np.float32)
    run = RunDirectory(tmp_path)
    run.write_image("a.png", image)
    read = np.asarray(Image.open(tmp_path / "a.png"))
    assert (read == np.arange(256)[None, :, None]).all()
    assert (run.read_image("a.png") == (np.arange(256, dtype=np.float32) / 255)[None, :, None]).all()


def test_arrays_come_back(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    assert run.read_arrays("a.npz") == {}
    run.write_arrays("a.npz", {"x": np.arange(3), "y": np.ones((2, 2))})
    arrays = run.read_arrays("a.npz")
    assert sorted(arrays) == ["x", "y"]
    assert arrays["x"].tolist() == [0, 1, 2]


def test_identity_is_that_of_the_sorted_json() -> None:
    assert identity({"b": 1, "a": None}) == identity(json.loads('{"a": null, "b": 1}'))
    assert identity({"a": 1}) != identity({"a": 1.5})
