"""Branch Specialization: units of a kind gather in one branch, and branches of other networks do the same.

- Command: python -m experiments branch_specialization --model bvlc_googlenet
- Time: about 6 minutes on two CPU cores, half of them for the two networks
- Expect: all families that keep to one branch of mixed3a and mixed3b, with their probabilities by chance (published:
  9 of 9 black-and-white detectors, 2.5e-9, and 30 of 30 units related to curves, 1.7e-23), for the published units and
  for families found in another network; the filters of the first layer in the order of singular vectors, colours apart
  from grey; the first layers of two networks of four branches that are trained here, with a test whether they divide
  the labour alike
- Source: *Branch Specialization* (Distill, 2021), figures on branches of InceptionV1, on the order of units in layers
  without branches, and on a network of four branches
- Resume: Ctrl-C keeps what is done, also within the training of a network; the same command goes on from there.
  `--networks` takes the networks of an earlier run
"""

from experiments.articles.branch_specialization.families import show_found, show_published
from experiments.articles.branch_specialization.order import show_order
from experiments.articles.branch_specialization.trained import show_trained
from experiments.study import Study, run_article
from experiments.study.small_networks import TrainingOptions, with_data

Config = TrainingOptions


def run(config: Config) -> int:
    """Draw the article; returns the exit code.

    Raises:
        UsageError: the request cannot be met.
    """
    lede = (
        "Where a layer is cut into branches, each branch comes to do something of its own: one has the curves, one "
        "the colours. It is not chance, and networks trained apart do it alike."
    )
    return run_article("branch_specialization", with_data(config), "Branch specialization", lede, draw)


def draw(study: Study) -> None:
    """All figures and claims of the article."""
    assert isinstance(study.config, Config)
    show_published(study)
    show_found(study)
    show_order(study)
    show_trained(study, study.config)
