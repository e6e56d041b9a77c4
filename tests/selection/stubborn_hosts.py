"""Hosts that want more of an option's output than that it can be added: its size, its type, its place in memory."""

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F


class Host(nn.Module):
    """Edges of three options between a stem and a head; `combine` makes an edge's output of its options, its weights
    and its input."""

    def __init__(self, combine, edges=2, channels=4, options=None, join=sum):
        super().__init__()
        self.stem = nn.Conv2d(1, channels, 1)
        self.edges = nn.ModuleList(
            nn.ModuleDict(options() if options else default_options(channels)) for _ in range(edges)
        )
        self.alpha = nn.Parameter(torch.randn(edges, len(self.edges[0])))
        self.head = nn.LazyLinear(2)
        self.combine, self.join = combine, join

    def forward(self, x):
        x = self.stem(x)
        outputs = []
        for edge, weights in zip(self.edges, self.alpha.softmax(1)):
            outputs.append(self.combine(list(edge.values()), weights, x))
        return self.head(self.join(outputs).mean((2, 3)))

    def choices(self):
        return {f"cell/{row}/op": {name: [op] for name, op in edge.items()} for row, edge in enumerate(self.edges)}

    def logits(self):
        return {f"cell/{row}/op": self.alpha[row] for row in range(len(self.edges))}

    def inputs(self):
        names = list(self.choices())
        return {"cell/n1": (1, names)} if len(names) > 1 else {}


def default_options(channels):
    conv = nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels))
    return {"conv": conv, "pool": nn.AvgPool2d(3, 1, 1), "skip": nn.Identity()}


def add(ops, weights, x):
    return sum(weight * op(x) for weight, op in zip(weights, ops))


def stack(ops, weights, x):
    return torch.einsum("o,obchw->bchw", weights, torch.stack([op(x) for op in ops]))


def add_in_place(ops, weights, x):
    total = ops[0](x)
    total = total * 1 if total is x else total
    for weight, op in zip(weights[1:], ops[1:]):
        total += weight * op(x)
    return total


def pad(ops, weights, x):
    return sum(weight * F.pad(op(x), (1, 1, 1, 1)) for weight, op in zip(weights, ops))


def ask_for_size(ops, weights, x):
    total = 0
    for weight, op in zip(weights, ops):
        output = op(x)
        total = total + weight * output.view(output.size(0), -1, output.size(2), output.size(3))
    return total


def resize(ops, weights, x):
    size = (6, 6)
    return sum(weight * F.interpolate(op(x), size=size) for weight, op in zip(weights, ops))


def average_numbers(ops, weights, x):
    """Runs with a 0-dim zero, and gives another number."""
    outputs = [weight * op(x) for weight, op in zip(weights, ops)]
    return sum(outputs) / sum(output.numel() for output in outputs)


def add_where_alike(ops, weights, x):
    """Runs with a 0-dim zero, and takes another way."""
    total = 0 * x
    for weight, op in zip(weights, ops):
        output = op(x)
        total = total + weight * output + (x if output.shape == x.shape else 0)
    return total


def partial_channels(ops, weights, x):
    part, rest = x[:, :2], x[:, 2:]
    mixed = sum(weight * op(part) for weight, op in zip(weights, ops) if weight != 0)
    return torch.cat([mixed, rest] if mixed.shape[2] == x.shape[2] else [mixed, rest[:, :, ::2, ::2]], dim=1)


def concatenate_edges(outputs):
    return torch.cat(outputs, dim=1)


@dataclass
class Features:
    mean: torch.Tensor


class Pair(nn.Module):
    """Returns a tuple, of a tensor and a dict with a dataclass of one."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x):
        y = self.layer(x)
        return y, {"features": Features(y.mean((2, 3))), "name": "pair"}


def pairs():
    return {"conv": Pair(nn.Conv2d(4, 4, 3, padding=1)), "skip": Pair(nn.Identity()), "tanh": Pair(nn.Tanh())}


def take_pairs(ops, weights, x):
    total = 0
    for weight, op in zip(weights, ops):
        y, rest = op(x)
        total = total + weight * (y + rest["features"].mean[:, :, None, None])
    return total
