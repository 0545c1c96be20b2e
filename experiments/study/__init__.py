"""What the articles of *Thread: Circuits* have in common: options, units, photographs, published numbers, claims."""

from experiments.study.claims import Claim
from experiments.study.options import ArticleOptions
from experiments.study.study import Study, run_article

__all__ = ["ArticleOptions", "Claim", "Study", "run_article"]
