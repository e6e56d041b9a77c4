"""A stand-in for quark0/darts: the attributes, the order of calls and the plain tensors of alphas of its `Network`,
with few and small operations."""

from collections import namedtuple

import torch
import torch.nn.functional as F
from torch import nn

Genotype = namedtuple("Genotype", "normal normal_concat reduce reduce_concat")
PRIMITIVES = ["none", "max_pool_3x3", "skip_connect", "sep_conv_3x3"]


class Zero(nn.Module):
    def __init__(self, stride):
        super().__init__()
        self.stride = stride

    def forward(self, x):
        return x[:, :, :: self.stride, :: self.stride].mul(0.0)


def conv(c_in, c_out, size, stride=1):
    layers = [
        nn.ReLU(),
        nn.Conv2d(c_in, c_out, size, stride, size // 2, bias=False),
        nn.BatchNorm2d(c_out, affine=False),
    ]
    return nn.Sequential(*layers)


OPS = {
    "none": lambda c, stride: Zero(stride),
    "max_pool_3x3": lambda c, stride: nn.Sequential(nn.MaxPool2d(3, stride, 1), nn.BatchNorm2d(c, affine=False)),
    "skip_connect": lambda c, stride: nn.Identity() if stride == 1 else conv(c, c, 1, stride),
    "sep_conv_3x3": lambda c, stride: conv(c, c, 3, stride),
}


class MixedOp(nn.Module):
    def __init__(self, c, stride):
        super().__init__()
        self._ops = nn.ModuleList(OPS[name](c, stride) for name in PRIMITIVES)

    def forward(self, x, weights):
        return sum(w * op(x) for w, op in zip(weights, self._ops))


class Cell(nn.Module):
    def __init__(self, steps, multiplier, c_before, c_last, c, reduction, reduced):
        super().__init__()
        self.reduction, self._steps, self._multiplier = reduction, steps, multiplier
        self.preprocess0, self.preprocess1 = conv(c_before, c, 1, 2 if reduced else 1), conv(c_last, c, 1)
        self._ops, self._bns = nn.ModuleList(), nn.ModuleList()
        for node in range(steps):
            for source in range(2 + node):
                self._ops.append(MixedOp(c, 2 if reduction and source < 2 else 1))

    def forward(self, s0, s1, weights):
        states, offset = [self.preprocess0(s0), self.preprocess1(s1)], 0
        for _ in range(self._steps):
            new = sum(self._ops[offset + j](h, weights[offset + j]) for j, h in enumerate(states))
            offset += len(states)
            states.append(new)
        return torch.cat(states[-self._multiplier :], dim=1)


class Network(nn.Module):
    def __init__(self, c=4, classes=3, layers=3, steps=2, multiplier=2, channels=3):
        super().__init__()
        self._steps, self._multiplier, self._criterion = steps, multiplier, nn.CrossEntropyLoss()
        self.stem = nn.Sequential(nn.Conv2d(channels, c, 3, padding=1, bias=False), nn.BatchNorm2d(c))
        before, last, reduced, self.cells = c, c, False, nn.ModuleList()
        for layer in range(layers):
            reduction = layer in (layers // 3, 2 * layers // 3)
            c *= 2 if reduction else 1
            self.cells.append(Cell(steps, multiplier, before, last, c, reduction, reduced))
            before, last, reduced = last, multiplier * c, reduction
        self.global_pooling, self.classifier = nn.AdaptiveAvgPool2d(1), nn.Linear(last, classes)
        rows = sum(2 + node for node in range(steps))
        self.alphas_normal = torch.randn(rows, len(PRIMITIVES)).requires_grad_()
        self.alphas_reduce = torch.randn(rows, len(PRIMITIVES)).requires_grad_()
        self._arch_parameters = [self.alphas_normal, self.alphas_reduce]

    def arch_parameters(self):
        return self._arch_parameters

    def forward(self, x):
        s0 = s1 = self.stem(x)
        for cell in self.cells:
            weights = F.softmax(self.alphas_reduce if cell.reduction else self.alphas_normal, dim=-1)
            s0, s1 = s1, cell(s0, s1, weights)
        out = self.global_pooling(s1)
        return self.classifier(out.view(out.size(0), -1))

    def _loss(self, x, y):
        return self._criterion(self(x), y)

    def genotype(self):
        """The rule of the paper, on softmax(alpha): the two strongest edges of each node by their strongest operation
        that is not `none`."""

        def parse(alphas):
            found, rows = [], iter(F.softmax(alphas, dim=-1).tolist())
            for node in range(self._steps):
                options = [
                    [(w, name) for w, name in zip(next(rows), PRIMITIVES) if name != "none"] for _ in range(2 + node)
                ]
                best = [max(pairs, key=lambda pair: pair[0]) for pairs in options]
                order = sorted(range(2 + node), key=lambda source: -best[source][0])[:2]
                found += [(best[source][1], source) for source in order]
            return found

        concat = range(2 + self._steps - self._multiplier, self._steps + 2)
        return Genotype(
            normal=parse(self.alphas_normal),
            normal_concat=concat,
            reduce=parse(self.alphas_reduce),
            reduce_concat=concat,
        )
