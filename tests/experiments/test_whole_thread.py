"""All articles in one run: what the page over them says, and what happens when one fails or is interrupted."""

import json
from pathlib import Path
from typing import Any

import pytest

from experiments import articles, thread
from experiments.articles import equivariance
from experiments.options import UsageError
from experiments.study import ArticleOptions, Study, run_article


class Told:
    """An article that states a claim."""

    Config = ArticleOptions

    def __init__(self, name: str, error: Exception | None = None) -> None:
        self.__doc__ = f"On {name}: what it is about."
        self.name, self.error, self.runs = name, error, 0

    def run(self, config: ArticleOptions) -> int:
        def draw(study: Study) -> None:
            self.runs += 1
            study.page.kept("work", lambda: {"a": [1.0]})
            if self.error is not None:
                raise self.error
            study.claim("It holds", "one", measured=1, published=1, holds=True, rows=(13,))
            study.claim("It does not", "two", measured=1, published=2, holds=False, rows=(13, 14))
            study.claim("Nobody knows", "three", why="no photographs", rows=(16,))

        return run_article(self.name, config, self.name, "", draw)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Any]:
    monkeypatch.setenv("INCEPTION_JAX_SHARED", str(tmp_path / "nothing"))
    found = {name: Told(name) for name in ("curves", "bands")}
    monkeypatch.setattr(articles, "ARTICLES", found)
    monkeypatch.setattr(thread.articles, "ARTICLES", found)
    return found


def config(weights: Path, out: Path, **options: Any) -> thread.Config:
    return thread.Config(model=str(weights), out=out, **options)


def test_the_page_has_every_claim_of_every_article(told: dict[str, Any], shallow_weights: Path, tmp_path: Path) -> None:
    assert thread.run(config(shallow_weights, tmp_path / "thread")) == 0
    metrics = json.loads((tmp_path / "thread" / "metrics.json").read_text())
    assert metrics["numbers"] == {"holds": 2, "fails": 2, "not asked": 2}
    assert metrics["seconds"].keys() == told.keys()
    assert [(claim["article"], claim["status"]) for claim in metrics["claims"]] == [
        (name, status) for name in told for status in ("holds", "fails", "not asked")
    ]
    page = (tmp_path / "thread" / "index.html").read_text()
    for name in told:
        assert f'href="{name}/index.html">On {name}</a>' in page
        assert (tmp_path / "thread" / name / "index.html").exists()
    rows = (tmp_path / "thread" / "rows.csv").read_text().splitlines()
    assert len(rows) == 33
    assert rows[13].startswith("13,families in branches,On curves,2 of 4 claims hold")
    assert "not asked: no photographs" in rows[16]
    assert "in an article that was not run" in rows[1]
    assert "The authors did not study this network, shallow" in page


def test_a_finished_thread_is_not_run_again(told: dict[str, Any], shallow_weights: Path, tmp_path: Path) -> None:
    for _ in range(2):
        assert thread.run(config(shallow_weights, tmp_path / "thread")) == 0
    assert [article.runs for article in told.values()] == [1, 1]


def test_an_interrupted_thread_goes_on(told: dict[str, Any], shallow_weights: Path, tmp_path: Path) -> None:
    told["bands"].error = KeyboardInterrupt()
    assert thread.run(config(shallow_weights, tmp_path / "thread")) == 130
    assert "interrupted" in (tmp_path / "thread" / "index.html").read_text()
    told["bands"].error = None
    assert thread.run(config(shallow_weights, tmp_path / "thread")) == 0
    assert [article.runs for article in told.values()] == [1, 2]


def test_an_article_that_fails_does_not_stop_the_others(
    told: dict[str, Any], shallow_weights: Path, tmp_path: Path
) -> None:
    told["curves"].error = UsageError("no such layer")
    with pytest.raises(UsageError, match=r"curves: no such layer; the others are in .*index\.html"):
        thread.run(config(shallow_weights, tmp_path / "thread"))
    page = (tmp_path / "thread" / "index.html").read_text()
    assert "no such layer" in page
    assert (tmp_path / "thread" / "bands" / "index.html").exists()


def test_some_articles_alone(told: dict[str, Any], shallow_weights: Path, tmp_path: Path) -> None:
    assert thread.run(config(shallow_weights, tmp_path / "thread", articles=("bands",))) == 0
    assert [article.runs for article in told.values()] == [0, 1]


def test_an_unknown_article(tmp_path: Path, shallow_weights: Path) -> None:
    with pytest.raises(UsageError, match="there is no article 'curve'; expected some of "):
        thread.run(config(shallow_weights, tmp_path, articles=("curve",)))


def test_titles_are_those_of_the_articles() -> None:
    assert thread.title(equivariance.__doc__) == "Naturally Occurring Equivariance in Neural Networks"
    titles = [thread.title(module.__doc__) for module in articles.ARTICLES.values()]
    assert len(set(titles)) == len(titles)
