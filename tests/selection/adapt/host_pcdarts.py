"""A stand-in for PC-DARTS: a part of the channels is mixed and put together with the rest again, and edges have
strengths beta."""

from collections import namedtuple

import torch
import torch.nn.functional as F
from adapt import host_quark0
from torch import nn

Genotype = namedtuple("Genotype", "normal normal_concat reduce reduce_concat")
PRIMITIVES = host_quark0.PRIMITIVES


class MixedOp(nn.Module):
    def __init__(self, c, stride):
        super().__init__()
        self.k, self.mp = 2, nn.MaxPool2d(2, 2)
        self._ops = nn.ModuleList(host_quark0.OPS[name](c // self.k, stride) for name in PRIMITIVES)

    def forward(self, x, weights):
        part = x.shape[1] // self.k
        mixed = sum(w * op(x[:, :part]) for w, op in zip(weights, self._ops))
        rest = x[:, part:] if mixed.shape[2] == x.shape[2] else self.mp(x[:, part:])
        return torch.cat([mixed, rest], dim=1).unflatten(1, (self.k, -1)).transpose(1, 2).flatten(1, 2)


class Network(host_quark0.Network):
    def __init__(self, classes=3):
        super().__init__(classes=classes)
        for cell in self.cells:
            c = cell.preprocess1[1].out_channels
            strides = [
                2 if cell.reduction and source < 2 else 1 for node in range(self._steps) for source in range(2 + node)
            ]
            cell._ops = nn.ModuleList(MixedOp(c, stride) for stride in strides)
        self.betas_normal, self.betas_reduce = (torch.randn(len(self.alphas_normal)).requires_grad_() for _ in range(2))
        self._arch_parameters += [self.betas_normal, self.betas_reduce]

    def shares(self, group):
        betas, start, parts = getattr(self, f"betas_{group}"), 0, []
        for node in range(self._steps):
            parts.append(F.softmax(betas[start : start + node + 2], dim=-1))
            start += node + 2
        return torch.cat(parts)

    def forward(self, x):
        s0 = s1 = self.stem(x)
        for cell in self.cells:
            group = "reduce" if cell.reduction else "normal"
            weights, shares = F.softmax(getattr(self, f"alphas_{group}"), dim=-1), self.shares(group)
            states, offset = [cell.preprocess0(s0), cell.preprocess1(s1)], 0
            for _ in range(self._steps):
                new = sum(
                    shares[offset + j] * cell._ops[offset + j](h, weights[offset + j]) for j, h in enumerate(states)
                )
                offset += len(states)
                states.append(new)
            s0, s1 = s1, torch.cat(states[-self._multiplier :], dim=1)
        return self.classifier(self.global_pooling(s1).flatten(1))

    def genotype(self):
        """The rule of the paper: as DARTS, on softmax(alpha) * softmax(beta)."""
        alphas = self.alphas_normal, self.alphas_reduce
        try:
            for group, rows in zip(("normal", "reduce"), alphas):
                strengths = F.softmax(rows, dim=-1) * self.shares(group)[:, None]
                rest = 1 - strengths.sum(
                    1, keepdim=True
                )  # a column of its own, so that softmax gives the strengths back
                setattr(self, f"alphas_{group}", torch.cat([strengths, rest], dim=1).log())
            return super().genotype()
        finally:
            self.alphas_normal, self.alphas_reduce = alphas
