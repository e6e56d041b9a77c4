"""AZ-NAS's measures against their formulas, block by block."""

import math
from itertools import pairwise

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from selection import SelectionError, measure
from supernet import Genotype, Supernet, build, create_space

CELL = Genotype.from_text("|nor_conv_3x3~0|+|skip_connect~0|nor_conv_1x1~1|+|none~0|avg_pool_3x3~1|nor_conv_3x3~2|")


class Grouped(nn.Module):
    """A list of blocks, some of which begin with a ReLU in place."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, padding=1)
        self.blocks = nn.ModuleList(
            [
                nn.Sequential(nn.Conv2d(4, 8, 3, padding=1, groups=2, bias=False), nn.BatchNorm2d(8)),
                nn.Sequential(nn.ReLU(inplace=True), nn.Conv2d(8, 12, 3, stride=2, padding=1, groups=4)),
                nn.Sequential(nn.ReLU(inplace=True), nn.Conv2d(12, 6, 4, stride=4), nn.BatchNorm2d(6)),
                nn.Sequential(nn.SiLU(), nn.Conv2d(6, 6, 1)),
            ]
        )
        self.head = nn.Linear(6, 5)

    def forward(self, x):
        x = self.stem(x)
        for block in self.blocks:
            x = block(x)
        return self.head(x.mean((2, 3)))


def steps_of(net, x):
    """The first feature map, and the functions from each to the next."""
    if isinstance(net, Grouped):
        return net.blocks[0](net.stem(x)), [lambda f, block=block: block(f.clone()) for block in list(net.blocks)[1:]]
    older, first, steps = None, net.stem(x), []
    current = first
    for site, cell in zip(net.cell_specs, net.cells):
        mixing = {"weights": net.mixing_weights()[site.group]} if isinstance(net, Supernet) and site.group else {}
        if site.group is None:
            step = cell
        elif older is None:
            step = lambda f, cell=cell, mixing=mixing: cell(f, f, **mixing)  # noqa: E731
        else:
            step = lambda f, cell=cell, mixing=mixing, older=older: cell(older, f, **mixing)  # noqa: E731
        steps.append(step)
        older, current = current, step(current)
    return first, steps


def entropy_by_hand(feature):
    channels = feature.shape[1]
    covariance = torch.cov(torch.stack([feature[:, c].flatten() for c in range(channels)]), correction=0)
    values = torch.linalg.eigvalsh(covariance)
    return -sum(float(v / values.sum()) * math.log(float(v / values.sum()) + 1e-8) for v in values)


def block_by_hand(step, entering, generator):
    leaving = step(entering)
    signs = (2 * torch.randint(0, 2, leaving.shape, generator=generator) - 1).double()
    _, back = torch.autograd.functional.vjp(step, entering, signs)
    (batch, channels, height, width), factor = signs.shape, entering.shape[2] // leaving.shape[2]
    matrix = torch.zeros(entering.shape[1] * factor**2, channels, dtype=torch.float64)
    for b in range(batch):
        for h in range(height):
            for w in range(width):
                window = back[b, :, factor * h : factor * (h + 1), factor * w : factor * (w + 1)]
                matrix += torch.outer(window.flatten(), signs[b, :, h, w]) / (batch * height * width)
    s = math.sqrt(float(torch.linalg.eigvalsh(matrix @ matrix.T)[-1]))
    return 2 - s - 1 / (s + 1e-6)


NETS = {
    "grouped": Grouped,
    "nasbench201": lambda: build(CELL, channels=4, layers=1, num_classes=5),
    "supernet": lambda: Supernet(create_space("nasbench201"), channels=4, layers=1, num_classes=5),
    "darts": lambda: Supernet(create_space("darts"), channels=2, layers=3, num_classes=5),
}


@pytest.mark.parametrize("name", NETS)
def test_measures_are_the_formulas_of_the_paper(name):
    torch.manual_seed(0)
    net, x, y = NETS[name]().double().train(), torch.randn(3, 3, 8, 8).double(), torch.arange(3)
    first, steps = steps_of(net, x)
    maps = [first.detach()]
    for step in steps:
        maps.append(step(maps[-1]).detach())
    entropies = [entropy_by_hand(feature) for feature in maps]
    generator = torch.Generator().manual_seed(7)
    scores = [block_by_hand(step, entering, generator) for step, entering in zip(steps, maps)]
    net.eval()
    assert measure("expressivity", net, x, y) == pytest.approx(sum(entropies), rel=1e-8)
    assert measure("progressivity", net, x, y) == pytest.approx(min(b - a for a, b in pairwise(entropies)), rel=1e-6)
    assert measure("trainability", net, x, y, seed=7) == pytest.approx(sum(scores) / len(scores), rel=1e-8)
    assert measure("trainability", net, x, y, seed=8) != measure("trainability", net, x, y, seed=7)
    assert measure("expressivity", net, x, y, images=2) == measure("expressivity", net, x[:2], y[:2])


class Shown(nn.Module):
    """A network that says itself which maps count."""

    def __init__(self, *blocks):
        super().__init__()
        self.blocks = nn.ModuleList(blocks)

    def forward(self, x):
        return self.block_outputs(x)[-1].mean((2, 3))

    def block_outputs(self, x):
        maps = [x]
        for block in self.blocks:
            maps.append(block(maps[-1]))
        return maps


def taken(name, net, x):
    return measure(name, net, x, torch.zeros(len(x)))


def test_values_that_can_be_computed_by_hand():
    x = torch.randn(4, 3, 6, 6, generator=torch.Generator().manual_seed(0)).double().requires_grad_()
    white = torch.eye(4).double().view(4, 4, 1, 1) - 0.25
    turned = nn.Conv2d(4, 4, 1, bias=False).double()
    with torch.no_grad():
        turned.weight.copy_(torch.eye(4).flip(0).view(4, 4, 1, 1))
    assert taken("expressivity", Shown(turned), white) == pytest.approx(2 * math.log(3), abs=1e-6), (
        "three equal eigenvalues and a zero"
    )
    orthogonal = nn.Conv2d(3, 3, 1, bias=False).double()
    nn.init.dirac_(orthogonal.weight)
    with torch.no_grad():
        orthogonal.weight *= -1
    assert taken("trainability", Shown(orthogonal), x) == pytest.approx(0, abs=0.3), (
        "s is near 1 where gradients keep their size"
    )


def two_convolutions():
    torch.manual_seed(0)
    return nn.Conv2d(3, 5, 3, padding=1), nn.Conv2d(5, 7, 3, padding=1), torch.randn(4, 3, 6, 6, requires_grad=True)


@pytest.mark.parametrize("name", ["expressivity", "progressivity"])
def test_blocks_that_return_their_input_add_no_map(name):
    first, second, x = two_convolutions()
    among = Shown(nn.Identity(), first, nn.Identity(), nn.Identity(), second, nn.Identity())
    assert taken(name, among, x) == pytest.approx(taken(name, Shown(first, second), x))


def test_blocks_that_return_their_input_have_nothing_to_train():
    first, second, x = two_convolutions()
    generator = torch.Generator().manual_seed(0)
    draws = [torch.randint(0, 2, (4, width, 6, 6), generator=generator) for width in (5, 5, 5, 7)]
    among = Shown(first, nn.Identity(), nn.Identity(), second)
    by_hand = scored_by_hand(first, second, draws[0], draws[3])
    assert taken("trainability", among, x) == pytest.approx(by_hand, abs=1e-4)


def scored_by_hand(first, second, *draws):
    """2 - s - 1 / s of two convolutions, by their transposes."""
    scores = []
    for layer, draw in zip((first, second), draws):
        signs = 2.0 * draw - 1
        pulled = F.conv_transpose2d(signs, layer.weight, padding=1)
        rows_in, rows_out = (value.permute(0, 2, 3, 1).flatten(0, 2) for value in (pulled, signs))
        s = float(torch.linalg.svdvals(rows_in.T @ rows_out / len(rows_out)).max().detach())
        scores.append(2 - s - 1 / s)
    return sum(scores) / len(scores)


@pytest.mark.parametrize("name", ["trainability", "progressivity"])
def test_a_network_of_nothing_but_such_blocks_is_worst(name):
    x = torch.randn(4, 3, 6, 6, requires_grad=True)
    assert taken(name, Shown(nn.Identity()), x) == -math.inf
    assert taken(name, Shown(nn.Hardtanh(-9, 9), nn.Identity()), x) == -math.inf


def test_maps_of_zeros_are_worst():
    empty = Genotype.from_text("|none~0|+|none~0|none~1|+|none~0|none~1|none~2|")
    net, x = build(empty, channels=4, layers=1, num_classes=5, seed=0), torch.randn(2, 3, 8, 8)
    assert taken("expressivity", net, x) == taken("progressivity", net, x) == -math.inf
    assert taken("trainability", net, x) < -1e5


class Flat(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(192, 6), nn.ReLU(), nn.Linear(6, 5))

    def forward(self, x):
        return self.head(x)


@pytest.mark.parametrize("name", ["expressivity", "progressivity", "trainability"])
def test_networks_that_show_no_blocks_are_refused(name):
    for net in (Flat(), nn.Conv2d(3, 4, 3)):
        with pytest.raises(SelectionError, match=r"shows 0: give it a block_outputs\(x\)") as caught:
            taken(name, net, torch.randn(2, 3, 8, 8))
        assert "\n" not in str(caught.value)
    assert not any(module._forward_hooks for module in net.modules())


@pytest.mark.parametrize(
    ("block", "sizes"),
    [
        (nn.MaxPool2d(2, ceil_mode=True), "7x8 positions into 4x4;"),
        (nn.AvgPool2d((1, 2)), "into 7x4;"),
        (nn.Upsample(scale_factor=2), "into 14x16;"),
    ],
)
def test_resolutions_that_do_not_fall_by_an_integer(block, sizes):
    x = torch.randn(2, 3, 7, 8).requires_grad_()
    with pytest.raises(SelectionError, match=sizes):
        taken("trainability", Shown(block), x)
    assert math.isfinite(taken("expressivity", Shown(block), x))


def test_outputs_that_are_not_finite_are_refused():
    net = Grouped()
    with torch.no_grad():
        net.stem.weight.fill_(math.nan)
    with pytest.raises(SelectionError, match="not finite"):
        taken("expressivity", net, torch.randn(2, 3, 8, 8))


def test_modules_may_change_their_input_in_place():
    """A list of layers, ReLUs in place, gives what it gives without."""
    torch.manual_seed(0)
    layers = [
        nn.Conv2d(3, 4, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(4, 4, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(4, 6, 2, stride=2),
    ]
    x = torch.randn(3, 3, 8, 8)
    want = [taken(name, nn.Sequential(*layers), x) for name in ("expressivity", "progressivity", "trainability")]
    for layer in layers[1::2]:
        layer.inplace = True
    assert [
        taken(name, nn.Sequential(*layers), x) for name in ("expressivity", "progressivity", "trainability")
    ] == want
