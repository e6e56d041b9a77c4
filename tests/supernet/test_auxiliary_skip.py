"""Skip connections beside the edges (DARTS-), against the sum written out."""

import pytest
import torch

from selection import masked, select
from supernet import Supernet, create_space

X = torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def make(space, **settings):
    layers = {"tiny": 3, "nasbench201": 1}[space]
    net = Supernet(create_space(space), channels=4, layers=layers, num_classes=3, seed=0, **settings)
    return net.double().eval()


@pytest.mark.parametrize("space", ["tiny", "nasbench201"])
def test_every_edge_gains_its_input_times_the_weight(space):
    net = make(space, auxiliary_skip=True)
    net.auxiliary_weight = 0.3
    for spec, cell in zip(net.cell_specs, net.cells):
        if spec.group is None:
            continue
        seen = {}
        cell.register_forward_hook(lambda cell, inputs, output, seen=seen: seen.update(inputs=inputs, output=output))
        net(X)
        states = list(seen["inputs"][-cell.space.inputs :])
        if cell.preprocess is not None:
            states = [prepare(x) for prepare, x in zip(cell.preprocess, states)]
        weights = net.mixing_weights()[spec.group]
        for node in range(cell.space.inputs, cell.space.states):
            total = 0
            for edge in cell.space.edges_into(node):
                source, _ = cell.space.edges[edge]
                options = zip(weights[edge], cell.edges[edge].options)
                total = total + sum(weight * option(states[source]) for weight, option in options)
                total = total + 0.3 * cell.auxiliary[edge](states[source])
            states.append(total)
        torch.testing.assert_close(torch.cat([states[index] for index in cell.space.concat], 1), seen["output"])


def test_without_weight_nothing_is_added_and_nothing_computed():
    net, plain = make("tiny", auxiliary_skip=True), make("tiny")
    plain.load_state_dict({name: value for name, value in net.state_dict().items() if ".auxiliary." not in name})
    assert net.auxiliary_weight == 0
    for cell in net.cells:
        for module in cell.auxiliary:
            module.register_forward_hook(lambda *_: pytest.fail("computed"))
    torch.testing.assert_close(net(X), plain(X))
    assert plain.cells[0].auxiliary is None


def test_they_go_with_their_edge():
    net = make("tiny", auxiliary_skip=True)
    net.auxiliary_weight = 1.0
    every = {choice: list(options) for choice, options in net.choices().items()}
    with masked(net, every):
        gone = net(X)
    torch.testing.assert_close(gone, gone[:1].expand_as(gone))
    assert not torch.allclose(net(X)[0], net(X)[1])
    made = select(net, "perturbation_loss", batches=[(X, torch.arange(4) % 3)])
    assert set(made.decisions) == set(net.choices())
