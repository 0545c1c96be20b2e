import json
import re
from pathlib import Path
from typing import Any

import jax
import pytest
from store_toys import FACTS, SETTINGS, Quick, job, some

from experiments.options import UsageError
from experiments.page import provenance
from experiments.store import opening
from experiments.store.opening import begin, claims_in
from experiments.store.options import UnitOptions, drawing
from experiments.store.work import ALONE, work
from inception_jax import INCEPTION5H, initialise

A, B = some("a", 10), some("b", 6)


def config(path: Path) -> dict[str, Any]:
    return json.loads((path / "config.json").read_text())


def open_again(path: Path, settings: dict[str, Any] = SETTINGS, facts: dict[str, Any] = FACTS, **options: Any) -> None:
    with claims_in(path) as claims:
        begin(path, settings, facts, Quick([]), A, claims, **options)


def test_config_grows_with_requests(tmp_path: Path) -> None:
    with job(tmp_path, A[:3]):
        pass
    first = config(tmp_path)
    assert first["units"] == {"a": "0-2"}
    assert first["settings"] == SETTINGS
    assert first["widths"] == {jax.local_devices()[0].device_kind: {"a": 4}}
    with job(tmp_path, [*B, *A]):
        pass
    assert config(tmp_path) == first | {
        "further_commands": [FACTS["command"]],
        "units": {"a": "0-9", "b": "0-5"},
        "widths": {jax.local_devices()[0].device_kind: {"a": 4, "b": 4}},
    }


def test_other_devices_have_widths_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with job(tmp_path, A, batch=3):
        pass
    monkeypatch.setattr(opening, "device_kind", lambda: "another")
    with job(tmp_path, A) as opened:
        assert opened.widths == {"a": 4}


def test_changed_settings_are_refused(tmp_path: Path) -> None:
    with job(tmp_path, A) as opened:
        work(opened, ALONE)
    message = f"{tmp_path} holds a run with other settings (steps 2 there, 3 here); give another directory with --out"
    with pytest.raises(UsageError, match=re.escape(message)):
        open_again(tmp_path, {**SETTINGS, "steps": 3})
    # Even before anything is finished, while somebody is at work.
    with job(tmp_path / "new", A) as opened:
        opened.claims.take("a-0000")
        with pytest.raises(UsageError, match=r"holds a run with other settings"):
            open_again(tmp_path / "new", {**SETTINGS, "steps": 3})


def test_starting_over_while_others_are_at_work(tmp_path: Path) -> None:
    with job(tmp_path, A) as opened:
        work(opened, ALONE)
    (tmp_path / "claims").mkdir()
    other = {"host": "far", "system": "far away", "pid": 1, "started": 1}
    (tmp_path / "claims" / "a-0000").write_text(json.dumps(other))
    message = f"process 1 on far is at work in {tmp_path}; stop it before starting over with --force"
    with pytest.raises(UsageError, match=f"^{re.escape(message)}$"):
        open_again(tmp_path, force=True)
    assert len(list(tmp_path.rglob("*.png"))) == 10


def test_starting_over(tmp_path: Path) -> None:
    with job(tmp_path, [*A, *B]) as opened:
        work(opened, ALONE)
    open_again(tmp_path, {**SETTINGS, "steps": 3}, force=True)
    assert not list(tmp_path.rglob("*.png"))
    assert config(tmp_path)["units"] == {"a": "0-9"}


def test_commands_that_add_units_are_on_record(tmp_path: Path) -> None:
    first = {**FACTS, "command": "first", "model": {}, "seed": 0, "device": "cpu", "started": "now"}
    for command, wanted in [("first", A[:2]), ("second", A[1:4]), ("nothing new", A[:1]), ("third", B[:1])]:
        with claims_in(tmp_path) as claims:
            begin(tmp_path, SETTINGS, {**first, "command": command}, Quick([]), wanted, claims)
    rows = provenance(config(tmp_path))
    assert {name: words for name, words in rows.items() if "ommand" in name} == {
        "Command": "first",
        "Command 2": "second",
        "Command 3": "third",
    }
    many = {**config(tmp_path), "further_commands": ["again"] * 12}
    assert provenance(many)["Command 10"] == "again"
    assert provenance(many)["Further commands"] == "3 more, in config.json"


@pytest.mark.filterwarnings("always")
def test_other_versions_go_on_with_a_warning(tmp_path: Path) -> None:
    open_again(tmp_path)
    expected = rf"^{re.escape(str(tmp_path))} was begun with jax 1, commit abc; it goes on with jax 2, commit def$"
    with pytest.warns(UserWarning, match=expected):
        open_again(tmp_path, facts={**FACTS, "versions": {"jax": "2"}, "git_commit": "def"})
    # What began it stays on record.
    assert config(tmp_path)["versions"] == {"jax": "1"}


def test_directories_of_other_files_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(UsageError, match=r"is not empty and holds no run; give another directory with --out$"):
        open_again(tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["thesis.tex"]


def test_widths_that_suit_the_device() -> None:
    model = initialise(INCEPTION5H.scaled(1 / 64), seed=0)
    toy = drawing(UnitOptions(size=32, dtype="bfloat16"), model, images=2)
    # The limit of CPUs, a batch as it is asked for, and an image too small for the layer.
    assert toy.width("conv2d0") == 4
    assert toy.width("conv2d0", batch=7) == 7
    with pytest.raises(ValueError, match="batch is 0; expected a whole number, at least 1"):
        toy.width("conv2d0", batch=0)
    with pytest.raises(ValueError, match="no layer 'conv9'"):
        toy.width("conv9")
