"""Networks that are cheap enough for brute force: one whose architectures can all be listed, one with the choices of
a DARTS supernet."""

import torch
from torch import nn
from torch.nn import functional as F

from selection.architecture import realised
from selection.testing import Zero
from supernet import Supernet


class Toy(nn.Module):
    """Three choices of linear maps; two nodes, the second keeps one of two edges; no two options alike."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        edges = [{name: nn.Linear(3, 3, bias=False) for name in "abc"} for _ in range(3)]
        self.edges = nn.ModuleList(nn.ModuleDict(edge) for edge in edges)
        self.alphas = nn.Parameter(torch.randn(3, 3))
        self.head = nn.Linear(3, 2)

    def forward(self, x):
        weights = self.alphas.softmax(1)
        first = sum(w * op(x) for w, op in zip(weights[0], self.edges[0].values()))
        second = sum(w * op(x) for w, op in zip(weights[1], self.edges[1].values()))
        node = torch.tanh(first + 0 * x)
        third = sum(w * op(node) for w, op in zip(weights[2], self.edges[2].values()))
        return self.head(torch.tanh(second + third + 0 * x))

    def choices(self):
        return {f"layer/{row}/op": {name: [op] for name, op in edge.items()} for row, edge in enumerate(self.edges)}

    def logits(self):
        return {f"layer/{row}/op": self.alphas[row] for row in range(3)}

    def inputs(self):
        return {"layer/n1": (1, ["layer/0/op"]), "layer/n2": (1, ["layer/1/op", "layer/2/op"])}

    def excluded(self):
        return ("c",)


def points(number=16):
    generator = torch.Generator().manual_seed(1)
    return [(torch.randn(number, 3, generator=generator), torch.randint(0, 2, (number,), generator=generator))]


def loss_of(net, candidate, batches):
    """Minus the loss, as the measure of that name: higher is better."""
    with torch.no_grad(), realised(net, candidate):
        return -float(F.cross_entropy(net(batches[0][0]), batches[0][1]))


class Times(nn.Module):
    """[B, 4] -> [B, 4], times a vector or a matrix."""

    def __init__(self, factors):
        super().__init__()
        self.factors = nn.Parameter(factors)

    def forward(self, x):
        return x * self.factors if self.factors.dim() == 1 else x @ self.factors


class Additive(nn.Module):
    """The choices, options and nodes of a supernet on inputs [B, 4]; convolutions are matrices, other options vectors,
    and logits the sum of what is mixed: a hundredth of the supernet's time, and no two options alike."""

    def __init__(self, net: Supernet, seed=0):
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.nodes, self.never = net.inputs(), net.excluded()
        self.edges = nn.ModuleDict()
        for choice, options in net.choices().items():
            edge = self.edges[choice] = nn.ModuleDict()
            for name in options:
                shape = (4, 4) if "conv" in name else (4,)
                edge[name] = Zero() if name == "none" else Times(torch.randn(shape, generator=generator))
        self.alphas = nn.Parameter(torch.randn(len(self.edges), len(options), generator=generator))

    def forward(self, x):
        logits = torch.zeros_like(x)
        for weights, edge in zip(self.alphas.softmax(1), self.edges.values()):
            for weight, option in zip(weights, edge.values()):
                logits = logits + weight * option(x)
        return logits

    def choices(self):
        return {choice: {name: [option] for name, option in edge.items()} for choice, edge in self.edges.items()}

    def logits(self):
        return {choice: self.alphas[row] for row, choice in enumerate(self.edges)}

    def inputs(self):
        return self.nodes

    def excluded(self):
        return self.never


def columns(number=8, seed=0):
    """A batch for Additive."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(number, 4, generator=generator), torch.randint(0, 4, (number,), generator=generator)
