"""Articles at toy size, and what their runs found."""

import json
from collections.abc import Collection
from pathlib import Path
from types import ModuleType
from typing import Any

from experiments.study import ArticleOptions

Claims = list[dict[str, Any]]


def toy(model: Path | str, out: Path, **options: Any) -> ArticleOptions:
    """Options that make an article quick."""
    return ArticleOptions(
        model=str(model), out=out, quick=True, steps=4, side=64, step=45.0, data_dir=out / "data", **options
    )


def ran(article: ModuleType, config: ArticleOptions, rows: Collection[int]) -> Claims:
    """Run an article; returns the claims, all of whose rows have one."""
    assert article.run(config) == 0
    assert config.out is not None
    return claims_of(config.out, rows)


def claims_of(out: Path, rows: Collection[int] = (), sections: int = 1) -> Claims:
    """The claims of a finished run whose page has more than so many sections; all of the rows have one."""
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["finished"]
    assert (out / "index.html").read_text().count("<h2") > sections
    assert {row for claim in metrics["claims"] for row in claim["rows"]} >= set(rows)
    return metrics["claims"]


def about(claims: Claims, words: str) -> dict[str, Any]:
    """The one claim whose text has some words."""
    (claim,) = [claim for claim in claims if words in claim["text"]]
    return claim
