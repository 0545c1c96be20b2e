"""Claims: what an article says, what was measured here, and whether it holds."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

Value = str | int | float
Basis = Literal["published units", "found units", "published numbers", "weights", "trained here"]
"""What a claim is about: units by their published numbers in inception5h, units that a search found in another network,
numbers that were published with an article, weights whoever the units are, or networks trained by the experiment."""


@dataclass(frozen=True)
class Claim:
    """One statement of an article beside what was found here.

    Attributes:
        text: the statement, in a sentence without a full stop.
        expected: what must hold of the measured value, in words, with the reason for a tolerance.
        measured: the value here; None where nothing was measured.
        published: the value in the article; None where it has none.
        holds: whether what was expected holds; None where the claim cannot be asked here.
        why: what is missing, where `holds` is None.
        basis: what the claim is about.
        rows: numbers of the reproductions that it belongs to, see `rows`.

    Raises:
        ValueError: a claim that cannot be asked and does not say why, or a row that there is not.

    >>> Claim("Ten curve detectors", "ten", "found units", 10, 10, True).status
    'holds'
    """

    text: str
    expected: str
    basis: Basis
    measured: Value | None = None
    published: Value | None = None
    holds: bool | None = None
    why: str = ""
    rows: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.holds is None and not self.why:
            raise ValueError(f"{self.text!r} cannot be asked here; expected a reason in `why`")
        if unknown := [row for row in self.rows if row not in rows()]:
            raise ValueError(f"there is no row {unknown[0]}; expected 1 to {max(rows())}")

    @property
    def status(self) -> str:
        """`holds`, `fails` or `not asked`."""
        return {True: "holds", False: "fails", None: "not asked"}[self.holds]

    def as_json(self) -> dict[str, Any]:
        """As metrics.json has it."""
        return dataclasses.asdict(self) | {"status": self.status}


@dataclass(frozen=True)
class Row:
    """A reproduction of the thread: its name, the article, what it needs, and when it counts as done."""

    name: str
    article: str
    needs: str
    accepted: str


@cache
def rows() -> Mapping[int, Row]:
    """The reproductions by number.

    >>> rows()[13].article
    'branch_specialization'
    """
    found = json.loads((Path(__file__).parent / "rows.json").read_text(encoding="utf-8"))
    return {int(number): Row(**row) for number, row in found["rows"].items()}


def counted(claims: Sequence[Claim]) -> str:
    """How many hold, in words.

    >>> counted([Claim("a", "b", "weights", holds=True), Claim("a", "b", "weights", why="no photographs")])
    '1 of 1 claims hold, 1 not asked'
    """
    asked = [claim for claim in claims if claim.holds is not None]
    rest = f", {len(claims) - len(asked)} not asked" if len(asked) < len(claims) else ""
    return f"{sum(bool(claim.holds) for claim in asked)} of {len(asked)} claims hold{rest}"
