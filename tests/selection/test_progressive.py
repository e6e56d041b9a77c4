"""The progressive strategy: its rounds, their order, and what a later round sees of an earlier one."""

import pytest
import torch
from small_supernets import batch, supernet_of
from torch.nn import functional as F
from toy_network import Additive, columns

from selection import score, select


def test_progressive_ntk_never_cuts_the_cell():
    """Deciding edge after edge sees what earlier decisions took away."""
    net = supernet_of("nasbench201")
    made = select(net, "ntk", batches=[batch(2, size=4)])
    assert made.strategy == "progressive"
    edges = {(e.source, e.node) for e in net.genotype(made.decisions).cells["cell"][0] if e.op != "none"}
    reached = {0}
    for _ in range(3):
        reached |= {node for source, node in edges if source in reached}
    assert 3 in reached


def test_a_round_decides_one_choice_of_each_cell_type_and_is_followed_by_tuning():
    supernet, batches = supernet_of("darts"), [columns()]
    net = Additive(supernet)
    tuned = []
    settings = {"order": "random", "joint": False, "tune": lambda so_far: tuned.append(len(so_far.options))}
    made = select(net, "perturbation_loss", "progressive", batches=batches, seed=2, **settings)
    assert tuned == [*range(2, 30, 2), 28, 28, 28], "a choice of each cell type in a round, then a node of each"
    assert [len(entry["decided"]) for entry in made.history] == [2] * len(tuned)
    order = [name for entry in made.history for name in entry["decided"]][:28]
    assert sorted(order) == sorted(net.choices())
    assert order != list(net.choices())
    supernet.space.check(supernet.genotype(made.decisions, made.inputs))
    assert made.evaluations == 1 + 28 * 7 + 2 * (3 + 4 + 5) + 2 * len(tuned), (
        "the second of a round is compared with what the first has made of the network"
    )
    assert made.saved == 28, "without `none` the network is what it was"


def test_the_most_certain_choice_is_decided_first():
    net, batches = supernet_of("nasbench201"), [batch(4, size=4)]
    gaps = {}
    for choice, options in score(net, "perturbation_loss", batches).items():
        *_, second, best = sorted(options.values())
        gaps[choice] = best - second
    made = select(net, "perturbation_loss", "progressive", batches=batches, order="certain")
    assert [entry["decided"][0] for entry in made.history] == sorted(gaps, key=lambda choice: -gaps[choice])


def test_the_last_value_of_a_progressive_selection_is_that_of_the_discrete_network():
    net, batches = supernet_of("nasbench201").train(), [batch(4, size=4)]
    made = select(net, "perturbation_loss", "progressive", batches=batches)
    with torch.no_grad():
        net.alphas["cell"].fill_(-50.0)
        for row, option in enumerate(made.decisions.values()):
            net.alphas["cell"][row, net.space.cells["cell"].operations[row].index(option)] = 50.0
        expected = -F.cross_entropy(net(batches[0][0]), batches[0][1])
    assert made.history[-1]["value"] == pytest.approx(float(expected), rel=1e-9)
