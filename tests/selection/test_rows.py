"""The rows of the samples are followed through a forward pass, so that no second pass is needed to find them."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from unusual_networks import Net, case, quietly

from selection.numerics.capture import Capture

KEPT = [
    lambda x: x.relu() * 2 + x,
    lambda x: x.flatten(1),
    lambda x: x.view(len(x), -1),
    lambda x: x.mean(1),
    lambda x: torch.cat([x, x], dim=-1),
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
    lambda x: x + torch.ones(6, 6, 6),
    lambda x: x.flip(0),
    lambda x: x[1],
    lambda x: F.pad(x, (0, 0, 0, 0, 1, 0)),
    lambda x: x.chunk(2)[0],
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


def test_a_pass_is_saved_where_the_rows_are_known(monkeypatch):
    passes = []
    run = Capture._run

    def counted(self, x, visit):
        passes.append(len(x))
        return run(self, x, visit)

    monkeypatch.setattr(Capture, "_run", counted)
    for name in ("alias", "in place", "twice registered, twice used", "keyword"):
        net, x, _ = case(name)
        quietly(net, x)
    assert passes == [6, 6, 6, 6]
    net, x, _ = case("other order")
    quietly(net, x)
    quietly(net, x[:2])
    assert passes[4:] == [6, 2, 2, 3]
