"""Stand-ins for the NAS-Bench-201 supernets: no module for a mixed operation; AutoDL's has alphas among its parameters,
modes, and returns two tensors."""

import torch
import torch.nn.functional as F
from adapt.host_quark0 import Zero, conv
from torch import nn

SPACE = ["none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"]
OPS = {
    "none": lambda c: Zero(1),
    "skip_connect": lambda c: nn.Identity(),
    "nor_conv_1x1": lambda c: conv(c, c, 1),
    "nor_conv_3x3": lambda c: conv(c, c, 3),
    "avg_pool_3x3": lambda c: nn.AvgPool2d(3, 1, 1, count_include_pad=False),
}


class Structure:
    def __init__(self, genotype):
        self.nodes = [tuple(node) for node in genotype]

    def tostr(self):
        return "+".join("|" + "|".join(f"{name}~{source}" for name, source in node) + "|" for node in self.nodes)


class SearchCell(nn.Module):
    def __init__(self, c, max_nodes, op_names):
        super().__init__()
        self.op_names, self.max_nodes, self.edges = list(op_names), max_nodes, nn.ModuleDict()
        for i in range(1, max_nodes):
            for j in range(i):
                self.edges[f"{i}<-{j}"] = nn.ModuleList(OPS[name](c) for name in op_names)
        self.edge_keys = sorted(self.edges.keys())
        self.edge2index = {key: index for index, key in enumerate(self.edge_keys)}

    def forward(self, x, weightss):
        nodes = [x]
        for i in range(1, self.max_nodes):
            mixed = []
            for j in range(i):
                key = f"{i}<-{j}"
                mixed.append(
                    sum(layer(nodes[j]) * w for layer, w in zip(self.edges[key], weightss[self.edge2index[key]]))
                )
            nodes.append(sum(mixed))
        return nodes[-1]

    forward_joint = forward


class TinyNetworkDarts(nn.Module):
    """AutoDL's: alphas are the parameter `arch_parameters`; returns (features, logits)."""

    def __init__(self, c=4, max_nodes=4, classes=3, channels=3, names=SPACE):
        super().__init__()
        self.max_nodes, self.op_names = max_nodes, list(names)
        self.stem = nn.Sequential(nn.Conv2d(channels, c, 3, padding=1, bias=False), nn.BatchNorm2d(c))
        self.cells = nn.ModuleList(
            [SearchCell(c, max_nodes, names), conv(c, 2 * c, 3, 2), SearchCell(2 * c, max_nodes, names)]
        )
        self.edge2index = self.cells[0].edge2index
        self.lastact, self.global_pooling = (
            nn.Sequential(nn.BatchNorm2d(2 * c), nn.ReLU(inplace=True)),
            nn.AdaptiveAvgPool2d(1),
        )
        self.classifier = nn.Linear(2 * c, classes)
        self.arch_parameters = nn.Parameter(torch.randn(len(self.edge2index), len(names)))

    def features(self, x):
        weights, feature = F.softmax(self.arch_parameters, dim=-1), self.stem(x)
        for cell in self.cells:
            feature = cell(feature, weights) if isinstance(cell, SearchCell) else cell(feature)
        return self.global_pooling(self.lastact(feature)).flatten(1)

    def forward(self, x):
        out = self.features(x)
        return out, self.classifier(out)

    def genotype(self):
        best = self.arch_parameters.argmax(-1)
        rows = [
            [(self.op_names[best[self.edge2index[f"{i}<-{j}"]]], j) for j in range(i)] for i in range(1, self.max_nodes)
        ]
        return Structure(rows)


class TinyNetworkGDAS(TinyNetworkDarts):
    """AutoDL's: has a temperature, and runs the one option of each edge that it has drawn."""

    def set_tau(self, tau):
        self.tau = tau

    def features(self, x):
        hard, feature = F.gumbel_softmax(self.arch_parameters, hard=True), self.stem(x)
        for cell in self.cells:
            feature = self.run_drawn(cell, feature, hard) if isinstance(cell, SearchCell) else cell(feature)
        return self.global_pooling(self.lastact(feature)).flatten(1)

    def run_drawn(self, cell, x, hard):
        nodes = [x]
        for i in range(1, cell.max_nodes):
            drawn = []
            for j in range(i):
                weights = hard[cell.edge2index[f"{i}<-{j}"]]
                best = int(weights.argmax())
                drawn.append(weights[best] * cell.edges[f"{i}<-{j}"][best](nodes[j]))
            nodes.append(sum(drawn))
        return nodes[-1]


class TinyNetworkDirichlet(TinyNetworkDarts):
    """DrNAS': has a temperature too, and mixes all options by weights that are drawn."""

    def set_tau(self, tau):
        self.tau = tau

    def features(self, x):
        weights, feature = torch.distributions.Dirichlet(F.elu(self.arch_parameters) + 1).rsample(), self.stem(x)
        for cell in self.cells:
            feature = cell(feature, weights) if isinstance(cell, SearchCell) else cell(feature)
        return self.global_pooling(self.lastact(feature)).flatten(1)


class GenericNAS201Model(nn.Module):
    """AutoDL's later one: underscored names, properties, and a mode that has to be set."""

    def __init__(self, c=4, max_nodes=4, classes=3):
        super().__init__()
        self._max_nodes, self._op_names = max_nodes, list(SPACE)
        self._stem = nn.Sequential(nn.Conv2d(3, c, 3, padding=1, bias=False), nn.BatchNorm2d(c))
        self._cells = nn.ModuleList(
            [SearchCell(c, max_nodes, SPACE), conv(c, 2 * c, 3, 2), SearchCell(2 * c, max_nodes, SPACE)]
        )
        self.edge2index, self.classifier = self._cells[0].edge2index, nn.Linear(2 * c, classes)
        self.arch_parameters = nn.Parameter(torch.randn(len(self.edge2index), len(SPACE)))
        self._mode, self._algo, self._tau = None, None, None

    def set_cal_mode(self, mode):
        self._mode = mode

    def set_tau(self, tau):
        self._tau = tau

    @property
    def mode(self):
        return self._mode

    @property
    def genotype(self):
        best = self.arch_parameters.argmax(-1)
        rows = [
            [(self._op_names[best[self.edge2index[f"{i}<-{j}"]]], j) for j in range(i)]
            for i in range(1, self._max_nodes)
        ]
        return Structure(rows)

    def forward(self, x):
        alphas, feature = F.softmax(self.arch_parameters, dim=-1), self._stem(x)
        for cell in self._cells:
            if not isinstance(cell, SearchCell):
                feature = cell(feature)
            elif self.mode == "joint":
                feature = cell.forward_joint(feature, alphas)
            else:
                raise ValueError(f"invalid mode={self.mode}")
        out = feature.mean((2, 3))
        return out, self.classifier(out)


class TinyNetworkDartsProj(TinyNetworkDarts):
    """darts-pt's: `arch_parameters` is a method, the alphas are no parameters, the weights come of a lambda, and one
    tensor is returned."""

    def __init__(self):
        super().__init__()
        alphas = self.arch_parameters.detach().clone().requires_grad_()
        del self.arch_parameters
        self._arch_parameters, self.theta_map = alphas, lambda alphas: torch.softmax(alphas, dim=-1)
        self.candidate_flags = torch.ones(len(alphas), dtype=torch.bool)
        self.arch_parameters = lambda: [self._arch_parameters]

    def forward(self, x, weights=None):
        weights = self.theta_map(self._arch_parameters) if weights is None else weights
        feature = self.stem(x)
        for cell in self.cells:
            feature = cell(feature, weights) if isinstance(cell, SearchCell) else cell(feature)
        return self.classifier(self.global_pooling(self.lastact(feature)).flatten(1))
