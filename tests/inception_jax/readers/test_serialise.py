import dataclasses
import json

import pytest

from inception_jax import ARCHITECTURES, INCEPTION5H
from inception_jax.readers.serialise import from_json, to_json


@pytest.mark.parametrize("arch", [*ARCHITECTURES.values(), INCEPTION5H.scaled(1 / 16)], ids=lambda arch: arch.name)
def test_text_and_back(arch):
    for variant in (arch, dataclasses.replace(arch, final_pool=None, heads=(), classes=10)):
        assert from_json(to_json(variant)) == variant
        assert hash(from_json(to_json(variant))) == hash(variant)


def changed(path, value):
    fields = json.loads(to_json(INCEPTION5H))
    *outer, last = path
    inner = fields
    for key in outer:
        inner = inner[key]
    inner[last] = value
    return json.dumps(fields)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (["padding"], "valid", r"architecture.padding is 'valid'; expected one of \('same', 'caffe'\)"),
        (["classes"], 0, "architecture.classes is 0; expected a whole number from 1 to 65536"),
        (["classes"], 10**9, "architecture.classes is 1000000000; expected a whole number"),
        (["classes"], True, "architecture.classes is True; expected a whole number"),
        (["classes"], 1000.5, "architecture.classes is 1000.5; expected a whole number"),
        (["stem"], [64, 64], "architecture.stem has 2 items; expected 3"),
        (["stem"], {"a": 1}, "architecture.stem is not a list of at most 64 items"),
        (["input_mean", 1], "x", r"architecture.input_mean\[1\] is 'x'; expected a number"),
        (["lrn", "beta"], float("inf"), "architecture.lrn.beta is inf; expected a number"),
        (["lrn", "gamma"], 1.0, "architecture.lrn has .*'gamma'.*; expected the fields .*'alpha', 'beta'"),
        (["heads", 0, "source"], "mixed9z", "head source 'mixed9z' is not a block"),
        (["blocks", 0, 0], "mixed3b", "several layers of the same name"),
        (["blocks"], [["mixed3a", {}]], r"architecture.blocks\[0\]\[1\] has \[\]; expected the fields"),
        (["name"], "../../up", "architecture.name is '../../up'; expected a name of at most 64 letters"),
        (["name"], "", "architecture.name is ''; expected a name of at most 64 letters"),
        (["final_pool"], "7", "architecture.final_pool is '7'; expected a whole number"),
    ],
)
def test_every_field_is_checked(path, value, message):
    with pytest.raises(ValueError, match=message):
        from_json(changed(path, value))


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "{}", "[" * 100_000])
def test_other_text_is_refused(text):
    with pytest.raises(ValueError, match=r"architecture|Expect"):
        from_json(text)
