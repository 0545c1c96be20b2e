from pathlib import Path

import pytest

from experiments.feature_vis import Config
from experiments.options import UsageError, command, parse_units, usage_errors

LAYERS = {"mixed4a": 508, "mixed4b": 512}


@pytest.mark.parametrize(
    ("text", "units"),
    [
        ("0:16", list(range(16))),
        ("7", [7]),
        ("1,5,9", [1, 5, 9]),
        (" 9 , 1 ", [9, 1]),
        ("all", list(range(508))),
        (":3", [0, 1, 2]),
        ("505:", [505, 506, 507]),
        ("2:4,3,0:2", [2, 3, 0, 1]),
    ],
)
def test_units(text: str, units: list[int]) -> None:
    assert parse_units(text, "mixed4a", LAYERS) == units


@pytest.mark.parametrize("text", ["508", "0:509", "-1", "-2:3", "600:700"])
def test_units_the_layer_lacks(text: str) -> None:
    with pytest.raises(UsageError, match=rf"^units '{text}': mixed4a has units 0 to 507$"):
        parse_units(text, "mixed4a", LAYERS)


@pytest.mark.parametrize("text", ["3:3", "9:2"])
def test_empty_slices(text: str) -> None:
    with pytest.raises(UsageError, match=f"^units '{text}': {text} selects none$"):
        parse_units(text, "mixed4a", LAYERS)


@pytest.mark.parametrize("text", ["", "a", "1,,2", "1:2:3", "0x1f", "1.5", "All"])
def test_units_that_cannot_be_read(text: str) -> None:
    with pytest.raises(UsageError, match="expected numbers, slices a:b or 'all', separated by commas"):
        parse_units(text, "mixed4a", LAYERS)


def test_messages_keep_their_lines() -> None:
    with pytest.raises(UsageError) as caught, usage_errors():
        raise OSError("no weights:\n- one way\n- another")
    assert str(caught.value) == "no weights:\n- one way\n- another"


def test_unknown_layer_names_the_nearest() -> None:
    with pytest.raises(UsageError, match="no layer 'mixed4'; did you mean 'mixed4"):
        parse_units("0", "mixed4", LAYERS)


def test_command_names_what_differs_from_the_defaults() -> None:
    config = Config(model="a b.npz", out=Path("o"), units="1,2", negative=True, batch=4)
    assert command("feature_vis", config) == (
        "python -m experiments feature_vis --model 'a b.npz' --out o --units 1,2 --negative --batch 4"
    )
    assert command("feature_vis", Config()) == "python -m experiments feature_vis"
