"""Claims of articles, and the reproductions that they belong to."""

import pytest

from experiments import articles
from experiments.study import Claim
from experiments.study.claims import counted, rows


def test_a_claim_that_cannot_be_asked_says_why() -> None:
    with pytest.raises(ValueError, match="'Echoes rise' cannot be asked here; expected a reason in `why`"):
        Claim("Echoes rise", "in most units", "found units")


def test_a_claim_belongs_to_rows_that_there_are() -> None:
    with pytest.raises(ValueError, match="there is no row 33; expected 1 to 32"):
        Claim("Echoes rise", "in most units", "found units", holds=True, rows=(8, 33))


@pytest.mark.parametrize(("holds", "status"), [(True, "holds"), (False, "fails"), (None, "not asked")])
def test_status(holds: bool | None, status: str) -> None:
    claim = Claim("Echoes rise", "in most units", "found units", holds=holds, why="no photographs", rows=(8,))
    assert claim.status == status
    assert claim.as_json()["status"] == status
    assert claim.as_json()["rows"] == (8,)


def test_what_was_not_asked_is_not_counted_as_failing() -> None:
    asked = [Claim("a", "b", "weights", holds=holds) for holds in (True, False)]
    assert counted(asked) == "1 of 2 claims hold"
    assert counted([*asked, Claim("a", "b", "weights", why="no data")]) == "1 of 2 claims hold, 1 not asked"


def test_reproductions_are_numbered() -> None:
    assert list(rows()) == list(range(1, 33))
    assert {row.article for row in rows().values()} <= articles.ARTICLES.keys()
