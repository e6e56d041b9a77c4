"""Exact sizes of discrete networks: the published counts of DARTS' networks, and every cell of NAS-Bench-201."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from supernet import Edge, Genotype, build

FIXTURES = Path(__file__).parents[1] / "fixtures"
DARTS_V1, DARTS_V2 = (
    Genotype.from_text(json.loads((FIXTURES / "genotypes.json").read_text())[name]) for name in ("DARTS_V1", "DARTS_V2")
)
NASBENCH201 = np.load(FIXTURES / "nasbench201_params.npz", allow_pickle=False)
NASBENCH201_OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
NASBENCH201_EDGES = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))


def parameters(genotype, **sizes):
    with torch.device("meta"):
        return sum(p.numel() for p in build(genotype, **sizes).parameters())


@pytest.mark.parametrize(
    ("genotype", "auxiliary", "count"),
    [
        (DARTS_V1, False, 3_169_414),
        (DARTS_V2, False, 3_349_342),
        (DARTS_V1, True, 3_645_840),
        (DARTS_V2, True, 3_825_768),
    ],
)
def test_darts_on_cifar10_has_the_published_number_of_parameters(genotype, auxiliary, count):
    assert parameters(genotype, num_classes=10, auxiliary=auxiliary) == count
    assert parameters(genotype, num_classes=10, auxiliary=auxiliary, channels=36, layers=20) == count


@pytest.mark.parametrize(("genotype", "count"), [(DARTS_V1, 4_510_432), (DARTS_V2, 4_718_752)])
def test_darts_on_imagenet_has_the_published_number_of_parameters(genotype, count):
    assert parameters(genotype, channels=48, layers=14, num_classes=1000, stem="imagenet") == count


def nasbench201_parameters(operations):
    edges = tuple(Edge(NASBENCH201_OPERATIONS[op], *edge) for op, edge in zip(operations, NASBENCH201_EDGES))
    return parameters(Genotype("nasbench201", {"cell": (edges, (3,))}), num_classes=10)


@pytest.fixture(scope="module")
def additive():
    """Parameters of the empty cell's network, and what each option on each edge adds to them."""
    empty = nasbench201_parameters([0] * 6)
    added = [
        [nasbench201_parameters([op if row == edge else 0 for row in range(6)]) - empty for op in range(5)]
        for edge in range(6)
    ]
    return empty, np.array(added)


def test_parameters_of_options_add_up(additive):
    empty, added = additive
    for operations in np.random.default_rng(0).integers(0, 5, (25, 6)):
        assert nasbench201_parameters(operations) == empty + added[range(6), operations].sum()


def test_every_cell_of_nasbench201_has_the_published_number_of_parameters(additive):
    empty, added = additive
    operations = NASBENCH201["ops"]
    assert len(np.unique(operations, axis=0)) == len(operations) == 15625
    counts = empty + added[np.arange(6), operations].sum(axis=1)
    assert np.abs(counts / 1e6 - NASBENCH201["params_m"]).max() < 1e-6
