"""Networks that do what few do: the kernel is that of a loop over samples, or there is one clear error, and the network
is left as it was."""

import warnings

import pytest
import torch
from test_ntk import close, kernel_by_hand
from torch import nn
from torch.nn import functional as F

from selection import masked, ntk
from selection.gates import silent
from selection.kernels import loss_gram
from selection.numerics.capture import Capture
from supernet import Supernet, create_space


class Alias(nn.Module):
    """A convolution and a BatchNorm that are registered under two names, and used once."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm, self.head = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Linear(4, 3)
        self.both = nn.Sequential(self.conv, self.norm)

    def forward(self, x):
        return self.head(self.both(x).relu().mean((2, 3)))


class Net(nn.Module):
    """Modules, and a forward pass that is given as a function of the network and x."""

    def __init__(self, run, **modules):
        super().__init__()
        for name, module in modules.items():
            setattr(self, name, module)
        self.run = run

    def forward(self, x):
        return self.run(self, x)


def tied():
    """Two layers of one weight, one of which has two names."""
    net = Net(
        lambda s, x: s.head(s.b(s.a(x).tanh()).tanh()), a=nn.Linear(5, 5), b=nn.Linear(5, 5), head=nn.Linear(5, 3)
    )
    net.b.weight, net.more = net.a.weight, net.b
    return net


def gated():
    """A layer that reads a buffer, the same for all samples."""
    net = Net(lambda s, x: s.c(s.a(x) * s.b(s.t).sigmoid()), a=nn.Linear(5, 4), b=nn.Linear(4, 4), c=nn.Linear(4, 3))
    net.register_buffer("t", torch.randn(1, 4))
    return net


def tokens(run):
    return lambda: Net(run, a=nn.Linear(5, 4), b=nn.Linear(4, 3))


def twice():
    a = nn.Linear(5, 5)
    return nn.Sequential(a, nn.Tanh(), a)


def squeezed():
    """A pooling whose squeeze() would also drop a batch of one sample."""
    return Net(
        lambda net, x: net.head(net.act(F.adaptive_avg_pool2d(net.conv(x), 1).squeeze())),
        conv=nn.Conv2d(3, 4, 3),
        act=nn.PReLU(),
        head=nn.Linear(4, 3),
    )


def recurrent():
    return Net(
        lambda s, x: s.head(s.lstm(s.embed(x))[0][:, -1]),
        embed=nn.Linear(5, 4),
        lstm=nn.LSTM(4, 6, batch_first=True),
        head=nn.Linear(6, 3),
    )


def encoder():
    layer = nn.TransformerEncoderLayer(8, 2, dim_feedforward=12, batch_first=True, dropout=0.0)
    return Net(
        lambda net, x: net.head(net.layer(net.embed(x)).mean(1)),
        embed=nn.Linear(5, 8),
        layer=layer,
        head=nn.Linear(8, 3),
    )


def one_by_one():
    """Images that pass singly, [C, H, W], with as many channels as there are samples."""
    return Net(
        lambda s, x: s.head(torch.stack([s.conv(image) for image in x]).mean((2, 3))),
        conv=nn.Conv2d(6, 6, 3),
        head=nn.Linear(6, 3),
    )


FLAT, TOKENS, IMAGES, SQUARE = (6, 5), (6, 7, 5), (6, 3, 6, 6), (7, 7, 5)
# network, inputs, whether parameters are without a formula
CASES = {
    "twice registered, twice used": (twice, FLAT, False),
    "alias": (Alias, IMAGES, False),
    "tied alias": (tied, FLAT, True),
    "buffer": (gated, FLAT, True),
    "other order": (tokens(lambda s, x: s.b(s.a(x.transpose(0, 1)).tanh().mean(0))), TOKENS, True),
    "other order, as many tokens as samples": (
        tokens(lambda s, x: s.b(s.a(x.transpose(0, 1)).tanh().mean(0))),
        SQUARE,
        True,
    ),
    "samples by tokens": (
        tokens(lambda s, x: s.b(s.a(x.reshape(-1, 5)).tanh().reshape(len(x), -1, 4).mean(1))),
        TOKENS,
        True,
    ),
    "one row for all": (
        lambda: Net(lambda s, x: s.b(x[:1] * 0 + 1) * s.a(x), a=nn.Linear(5, 3), b=nn.Linear(5, 3)),
        FLAT,
        True,
    ),
    "keyword": (tokens(lambda s, x: s.b(input=s.a(input=x).relu())), FLAT, False),
    "in place": (tokens(lambda s, x: s.b(s.a(x.sub_(0.5)).relu_())), FLAT, False),
    "squeeze": (squeezed, IMAGES, True),
    "lstm": (recurrent, TOKENS, True),
    "encoder": (encoder, TOKENS, True),
    "one by one": (one_by_one, (6, 6, 5, 5), True),
    "without gradient": (
        lambda: Net(lambda s, x: s.a(x) + nograd(s.b, x), a=nn.Linear(5, 3), b=nn.Linear(5, 3)),
        FLAT,
        False,
    ),
    "read elsewhere": (tokens(lambda s, x: s.b(s.a(x)) @ s.b.weight[:, :3]), FLAT, True),
    "more than a layer has": (lambda: with_more(nn.Linear(5, 3)), FLAT, True),
    "scaled by a leaf": (tokens(lambda s, x: s.b(s.plain * s.a(s.plain * x))), FLAT, False),
}


def nograd(layer, x):
    with torch.no_grad():
        return layer(x)


def with_more(layer):
    layer.extra = nn.Parameter(torch.ones(3))
    return Net(lambda s, x: s.a(x) * s.a.extra, a=layer)


def case(name):
    torch.manual_seed(0)
    make, shape, unusual = CASES[name]
    net, x = make().double(), torch.randn(shape).double()
    net.plain = torch.full((), 1.5, dtype=torch.float64, requires_grad=True)  # no parameter
    return net.eval(), x, unusual


def quietly(net, x, *more, **settings):
    """The kernel, and whether there was a note."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        kernel = ntk(net, x, *more, **{"batchnorm": "running", **settings})
    notes = [str(one.message) for one in caught if str(one.message).startswith("ntk")]
    return kernel, bool(notes)


@pytest.mark.parametrize("name", CASES)
def test_the_kernel_is_that_of_a_loop(name):
    net, x, unusual = case(name)
    kernel, noted = quietly(net, x)
    by_hand = (
        gram_of_one_graph if name in ("squeeze", "in place") else kernel_by_hand
    )  # the one takes no single sample, the other changes it
    assert close(kernel, by_hand(net, x.clone())) and noted == unusual


@pytest.mark.parametrize("name", CASES)
def test_nothing_is_changed(name):
    net, x, _ = case(name)
    held = [(module, dict(module._parameters), dict(module._buffers)) for module in net.modules()]
    values = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    leaf, before = x.clone().requires_grad_(), x.clone()
    leaf.grad, net.plain.grad = torch.ones_like(leaf), None
    quietly(net, leaf)
    quietly(net, x)
    for module, parameters, buffers in held:
        assert all(now is then for now, then in zip(module._parameters.values(), parameters.values(), strict=True))
        assert all(now is then for now, then in zip(module._buffers.values(), buffers.values(), strict=True))
        assert not module._forward_hooks and not module._forward_pre_hooks
    assert all(torch.equal(tensor, values[name]) for name, tensor in net.state_dict().items())
    assert (
        torch.equal(x, before)
        and torch.equal(leaf.detach(), before)
        and torch.equal(leaf.grad, torch.ones_like(leaf))
        and net.plain.grad is None
    )
    assert all(p.grad is None for p in net.parameters())


@pytest.mark.parametrize("name", CASES)
def test_blocks_and_cross_kernels_are_parts_of_the_whole(name):
    net, x, _ = case(name)
    whole, _ = quietly(net, x)
    for block in (1, 2, 4):
        if not (block == 1 and name == "squeeze"):
            assert close(quietly(net, x, block=block)[0], whole)
    assert close(quietly(net, x[:4], x[3:])[0], whole[:4, 3:])


def gram_of_one_graph(net, x):
    parameters = list(net.parameters())
    rows = [
        torch.cat([g.flatten() for g in torch.autograd.grad(value, parameters, retain_graph=True)])
        for value in net(x).sum(1)
    ]
    return torch.stack(rows) @ torch.stack(rows).T


@pytest.mark.parametrize("batchnorm", ["frozen", "running", "coupled"])
def test_a_module_of_two_names_stays_itself(batchnorm):
    net, x, _ = case("alias")
    weight = net.conv.weight
    ntk(net, x, batchnorm=batchnorm)
    assert net.conv.weight is weight is net.both[0].weight and isinstance(weight, nn.Parameter)
    plain = nn.Sequential(net.conv, net.norm, nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), net.head)
    named = Net(lambda s, x: plain[2:](plain[1](input=plain[0](input=x))), plain=plain)
    assert close(ntk(named, x, batchnorm=batchnorm), ntk(plain, x, batchnorm=batchnorm))
    assert close(ntk(net, x, batchnorm=batchnorm), ntk(plain, x, batchnorm=batchnorm))


def test_a_gradient_that_was_there_is_left():
    """A plain tensor of alphas, as of quark0/darts, that a training step left a gradient with."""
    net, x, _ = case("scaled by a leaf")
    gradient = net.plain.grad = torch.tensor(7.0).double()
    quietly(net, x, outputs="trace")
    assert net.plain.grad is gradient and gradient == 7


@pytest.mark.parametrize("act", [nn.Tanh(), nn.PReLU()])
def test_a_network_with_noise_has_one_kernel_for_each_draw(act):
    """Also where a parameter has no formula: its gradients are of the same draw."""
    net, x = (
        tokens(lambda s, x: s.b(s.act(s.a(x) * torch.randn(len(x), 4, dtype=x.dtype))))().double(),
        torch.randn(6, 5).double(),
    )
    net.act = act.double()
    before = torch.get_rng_state()
    got, _ = quietly(net, x, seed=3)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(3)
    assert close(got, gram_of_one_graph(net, x))
    torch.manual_seed(6)
    assert torch.equal(quietly(net, x, seed=3)[0], got) and not close(quietly(net, x, seed=4)[0], got)
    blocks = quietly(net, x, block=4, seed=3)[0]
    assert torch.equal(blocks, quietly(net, x, block=4, seed=3)[0]) and close(
        blocks[:4, :4], quietly(net, x[:4], seed=3)[0]
    )
    assert torch.linalg.eigvalsh(blocks)[0] > -1e-10 * blocks.trace(), "a sample has the same noise in every block"


def test_space_s4_repeats_itself():
    net, x = Supernet(create_space("s4"), channels=2, layers=3, num_classes=3), torch.randn(4, 3, 8, 8)
    assert torch.equal(ntk(net, x), ntk(net, x))


def test_a_pass_is_saved_where_the_rows_are_known(monkeypatch):
    passes, kept = [], Capture._run
    monkeypatch.setattr(Capture, "_run", lambda self, x, meet: passes.append(len(x)) or kept(self, x, meet))
    for name in ("alias", "in place", "twice registered, twice used", "keyword"):
        net, x, _ = case(name)
        quietly(net, x)
    assert passes == [6, 6, 6, 6]
    net, x, _ = case("other order")
    quietly(net, x)
    quietly(net, x[:2])
    assert passes[4:] == [6, 2, 2, 3]


KEPT = [
    lambda x: x.relu() * 2 + x,
    lambda x: x.flatten(1),
    lambda x: x.view(len(x), -1),
    lambda x: x.mean(1),
    lambda x: torch.cat([x, x], dim=-1),
]
KEPT += [
    lambda x: x[:, ::2],
    lambda x: 1 - x,
    lambda x: x.chunk(2, dim=1)[0],
    lambda x: F.pad(x, (1, 1)),
    lambda x: x.sum((1, 2)),
    lambda x: x.add_(1),
]
LOST = [
    lambda x: x.transpose(0, 1),
    lambda x: x.flatten(),
    lambda x: x.view(-1, 6),
    lambda x: x.mean(0),
    lambda x: torch.cat([x, x]),
    lambda x: x[::2],
]
LOST += [
    lambda x: x + torch.ones(6, 6, 6),
    lambda x: x.flip(0),
    lambda x: x[1],
    lambda x: F.pad(x, (0, 0, 0, 0, 1, 0)),
    lambda x: x.chunk(2)[0],
]
LOST += [
    lambda x: x[None] + x,
    lambda x: F.linear(torch.ones(2, 36), x.flatten(1)),
    lambda x: torch.tensor(x.tolist()),
    lambda x: x.sum(),
]


@pytest.mark.parametrize(("function", "sure"), [*((f, True) for f in KEPT), *((f, False) for f in LOST)])
def test_rows_are_followed_through_functions_that_keep_them_only(function, sure):
    """Six samples of six tokens of six channels: shapes tell nothing."""
    net = Net(lambda s, x: (function(x), s.head(x.flatten(1)))[1], head=nn.Linear(36, 3))
    capture = Capture(net, dict(net.named_parameters()), ["head.weight"])
    capture.forward(torch.randn(6, 6, 6))
    assert capture.sure == sure


class Reader(nn.Module):
    """Reads the weight of a layer that is switched off."""

    def __init__(self):
        super().__init__()
        self.off, self.b = nn.Linear(5, 5), nn.Linear(5, 3)
        self.off.forward = silent

    def forward(self, x):
        return self.b(F.linear(x, self.off.weight) + self.off(x))


def test_a_parameter_of_a_layer_that_is_switched_off_counts_where_it_is_read():
    net, x = Reader().double(), torch.randn(4, 5).double()
    kernel, noted = quietly(net, x)
    assert noted and close(kernel, kernel_by_hand(net, x))
    net = Supernet(create_space("nasbench201"), channels=2, layers=1, num_classes=3)
    conv = net.choices()["cell/0/op"]["nor_conv_3x3"][0][1]
    with masked(net, {"cell/0/op": ["nor_conv_3x3"]}):
        assert not ntk(net, torch.randn(4, 3, 8, 8), parameters=lambda name, p: p is conv.weight).any()


def words():
    return Net(lambda s, x: s.head(s.embed(x).mean(1).tanh()), embed=nn.Embedding(11, 6), head=nn.Linear(6, 4))


def test_inputs_of_whole_numbers():
    net, x = words().double(), torch.randint(0, 11, (6, 5))
    kernel, noted = quietly(net, x)
    assert noted and kernel.dtype == torch.float64 and close(kernel, kernel_by_hand(net, x))
    assert close(quietly(net, x, block=4)[0], kernel) and close(quietly(net, x, x[:2])[0], kernel[:, :2])
    y = torch.arange(6) % 4
    loss = kernel_by_hand(net, x, lambda logits, index: [F.cross_entropy(logits, y[index])])
    with pytest.warns(UserWarning, match="no layerwise formula"):
        assert close(loss_gram(net, x, y), loss)


def test_a_submodule_that_is_called_logits():
    net, x = (
        Net(lambda s, x: s.logits(s.a(x)), a=nn.Linear(5, 4), logits=nn.Linear(4, 3)).double(),
        torch.randn(4, 5).double(),
    )
    assert close(ntk(net, x), kernel_by_hand(net, x))


def test_a_step_counter_that_is_bound_anew_is_put_back():
    def run(net, x):
        net.steps = net.steps + 1
        return net.a(x) * net.steps

    net, x, steps = Net(run, a=nn.Linear(5, 3)), torch.randn(4, 5), torch.zeros(())
    net.register_buffer("steps", steps)
    first = quietly(net, x)[0]
    assert (
        net.steps is steps
        and steps == 0
        and torch.equal(quietly(net, x)[0], first)
        and close(quietly(net, x, block=2)[0], first)
    )
