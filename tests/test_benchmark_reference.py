"""The supernet against the reference as it is plainly written: what the benchmark times is the same mathematics."""

import pytest
import torch
from torch.nn import functional as F

from benchmarks.reference_darts import ReferenceArchitect, ReferenceSupernet, copy_weights
from supernet import Supernet, create_space


@pytest.fixture
def pair() -> tuple[Supernet, ReferenceSupernet]:
    """Both in float64, with alphas far from uniform."""
    ours = Supernet(create_space("darts"), channels=4, layers=3, num_classes=10, seed=0).double()
    with torch.no_grad():
        for alpha in ours.arch_parameters():
            alpha.copy_(torch.randn(alpha.shape, generator=torch.Generator().manual_seed(1)))
    reference = ReferenceSupernet(channels=4, layers=3, num_classes=10)
    copy_weights(ours, reference)
    return ours, reference


def batch(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    images = torch.randn(2, 3, 8, 8, generator=generator, dtype=torch.float64)
    return images, torch.randint(10, (2,), generator=generator)


def sgd(parameters) -> torch.optim.SGD:
    return torch.optim.SGD(parameters, 0.025, momentum=0.9, weight_decay=3e-4)


def assert_near(ours, reference, tolerance: float) -> None:
    for a, b in zip(ours, reference, strict=True):
        assert (a - b).abs().max() <= tolerance * b.abs().max()


@pytest.mark.parametrize("training", [True, False])
def test_logits_are_those_of_the_reference(pair, training):
    ours, reference = (net.train(training) for net in pair)
    images, _ = batch(2)
    assert_near([ours(images)], [reference(images)], 1e-9)


def test_weight_gradients_are_those_of_the_reference(pair):
    ours, reference = pair
    images, targets = batch(2)
    mine = torch.autograd.grad(F.cross_entropy(ours(images), targets), list(ours.weight_parameters()))
    theirs = torch.autograd.grad(F.cross_entropy(reference(images), targets), list(reference.parameters()))
    assert_near(mine, theirs, 1e-9)


def test_first_order_alpha_gradients_are_those_of_the_reference(pair):
    hypergradient = pytest.importorskip("darts_ext.search.hypergradient").hypergradient
    ours, reference = pair
    expected = ReferenceArchitect(reference, F.cross_entropy, sgd(reference.parameters())).first_order(batch(3))
    optimizer = sgd(ours.weight_parameters())
    assert_near(hypergradient("first", ours, F.cross_entropy, batch(2), batch(3), optimizer), expected, 1e-9)


@pytest.mark.parametrize("steps_before", [0, 2])
def test_second_order_alpha_gradients_are_those_of_the_reference(pair, steps_before):
    hypergradient = pytest.importorskip("darts_ext.search.hypergradient").hypergradient
    ours, reference = pair
    optimizers = sgd(ours.weight_parameters()), sgd(reference.parameters())
    for _ in range(steps_before):  # fills the momentum buffers
        for net, optimizer in zip(pair, optimizers):
            optimizer.zero_grad()
            F.cross_entropy(net(batch(4)[0]), batch(4)[1]).backward()
            optimizer.step()
    expected = ReferenceArchitect(reference, F.cross_entropy, optimizers[1]).second_order(batch(2), batch(3))
    gradients = hypergradient("finite_difference", ours, F.cross_entropy, batch(2), batch(3), optimizers[0])
    assert_near(gradients, expected, 1e-7)
