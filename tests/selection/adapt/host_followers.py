"""Stand-ins that look like quark0/darts and weigh otherwise: FairDARTS' sigmoid, DrNAS' Dirichlet and partial channels,
Gumbel noise, weights that are the alphas themselves, rows scaled by a weight of the edge."""

import torch
import torch.nn.functional as F
from adapt import host_quark0
from torch import nn

PRIMITIVES = host_quark0.PRIMITIVES
RULES = {
    "sigmoid": torch.sigmoid,
    "alpha": lambda alphas: alphas,
    "dirichlet": lambda alphas: torch.distributions.Dirichlet(F.elu(alphas) + 1).rsample(),
    "gumbel": lambda alphas: F.gumbel_softmax(alphas, tau=1.0),
    "scaled": lambda alphas: 0.3 * alphas.softmax(-1),
    "softmax": lambda alphas: alphas.softmax(-1),
}
RANKED_BY = {"sigmoid": torch.sigmoid, "alpha": lambda alphas: alphas}  # others by the softmax


class Network(host_quark0.Network):
    def __init__(self, rule="sigmoid", own_genotype=True, **sizes):
        super().__init__(**sizes)
        self.rule = rule
        if not own_genotype:
            self.genotype = None

    def forward(self, x):
        s0 = s1 = self.stem(x)
        for cell in self.cells:
            weights = RULES[self.rule](self.alphas_reduce if cell.reduction else self.alphas_normal)
            s0, s1 = s1, cell(s0, s1, weights)
        return self.classifier(self.global_pooling(s1).flatten(1))

    def genotype(self):
        rank = RANKED_BY.get(self.rule, RULES["softmax"])

        def parse(alphas):
            found, rows = [], iter(rank(alphas).tolist())
            for node in range(self._steps):
                pairs = [max(list(zip(next(rows), host_quark0.PRIMITIVES))[1:]) for _ in range(2 + node)]
                order = sorted(range(2 + node), key=lambda source: -pairs[source][0])[:2]
                found += [(pairs[source][1], source) for source in order]
            return found

        concat = range(2, self._steps + 2)
        return host_quark0.Genotype(parse(self.alphas_normal), concat, parse(self.alphas_reduce), concat)


class PartialMixedOp(nn.Module):
    """A half of the channels is mixed, the rest passes by; weights of zero are left out."""

    def __init__(self, c, stride):
        super().__init__()
        self._ops = nn.ModuleList(host_quark0.OPS[name](c // 2, stride) for name in host_quark0.PRIMITIVES)
        self.pool = nn.MaxPool2d(2, 2)

    def forward(self, x, weights):
        part, rest = x.chunk(2, dim=1)
        mixed = sum(w * op(part) for w, op in zip(weights, self._ops) if w != 0)
        if mixed.shape[2] != x.shape[2]:
            rest = self.pool(rest)
        return torch.cat([mixed, rest], dim=1)


class PartialNetwork(Network):
    def __init__(self, rule="softmax", **sizes):
        super().__init__(rule, **sizes)
        for cell in self.cells:
            strides = [2 if cell.reduction and edge in (0, 1, 2, 3) else 1 for edge in range(len(cell._ops))]
            width = cell.preprocess1[1].out_channels
            sources = [source for node in range(self._steps) for source in range(2 + node)]
            strides = [2 if cell.reduction and source < 2 else 1 for source in sources]
            cell._ops = nn.ModuleList(PartialMixedOp(width, stride) for stride in strides)
