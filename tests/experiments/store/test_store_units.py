import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.store import units
from featvis import shortform
from featvis.shortform import Unit

LAYERS = {"conv2d0": 40, "mixed4a": 40, "mixed4a_pre_relu": 40}
SOME = st.lists(st.builds(Unit, st.sampled_from(sorted(LAYERS)), st.integers(0, 39), st.booleans()), min_size=1)


@given(SOME)
def test_what_is_written_is_what_people_write(chosen: list[Unit]) -> None:
    each = [unit for part in units.lists(chosen).values() for unit in part]
    assert sorted(each) == sorted(set(chosen))
    assert units.read(units.spelled(chosen)) == each
    assert shortform.units(units.short_form(chosen), LAYERS) == each


@given(SOME, SOME)
def test_lists_grow_at_their_ends(first: list[Unit], more: list[Unit]) -> None:
    before, after = units.lists(first), units.lists([*first, *more])
    for layer, part in before.items():
        assert after[layer][: len(part)] == part


def test_names_tell_all_units_apart() -> None:
    everything = [Unit(layer, n, minus) for layer in LAYERS for n in (0, 12, 12345) for minus in (False, True)]
    for naming in (units.file, units.claim):
        assert len({naming(unit) for unit in everything}) == len(everything)
    assert units.file(Unit("mixed4a", 12345, negative=True)) == "images/mixed4a/12345_negative.png"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([1], "units are '[1]'; expected numbers by layer"),
        ({"../../etc": "0"}, "'../../etc' is no name of a layer"),
        ({"--a": "0"}, "'--a' is no name of a layer"),
        ({"..": "0"}, "'..' is no name of a layer"),
        ({"": "0"}, "'' is no name of a layer"),
        ({"a": "0-"}, "units of a are '0-'; expected numbers such as 0-15,20"),
        ({"a": None}, "units of a are 'None'; expected numbers such as 0-15,20"),
        ({"a": "0-9999999"}, "there are more than 131072 units"),
        ({"a": ",".join(["0-1048574"] * 2)}, "there are more than 131072 units"),
    ],
)
def test_lists_from_elsewhere_are_refused(content: object, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        units.read(content)


def test_backward_ranges_are_empty() -> None:
    assert units.read({"a": "5-3,7"}) == [Unit("a", 7)]
