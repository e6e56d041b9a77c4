"""Networks whose kernel is checked, and the kernel by one backward pass for each sample."""

from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

from supernet import Genotype, build

CELL = "|nor_conv_3x3~0|+|skip_connect~0|nor_conv_1x1~1|+|none~0|avg_pool_3x3~1|nor_conv_3x3~2|"


FIXTURE = Path(__file__).parents[1] / "fixtures" / "ntk.pt"


def rows_by_hand(net, x, functional, wanted=lambda name: True):
    """[outputs of functional, B, P]: one backward pass for each sample and output, BatchNorms as they are in eval
    mode."""
    net.eval()
    parameters = [p for name, p in net.named_parameters() if wanted(name)]
    gradients = []
    for index in range(len(x)):
        for value in functional(net(x[index : index + 1])[0], index):
            row = torch.autograd.grad(value, parameters, retain_graph=True, allow_unused=True, materialize_grads=True)
            gradients.append(torch.cat([g.flatten() for g in row]))
    rows = torch.stack(gradients)
    return rows.view(len(x), -1, rows.shape[1]).transpose(0, 1)


def kernel_by_hand(net, x, functional=lambda logits, _: [logits.sum()], wanted=lambda name: True):
    return sum(rows @ rows.T for rows in rows_by_hand(net, x, functional, wanted))


def close(got, want):
    return (got - want).norm() <= 1e-10 * want.norm()


class Twice(nn.Module):
    """A convolution and a linear layer that are used twice, at different resolutions."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)
        self.norm = nn.LayerNorm([3, 4, 4])
        self.fc = nn.Linear(48, 48)
        self.head = nn.Linear(48, 5)

    def forward(self, x):
        x = F.relu(self.conv(x))
        x = self.norm(self.conv(F.avg_pool2d(x, 2)))
        return self.head(self.fc(torch.tanh(self.fc(x.flatten(1)))))


class Strays(nn.Module):
    """Parameters that no formula sees: tied, used outside their layer, held by the model itself, in a layer without
    formula."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(1.5))
        self.first = nn.Linear(192, 10)
        self.second = nn.Linear(10, 10)
        self.tied = nn.Linear(10, 10)
        self.head = nn.Linear(10, 5)
        self.tied.weight = self.second.weight
        self.act = nn.PReLU(init=0.1)

    def forward(self, x):
        x = self.tied(self.act(self.second(self.act(self.first(x.flatten(1))))))
        return self.head(x * self.scale) + F.linear(x, self.head.weight)


class Unused(nn.Module):
    def __init__(self):
        super().__init__()
        self.used = nn.Linear(192, 5)
        self.idle = nn.Linear(192, 5)

    def forward(self, x):
        self.idle(x.flatten(1))
        return self.used(x.flatten(1))


def conv(*args, **kwargs):
    """A convolution behind another one, so that gradients pass through it."""
    tail = (nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.LazyLinear(5))
    return nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), nn.ReLU(), nn.Conv2d(6, *args, **kwargs), *tail)


CASES = {
    "mlp": lambda: nn.Sequential(
        nn.Flatten(), nn.Linear(192, 20), nn.ReLU(), nn.Linear(20, 20, bias=False), nn.Tanh(), nn.Linear(20, 5)
    ),
    "tokens": lambda: nn.Sequential(
        nn.Flatten(2), nn.Linear(64, 7), nn.LayerNorm(7), nn.GELU(), nn.Linear(7, 4), nn.Flatten(), nn.Linear(12, 5)
    ),
    "dense": lambda: conv(4, 3, padding=1),
    "stride": lambda: conv(4, 3, stride=2, padding=1),
    "no_padding": lambda: conv(4, (1, 3), stride=(2, 1), bias=False),
    "dilation": lambda: conv(4, 3, padding=2, dilation=2),
    "groups": lambda: conv(4, 3, padding=1, groups=2),
    "depthwise": lambda: conv(6, 5, padding=4, dilation=2, groups=6, bias=False),
    "multiplier": lambda: conv(12, 3, groups=6, stride=2),
    "pointwise": lambda: conv(9, 1, stride=2, groups=3),
    "reflect": lambda: conv(4, 3, padding=1, padding_mode="reflect"),
    "same": lambda: conv(4, 3, padding="same"),
    "transposed": lambda: nn.Sequential(
        nn.ConvTranspose2d(3, 4, 2, stride=2), nn.ReLU(), nn.Flatten(), nn.LazyLinear(5)
    ),
    "batch_norm": lambda: nn.Sequential(
        nn.Conv2d(3, 4, 3),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Flatten(),
        nn.LazyLinear(6),
        nn.BatchNorm1d(6),
        nn.ReLU(),
        nn.LazyLinear(5),
    ),
    "group_norm": lambda: nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.GroupNorm(2, 4), nn.SiLU(inplace=True), nn.Flatten(), nn.LazyLinear(5)
    ),
    "in_place": lambda: nn.Sequential(
        nn.Conv2d(3, 4, 3),
        nn.ReLU(inplace=True),
        nn.Conv2d(4, 4, 3),
        nn.ReLU(inplace=True),
        nn.Flatten(),
        nn.LazyLinear(5),
    ),
    "prelu": lambda: nn.Sequential(nn.Conv2d(3, 4, 3), nn.PReLU(4), nn.Flatten(), nn.LazyLinear(5)),
    "twice": Twice,
    "strays": Strays,
    "unused": Unused,
    "nasbench201": lambda: build(Genotype.from_text(CELL), channels=3, layers=1, num_classes=5),
}


WITHOUT_FORMULA = {"reflect", "same", "transposed", "strays", "prelu"}


def case(name, count=6, size=8, seed=0):
    torch.manual_seed(seed)
    net, x = CASES[name](), torch.randn(count, 3, size, size)
    net(x)
    for module in net.modules():
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
            module.running_mean.normal_(0, 0.3)
            module.running_var.uniform_(0.5, 2)
    return net.double(), x.double()


class ParityNet(nn.Module):
    """The network behind the fixture, [B, 3, 8, 8] -> [B, 5]."""

    def __init__(self):
        super().__init__()
        self.stem, self.bn0, self.act0 = nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU()
        self.down = nn.Conv2d(8, 8, 3, stride=2, padding=1, groups=2, bias=False)
        dw, pw = nn.Conv2d(8, 8, 3, padding=2, dilation=2, groups=8, bias=False), nn.Conv2d(8, 8, 1, bias=False)
        self.block = nn.ModuleDict({"act": nn.ReLU(), "dw": dw, "pw": pw, "bn": nn.BatchNorm2d(8)})
        self.act1, self.pool, self.fc = nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Linear(32, 5)

    def forward(self, x):
        x = self.down(self.act0(self.bn0(self.stem(x))))
        x = x + self.block["bn"](self.block["pw"](self.block["dw"](self.block["act"](x))))
        return self.fc(self.pool(self.act1(x)).flatten(1))


def load_parity():
    """The network of the fixture in eval mode, and the values that others' codes computed of it."""
    values = torch.load(FIXTURE, weights_only=True)
    net = ParityNet().double()
    net.load_state_dict(values["state_dict"])
    return net.eval(), values
