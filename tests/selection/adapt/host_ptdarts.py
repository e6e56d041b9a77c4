"""A stand-in for pt.darts: a controller with a ParameterList of alphas node by node, `none` last, and a genotype nested
by node that ranks raw alphas."""

from collections import namedtuple
from types import SimpleNamespace

import torch
import torch.nn.functional as F
from adapt.host_quark0 import OPS, conv
from torch import nn

gt = SimpleNamespace(
    Genotype=namedtuple("Genotype", "normal normal_concat reduce reduce_concat"),
    PRIMITIVES=["max_pool_3x3", "skip_connect", "sep_conv_3x3", "none"],
)


class MixedOp(nn.Module):
    def __init__(self, c, stride):
        super().__init__()
        self._ops = nn.ModuleList(OPS[name](c, stride) for name in gt.PRIMITIVES)

    def forward(self, x, weights):
        return sum(w * op(x) for w, op in zip(weights, self._ops))


class SearchCell(nn.Module):
    def __init__(self, nodes, c_before, c_last, c, reduced, reduction):
        super().__init__()
        self.reduction, self.n_nodes = reduction, nodes
        self.preproc0, self.preproc1 = conv(c_before, c, 1, 2 if reduced else 1), conv(c_last, c, 1)
        self.dag = nn.ModuleList(
            nn.ModuleList(MixedOp(c, 2 if reduction and source < 2 else 1) for source in range(2 + node))
            for node in range(nodes)
        )

    def forward(self, s0, s1, w_dag):
        states = [self.preproc0(s0), self.preproc1(s1)]
        for edges, w_list in zip(self.dag, w_dag):
            states.append(sum(edges[i](s, w) for i, (s, w) in enumerate(zip(states, w_list))))
        return torch.cat(states[2:], dim=1)


class SearchCNN(nn.Module):
    def __init__(self, c, classes, layers, nodes):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, c, 3, 1, 1, bias=False), nn.BatchNorm2d(c))
        before, last, reduced, self.cells = c, c, False, nn.ModuleList()
        for layer in range(layers):
            reduction = layer in (layers // 3, 2 * layers // 3)
            c *= 2 if reduction else 1
            self.cells.append(SearchCell(nodes, before, last, c, reduced, reduction))
            before, last, reduced = last, nodes * c, reduction
        self.gap, self.linear = nn.AdaptiveAvgPool2d(1), nn.Linear(last, classes)

    def forward(self, x, weights_normal, weights_reduce):
        s0 = s1 = self.stem(x)
        for cell in self.cells:
            s0, s1 = s1, cell(s0, s1, weights_reduce if cell.reduction else weights_normal)
        out = self.gap(s1)
        return self.linear(out.view(out.size(0), -1))


class SearchCNNController(nn.Module):
    def __init__(self, c=4, classes=3, layers=3, nodes=2, device_ids=None):
        super().__init__()
        self.n_nodes, self.criterion, self.device_ids = nodes, nn.CrossEntropyLoss(), device_ids or []
        self.alpha_normal, self.alpha_reduce = nn.ParameterList(), nn.ParameterList()
        for node in range(nodes):
            self.alpha_normal.append(nn.Parameter(torch.randn(node + 2, len(gt.PRIMITIVES))))
            self.alpha_reduce.append(nn.Parameter(torch.randn(node + 2, len(gt.PRIMITIVES))))
        self._alphas = [(name, alpha) for name, alpha in self.named_parameters() if "alpha" in name]
        self.net = SearchCNN(c, classes, layers, nodes)

    def forward(self, x):
        normal, reduce = (
            [F.softmax(alpha, dim=-1) for alpha in alphas] for alphas in (self.alpha_normal, self.alpha_reduce)
        )
        if len(self.device_ids) != 1:
            raise RuntimeError("needs GPUs to send copies to")
        return self.net(x, normal, reduce)

    def alphas(self):
        return (alpha for _, alpha in self._alphas)

    def weights(self):
        return self.net.parameters()

    def genotype(self):
        def parse(alphas):
            found = []
            for alpha in alphas:
                values, best = torch.topk(alpha[:, :-1], 1)
                _, sources = torch.topk(values.view(-1), 2)
                found.append([(gt.PRIMITIVES[best[source]], source.item()) for source in sources])
            return found

        concat = range(2, 2 + self.n_nodes)
        return gt.Genotype(
            normal=parse(self.alpha_normal), normal_concat=concat, reduce=parse(self.alpha_reduce), reduce_concat=concat
        )
