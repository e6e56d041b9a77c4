"""Networks that do what few do."""

import warnings

import torch
from torch import nn
from torch.nn import functional as F

from selection import ntk
from selection.gates import silent

FLAT, TOKENS, IMAGES, SQUARE = (6, 5), (6, 7, 5), (6, 3, 6, 6), (7, 7, 5)


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


def nograd(layer, x):
    with torch.no_grad():
        return layer(x)


def with_more(layer):
    layer.extra = nn.Parameter(torch.ones(3))
    return Net(lambda s, x: s.a(x) * s.a.extra, a=layer)


def words():
    return Net(lambda s, x: s.head(s.embed(x).mean(1).tanh()), embed=nn.Embedding(11, 6), head=nn.Linear(6, 4))


class Reader(nn.Module):
    """Reads the weight of a layer that is switched off."""

    def __init__(self):
        super().__init__()
        self.off, self.b = nn.Linear(5, 5), nn.Linear(5, 3)
        self.off.forward = silent

    def forward(self, x):
        return self.b(F.linear(x, self.off.weight) + self.off(x))


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
    notes = [str(warning.message) for warning in caught if str(warning.message).startswith("ntk")]
    return kernel, bool(notes)
