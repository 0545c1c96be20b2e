"""Labels of networks, those that carry the names of their classes and those that are known."""

import dataclasses
import hashlib
from pathlib import Path
from typing import Any

import pytest

import inception_jax
from inception_jax import BVLC_GOOGLENET, INCEPTION5H
from inception_jax.files import read_model, save
from inception_jax.labels import class_index, labels, synsets


def test_inception5h_labels_are_the_published_file() -> None:
    named = labels(INCEPTION5H)[:1001]
    # SHA-256 of imagenet_comp_graph_label_strings.txt in inception5h.zip, which has no newline at its end.
    published = "da2a31ecfe9f212ae8dd07379b11a74cb2d7a110eba12c5fc8c862a65b8e6606"
    assert hashlib.sha256("\n".join(named).encode()).hexdigest() == published


def test_inception5h_outputs_without_a_class() -> None:
    assert len(labels(INCEPTION5H)) == len(synsets(INCEPTION5H)) == 1008
    assert labels(INCEPTION5H)[0] == "dummy"
    assert labels(INCEPTION5H)[1001:] == tuple(f"unlabelled {i}" for i in range(1001, 1008))
    assert [i for i, wnid in enumerate(synsets(INCEPTION5H)) if not wnid] == [0, *range(1001, 1008)]


@pytest.mark.parametrize(
    ("index", "wnid", "label"),
    [
        (1, "n02119789", "kit fox"),
        (55, "n02123159", "tiger cat"),
        (176, "n02099712", "Labrador retriever"),
        # The labels that differ from the synset's first name, or are shared, by ILSVRC's map_clsloc.txt.
        (429, "n02012849", "crane"),
        (545, "n03126707", "crane"),
        (539, "n02950826", "cannon [ground]"),
        (782, "n03710637", "maillot"),
        (977, "n03710721", "maillot"),
        (786, "n04399382", "teddy bear"),
        (1000, "n03255030", "dumbbell"),
    ],
)
def test_inception5h_order(index: int, wnid: str, label: str) -> None:
    assert (synsets(INCEPTION5H)[index], labels(INCEPTION5H)[index]) == (wnid, label)
    assert class_index(INCEPTION5H, wnid) == index


def test_bvlc_order_is_that_of_the_wordnet_ids() -> None:
    ids = synsets(BVLC_GOOGLENET)
    assert len(ids) == 1000
    assert list(ids) == sorted(ids)
    assert labels(BVLC_GOOGLENET)[281] == "tabby"
    assert set(ids) == set(synsets(INCEPTION5H)) - {""}


@pytest.mark.shared
def test_bvlc_synsets_are_the_reference_list(shared_dir: Path) -> None:
    lines = (shared_dir / "reference" / "ilsvrc2012_synsets.txt").read_text().splitlines()
    assert [line.split()[0] for line in lines] == list(synsets(BVLC_GOOGLENET))
    assert [line.split(" ", 1)[1].split(",")[0] for line in lines] == list(labels(BVLC_GOOGLENET))


def test_class_index_prefers_labels_then_exact_spelling() -> None:
    assert class_index(INCEPTION5H, "tiger cat") == 55
    assert class_index(INCEPTION5H, "labrador RETRIEVER") == 176
    # A dog and a garment, told apart by the capital.
    assert class_index(INCEPTION5H, "Cardigan") == 50
    assert class_index(INCEPTION5H, "cardigan") == 836
    # "teddy" is the synset's first name, "teddy bear" the label in inception5h.
    assert class_index(INCEPTION5H, "teddy") == class_index(INCEPTION5H, "teddy bear") == 786
    assert class_index(BVLC_GOOGLENET, "Carassius auratus") == 1


def test_class_index_of_a_model(narrow_labelled: inception_jax.Model) -> None:
    assert class_index(narrow_labelled, "goldfish") == 1


def test_shared_name_asks_for_the_id() -> None:
    message = r"'crane' names 2 classes of bvlc_googlenet; give a WordNet id: n02012849 \(output 134\) or n03126707"
    with pytest.raises(ValueError, match=message):
        class_index(BVLC_GOOGLENET, "crane")


def test_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(
        ValueError, match="inception5h has no class 'golden retreiver'; did you mean 'golden retriever'"
    ):
        class_index(INCEPTION5H, "golden retreiver")
    with pytest.raises(ValueError, match=r"has no class '1234567'; `labels\(model\)` lists all"):
        class_index(INCEPTION5H, "1234567")


def test_other_networks_have_no_labels(narrow: inception_jax.Model) -> None:
    message = (
        r"no labels for inception5h-x\S+ with 1008 classes; labels are known for inception5h with 1008 classes, bvlc"
    )
    with pytest.raises(ValueError, match=message):
        labels(narrow)
    # Known networks with another number of outputs neither.
    with pytest.raises(ValueError, match="no labels for inception5h with 10 classes"):
        labels(dataclasses.replace(INCEPTION5H, classes=10))


@pytest.mark.shared
def test_mini_has_the_classes_of_its_data(shared_dir: Path) -> None:
    lines = (shared_dir / "data" / "tiny-imagenet" / "classes.tsv").read_text().splitlines()
    names = dict(line.split("\t") for line in lines)
    mini = inception_jax.load("mini")
    assert list(synsets(mini)) == sorted(names)  # The order of the folders.
    assert list(labels(mini)) == [names[wnid].split(", ")[0] for wnid in synsets(mini)]
    assert (
        class_index(mini, "goldfish") == class_index(mini, "Carassius auratus") == class_index(mini, "n01443537") == 0
    )


@pytest.fixture(scope="module")
def three() -> inception_jax.Model:
    """A small network with three outputs."""
    return inception_jax.initialise(dataclasses.replace(INCEPTION5H.scaled(1 / 16), classes=3, heads=()), seed=0)


def named(model: inception_jax.Model, classes: Any) -> inception_jax.Model:
    return dataclasses.replace(model, provenance={"source": "trained here", "classes": classes})


def test_own_names_are_labels_and_wordnet_ids_are_resolved(three: inception_jax.Model, tmp_path: Path) -> None:
    model = named(three, ["curves", "n02012849", "n99999999"])
    save(model, tmp_path / "three.safetensors")
    for known in (model, read_model(tmp_path / "three.safetensors")):
        assert labels(known) == ("curves", "crane", "n99999999")
        assert synsets(known) == ("", "n02012849", "")
        assert [class_index(known, name) for name in ("curves", "CRANE", "n02012849", "n99999999")] == [0, 1, 1, 2]
    with pytest.raises(ValueError, match="has no class 'curve'; did you mean 'curves'"):
        class_index(model, "curve")


def test_own_names_win_over_known_ones(three: inception_jax.Model) -> None:
    called = dataclasses.replace(three, architecture=dataclasses.replace(three.architecture, name="inception5h"))
    assert labels(named(called, ("a", "b", "c"))) == ("a", "b", "c")


def test_shared_names_without_ids_are_told_apart_by_output(three: inception_jax.Model) -> None:
    with pytest.raises(
        ValueError, match=r"'crane' names 2 classes of .*: no id \(output 0\) or n02012849 \(output 2\)"
    ):
        class_index(named(three, ["crane", "x", "n02012849"]), "crane")


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        (["a", "b"], "names its classes by 2 names; expected 3 names, one for each output"),
        ([], "names its classes by 0 names; expected 3"),
        ("abc", "names its classes by str, no list; expected 3"),
        ({"0": "a", "1": "b", "2": "c"}, "names its classes by dict, no list; expected 3"),
        (["a", 1, "c"], "calls class 1 '1'; expected a printable text of 1 to 128 characters"),
        (["a", "b", ["c"]], r"calls class 2 \"\['c'\]\"; expected"),
        (["", "b", "c"], "calls class 0 ''; expected"),
        (["a\n", "b", "c"], r"calls class 0 'a\\n'; expected"),
        (["a", "\x1b[2J", "c"], r"calls class 1 '\\x1b\[2J'; expected"),
        (["a", "b", "c" * 129], f"calls class 2 '{'c' * 128}'; expected"),
    ],
)
def test_names_from_files_may_be_anything(
    three: inception_jax.Model, tmp_path: Path, classes: Any, message: str
) -> None:
    save(named(three, classes), tmp_path / "strange.npz")
    model = read_model(tmp_path / "strange.npz")  # Its images do not depend on names.
    for ask in (labels, synsets, lambda m: class_index(m, "a")):
        with pytest.raises(ValueError, match=f"^the provenance of {model.name} {message}"):
            ask(model)


@pytest.fixture(scope="module")
def narrow_labelled() -> inception_jax.Model:
    """A small network that has the name and the classes of the released one."""
    arch = BVLC_GOOGLENET.scaled(1 / 16)
    return inception_jax.initialise(dataclasses.replace(arch, name="bvlc_googlenet"), seed=0)
