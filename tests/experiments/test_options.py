import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import pytest
import tyro

from experiments.feature_vis import Config
from experiments.options import Options, RunOptions, UsageError, command, load_model, usage_errors


def test_without_a_model_it_is_the_bundled_one() -> None:
    assert load_model(Options()).name == "mini"


def test_models_that_cannot_be_had() -> None:
    with pytest.raises(UsageError, match=r"^no weights 'minni'; did you mean 'mini'"):
        load_model(Options(model="minni"))


def test_messages_keep_their_lines() -> None:
    with pytest.raises(UsageError) as caught, usage_errors():
        raise OSError("no weights:\n- one way\n- another")
    assert str(caught.value) == "no weights:\n- one way\n- another"


@dataclass(frozen=True)
class Group:
    width: tuple[int, ...] = ()
    flip: bool = True


@dataclass(frozen=True)
class Grouped(RunOptions):
    group: Annotated[Group, tyro.conf.arg(name="")] = field(default_factory=Group)
    note: str = ""


@pytest.mark.parametrize(
    ("options", "arguments"),
    [
        (Config(), []),
        (Config(model="a b.npz", out=Path("o"), batch=4), ["--out", "o", "--model", "a b.npz", "--batch", "4"]),
        (Config(units="-mixed4a:3"), ["--units=-mixed4a:3"]),
        (Grouped(group=Group((32, 40), flip=False), note="x"), ["--width", "32", "40", "--no-flip", "--note", "x"]),
    ],
)
def test_command_names_what_differs_from_the_defaults(options: RunOptions, arguments: list[str]) -> None:
    assert command("feature_vis", options) == shlex.join(["python", "-m", "experiments", "feature_vis", *arguments])
    # As the command line itself reads it.
    assert tyro.cli(type(options), args=arguments, config=(tyro.conf.FlagCreatePairsOff,)) == options


def test_command_leaves_force_out() -> None:
    assert command("feature_vis", Config(force=True)) == "python -m experiments feature_vis"
