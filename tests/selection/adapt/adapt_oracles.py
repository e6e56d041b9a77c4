"""What the tests of adapters compare with: a weight zeroed in the host's own formula, and everything that a host is
made of."""

import random
from contextlib import contextmanager

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

import selection


@contextmanager
def weight_zeroed(net, choice, option):
    """Inside the block the host's own softmax, or sigmoid, of its alphas gives zero for one option; where several
    alphas lie in one tensor, the offset tells which."""
    row = net.logits()[choice]
    index = list(net.choices()[choice]).index(option)
    place, offset = row.untyped_storage().data_ptr(), row.storage_offset() + index
    plain = torch.softmax, F.softmax, torch.sigmoid, F.sigmoid

    def softmax(alpha, dim=None, **rest):
        return zero_one(alpha, plain[0](alpha, dim=dim))

    def sigmoid(alpha):
        return zero_one(alpha, plain[2](alpha))

    def zero_one(alpha, weights):
        if (
            alpha.untyped_storage().data_ptr() != place
            or not alpha.storage_offset() <= offset < alpha.storage_offset() + alpha.numel()
        ):
            return weights
        keep = torch.ones_like(weights)
        keep.view(-1)[offset - alpha.storage_offset()] = 0
        return weights * keep

    torch.softmax = F.softmax = softmax
    torch.sigmoid = F.sigmoid = sigmoid
    try:
        yield
    finally:
        torch.softmax, F.softmax, torch.sigmoid, F.sigmoid = plain


def drawn(build, seed, **options):
    """Builds a host whose weights and alphas are those of a seed."""
    torch.manual_seed(seed)
    return build(**options)


def chosen_by_alpha(net):
    """The genotype that `select` finds by magnitude."""
    found = selection.select(net, "magnitude", "oneshot")
    return net.genotype(found.decisions, found.inputs)


def everything(host, alphas):
    """All that a run could leave behind: tensors, gradients, modes, attributes, hooks, and the random states."""
    tensors = [*host.parameters(), *host.buffers(), *alphas]
    state = [tensor.detach().clone() for tensor in tensors]
    gradients = [None if tensor.grad is None else tensor.grad.clone() for tensor in tensors]
    modules = [
        (
            id(module),
            module.training,
            sorted(module.__dict__),
            len(module._forward_hooks),
            len(module._forward_pre_hooks),
            len(module._backward_hooks),
        )
        for module in host.modules()
    ]
    plain = [
        (id(module), name, repr(value))
        for module in host.modules()
        for name, value in vars(module).items()
        if isinstance(value, (int, str, float))
    ]
    return [
        *state,
        *gradients,
        modules,
        plain,
        torch.get_rng_state(),
        random.getstate(),
        np.random.get_state()[1].tolist(),
    ]


def same(before, after):
    return len(before) == len(after) and all(
        torch.equal(a, b) if isinstance(a, torch.Tensor) and isinstance(b, torch.Tensor) else a is b or a == b
        for a, b in zip(before, after)
    )


def logits_of(host, x):
    """What the host itself returns, its logits only."""
    output = host(x)
    return output[-1] if isinstance(output, tuple) else output


def train_once(host, alphas, x, y):
    """A step of Adam on the alphas and one of SGD on the weights, as the hosts do it."""
    apart = {id(alpha) for alpha in alphas}
    weights = [parameter for parameter in host.parameters() if id(parameter) not in apart]
    for optimizer in (
        torch.optim.Adam(alphas, 3e-2, (0.5, 0.999), weight_decay=1e-3),
        torch.optim.SGD(weights, 0.05, momentum=0.9),
    ):
        optimizer.zero_grad()
        nn.functional.cross_entropy(logits_of(host, x), y).backward()
        optimizer.step()


class Edges(nn.Module):
    """|Laplacian| of an image of one channel: 16 on a checkerboard, 0 where it is flat."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 1, 3, padding=1, bias=False)
        with torch.no_grad():
            self.conv.weight.copy_(2 * torch.tensor([[-1.0, -1, -1], [-1, 8, -1], [-1, -1, -1]]))

    def forward(self, x):
        return self.conv(x).abs()


def brighter_than(threshold, x):
    """Logits [B, 2]: whether the mean of an image, away from the border, is above a threshold."""
    signal = x[:, :, 1:-1, 1:-1].mean((1, 2, 3)) - threshold
    return 20 * torch.stack([-signal, signal], dim=1)
