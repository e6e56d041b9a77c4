"""Partial channels (PC-DARTS) against the edge written out: what is read, what passes by, in which order and weight."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from selection import masked, ntk, select
from selection.alphas import find_alphas
from selection.protocol import option_strengths
from supernet import SpaceError, Supernet, create_space

X = torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
LAYERS = {"tiny": 3, "nasbench201": 1, "darts": 3}


def make(space="tiny", share=2, **settings):
    layers = LAYERS[space]
    sizes = {"channels": 8, "layers": layers, "num_classes": 3, "seed": 0}
    net = Supernet(create_space(space), partial_channels=share, **sizes, **settings).double()
    with torch.no_grad():
        for betas in net.betas.values():
            betas.copy_(torch.linspace(-1, 1, len(betas)))
    return net.eval()


def edge_by_hand(mixed, weights, x, share):
    """PC-DARTS: options of the first k-th, max pooling of the rest where the edge halves, channels in turn."""
    inner = x.shape[1] // share
    y = sum(weight * option(x[:, :inner]) for weight, option in zip(weights, mixed.options))
    rest = x[:, inner:] if mixed.stride == 1 else F.max_pool2d(x[:, inner:], 2, 2)
    joined = torch.cat([y, rest], 1)
    order = [group * inner + index for index in range(inner) for group in range(share)]
    return joined[:, order]


@pytest.mark.parametrize("share", [2, 4])
@pytest.mark.parametrize("space", ["tiny", "nasbench201", "darts"])
def test_a_cell_is_the_sum_written_out(space, share):
    net = make(space, share)
    for spec, cell in zip(net.cell_specs, net.cells):
        if spec.group is None:
            continue
        seen = {}
        hook = lambda cell, inputs, output, seen=seen: seen.update(inputs=inputs, output=output)  # noqa: E731
        cell.register_forward_hook(hook)
        net(X)
        states = list(seen["inputs"][-cell.space.inputs :])
        if cell.preprocess is not None:
            states = [prepare(x) for prepare, x in zip(cell.preprocess, states)]
        weights, betas = net.mixing_weights()[spec.group], net.betas[spec.group]
        for node in cell.space.nodes:
            into = cell.space.edges_into(node)
            shares = betas[into].exp() / betas[into].exp().sum()
            states.append(
                sum(
                    part * edge_by_hand(cell.edges[edge], weights[edge], states[cell.space.edges[edge][0]], share)
                    for part, edge in zip(shares, into)
                )
            )
        torch.testing.assert_close(torch.cat([states[index] for index in cell.space.concat], 1), seen["output"])


def test_one_of_one_is_the_supernet_as_it_was():
    plain = Supernet(create_space("tiny"), channels=8, layers=3, num_classes=3, seed=0).double().eval()
    net = make(share=1)
    assert net.state_dict().keys() == plain.state_dict().keys()
    assert torch.equal(net(X), plain(X))
    assert not net.edge_weights()


def test_options_compute_a_share_of_the_channels():
    read = {}
    for share in (1, 2, 4):
        net = make(share=share)
        seen = read[share] = []
        for _, _, modules in net.choice_points():
            for module in modules:
                module.register_forward_hook(lambda m, inputs, output: seen.append(inputs[0].shape[1]))
                for layer in module.modules():
                    if isinstance(layer, nn.Conv2d):
                        assert layer.out_channels <= 4 * 8 // share
        net(X)
    assert read[1]
    for share in (2, 4):
        assert read[share] == [channels // share for channels in read[1]]


def test_edges_and_options_are_ranked_together():
    net = make("darts")
    for choice, alpha in net.logits().items():
        group, edge, _ = choice.split("/")
        expected = alpha.softmax(0) * net.edge_weights()[group][int(edge)]
        torch.testing.assert_close(option_strengths(net, choice), expected.detach())
    kept = select(net, "magnitude").inputs
    for name, edges in kept.items():
        keep, candidates = net.inputs()[name]
        allowed = {
            choice: max(
                float(value)
                for option, value in zip(net.choices()[choice], option_strengths(net, choice))
                if option not in net.excluded()
            )
            for choice in candidates
        }
        assert set(edges) == set(sorted(candidates, key=allowed.__getitem__, reverse=True)[:keep])


def test_betas_are_no_weights():
    net = make()
    betas = list(net.betas.values())
    assert not {id(p) for p in betas} & {id(p) for p in net.weight_parameters()}
    assert {id(p) for p in betas} <= {id(p) for p in net.arch_parameters()}
    assert all(find_alphas(net)(beta) for beta in betas)
    kernel = ntk(net, X, batchnorm="running")
    for beta in betas:
        beta.requires_grad_(False)
    torch.testing.assert_close(ntk(net, X, batchnorm="running"), kernel)


def test_an_edge_that_is_gone_passes_nothing_by():
    net = make()
    every = {choice: list(options) for choice, options in net.choices().items()}
    with masked(net, every):
        gone = net(X)
    torch.testing.assert_close(gone, gone[:1].expand_as(gone))
    (choice, *_) = net.choices()
    with masked(net, {choice: every[choice]}):
        without = net(X)
    assert not torch.allclose(without, net(X))
    for criterion in ("perturbation_loss", "taylor", "ntk"):
        made = select(net, criterion, batches=[(X, torch.arange(4) % 3)])
        assert set(made.decisions) == set(net.choices())


MISTAKES = [(3, "a divisor of half of the 8"), (0, "not 0"), (8, "not 8"), (2.0, "not 2.0")]


@pytest.mark.parametrize(("share", "says"), MISTAKES)
def test_shares_that_do_not_divide_are_refused(share, says):
    with pytest.raises(SpaceError, match=says):
        make(share=share)


def test_cells_that_change_their_channels_are_refused():
    with pytest.raises(SpaceError, match="as many channels"):
        Supernet(create_space("transnas101"), channels=8, layers=1, num_classes=3, partial_channels=2)
