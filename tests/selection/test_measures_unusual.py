"""Measures of networks that do what few do: gates on single layers, aliases, inputs changed in place, whole numbers,
NaN; and errors of the kernel."""

import copy
import math

import pytest
import torch
from test_ntk_unusual import Alias, Net, words
from torch import nn
from torch.nn import functional as F

from selection import SelectionError, list_measures, masked, measure, ntk, preserved
from selection.gates import silent
from selection.kernels import loss_gram
from selection.measures.batch import first_images
from selection.registry import find_measure
from selection.testing import USEFUL, Planted, Zero, textures
from supernet import Genotype, Supernet, build, create_space

CELL = "|nor_conv_3x3~0|+|skip_connect~0|nor_conv_1x1~1|+|none~0|avg_pool_3x3~1|nor_conv_3x3~2|"
OURS = {name for name in list_measures() if not name.startswith("test_")}  # those are of other tests
WEIGHTLESS = {
    "parameters",
    "flops",
    "ntk_infinite_min",
    "ntk_infinite_min_relative",
}  # do not read what weights and activations are


def images(count=6, *shape):
    torch.manual_seed(0)
    return torch.randn(count, *(shape or (3, 8, 8))).double(), torch.arange(count) % 3


def small():
    torch.manual_seed(0)
    return build(Genotype.from_text(CELL), channels=3, layers=1, num_classes=3).double()


def without_gated(net, choice):
    """A copy in which the option is a module that returns zeros."""
    net = copy.deepcopy(net)
    net.edges[int(choice.split("/")[1])][USEFUL] = Zero()
    return net


@pytest.mark.parametrize(
    "name",
    [
        "flops",
        "fisher",
        "snip",
        "grad_norm",
        "grasp",
        "zico",
        "gradsign",
        "synflow",
        "parameters",
        "naswot",
        "jacob_cov",
    ],
)
def test_an_option_that_is_one_layer_can_be_switched_off(name):
    net, (x, y) = Planted(), textures()
    with masked(net, {"cell/0/op": [USEFUL]}):
        got = measure(name, net, x, y)
    assert got == pytest.approx(measure(name, without_gated(net, "cell/0/op"), x, y), rel=1e-5)


def test_parameters_count_neither_gates_nor_alphas():
    net = Supernet(create_space("tiny"), channels=4, layers=3, num_classes=5)
    x, y = images()
    alphas = sum(p.numel() for p in net.arch_parameters())
    everything = sum(p.numel() for p in net.parameters())
    assert measure("parameters", net, x, y) == everything - alphas
    choice, options = next(iter(net.choices().items()))
    for option, modules in options.items():
        with masked(net, {choice: [option]}):
            assert measure("parameters", net, x, y) == everything - alphas - sum(
                p.numel() for module in modules for p in module.parameters()
            )
    assert measure("parameters", Planted(), *textures()) == 2 * 9 + 4
    shared = nn.Linear(3, 3)
    two = nn.ModuleList([nn.Sequential(shared), shared, nn.Linear(3, 2)])
    two[0].forward = silent
    assert find_measure("parameters")(two) == 12 + 8, "what a module holds that runs counts"


def test_activations_that_are_switched_off_have_no_pattern():
    relu = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 5))
    layers = {"first": relu[0], "act": relu[1], "other": nn.PReLU(), "last": relu[2]}
    both = Net(lambda s, x: s.last(s.act(s.first(x)) + s.other(F.pad(x, (0, 2)))), **layers)
    x, y = images(8, 4)
    both.other.forward = silent
    assert measure("naswot", both.double(), x, y) == measure("naswot", relu.double(), x, y)


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
    assert conflicts and measure("gradient_conflict", net, x, y) == -conflicts / 42


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


@pytest.mark.parametrize("name", sorted(OURS - WEIGHTLESS))
def test_nan_is_one_clear_error(name):
    net, (x, y) = small(), images()
    assert math.isfinite(measure(name, net, x, y))
    with torch.no_grad():
        next(net.parameters())[0] = float("nan")
    with pytest.raises(SelectionError, match=r"NaN|not finite"):
        measure(name, net, x, y)


@pytest.mark.parametrize(
    "name",
    ["grad_norm", "snip", "gradsign", "zico", "jacob_cov", "synflow", "gradient_conflict", "ntk_min", "ntk_trace"],
)
def test_gradients_that_are_nan_are_one_clear_error(name):
    """Logits are numbers: the root's derivative at 0 is not."""
    net = Net(lambda s, x: s.b(s.a(x) + (s.a(x) * 0).sqrt()), a=nn.Linear(5, 4), b=nn.Linear(4, 3)).double()
    with pytest.raises(SelectionError, match="gradients are not finite"):
        measure(name, net, torch.rand(6, 5).double(), torch.arange(6) % 3)


PLAIN = sorted(OURS - WEIGHTLESS - {"expressivity", "progressivity", "trainability"} | {"flops", "parameters"})


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
    assert net.conv.weight is weight is net.both[0].weight and isinstance(weight, nn.Parameter)


@pytest.mark.parametrize("name", PLAIN)
def test_an_input_that_is_changed_in_place_is_the_networks_own(name):
    torch.manual_seed(0)
    layers = {"a": nn.Linear(5, 6), "relu": nn.ReLU(), "b": nn.Linear(6, 3)}
    changing = Net(lambda s, x: s.b(s.relu(s.a(x.sub_(0.5)))), **layers).double()
    copying = Net(lambda s, x: s.b(s.relu(s.a(x - 0.5))), **layers).double()
    (x, y), taken = images(6, 5), find_measure(name)
    before, want = x.clone(), taken(copying, [(x, y)])
    assert taken(changing, [(x, y)]) == pytest.approx(want, rel=1e-12) and torch.equal(x, before)


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


@pytest.mark.parametrize(
    "name",
    ["ntk_min", "naswot", "grad_norm", "fisher", "jacob_cov", "gradsign", "zico", "linear_regions", "expressivity"],
)
@pytest.mark.parametrize("count", [0, -3, True, 2.0])
def test_a_number_of_images_that_cannot_be(name, count):
    with pytest.raises(SelectionError, match="images is a number of at least 1"):
        measure(name, small(), *images(), images=count)


def test_images_that_are_too_few_or_of_the_wrong_kind():
    net, (x, y) = small(), images()
    with pytest.raises(SelectionError, match="at least 2 of floating type, not 1"):
        measure("jacob_cov", net, x, y, images=1)
    with pytest.raises(SelectionError, match=r"at least 2 of floating type, not 6 of torch\.int64"):
        measure("jacob_cov", words(), torch.randint(0, 11, (6, 5)), torch.arange(6) % 4)
    for batches in ([], [(x[:0], y[:0])]):
        with pytest.raises(SelectionError, match="no images"):
            first_images(batches, 4)
    with pytest.raises(SelectionError, match="zico compares mini-batches"):
        find_measure("zico")(net, [])


@pytest.mark.parametrize("name", ["ntk_min", "ntk_trace", "synflow", "jacob_cov", "gradient_cosine", "grad_norm"])
def test_more_outputs_than_logits(name):
    net, (x, y) = Net(lambda s, x: (s.a(x), x), a=nn.Linear(5, 3)).double(), images(6, 5)
    with pytest.raises(SelectionError, match="returns a tuple, not logits"):
        measure(name, net, x, y)


def test_a_dtype_by_its_name_as_settings_have_it():
    net, (x, y) = nn.Linear(5, 3), images(6, 5)
    assert measure("ntk_trace", net, x, y, dtype="float32") == pytest.approx(measure("ntk_trace", net, x, y), rel=1e-5)


def test_what_is_switched_off_answers_keywords():
    x = torch.ones(2, 3, dtype=torch.float64)
    for zero in (silent(x), silent(input=x), silent(x, None, scale=2), silent(scale=x), silent()):
        assert zero.shape == () and zero == 0
    assert silent(input=x).dtype == torch.float64
    layers = {"a": nn.Linear(5, 4), "n": nn.BatchNorm1d(4), "b": nn.Linear(4, 3)}
    net = Net(lambda s, x: s.b(s.a(x) + s.n(input=s.a(x))), **layers).double()
    net.n.forward = silent
    x, y = images(6, 5)
    assert measure("ntk_trace", net, x, y) == pytest.approx(measure("ntk_trace", nn.Sequential(net.a, net.b), x, y))


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
    assert (
        net[0].steps is steps and steps == 0 and net[0].nothing is None and set(net[0]._buffers) == {"steps", "nothing"}
    )


@pytest.mark.parametrize(
    ("run", "settings", "says"),
    [
        (lambda s, x: (s.a(x), x), {}, "returns a tuple, not logits"),
        (lambda s, x: s.a(x)[:, 0], {}, r"output is \[4\], not logits"),
        (lambda s, x: s.a(x).T, {}, r"output for 4 inputs is \[3, 4\]"),
        (lambda s, x: s.a(x) * float("nan"), {}, "logits are not numbers"),
        (lambda s, x: s.a(x) + float("nan"), {}, "logits are not numbers"),
        (lambda s, x: (s.a(x) * 0).sqrt(), {}, "gradients are not finite"),
        (lambda s, x: s.a(x), {"outputs": True}, "outputs is"),
        (lambda s, x: s.a(x), {"block": True}, "block is"),
        (lambda s, x: s.a(x), {"x2": torch.randn(4, 6)}, r"x2 holds inputs of shape \[6\], and x of \[5\]"),
        (lambda s, x: s.a(x), {"dtype": "int64"}, "dtype is a floating type"),
        (lambda s, x: s.a(x), {"dtype": "double precision"}, "dtype is a floating type"),
        (lambda s, x: changed_afterwards(s, x), {}, "the input of a Linear was changed in place"),
    ],
)
def test_a_kernel_that_cannot_be_is_one_clear_error(run, settings, says):
    net, x = Net(run, a=nn.Linear(5, 3)), torch.randn(4, 5)
    for batchnorm in ("running", "frozen"):
        with pytest.raises(SelectionError, match=says):
            ntk(net, x, batchnorm=batchnorm, **settings)


def changed_afterwards(net, x):
    logits = net.a(x)
    x.mul_(2)
    return logits
