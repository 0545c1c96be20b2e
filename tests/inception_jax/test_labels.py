"""Labels of the released networks."""

import dataclasses
import hashlib
from pathlib import Path

import pytest

import inception_jax
from inception_jax import BVLC_GOOGLENET, INCEPTION5H
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
    with pytest.raises(ValueError, match=r"no labels for inception5h-x\S+ with 1008 classes; labels are known for "):
        labels(narrow)


@pytest.fixture(scope="module")
def narrow_labelled() -> inception_jax.Model:
    """A small network that has the name and the classes of the released one."""
    arch = BVLC_GOOGLENET.scaled(1 / 16)
    return inception_jax.initialise(dataclasses.replace(arch, name="bvlc_googlenet"), seed=0)
