"""The commands in docs/jobs.md are such as the command line takes."""

import re
import shlex
from pathlib import Path

import pytest
import tyro

import inception_jax
from experiments import neurons
from experiments.__main__ import COMMANDS

PAGE = (Path(__file__).parents[2] / "docs" / "jobs.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```shell\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
LINES = [line for block in BLOCKS for line in block.splitlines()]


@pytest.mark.parametrize("line", dict.fromkeys(LINES))
def test_commands(line: str) -> None:
    words = shlex.split(line.removeprefix("srun ").removesuffix(" &"))
    assert words[:3] == ["python", "-m", "experiments"]
    config = tyro.cli(COMMANDS[words[3]].Config, args=words[4:], config=(tyro.conf.FlagCreatePairsOff,))
    if isinstance(config, neurons.Config):
        model = inception_jax.Model.tree_unflatten(inception_jax.ARCHITECTURES[config.model], ({},))
        assert neurons._units(config, model)


def test_there_are_commands_of_each_kind() -> None:
    assert {shlex.split(line.removeprefix("srun "))[3] for line in LINES} == {"neurons", "status", "verify"}


def test_options_are_there() -> None:
    config = vars(neurons.Config())
    named = re.findall(r"`--([a-z-]+)`", PAGE)
    assert len(named) >= 12
    assert {name.replace("-", "_") for name in named} <= {*config, "repair"}
