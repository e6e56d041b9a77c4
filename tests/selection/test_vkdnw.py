"""The entropy of Fisher eigenvalues against the Fisher information itself, weight by weight."""

import math

import numpy as np
import pytest
import torch
from kernel_oracles import Twice, close
from torch import nn

from selection import SelectionError, measure, ntk
from selection.kernels import fisher_gram
from supernet import Genotype, build

CELL = "|nor_conv_3x3~0|+|skip_connect~0|nor_conv_1x1~1|+|none~0|avg_pool_3x3~1|nor_conv_3x3~2|"
X = torch.randn(6, 3, 8, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
Y = torch.arange(6) % 4
NETWORKS = {
    "linear": lambda: nn.Sequential(nn.Flatten(), nn.Linear(192, 3)),
    "two layers": lambda: nn.Sequential(nn.Conv2d(3, 2, 5, stride=2), nn.Tanh(), nn.Flatten(), nn.Linear(8, 4)),
    "layers used twice": lambda: Twice(),
    "cell": lambda: build(Genotype.from_text(CELL), channels=4, layers=1, num_classes=3),
}


def make(name):
    torch.manual_seed(0)
    net = NETWORKS[name]().double()
    with torch.no_grad():
        for p in net.parameters():
            p.mul_(2)  # probabilities that differ
    return net


def images_of(name):
    return X[:, :, :4, :4].repeat(1, 1, 2, 2) if name == "layers used twice" else X


def scores_by_hand(net, x):
    """sqrt(p_k) grad log p_k [images x classes, weights], by a backward pass each, BatchNorms as constants."""
    for module in net.train().modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None
    net(x)
    net.eval()
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):  # torch keeps the unbiased variance, and normalises by the other
            count = statistics_count[module]
            module.running_var.mul_((count - 1) / count)
    rows = []
    for image in x:
        log_p = net(image[None]).log_softmax(1)[0]
        for value in log_p:
            gradients = torch.autograd.grad(value, list(net.parameters()), retain_graph=True, allow_unused=True)
            parts = [torch.zeros(p.numel()) if g is None else g.flatten() for g, p in zip(gradients, net.parameters())]
            rows.append(torch.cat(parts).double() * value.detach().exp().sqrt())
    return torch.stack(rows)


statistics_count = {}


@pytest.fixture(autouse=True)
def _count_statistics(monkeypatch):
    """How many values each BatchNorm took its statistics of."""
    statistics_count.clear()
    forward = nn.BatchNorm2d.forward

    def counted(self, x):
        if self.training:
            statistics_count[self] = x.numel() / x.shape[1]
        return forward(self, x)

    monkeypatch.setattr(nn.BatchNorm2d, "forward", counted)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_products_are_those_of_the_scores(name):
    x = images_of(name)
    rows = scores_by_hand(make(name), x)
    assert close(fisher_gram(make(name), x), rows @ rows.T)
    assert close(fisher_gram(make(name), x, block=4), rows @ rows.T)


@pytest.mark.parametrize("name", NETWORKS)
def test_they_are_the_kernel_of_all_logits_weighted_by_the_covariance_of_the_classes(name):
    x, net = images_of(name), make(name)
    running = {"batchnorm": "running"}
    chances = net.eval()(x).detach().softmax(1)
    roots = torch.block_diag(*(p.sqrt().diag() - p.outer(p.sqrt()) for p in chances))
    assert close(fisher_gram(net, x, **running), roots.T @ ntk(net, x, outputs="full", **running) @ roots)


@pytest.mark.parametrize("name", ["linear", "two layers"])
def test_the_entropy_is_that_of_the_fisher_information(name):
    """The matrix of second moments of the scores, weights by weights, formed from diag(p) - p p^T."""
    net = make(name).eval()
    weights = list(net.parameters())
    fisher = 0
    for image in X:
        logits = net(image[None])[0]
        p = logits.detach().softmax(0)
        jacobian = torch.stack(
            [torch.cat([g.flatten() for g in torch.autograd.grad(v, weights, retain_graph=True)]) for v in logits]
        )
        fisher = fisher + jacobian.T @ (p.diag() - p.outer(p)) @ jacobian / len(X)
    values = np.sort(np.linalg.eigvalsh(fisher.numpy()))[::-1][: len(X) * (len(logits) - 1)]
    deciles = np.quantile(np.clip(values, 0, None), np.arange(11) / 10)
    shares = deciles / deciles.sum()
    expected = -sum(s * math.log(s) for s in shares if s > 0)
    assert measure("vkdnw", net, X, Y, dtype="float64") == pytest.approx(expected, rel=1e-9)
    assert measure("vkdnw", net, X, Y) == pytest.approx(expected, rel=1e-4)


def test_a_network_whose_probabilities_do_not_move_learns_nothing():
    net = nn.Sequential(nn.Flatten(), nn.Linear(192, 3))
    nn.init.zeros_(net[1].weight)
    dead = nn.Sequential(net, nn.ReLU(), nn.Linear(3, 3, bias=False))
    nn.init.zeros_(net[1].bias)
    nn.init.zeros_(dead[2].weight)
    assert measure("vkdnw", dead, X.float(), Y) == 0.0


def test_eleven_equal_eigenvalues_have_the_largest_entropy():
    """Orthogonal images before a linear layer of two classes: every image adds one eigenvalue, all the same."""
    net = nn.Sequential(nn.Flatten(), nn.Linear(16, 2, bias=False)).double()
    nn.init.zeros_(net[1].weight)
    x = torch.eye(16, dtype=torch.float64).view(16, 1, 4, 4)
    assert measure("vkdnw", net, x, torch.arange(16) % 2) == pytest.approx(math.log(11))


@pytest.mark.parametrize("shape", [[1], [2, 4, 4]])
def test_outputs_that_are_no_class_logits_are_refused(shape):
    net = nn.Sequential(nn.Flatten(), nn.Linear(192, math.prod(shape)), nn.Unflatten(1, shape))
    with pytest.raises(SelectionError, match="two classes or more"):
        measure("vkdnw", net, X.float(), Y % 2)
