"""Measures against the peers' values in the fixture, and against their formulas written out."""

import math
from pathlib import Path

import pytest
import torch
from test_ntk import ParityNet
from torch import nn

from selection import SelectionError, measure
from selection.numerics.gram import loss_gram, ntk
from selection.numerics.spectrum import spectrum

FIXTURE = Path(__file__).parents[1] / "fixtures" / "ntk.pt"


@pytest.fixture(scope="module")
def parity():
    values = torch.load(FIXTURE, weights_only=True)
    net = ParityNet().double()
    net.load_state_dict(values["state_dict"])
    return net.eval(), values, values["inputs"], values["targets"]


# their fisher fills a float32 array: the fixture holds its formula in float64 as well
@pytest.mark.parametrize(
    ("name", "key"),
    [
        *((name, f"{name}_train") for name in ("grad_norm", "snip", "grasp", "jacob_cov", "synflow")),
        ("fisher", "fisher64_train"),
    ],
)
def test_zero_cost_nas(parity, name, key):
    net, values, x, y = parity
    assert measure(name, net, x, y) == pytest.approx(float(values[key]), rel=1e-8)


def test_naslib_and_te_nas_on_activations(parity):
    net, values, x, y = parity
    assert measure("naswot", net, x, y, training=False) == pytest.approx(float(values["nwot"]), rel=1e-8)
    assert measure("linear_regions", net, x, y, training=False) == float(values["linear_regions"])


@pytest.mark.parametrize(
    ("name", "key", "sign"),
    [("gradalign_1", "gradalign_mean_cos", 1), ("gradalign_2", "gradalign_logdet_cos", -1), ("gradient_cosine", "mean_pairwise_cos", 1)],
)
def test_gradient_agreement(parity, name, key, sign):
    net, values, x, y = parity
    assert measure(name, net, x, y, batchnorm="running") == pytest.approx(sign * float(values[key]), rel=1e-8)


def test_condition_is_te_nas(parity):
    net, values, x, y = parity
    for mode, key in (("running", "tenas_cond_eval"), ("coupled", "tenas_cond_train")):
        assert measure("ntk_condition", net, x, y, parameters="weight", batchnorm=mode) == pytest.approx(-float(values[key]), rel=1e-8)
    assert spectrum(ntk(net, x, outputs="trace", batchnorm="running")).condition == pytest.approx(float(values["ntk_trace_cond"]), rel=1e-8)


def test_kernel_measures_are_their_formulas(parity):
    net, _, x, y = parity
    kernel = ntk(net, x)
    values = torch.linalg.eigvalsh(kernel)
    assert measure("ntk_min", net, x, y) == pytest.approx(float(values[0]), rel=1e-10)
    assert measure("ntk_trace", net, x, y) == pytest.approx(float(values.sum()), rel=1e-10)
    assert measure("ntk_min_relative", net, x, y) == pytest.approx(float(values[0] / values.mean()), rel=1e-10)
    energy = []
    for label in range(int(y.max()) + 1):
        target = (y == label).double() - (y == label).double().mean()
        energy.append(target @ torch.linalg.inv(kernel + 1e-6 * values.mean() * torch.eye(len(x))) @ target)
    assert measure("ntk_complexity", net, x, y) == pytest.approx(-math.sqrt(sum(energy) / len(energy) / len(x)), rel=1e-8)
    pairs = torch.tensor([[1.0 if a == b else -1.0 for a in y] for b in y])
    correlation = torch.corrcoef(torch.stack([kernel.flatten(), pairs.flatten().double()]))[0, 1]
    assert measure("ntk_alignment", net, x, y) == pytest.approx(float(correlation), rel=1e-10)
    gram = loss_gram(net, x, y)
    conflicts = [gram[i, j] < 0 for i in range(len(x)) for j in range(len(x)) if i != j]
    assert measure("gradient_conflict", net, x, y) == pytest.approx(-float(sum(conflicts)) / len(conflicts))


def test_scale_of_the_output(parity):
    """K -> c^2 K: the smallest eigenvalue follows, the relative one and the condition number do not."""
    net, _, x, y = parity

    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = net

        def forward(self, x):
            return 3 * self.net(x)

    assert measure("ntk_min", Scaled(), x, y) == pytest.approx(9 * measure("ntk_min", net, x, y))
    for name in ("ntk_min_relative", "ntk_condition", "gradalign_2"):
        settings = {} if name != "gradalign_2" else {"parameters": "all"}
        if name != "gradalign_2":
            assert measure(name, Scaled(), x, y, **settings) == pytest.approx(measure(name, net, x, y, **settings))


def test_duplicates_and_dead_nets_get_a_plain_answer():
    torch.manual_seed(0)
    net, x, y = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3)), torch.randn(5, 6), torch.arange(5) % 3
    twice = spectrum(ntk(net, torch.cat([x, x[:1]])))
    assert not twice.resolved and 0 <= twice.min <= twice.floor and twice.condition == math.inf
    assert spectrum(ntk(net, x)).resolved
    assert measure("ntk_condition", net, torch.cat([x, x[:1]]), torch.arange(6) % 3) == -math.inf
    with torch.no_grad():
        net[2].weight.zero_()
        net[0].weight.zero_()
        net[0].bias.fill_(-1)
    dead = spectrum(ntk(net, x))
    assert (dead.resolved, dead.min, dead.condition) == (False, pytest.approx(0, abs=1e-12), math.inf)
    assert measure("ntk_min_relative", net, x, y) == pytest.approx(0, abs=1e-12)


def test_clear_errors():
    net, x, y = nn.Linear(3, 2), torch.randn(4, 3), torch.arange(4) % 2
    with pytest.raises(SelectionError, match="has none"):
        measure("naswot", net, x, y)
    with pytest.raises(SelectionError, match="did you mean 'ntk_min'"):
        measure("ntk_mim", net, x, y)
    with pytest.raises(SelectionError, match="square"):
        spectrum(torch.ones(2, 3))
    with pytest.raises(SelectionError, match="finite"):
        spectrum(torch.tensor([[float("nan")]]))
