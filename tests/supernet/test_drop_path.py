"""Drop path: which outputs are dropped, how often, and how the others are scaled."""

import pytest
import torch
from timm.layers import DropPath
from torch import nn

from supernet import Genotype, SpaceError, build

MIXED = Genotype.from_text(
    "Genotype(normal=[('sep_conv_3x3', 0), ('skip_connect', 1), ('max_pool_3x3', 0), ('skip_connect', 2)], "
    "normal_concat=[2, 3], "
    "reduce=[('skip_connect', 0), ('max_pool_3x3', 1), ('skip_connect', 2), ('dil_conv_3x3', 1)], reduce_concat=[2, 3])"
)
BATCH = 4000


def recorded(probability):
    """{(cell, edge): (input, output)} of every drop-path layer in one training pass over a large batch."""
    net = build(MIXED, channels=2, layers=3, num_classes=2, drop_path=probability, seed=0).train()
    seen = {}
    for index, cell in enumerate(net.cells):
        for edge, layer in zip(cell.wiring, cell.drop_path):
            layer.register_forward_hook(
                lambda module, inputs, output, key=(index, edge): seen.update(
                    {key: (inputs[0].detach(), output.detach())}
                )
            )
    torch.manual_seed(0)
    net(torch.randn(BATCH, 3, 4, 4))
    return net, seen


def is_identity(net, index, edge):
    return edge.op == "skip_connect" and not (net.cell_specs[index].reduction and edge.source < 2)


@pytest.mark.parametrize("probability", [0.0, 0.3, 0.8])
def test_each_sample_loses_an_output_at_the_rate_and_the_rest_is_scaled_up(probability):
    net, seen = recorded(probability)
    assert len(seen) == 3 * 4
    for (index, edge), (before, after) in seen.items():
        if is_identity(net, index, edge):
            assert torch.equal(after, before), "an identity is never dropped"
            continue
        kept = after.flatten(1).abs().sum(1) > 0
        assert (before.flatten(1).abs().sum(1) > 0).all()
        torch.testing.assert_close(after[kept], before[kept] / (1 - probability))
        dropped = 1 - kept.double().mean().item()
        assert abs(dropped - probability) <= 5 * (probability * (1 - probability) / BATCH) ** 0.5


def test_edges_are_dropped_independently():
    net, seen = recorded(0.5)
    masks = [
        after.flatten(1).abs().sum(1) > 0
        for (index, edge), (_, after) in seen.items()
        if not is_identity(net, index, edge)
    ]
    assert len(masks) > 5
    correlation = torch.corrcoef(torch.stack(masks).double())
    correlation.fill_diagonal_(0)
    assert correlation.abs().max() < 6 / BATCH**0.5


def test_identities_are_exactly_the_skips_of_stride_one():
    net = build(MIXED, channels=2, layers=3, num_classes=2, drop_path=0.2)
    for index, cell in enumerate(net.cells):
        for edge, layer in zip(cell.wiring, cell.drop_path):
            assert isinstance(layer, nn.Identity) == is_identity(net, index, edge)


def test_nothing_is_dropped_in_eval_mode():
    x = torch.randn(8, 3, 8, 8)
    with_drop, without = (
        build(MIXED, channels=2, layers=3, num_classes=2, drop_path=p, seed=0).eval() for p in (0.7, 0.0)
    )
    assert torch.equal(with_drop(x), without(x))
    assert not torch.equal(with_drop.train()(x), without.train()(x))


def test_the_rate_can_be_changed():
    net = build(MIXED, channels=2, layers=3, num_classes=2)
    layers = [module for module in net.modules() if isinstance(module, DropPath)]
    assert {layer.drop_prob for layer in layers} == {0.0}
    net.set_drop_path(0.25)
    assert {layer.drop_prob for layer in layers} == {0.25}
    with pytest.raises(SpaceError, match=r"\[0, 1\), not 1.5") as caught:
        net.set_drop_path(1.5)
    assert "\n" not in str(caught.value)
    assert {layer.drop_prob for layer in layers} == {0.25}
