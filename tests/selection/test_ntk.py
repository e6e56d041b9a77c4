"""The layerwise kernel against per-sample backward passes, and against what TE-NAS computes."""

import warnings
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from selection import SelectionError, masked, ntk
from selection.kernels import loss_gram
from supernet import Genotype, Supernet, build, create_space

CELL = "|nor_conv_3x3~0|+|skip_connect~0|nor_conv_1x1~1|+|none~0|avg_pool_3x3~1|nor_conv_3x3~2|"
FIXTURE = Path(__file__).parents[1] / "fixtures" / "ntk.pt"


def rows_by_hand(net, x, functional, wanted=lambda name: True):
    """[outputs of functional, B, P]: one backward pass for each sample and output, BatchNorms as they are in eval
    mode."""
    net.eval()
    parameters = [p for name, p in net.named_parameters() if wanted(name)]
    gradients = []
    for index in range(len(x)):
        for value in functional(net(x[index : index + 1])[0], index):
            row = torch.autograd.grad(value, parameters, retain_graph=True, allow_unused=True, materialize_grads=True)
            gradients.append(torch.cat([g.flatten() for g in row]))
    rows = torch.stack(gradients)
    return rows.view(len(x), -1, rows.shape[1]).transpose(0, 1)


def kernel_by_hand(net, x, functional=lambda logits, _: [logits.sum()], wanted=lambda name: True):
    return sum(rows @ rows.T for rows in rows_by_hand(net, x, functional, wanted))


class Twice(nn.Module):
    """A convolution and a linear layer that are used twice, at different resolutions."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm, self.fc, self.head = (
            nn.Conv2d(3, 3, 3, padding=1),
            nn.LayerNorm([3, 4, 4]),
            nn.Linear(48, 48),
            nn.Linear(48, 5),
        )

    def forward(self, x):
        x = F.relu(self.conv(x))
        x = self.norm(self.conv(F.avg_pool2d(x, 2)))
        return self.head(self.fc(torch.tanh(self.fc(x.flatten(1)))))


class Strays(nn.Module):
    """Parameters that no formula sees: tied, used outside their layer, held by the model itself, in a layer without
    formula."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(1.5))
        self.first, self.second, self.tied, self.head = (
            nn.Linear(192, 10),
            nn.Linear(10, 10),
            nn.Linear(10, 10),
            nn.Linear(10, 5),
        )
        self.tied.weight = self.second.weight
        self.act = nn.PReLU(init=0.1)

    def forward(self, x):
        x = self.tied(self.act(self.second(self.act(self.first(x.flatten(1))))))
        return self.head(x * self.scale) + F.linear(x, self.head.weight)


class Unused(nn.Module):
    def __init__(self):
        super().__init__()
        self.used, self.idle = nn.Linear(192, 5), nn.Linear(192, 5)

    def forward(self, x):
        self.idle(x.flatten(1))
        return self.used(x.flatten(1))


def conv(*args, **kwargs):
    """A convolution behind another one, so that gradients pass through it."""
    tail = (nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.LazyLinear(5))
    return nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), nn.ReLU(), nn.Conv2d(6, *args, **kwargs), *tail)


CASES = {
    "mlp": lambda: nn.Sequential(
        nn.Flatten(), nn.Linear(192, 20), nn.ReLU(), nn.Linear(20, 20, bias=False), nn.Tanh(), nn.Linear(20, 5)
    ),
    "tokens": lambda: nn.Sequential(
        nn.Flatten(2), nn.Linear(64, 7), nn.LayerNorm(7), nn.GELU(), nn.Linear(7, 4), nn.Flatten(), nn.Linear(12, 5)
    ),
    "dense": lambda: conv(4, 3, padding=1),
    "stride": lambda: conv(4, 3, stride=2, padding=1),
    "no_padding": lambda: conv(4, (1, 3), stride=(2, 1), bias=False),
    "dilation": lambda: conv(4, 3, padding=2, dilation=2),
    "groups": lambda: conv(4, 3, padding=1, groups=2),
    "depthwise": lambda: conv(6, 5, padding=4, dilation=2, groups=6, bias=False),
    "multiplier": lambda: conv(12, 3, groups=6, stride=2),
    "pointwise": lambda: conv(9, 1, stride=2, groups=3),
    "reflect": lambda: conv(4, 3, padding=1, padding_mode="reflect"),
    "same": lambda: conv(4, 3, padding="same"),
    "transposed": lambda: nn.Sequential(
        nn.ConvTranspose2d(3, 4, 2, stride=2), nn.ReLU(), nn.Flatten(), nn.LazyLinear(5)
    ),
    "batch_norm": lambda: nn.Sequential(
        nn.Conv2d(3, 4, 3),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Flatten(),
        nn.LazyLinear(6),
        nn.BatchNorm1d(6),
        nn.ReLU(),
        nn.LazyLinear(5),
    ),
    "group_norm": lambda: nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.GroupNorm(2, 4), nn.SiLU(inplace=True), nn.Flatten(), nn.LazyLinear(5)
    ),
    "in_place": lambda: nn.Sequential(
        nn.Conv2d(3, 4, 3),
        nn.ReLU(inplace=True),
        nn.Conv2d(4, 4, 3),
        nn.ReLU(inplace=True),
        nn.Flatten(),
        nn.LazyLinear(5),
    ),
    "prelu": lambda: nn.Sequential(nn.Conv2d(3, 4, 3), nn.PReLU(4), nn.Flatten(), nn.LazyLinear(5)),
    "twice": Twice,
    "strays": Strays,
    "unused": Unused,
    "nasbench201": lambda: build(Genotype.from_text(CELL), channels=3, layers=1, num_classes=5),
}
WITHOUT_FORMULA = {"reflect", "same", "transposed", "strays", "prelu"}


def case(name, count=6, size=8, seed=0):
    torch.manual_seed(seed)
    net, x = CASES[name](), torch.randn(count, 3, size, size)
    net(x)
    for module in net.modules():
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
            module.running_mean.normal_(0, 0.3)
            module.running_var.uniform_(0.5, 2)
    return net.double(), x.double()


def close(got, want):
    return (got - want).norm() <= 1e-10 * want.norm()


@pytest.mark.parametrize("name", CASES)
def test_layerwise_is_the_gram_matrix_of_per_sample_gradients(name):
    net, x = case(name)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        got = ntk(net, x, batchnorm="running")
    assert bool(caught) == (name in WITHOUT_FORMULA), [str(warning.message) for warning in caught]
    want = kernel_by_hand(net, x)
    assert close(got, want)
    assert torch.equal(got, got.T) or close(got, got.T)


@pytest.mark.filterwarnings("ignore:ntk")
@pytest.mark.parametrize("name", ["depthwise", "groups", "dense", "twice"])
def test_many_positions_take_another_way_to_the_same_kernel(name):
    net, x = case(name, count=3, size=8 if name == "twice" else 20)
    assert close(ntk(net, x, batchnorm="running"), kernel_by_hand(net, x))


@pytest.mark.filterwarnings("ignore:ntk")
@pytest.mark.parametrize("name", ["mlp", "twice", "strays", "nasbench201"])
def test_outputs(name):
    net, x = case(name)
    y = torch.arange(len(x)) % 5
    trace = kernel_by_hand(net, x, lambda logits, _: logits)
    assert close(ntk(net, x, outputs="trace", batchnorm="running"), trace)
    loss = kernel_by_hand(net, x, lambda logits, index: [F.cross_entropy(logits, y[index])])
    assert close(loss_gram(net, x, y, batchnorm="running"), loss)
    estimates = torch.stack([ntk(net, x, outputs=40, batchnorm="running", seed=seed) for seed in range(10)]).mean(0)
    assert (estimates - trace).norm() < 0.15 * trace.norm()
    assert torch.equal(ntk(net, x, outputs=2, seed=1), ntk(net, x, outputs=2, seed=1))


@pytest.mark.filterwarnings("ignore:ntk")
@pytest.mark.parametrize("name", ["mlp", "depthwise", "batch_norm", "strays"])
def test_cross_kernels_are_blocks_of_the_whole(name):
    net, x = case(name, count=9)
    whole = ntk(net, x, batchnorm="running")
    assert close(ntk(net, x[:4], x[4:], batchnorm="running"), whole[:4, 4:])


@pytest.mark.parametrize("name", ["nasbench201", "batch_norm"])
def test_frozen_statistics_of_the_first_batch_rule_the_cross_kernel(name):
    net, x = case(name, count=9)
    assert close(ntk(net, x[:5], x[:5]), ntk(net, x[:5]))
    assert close(ntk(net, x[:5], torch.cat([x[:5], x[5:]]))[:, :5], ntk(net, x[:5]))


def test_parameters_by_name_and_by_predicate():
    net, x = case("batch_norm")
    assert close(
        ntk(net, x, parameters="weight", batchnorm="running"),
        kernel_by_hand(net, x, wanted=lambda name: "weight" in name),
    )
    assert close(
        ntk(net, x, parameters=lambda name, p: p.dim() == 4, batchnorm="running"),
        kernel_by_hand(net, x, wanted=lambda name: name == "0.weight"),
    )
    with pytest.raises(SelectionError, match="no parameter is left"):
        ntk(net, x, parameters=lambda name, p: False)


class ParityNet(nn.Module):
    """The network behind the fixture, [B, 3, 8, 8] -> [B, 5]."""

    def __init__(self):
        super().__init__()
        self.stem, self.bn0, self.act0 = nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU()
        self.down = nn.Conv2d(8, 8, 3, stride=2, padding=1, groups=2, bias=False)
        dw, pw = nn.Conv2d(8, 8, 3, padding=2, dilation=2, groups=8, bias=False), nn.Conv2d(8, 8, 1, bias=False)
        self.block = nn.ModuleDict({"act": nn.ReLU(), "dw": dw, "pw": pw, "bn": nn.BatchNorm2d(8)})
        self.act1, self.pool, self.fc = nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Linear(32, 5)

    def forward(self, x):
        x = self.down(self.act0(self.bn0(self.stem(x))))
        x = x + self.block["bn"](self.block["pw"](self.block["dw"](self.block["act"](x))))
        return self.fc(self.pool(self.act1(x)).flatten(1))


@pytest.fixture(scope="module")
def parity():
    values = torch.load(FIXTURE, weights_only=True)
    net = ParityNet().double()
    net.load_state_dict(values["state_dict"])
    return net.eval(), values


# TE-NAS forms its Gram matrix in the dtype of the net, which is float64 in the fixture
@pytest.mark.parametrize(
    ("key", "settings"),
    [
        ("tenas_ntk_eval", {"parameters": "weight", "batchnorm": "running"}),
        ("tenas_ntk_train", {"parameters": "weight", "batchnorm": "coupled"}),
        ("ntk_sum", {"batchnorm": "running"}),
        ("ntk_trace", {"outputs": "trace", "batchnorm": "running"}),
    ],
)
def test_kernels_of_the_fixture(parity, key, settings):
    net, values = parity
    got = ntk(net, values["inputs"], **settings)
    assert (got - values[key]).norm() < 1e-8 * values[key].norm()


def test_loss_gradients_of_the_fixture(parity):
    net, values = parity
    got = loss_gram(net, values["inputs"], values["targets"], batchnorm="running")
    assert (got - values["loss_grad_gram"]).norm() < 1e-8 * values["loss_grad_gram"].norm()


@pytest.mark.parametrize("space", ["darts", "nasbench201", "tiny"])
def test_a_supernet_whole_and_masked(space):
    """Every option is seen by its own modules, masked ones count nothing, alphas never count."""
    torch.manual_seed(0)
    net = Supernet(
        create_space(space), channels=2, layers={"nasbench201": 1}.get(space, 3), num_classes=3, seed=0
    ).double()
    x = torch.randn(3, 3, 8, 8).double()
    net.train()(x)
    weights = lambda name: not name.startswith("alphas.")  # noqa: E731
    choice, options = next(iter(net.choices().items()))
    assert close(ntk(net, x, batchnorm="running"), kernel_by_hand(net, x, wanted=weights))
    with masked(net, {choice: list(options)[1:]}):
        assert close(ntk(net, x, batchnorm="running"), kernel_by_hand(net, x, wanted=weights))
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in net.modules())


def test_a_watched_or_scaled_layer_is_not_mistaken():
    """Somebody's hook doubles a layer's output; somebody else's forward halves another's."""
    net, x = case("mlp")
    net[1].register_forward_hook(lambda layer, inputs, output: 2 * output)
    original = net[3].forward
    net[3].forward = lambda a: 0.5 * original(a)
    with pytest.warns(UserWarning, match=r"no layerwise formula for 1\.bias, 1\.weight, 3\.weight"):
        got = ntk(net, x)
    assert close(got, kernel_by_hand(net, x))


@pytest.mark.parametrize("name", ["batch_norm", "nasbench201"])
def test_any_layout_and_precision(name):
    net, x = case(name)
    want = ntk(net, x)
    assert close(ntk(net.to(memory_format=torch.channels_last), x.to(memory_format=torch.channels_last)), want)
    assert torch.equal(ntk(net, x.float()), ntk(net, x.float().double()))
    assert ntk(net, x, dtype=torch.float32).dtype == torch.float32


def test_dead_units_and_a_dead_network():
    net, x = case("dense")
    net[2].bias.data[:2] = -1e3  # nothing passes these ReLUs
    assert close(ntk(net, x), kernel_by_hand(net, x))
    net[2].bias.data[:] = -1e3
    assert close(ntk(net, x), kernel_by_hand(net, x))
    assert not ntk(net, x, parameters=lambda name, p: name.startswith("0.")).any()


def test_the_model_is_left_as_it_was():
    net, x = case("batch_norm")
    net.train()
    net(x).sum().backward()
    state = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    gradients = [p.grad.clone() for p in net.parameters()]
    for mode in ("frozen", "running", "coupled"):
        ntk(net, x, batchnorm=mode)
    assert all(torch.equal(tensor, state[name]) for name, tensor in net.state_dict().items())
    assert all(torch.equal(p.grad, g) for p, g in zip(net.parameters(), gradients))
    assert net.training and not any(module._forward_hooks or module._forward_pre_hooks for module in net.modules())


def test_settings_that_do_not_exist():
    net, x = case("mlp")
    for settings, message in [
        ({"outputs": "max"}, "outputs is"),
        ({"outputs": 0}, "outputs is"),
        ({"batchnorm": "train"}, "batchnorm is"),
        ({"parameters": "biases"}, "parameters is"),
        ({"batchnorm": "coupled", "x2": x}, "cross kernel"),
    ]:
        with pytest.raises(SelectionError, match=message):
            ntk(net, x, **settings)
    with pytest.raises(SelectionError, match="logits"):
        ntk(nn.Conv2d(3, 2, 3).double(), x)
