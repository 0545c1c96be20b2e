import dataclasses
import json

import pytest

from inception_jax import ARCHITECTURES, INCEPTION5H
from inception_jax.architecture import SIMPLIFIED, Plain
from inception_jax.readers.serialise import from_json, to_json


@pytest.mark.parametrize("arch", [*ARCHITECTURES.values(), INCEPTION5H.scaled(1 / 16)], ids=lambda arch: arch.name)
def test_text_and_back(arch):
    changes = {"final_pool": None, "heads": (), "classes": 10, "lrn": None, "strides": (1, 1, 2), "pooling": "l2"}
    mixed = (*arch.blocks, ("last", Plain(8, kernel=3, groups=4, pool_before="pool")))
    for variant in (
        arch,
        dataclasses.replace(arch, **changes),
        dataclasses.replace(arch, blocks=mixed, final_average="x"),
    ):
        assert from_json(to_json(variant)) == variant
        assert hash(from_json(to_json(variant))) == hash(variant)


def test_files_from_before_a_field_mean_its_default():
    fields = json.loads(to_json(INCEPTION5H))
    # What version 0.1 wrote.
    for name in ("strides", "pooling", "final_average"):
        del fields[name]
    assert from_json(json.dumps(fields)) == INCEPTION5H
    fields = json.loads(to_json(SIMPLIFIED))
    fields["blocks"] = [["0a", {"units": 32, "kernel": 7}], ["1a", {"units": 64, "pool_before": "pool0"}]]
    assert from_json(json.dumps(fields)).blocks == SIMPLIFIED.blocks[:2]


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
        (
            ["blocks", 0, 1],
            {"units": 8, "conv1x1": 8},
            r"\['conv1x1', 'units'\]; expected the fields \['conv1x1'.* or \['g",
        ),
        (["blocks", 0, 1], {"units": 8, "groups": 3}, "block 'mixed3a' has 3 groups, 192 inputs and 8 units"),
        (["blocks", 0, 1], {"units": 8, "groups": 0}, r"\[0\]\[1\].groups is 0; expected a whole number from 1"),
        (["blocks", 0, 1], [8, 5], r"architecture.blocks\[0\]\[1\] has list; expected the fields"),
        (["blocks", 0, 1], None, r"architecture.blocks\[0\]\[1\] has NoneType; expected the fields"),
        (["blocks", 0, 0], "input", "several layers of the same name"),
        (["strides", 0], 0, r"architecture.strides\[0\] is 0; expected a whole number"),
        (["lrn"], [], "architecture.lrn has list; expected the fields"),
        (["stem"], [], "architecture.stem has 0 items; expected 3"),
        (["padding"], None, "architecture.padding is None; expected one of"),
        (["pooling"], ["l2"], r"architecture.pooling is \['l2'\]; expected one of \('max', 'l2'\)"),
        (["final_average"], "z", r"architecture.final_average is 'z'; expected one of \('xy', 'x', 'y', 'none'\)"),
        (["image_size"], 64, "image_size is 64, but such images are too small for 'head0_bottleneck'"),
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
