"""A stand-in for darts-pt: operations that differ from edge to edge, weights of zero skipped, a projection of its own,
and the global that it leaves behind."""

from collections import namedtuple

import torch
import torch.nn.functional as F
from adapt import host_quark0
from torch import nn

Genotype = namedtuple("Genotype", "normal normal_concat reduce reduce_concat")
ROWS = [["skip_connect", "sep_conv_3x3", "none"], ["max_pool_3x3", "skip_connect", "none"]]


class MixedOp(nn.Module):
    def __init__(self, c, stride, primitives):
        super().__init__()
        self._ops = nn.ModuleList(host_quark0.OPS[name](c, stride) for name in primitives)

    def forward(self, x, weights):
        return sum(w * op(x) for w, op in zip(weights, self._ops) if w != 0)


class DartsNetworkProj(host_quark0.Network):
    genotype = None  # the one of quark0/darts knows one list of operations

    def __init__(self, classes=3):
        super().__init__(classes=classes)
        rows = len(self.alphas_normal)
        self.op_names = {
            group: [ROWS[row % 2] for row in range(rows)] for group in ("primitives_normal", "primitives_reduct")
        }
        for cell in self.cells:
            cell.primitives = self.op_names["primitives_reduct" if cell.reduction else "primitives_normal"]
            c = cell.preprocess1[1].out_channels
            strides = [
                2 if cell.reduction and source < 2 else 1 for node in range(self._steps) for source in range(2 + node)
            ]
            cell._ops = nn.ModuleList(MixedOp(c, stride, names) for stride, names in zip(strides, cell.primitives))
        self.alphas_normal, self.alphas_reduce = (torch.randn(rows, 3).requires_grad_() for _ in range(2))
        self._arch_parameters = [self.alphas_normal, self.alphas_reduce]
        self.candidate_flags = {group: torch.ones(rows, dtype=torch.bool) for group in ("normal", "reduce")}
        self.proj_weights = {group: torch.zeros(rows, 3) for group in ("normal", "reduce")}

    def project_op(self, row, option, group):
        self.proj_weights[group][row][option] = 1
        self.candidate_flags[group][row] = False

    def forward(self, x, weights_dict=None):
        weights = {}
        for group, alphas in (("normal", self.alphas_normal), ("reduce", self.alphas_reduce)):
            weights[group] = F.softmax(alphas, dim=-1)
            for row in range(len(alphas)):
                if not self.candidate_flags[group][row]:
                    weights[group][row].data.copy_(self.proj_weights[group][row])
        weights |= weights_dict or {}
        s0 = s1 = self.stem(x)
        for cell in self.cells:
            s0, s1 = s1, cell(s0, s1, weights["reduce" if cell.reduction else "normal"])
        return self.classifier(self.global_pooling(s1).flatten(1))
