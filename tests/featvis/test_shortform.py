"""The short form for units."""

import pytest

from featvis.shortform import parse

LAYERS = {"mixed4a": 508, "mixed4a_1x1": 192}


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("mixed4a:476", ["mixed4a:476"]),
        ("mixed4a:10-12", ["mixed4a:10", "mixed4a:11", "mixed4a:12"]),
        ("-mixed4a:1,5", ["-mixed4a:1", "-mixed4a:5"]),
        ("mixed4a:1-2,5,mixed4a_1x1:3", ["mixed4a:1", "mixed4a:2", "mixed4a:5", "mixed4a_1x1:3"]),
        ("-mixed4a:1,5, mixed4a_1x1:3 ,mixed4a:1", ["-mixed4a:1", "-mixed4a:5", "mixed4a_1x1:3", "mixed4a:1"]),
        ("mixed4a_1x1:0,2-3", ["mixed4a_1x1:0", "mixed4a_1x1:2", "mixed4a_1x1:3"]),
    ],
)
def test_short_forms(text, labels):
    assert [objective.label for objective in parse(text, LAYERS)] == labels


def test_all_units():
    assert len(parse("mixed4a:*", LAYERS)) == 508


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("mixed4a", '^\'mixed4a\' names no units; expected "mixed4a:\\*" for all, or "layer:unit"'),
        ("-mixed4a", "^'-mixed4a' names no units; expected \"-mixed4a:\\*\" for all"),
        ("all", "^cannot read 'all'; expected \"layer:unit\""),
        ("mixed4b:3", "no layer 'mixed4b'; did you mean 'mixed4a'"),
        ("mixed4a:508", "^mixed4a has no units '508'; it has units 0 to 507"),
        ("mixed4a:9-3", "^mixed4a has no units '9-3'; it has units 0 to 507"),
        ("mixed4a_1x1:1,mixed4a:0-99999999999", "^mixed4a has no units '0-99999999999'"),
        ("mixed4a:1--3", "^cannot read units '1--3' of mixed4a; expected "),
        ("mixed4a:1,,3", "^cannot read units '' of mixed4a; expected "),
        ("mixed4a:all", "^cannot read units 'all' of mixed4a; expected "),
        ("3,mixed4a:1", "^cannot read '3,mixed4a:1'; expected "),
        ("", "^cannot read ''; expected "),
        ("mixed4a:-3", "^cannot read units '-3' of mixed4a"),
    ],
)
def test_bad_short_forms(text, message):
    with pytest.raises(ValueError, match=message):
        parse(text, LAYERS)
