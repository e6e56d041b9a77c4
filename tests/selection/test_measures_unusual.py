"""Measures of networks that do what few do: aliases, inputs changed in place, whole numbers, gradients that vanish."""

import copy
import math

import pytest
import torch
from torch import nn
from unusual_networks import Alias, Net, words

from selection import list_measures, measure, preserved
from selection.kernels import loss_gram
from selection.registry import find_measure
from supernet import Genotype, build

CELL = "|nor_conv_3x3~0|+|skip_connect~0|nor_conv_1x1~1|+|none~0|avg_pool_3x3~1|nor_conv_3x3~2|"


OURS = {name for name in list_measures() if not name.startswith("test_")}  # those are of other tests


WEIGHTLESS = {
    "parameters",
    "flops",
    "weight_layers",
    "ntk_infinite_min",
    "ntk_infinite_min_relative",
}  # do not read what weights and activations are


def images(count=6, *shape):
    torch.manual_seed(0)
    return torch.randn(count, *(shape or (3, 8, 8))).double(), torch.arange(count) % 3


def small():
    torch.manual_seed(0)
    return build(Genotype.from_text(CELL), channels=3, layers=1, num_classes=3).double()


@pytest.mark.parametrize("act", [nn.PReLU, nn.RReLU, nn.LeakyReLU, nn.ReLU6])
def test_patterns_of_every_relu(act):
    x, y = images(8, 4)
    torch.manual_seed(0)
    first, last = nn.Linear(4, 6), nn.Linear(6, 3)
    on = (first.double()(x) > 0).double()
    want = float(torch.linalg.slogdet(on @ on.T + (1 - on) @ (1 - on).T)[1])

    class ReLUThenLinear(nn.Sequential):
        """A name that would count twice."""

    for net in (nn.Sequential(first, act(), last), nn.Sequential(first, ReLUThenLinear(act(), last))):
        assert measure("naswot", net.double(), x, y) == pytest.approx(want, rel=1e-12)
        assert measure("linear_regions", net, x, y) == len(on.unique(dim=0))


def test_a_mean_gradient_that_vanishes_agrees_with_nobody():
    """Pairs x and -x of one class under weights of zero: the gradients of a pair cancel."""
    torch.manual_seed(0)
    half = torch.randn(7, 5).double()
    net, x, y = nn.Linear(5, 3, bias=False).double(), torch.cat([half, -half]), torch.zeros(14, dtype=torch.long)
    nn.init.zeros_(net.weight)
    assert measure("gradalign_1", net, x, y) == 0.0
    other = torch.arange(14) % 3
    gram = loss_gram(net, x, other)
    mean = gram.mean(1) / (gram.diagonal().sqrt() * gram.mean().sqrt())
    assert measure("gradalign_1", net, x, other) == pytest.approx(float(mean.mean()), rel=1e-12)


def test_a_share_of_conflicts_is_a_fraction():
    torch.manual_seed(1)
    net, x, y = nn.Linear(5, 3).double(), torch.randn(7, 5).double(), torch.arange(7) % 3
    gram = loss_gram(net, x, y)
    conflicts = sum(bool(gram[i, j] < 0) for i in range(7) for j in range(7) if i != j)
    assert conflicts
    assert measure("gradient_conflict", net, x, y) == -conflicts / 42


def test_a_smallest_eigenvalue_that_drowns_is_zero():
    net, (x, y) = small(), images()
    twice, labels = torch.cat([x, x[:2]]), torch.cat([y, y[:2]])
    for name in ("ntk_min", "ntk_min_relative"):
        assert measure(name, net, twice, labels) == 0.0 < measure(name, net, x, y)


class Wide(nn.Linear):
    """Tells the architecture of a fully-connected network."""

    def layers_of_kernel(self):
        return {"activations": ("relu", "tanh"), "skips": (False,), "weight_variance": 2.0}


def test_a_smallest_eigenvalue_at_infinite_width_that_drowns_is_zero():
    net, (x, y) = Wide(5, 3).double(), images(6, 5)
    for name in ("ntk_infinite_min", "ntk_infinite_min_relative"):
        assert measure(name, net, torch.cat([x, x[:1]]), torch.cat([y, y[:1]])) == 0.0 < measure(name, net, x, y)


PLAIN = sorted(
    OURS - WEIGHTLESS - {"expressivity", "progressivity", "trainability"} | {"flops", "parameters", "weight_layers"}
)


@pytest.mark.parametrize("name", PLAIN)
def test_a_module_of_two_names_stays_itself(name):
    torch.manual_seed(0)
    net, (x, y) = Alias().double(), images()
    plain = copy.deepcopy(net)
    del plain.both
    plain.forward = lambda x: plain.head(plain.relu(plain.norm(plain.conv(x))).mean((2, 3)))
    weight = net.conv.weight
    net.forward, net.relu = lambda x: net.head(net.relu(net.both(x)).mean((2, 3))), nn.ReLU()
    plain.relu = nn.ReLU()
    assert measure(name, net, x, y) == pytest.approx(measure(name, plain, x, y), rel=1e-12)
    assert net.conv.weight is weight is net.both[0].weight
    assert isinstance(weight, nn.Parameter)


@pytest.mark.parametrize("name", PLAIN)
def test_an_input_that_is_changed_in_place_is_the_networks_own(name):
    torch.manual_seed(0)
    layers = {"a": nn.Linear(5, 6), "relu": nn.ReLU(), "b": nn.Linear(6, 3)}
    changing = Net(lambda s, x: s.b(s.relu(s.a(x.sub_(0.5)))), **layers).double()
    copying = Net(lambda s, x: s.b(s.relu(s.a(x - 0.5))), **layers).double()
    (x, y), taken = images(6, 5), find_measure(name)
    before, want = x.clone(), taken(copying, [(x, y)])
    assert taken(changing, [(x, y)]) == pytest.approx(want, rel=1e-12)
    assert torch.equal(x, before)


@pytest.mark.parametrize(
    "name",
    [
        "ntk_min",
        "ntk_complexity",
        "gradient_cosine",
        "gradsign",
        "zico",
        "snip",
        "synflow",
        "accuracy",
        "flops",
        "parameters",
    ],
)
@pytest.mark.filterwarnings("ignore:ntk")
def test_inputs_of_whole_numbers(name):
    torch.manual_seed(0)
    assert math.isfinite(measure(name, words(), torch.randint(0, 11, (6, 5)), torch.arange(6) % 4))


@pytest.mark.parametrize("name", ["synflow", "ntk_min", "gradsign", "parameters"])
def test_a_submodule_that_is_called_logits(name):
    net, (x, y) = Net(lambda s, x: s.logits(s.a(x)), a=nn.Linear(5, 4), logits=nn.Linear(4, 3)).double(), images(6, 5)
    assert measure(name, net, x, y) == measure(name, nn.Sequential(net.a, net.logits), x, y)


def test_a_dtype_by_its_name_as_settings_have_it():
    net, (x, y) = nn.Linear(5, 3), images(6, 5)
    assert measure("ntk_trace", net, x, y, dtype="float32") == pytest.approx(measure("ntk_trace", net, x, y), rel=1e-5)


def test_buffers_that_are_bound_anew_are_put_back():
    class Counting(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("steps", torch.zeros(()))
            self.register_buffer("nothing", None)

        def forward(self, x):
            self.steps = self.steps + 1
            self.nothing = torch.ones(2)
            self.register_buffer(f"more{int(self.steps)}", torch.ones(1))
            return x

    net = nn.Sequential(Counting())
    steps = net[0].steps
    with preserved(net):
        net(torch.ones(1))
        net(torch.ones(1))
        assert net[0].steps == 2
    assert net[0].steps is steps
    assert steps == 0
    assert net[0].nothing is None
    assert set(net[0]._buffers) == {"steps", "nothing"}
