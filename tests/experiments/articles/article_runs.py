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
    """The claims of a run, all of whose rows have one."""
    assert article.run(config) == 0
    assert config.out is not None
    metrics = json.loads((config.out / "metrics.json").read_text())
    assert metrics["finished"]
    assert {row for claim in metrics["claims"] for row in claim["rows"]} >= set(rows)
    return metrics["claims"]


def about(claims: Claims, words: str) -> dict[str, Any]:
    """The one claim whose text has some words."""
    (claim,) = [claim for claim in claims if words in claim["text"]]
    return claim
