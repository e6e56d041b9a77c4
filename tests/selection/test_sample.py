"""Architectures that are listed or drawn, and the best of them by brute force."""

import math
from collections import Counter
from math import comb, prod

import pytest
import torch
from small_supernets import batch, supernet_of
from toy_network import Toy, loss_of, points

from selection import SelectionError, measure, score, select
from selection.architecture import (
    complete_architecture,
    count_architectures,
    draw_architecture,
    list_architectures,
    realised,
)
from supernet import build


def test_every_architecture_is_listed_once():
    net = Toy()
    architectures = list(list_architectures(net))
    assert len(architectures) == count_architectures(net) == 2 * (2 + 2)
    assert len({candidate.key() for candidate in architectures}) == len(architectures)
    assert {candidate.inputs["layer/n2"][0] for candidate in architectures} == {"layer/1/op", "layer/2/op"}
    assert not any("c" in candidate.options.values() for candidate in architectures), "c is excluded"


def test_architectures_of_published_spaces_are_counted_as_published():
    assert count_architectures(supernet_of("nasbench201")) == 5**6
    pairs_of_edges = [comb(inputs, 2) for inputs in (2, 3, 4, 5)]
    assert count_architectures(supernet_of("darts")) == prod(7**2 * pairs for pairs in pairs_of_edges) ** 2


def test_drawn_architectures_take_everything_equally_often():
    net, generator = Toy(), torch.Generator().manual_seed(0)
    architectures = [draw_architecture(net, generator) for _ in range(800)]
    options = Counter(candidate.options["layer/0/op"] for candidate in architectures)
    edges = Counter(candidate.inputs["layer/n2"][0] for candidate in architectures)
    for counts in (options, edges):
        assert len(counts) == 2
        assert all(abs(times - 400) < 60 for times in counts.values())


@pytest.mark.parametrize("space", ["tiny", "nasbench201"])
def test_a_realised_architecture_is_the_supernet_with_one_hot_weights(space):
    net, (x, _) = supernet_of(space).eval(), batch(5)
    before = net(x)
    candidate = draw_architecture(net, torch.Generator().manual_seed(3))
    with realised(net, candidate):
        got = net(x)
    assert torch.equal(net(x), before)
    kept = set(candidate.options)
    if candidate.inputs:
        kept = {name for names in candidate.inputs.values() for name in names}
    rows = {group: torch.zeros_like(alpha) for group, alpha in net.alphas.items()}
    for choice in kept:
        group, row, _ = choice.split("/")
        column = list(net.choices()[choice]).index(candidate.options[choice])
        rows[group][int(row), column] = 1
    net.mixing_weights = lambda: rows
    assert torch.allclose(got, net(x), rtol=1e-9)


def test_sampling_everything_finds_the_best_there_is():
    net, batches = Toy().double(), [(x.double(), y) for x, y in points()]
    values = {candidate.key(): loss_of(net, candidate, batches) for candidate in list_architectures(net)}
    made = select(net, "loss", "sample", batches=batches, candidates="all")
    assert complete_architecture(net, made.decisions, made.inputs).key() == max(values, key=values.get)
    assert made.evaluations == len(values)
    assert made.candidates[0]["value"] == pytest.approx(max(values.values()))
    for choice, options in made.scores.items():
        for option, value in options.items():
            best = max((values[key] for key in values if (choice, option) in key), default=-math.inf)
            assert value == pytest.approx(best)


def test_sampling_takes_different_architectures_and_depends_on_the_seed():
    net, batches = supernet_of("tiny"), [batch(4)]
    first = select(net, "loss", "sample", batches=batches, candidates=20, seed=1)
    assert first.evaluations == 20
    assert select(net, "loss", "sample", batches=batches, candidates=20, seed=1).decisions == first.decisions
    assert select(net, "loss", "sample", batches=batches, candidates=20, seed=2).candidates != first.candidates
    net.space.check(net.genotype(first.decisions, first.inputs))


def test_networks_built_anew_are_measured_instead_of_the_supernet():
    """Eigen-NAS: the measure of each candidate's own network; criteria together are ranked among the candidates."""
    net, batches = supernet_of("nasbench201"), [batch(6)]

    def built(decisions, inputs):
        return build(net.genotype(decisions, inputs), channels=4, layers=1, num_classes=4, seed=0).double()

    how = {"candidates": 12, "build": built, "combine": "product", "seed": 5}
    made = select(net, "ntk_min_relative+parameters", "sample", batches=batches, **how)
    for candidate in made.candidates:
        network = built(candidate["options"], candidate["inputs"])
        smallest = measure("ntk_min_relative", network, *batches[0])
        assert candidate["measured"]["ntk_min_relative"] == pytest.approx(smallest, rel=1e-9)
        assert candidate["measured"]["parameters"] == sum(p.numel() for p in network.parameters())
        assert candidate["value"] == pytest.approx(prod(candidate["atoms"].values()))
    values = [candidate["value"] for candidate in made.candidates]
    assert values == sorted(values, reverse=True)
    assert made.decisions == made.candidates[0]["options"]


def test_sampling_within_a_limit():
    net, batches = supernet_of("nasbench201"), [batch(4)]
    sizes = score(net, "parameters")
    made = select(net, "loss", "sample", batches=batches, candidates=15, limits={"parameters": 9000})
    base = sum(p.numel() for p in net.weight_parameters()) - sum(sum(row.values()) for row in sizes.values())
    for candidate in made.candidates:
        assert base + sum(sizes[choice][option] for choice, option in candidate["options"].items()) <= 9000
    with pytest.raises(SelectionError, match=r"no architecture costs at most 10 parameters: the least is 4,792"):
        select(net, "loss", "sample", batches=batches, candidates=5, limits={"parameters": 10})
