"""The benchmark's table: what is published about it, and the file it was made from where that is at hand."""

from pathlib import Path

import numpy as np
import pytest

from darts_ext.tabular import DATASETS, NasBench201
from supernet import Genotype, build

ORIGINAL = Path(__file__).parents[3] / "shared" / "data" / "nb201.npz"
TABLE = NasBench201()


def test_published_figures():
    assert [round(float(TABLE.test(dataset).max()), 2) for dataset in DATASETS] == [94.37, 73.51, 47.31]
    convolutions = Genotype.from_text("|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|nor_conv_3x3~0|nor_conv_3x3~1|nor_conv_3x3~2|")
    assert [round(float(TABLE.test(dataset)[TABLE.index(convolutions)]), 2) for dataset in DATASETS] == [93.76, 71.11, 41.44]


def test_indices_and_cells_match_both_ways():
    for index in np.random.default_rng(0).choice(len(TABLE), 200, replace=False):
        assert TABLE.index(TABLE.genotype(index)) == index
    assert len(TABLE) == 15625


def test_the_parameters_are_those_of_our_networks():
    for index in (0, 1, 777, 15624):
        assert TABLE.parameters[index] == sum(p.numel() for p in build(TABLE.genotype(index), channels=16, layers=5, num_classes=10).parameters())


def expression(index):
    """What a cell computes, as text: sums and products of operations, sorted; equal for cells that compute the same."""
    edges, _ = TABLE.genotype(index).cells["cell"]
    states = ["x"]
    for node in (1, 2, 3):
        terms = []
        for edge in edges:
            if edge.node == node and edge.op != "none" and states[edge.source]:
                terms.append(states[edge.source] if edge.op == "skip_connect" else f"{edge.op}({states[edge.source]})")
        states.append("+".join(sorted(terms)))
    return states[3]


def test_cells_of_one_class_compute_the_same():
    classes = {}
    for index in range(0, len(TABLE), 3):
        classes.setdefault(int(TABLE.classes[index]), set()).add(frozenset(expression(index).split("+")))
    assert all(len(found) == 1 for found in classes.values())


@pytest.mark.skipif(not ORIGINAL.exists(), reason="the file that the table was made from is not here")
def test_the_table_is_its_source():
    source = np.load(ORIGINAL)
    for index in np.random.default_rng(1).choice(len(TABLE), 100, replace=False):
        assert TABLE.genotype(index).to_text() == str(source["arch"][index])
    for dataset in DATASETS:
        assert np.abs(TABLE.test(dataset) - source[f"{dataset}_test"]).max() < 6e-4
        assert np.abs(TABLE.validation(dataset) - source[f"{dataset}_valid"]).max() < 6e-4
    _, classes = np.unique(source["unique"], return_inverse=True)
    assert (TABLE.classes == classes).all() and np.abs(TABLE.flops / 1e6 - source["flops_m_cifar10"]).max() < 1e-4
