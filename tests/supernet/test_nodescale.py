"""Node scaling: its formula, what the paper's network does with it, and pruning that leaves no trace."""

import copy
import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from supernet import SpaceError
from supernet.nodescale import NodeScale, list_node_scales, prune_nodes, top_nodes

SEEDS = 25


@pytest.fixture(autouse=True)
def float64():
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


class OneHidden(nn.Module):
    """f(x) = sum_j sqrt(lam_j) a_j relu(w_j . x / sqrt(d)), w_j ~ N(0, 2), a_j = +-1 and frozen: the network of Caron
    et al. (2023)."""

    def __init__(self, inputs, width, gamma, seed):
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.hidden, self.scaling = nn.Linear(inputs, width, bias=False), NodeScale(width, gamma)
        nn.init.normal_(self.hidden.weight, 0, math.sqrt(2), generator)
        self.register_buffer("signs", 2.0 * torch.randint(0, 2, (width,), generator=generator) - 1)

    def forward(self, x):
        nodes = self.scaling(F.relu(self.hidden(x / math.sqrt(x.shape[1]))))
        return nodes @ self.signs / math.sqrt(len(self.signs))


def realised_kernel(net, x):
    """Th_m [n, n], from the gradient of each f(x) by the hidden weights."""
    rows = [torch.autograd.grad(value, net.hidden.weight, retain_graph=True)[0].flatten() for value in net(x)]
    return torch.stack(rows) @ torch.stack(rows).T


def expected_kernel(x):
    """(Th* [n, n], p [n, n]): Th*(x, x') = (x.x' / d) p with p = P(both nodes are active)."""
    unit = F.normalize(x)
    p = (math.pi - (unit @ unit.T).clamp(-1, 1).arccos()) / (2 * math.pi)
    return x @ x.T / x.shape[1] * p, p


def test_the_weights_are_those_of_the_formula():
    for width, gamma, alpha in ((1, 0.3, 0.5), (7, 0.2, 0.5), (40, 0.0, 0.3), (49, 0.5, 0.9)):
        scaling, total = NodeScale(width, gamma, alpha), sum(k ** (-1 / alpha) for k in range(1, width + 1))
        for j in range(1, width + 1):
            lam = gamma / width + (1 - gamma) * j ** (-1 / alpha) / total
            assert float(scaling.weights[j - 1]) == pytest.approx(lam, rel=1e-12)
            assert float(scaling.scale[j - 1]) == pytest.approx(math.sqrt(width * lam), rel=1e-12)
        assert float(scaling.weights.sum()) == pytest.approx(1, rel=1e-12)
        assert not list(scaling.parameters())


def test_features_and_channels_are_scaled_node_by_node():
    scaling = NodeScale(5, 0.3)
    for shape in ((3, 5), (3, 5, 4, 2)):
        x = torch.randn(shape)
        for node in range(5):
            torch.testing.assert_close(scaling(x)[:, node], x[:, node] * scaling.scale[node], rtol=0, atol=0)
    assert scaling(torch.ones(2, 5, dtype=torch.bfloat16)).dtype == torch.bfloat16


@pytest.mark.parametrize("width", [1, 49, 64])
def test_gamma_1_is_the_identity(width):
    x = torch.randn(3, width, 2, 2)
    assert torch.equal(NodeScale(width, 1.0)(x), x)


def test_a_batchnorm_behind_cancels_it():
    x, norm = torch.randn(8, 6, 4, 4), nn.BatchNorm2d(6, eps=1e-12)
    torch.testing.assert_close(norm(NodeScale(6, 0.1)(x)), norm(x), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("gamma", [1.0, 0.5, 0.2, 0.0])
def test_the_smallest_eigenvalue_is_at_least_gamma_kappa_and_the_kernel_stays_random_below_1(gamma):
    """Tolerances are 4 standard errors over the seeds; the mean of the kernel is Th* for every gamma, so squares are
    taken from there."""
    x, spread = torch.randn(20, 20, generator=torch.Generator().manual_seed(0)), {}
    expected, p = expected_kernel(x)
    kappa = float(torch.linalg.eigvalsh(expected)[0])
    for width in (300, 2400):
        kernels = torch.stack([realised_kernel(OneHidden(20, width, gamma, seed), x) for seed in range(SEEDS)])
        smallest, squares = torch.linalg.eigvalsh(kernels)[:, 0], (kernels - expected).square().mean(dim=(1, 2))
        predicted = ((x @ x.T / 20).square() * p * (1 - p)).mean() * NodeScale(width, gamma).weights.square().sum()
        limit = gamma * kappa * (1 - 1 / math.sqrt(width))  # Th_m's symmetric part is Th* up to O(1 / sqrt(m))
        assert float(smallest.mean()) >= limit - 4 * float(smallest.std()) / math.sqrt(SEEDS)
        assert float(smallest.mean()) <= kappa + 4 * float(smallest.std()) / math.sqrt(
            SEEDS
        )  # lambda_min is concave: no gamma is better than Th*
        assert float(squares.mean()) == pytest.approx(float(predicted), abs=4 * float(squares.std()) / math.sqrt(SEEDS))
        spread[width] = float(squares.mean())
    ratio = spread[2400] / spread[300]
    assert ratio == pytest.approx(1 / 8, rel=0.3) if gamma == 1 else ratio > 0.7


def descend(net, x, y, steps, rate=1.0):
    """Full-batch gradient descent on the mean squared error; the distance each node's weights went [width]."""
    start, optimizer = net.hidden.weight.detach().clone(), torch.optim.SGD(net.parameters(), rate)
    for _ in range(steps):
        optimizer.zero_grad()
        F.mse_loss(net(x), y).backward()
        optimizer.step()
    return (net.hidden.weight.detach() - start).norm(dim=1)


def sine_data(seed=0, count=100, inputs=50):
    """The simulated data of the paper's code: x on the unit sphere, y = mean_k 5 sin(pi x_k) + .1 noise."""
    generator = torch.Generator().manual_seed(seed)
    x = F.normalize(torch.randn(count, inputs, generator=generator))
    return x, (5 * torch.sin(math.pi * x)).mean(dim=1) + 0.1 * torch.randn(count, generator=generator)


@pytest.mark.parametrize("gamma", [0.5, 0.2, 0.0])
def test_early_in_training_a_node_moves_as_the_root_of_its_weight(gamma):
    slopes = []
    for seed in range(10):
        net = OneHidden(50, 500, gamma, seed)
        u, v = net.scaling.weights.log(), descend(net, *sine_data(seed), steps=2).log()
        slopes.append(float((u - u.mean()) @ v / (u - u.mean()).square().sum()))
    spread = torch.tensor(slopes).std() / math.sqrt(len(slopes))
    assert sum(slopes) / len(slopes) == pytest.approx(0.5, abs=min(0.03, 4 * float(spread)))


def test_pruning_destroys_the_symmetric_network_and_hardly_changes_the_asymmetric_one():
    x, y = sine_data()
    nothing, kept, moved = float(y.square().mean()), {}, {}
    for gamma in (1.0, 0.5, 0.0):
        net = OneHidden(50, 500, gamma, seed=10)
        moved[gamma] = float(descend(net, x, y, steps=500, rate=3.0).max())
        whole = float(F.mse_loss(net(x), y).detach())
        with prune_nodes(net, 0.95):
            assert net.scaling.kept == 25
            pruned = float(F.mse_loss(net(x), y).detach())
        assert whole < 0.7 * nothing
        kept[gamma] = (nothing - pruned) / (nothing - whole)
    assert kept[1.0] < 0.15 < 0.3 < kept[0.5] < 0.9 < kept[0.0] < 1.05
    assert moved[1.0] < 1.5
    assert moved[0.5] > 3
    assert moved[0.0] > 3


def convolutional():
    torch.manual_seed(0)
    blocks = [
        [nn.Conv2d(a, b, 3, padding=1), nn.BatchNorm2d(b), nn.ReLU(), NodeScale(b, 0.2)] for a, b in ((3, 8), (8, 6))
    ]
    return nn.Sequential(
        *blocks[0], *blocks[1], nn.AdaptiveAvgPool2d(1), nn.Flatten(), NodeScale(6, 0.5), nn.Linear(6, 2)
    )


IMAGES = torch.randn(4, 3, 5, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_pruning_silences_the_last_nodes_of_every_layer_and_is_undone_to_the_bit():
    net = convolutional().eval()
    before, state = net(IMAGES), copy.deepcopy(net.state_dict())
    with prune_nodes(net, 0.5):
        assert [scaling.kept for scaling in list_node_scales(net)] == [4, 3, 3]
        assert not net[:4](IMAGES)[:, 4:].any()
        assert net[:4](IMAGES)[:, :4].any()
        pruned = net(IMAGES)
        with prune_nodes(net, 0.25):  # silent nodes stay so
            assert torch.equal(net(IMAGES), pruned)
        assert torch.equal(net(IMAGES), pruned)
    assert not torch.equal(pruned, before)
    assert torch.equal(net(IMAGES), before)
    assert all(torch.equal(value, state[name]) for name, value in net.state_dict().items())
    with prune_nodes(net, 0.0):
        assert torch.equal(net(IMAGES), before)
    with prune_nodes(net, 1.0):
        assert not net[:-1](IMAGES).any()


def test_pruning_is_undone_when_an_exception_passes():
    net = convolutional().eval()
    before = net(IMAGES)
    with pytest.raises(KeyError), prune_nodes(net, 0.7):
        raise KeyError
    assert torch.equal(net(IMAGES), before)


def test_silent_nodes_get_no_gradient_and_a_backward_pass_may_come_after_the_block():
    net = OneHidden(4, 6, 0.5, seed=0)
    with prune_nodes(net, 0.5):
        loss = net(torch.randn(8, 4)).square().sum()
    loss.backward()
    assert not net.hidden.weight.grad[3:].any()
    assert net.hidden.weight.grad[:3].any()


def test_a_pruned_network_that_is_saved_and_loaded_stays_pruned():
    net, other = convolutional().eval(), convolutional().eval()
    list_node_scales(net)[0].keep(2)
    other.load_state_dict(net.state_dict())
    assert list_node_scales(other)[0].kept == 2
    assert torch.equal(other(IMAGES), net(IMAGES))
    list_node_scales(other)[0].keep(8)
    assert torch.equal(other(IMAGES), convolutional().eval()(IMAGES))


def test_top_nodes_are_the_first_that_the_last_scaling_puts_out():
    net = convolutional()
    net[1].eval()
    modes = [module.training for module in net.modules()]
    state = copy.deepcopy(net.state_dict())
    features = top_nodes(net, IMAGES, 2)
    assert [module.training for module in net.modules()] == modes
    assert not features.requires_grad
    assert all(torch.equal(value, state[name]) for name, value in net.state_dict().items())
    assert torch.equal(features, net.eval()[:-1](IMAGES)[:, :2])
    assert torch.equal(top_nodes(net[:8], IMAGES, 3), net[:8](IMAGES)[:, :3])
    assert not any(scaling._forward_hooks for scaling in list_node_scales(net))


def test_values_out_of_range_are_refused():
    for arguments, says in (
        ((0, 0.5), "has none"),
        ((3, 1.1), "gamma"),
        ((3, -0.1), "gamma"),
        ((3, 0.5, 1.0), "alpha"),
        ((3, 0.5, 0.0), "alpha"),
    ):
        with pytest.raises(SpaceError, match=says):
            NodeScale(*arguments)
    net = convolutional()
    with pytest.raises(SpaceError, match="of 8 nodes 9 cannot be kept"):
        list_node_scales(net)[0].keep(9)
    with pytest.raises(SpaceError, match=r"takes \[B, 8, \.\.\.\], not \[2, 7\]"):
        list_node_scales(net)[0](torch.ones(2, 7))
    with pytest.raises(SpaceError, match="share of nodes"), prune_nodes(net, 1.5):
        pass
    with pytest.raises(SpaceError, match="no NodeScale"), prune_nodes(nn.ReLU(), 0.5):
        pass
    with pytest.raises(SpaceError, match="no NodeScale"):
        top_nodes(nn.ReLU(), IMAGES, 1)
    with pytest.raises(SpaceError, match="has 6 nodes, not 7"):
        top_nodes(net, IMAGES, 7)
