"""GradSign and ZiCo against loops over samples, mini-batches and weights."""

import copy
import math
import statistics
from pathlib import Path

import pytest
import torch
from kernel_oracles import ParityNet
from torch import nn
from torch.nn import functional as F

from selection import SelectionError, masked, measure
from selection.registry import find_measure
from supernet import Supernet, create_space

FIXTURE = Path(__file__).parents[1] / "fixtures" / "ntk.pt"


class Unused(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.norm, self.idle, self.head = (
            nn.Conv2d(3, 6, 3, groups=3),
            nn.BatchNorm2d(6),
            nn.Conv2d(3, 6, 3),
            nn.Linear(6, 5),
        )

    def forward(self, x):
        return self.head(F.relu(self.norm(self.conv(x))).mean((2, 3)))


NETS = {
    "parity": ParityNet,
    "grouped, one unused": Unused,
    "linear": lambda: nn.Sequential(
        nn.Flatten(), nn.Linear(192, 6), nn.BatchNorm1d(6), nn.Tanh(), nn.Linear(6, 5, bias=False)
    ),
    "supernet": lambda: Supernet(create_space("nasbench201"), channels=2, layers=1, num_classes=5),
    "tiny": lambda: Supernet(create_space("tiny"), channels=2, layers=3, num_classes=5),
}


def case(name, count=6):
    torch.manual_seed(0)
    net, x, y = NETS[name](), torch.randn(count, 3, 8, 8), torch.randint(0, 5, (count,))
    for module in net.modules():
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
            module.running_mean.normal_(0, 0.3)
            module.running_var.uniform_(0.5, 2)
    return net.double(), x.double(), y


def weights(net):
    return [module.weight for module in net.modules() if isinstance(module, (nn.Conv2d, nn.Linear))]


def gradients_by_hand(net, value):
    found = torch.autograd.grad(value, weights(net), retain_graph=True, allow_unused=True)
    return [torch.zeros_like(w) if g is None else g for w, g in zip(weights(net), found)]


def with_frozen_batch_statistics(net):
    """A copy whose BatchNorms take mean and variance of their batch as numbers, not as functions of the weights."""
    net = copy.deepcopy(net).eval()

    def replace(norm):
        def forward(x):
            axes = [axis for axis in range(x.dim()) if axis != 1]
            shape = [1, -1, *[1] * (x.dim() - 2)]
            scale, shift = (1.0, 0.0) if norm.weight is None else (norm.weight.view(shape), norm.bias.view(shape))
            mean, var = x.mean(axes).detach().view(shape), x.var(axes, correction=0).detach().view(shape)
            return (x - mean) / (var + norm.eps).sqrt() * scale + shift

        norm.forward = forward

    for module in net.modules():
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
            replace(module)
    return net


def gradsign_by_hand(net, x, y):
    logits = net(x)
    samples = [gradients_by_hand(net, F.cross_entropy(logits[i : i + 1], y[i : i + 1])) for i in range(len(x))]
    total = 0
    for layer in zip(*samples):
        for values in zip(*(g.flatten().tolist() for g in layer)):
            total += abs(sum((value > 0) - (value < 0) for value in values))
    return total


def zico_by_hand(net, mini_batches):
    net.train()
    batches = [gradients_by_hand(net, F.cross_entropy(net(x), y)) for x, y in mini_batches]
    score = 0.0
    for layer in zip(*batches):
        total = 0.0
        for values in zip(*(g.flatten().tolist() for g in layer)):
            std = statistics.pstdev(values)
            total += sum(map(abs, values)) / len(values) / std if std > 0 else 0.0
        score += math.log(total) if total > 0 else 0.0
    return score


@pytest.mark.parametrize("name", NETS)
def test_gradsign_counts_signs(name):
    net, x, y = case(name)
    assert measure("gradsign", net, x, y, batchnorm="running") == gradsign_by_hand(net.eval(), x, y)
    assert measure("gradsign", net, x, y) == gradsign_by_hand(with_frozen_batch_statistics(net), x, y)
    assert measure("gradsign", net, x, y, images=4) == measure("gradsign", net, x[:4], y[:4])


def test_gradsign_of_the_peers_formula():
    """The fixture holds their formula in eval mode (and over all parameters, which is not theirs); their code runs
    single images in training mode."""
    values = torch.load(FIXTURE, weights_only=True)
    net = ParityNet().double()
    net.load_state_dict(values["state_dict"])
    got = measure("gradsign", net, values["inputs"], values["targets"], batchnorm="running")
    assert got == float(values["gradsign_conflict_weights"]) < float(values["gradsign_conflict"])


def test_gradsign_is_the_number_of_samples_and_weights_where_all_agree():
    net, x = nn.Linear(3, 2), torch.rand(5, 3)
    assert measure("gradsign", net, x, torch.zeros(5, dtype=torch.long)) == 5 * 6
    with pytest.raises(SelectionError, match="batchnorm is"):
        measure("gradsign", net, x, torch.zeros(5, dtype=torch.long), batchnorm="coupled")


def test_float32_networks_are_counted_in_float64():
    net, x, y = case("parity")
    narrow = copy.deepcopy(net).float()
    assert measure("gradsign", narrow, x.float(), y) == measure(
        "gradsign", copy.deepcopy(narrow).double(), x.float().double(), y
    )
    assert narrow.stem.weight.dtype == torch.float32


@pytest.mark.parametrize("name", NETS)
def test_zico_is_its_formula(name):
    net, x, y = case(name, count=9)
    three = [(x[:3], y[:3]), (x[3:6], y[3:6]), (x[6:], y[6:])]
    assert find_measure("zico")(net, three) == pytest.approx(zico_by_hand(net, three), rel=1e-10)
    halves = [(x[:4], y[:4]), (x[4:], y[4:])]
    assert measure("zico", net, x, y) == pytest.approx(zico_by_hand(net, halves), rel=1e-10)
    assert measure("zico", net, x, y, images=3) == pytest.approx(
        zico_by_hand(net, [(x[:3], y[:3]), (x[4:7], y[4:7])]), rel=1e-10
    )


def test_zico_of_gradients_that_do_not_differ():
    net, x, y = case("linear")
    assert find_measure("zico")(net, [(x, y), (x, y)]) == 0
    with pytest.raises(SelectionError, match="zico compares mini-batches"):
        measure("zico", net, x[:1], y[:1])


@pytest.mark.parametrize("name", ["gradsign", "zico", "flops"])
def test_options_that_are_switched_off_count_nothing(name):
    net, x, y = case("supernet")
    off = {choice: ["nor_conv_3x3"] for choice in net.choices()}
    before = measure(name, net, x, y)
    with masked(net, off):
        less = measure(name, net, x, y)
    assert less < before == measure(name, net, x, y)


@pytest.mark.parametrize("name", ["gradsign", "zico", "flops", "expressivity", "trainability", "synflow"])
def test_the_network_is_left_as_it_was(name):
    net, x, y = case("supernet")
    net.train()
    net(x).sum().backward()
    net.cells[0].eval()
    state, modes = copy.deepcopy(net.state_dict()), [module.training for module in net.modules()]
    gradients, generator = [None if p.grad is None else p.grad.clone() for p in net.parameters()], torch.get_rng_state()
    measure(name, net, x, y)
    assert all(torch.equal(tensor, state[key]) for key, tensor in net.state_dict().items())
    assert [module.training for module in net.modules()] == modes
    assert all(p.grad is g or torch.equal(p.grad, g) for p, g in zip(net.parameters(), gradients))
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in net.modules())
    assert torch.equal(torch.get_rng_state(), generator)
