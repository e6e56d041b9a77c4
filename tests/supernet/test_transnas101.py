"""The networks of TransNAS-Bench-101's micro cells, against the benchmark's description written down plainly."""

import pytest
import torch
from torch import nn

from supernet import Edge, Genotype, GenotypeError, SpaceError, Supernet, build, create_space, find_decisions

OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3")
EDGES = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))


class Reduce(nn.Module):
    """The benchmark's skip connection where the shape changes."""

    def __init__(self, narrow, wide):
        super().__init__()
        self.convs = nn.ModuleList(nn.Conv2d(narrow, wide // 2, 1, 2, bias=False) for _ in range(2))
        self.bn = nn.BatchNorm2d(wide)

    def forward(self, x):
        x = torch.relu(x)
        shifted = nn.functional.pad(x, (0, 1, 0, 1))[:, :, 1:, 1:]
        return self.bn(torch.cat([self.convs[0](x), self.convs[1](shifted)], 1))


def operation(digit, narrow, wide, stride):
    if digit == "0":
        return None
    if digit == "1":
        return nn.Identity() if (narrow, stride) == (wide, 1) else Reduce(narrow, wide)
    kernel = 1 if digit == "2" else 3
    conv = nn.Conv2d(narrow, wide, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(nn.ReLU(), conv, nn.BatchNorm2d(wide))


class Cell(nn.Module):
    def __init__(self, code, narrow, wide, stride):
        super().__init__()
        self.code = code
        self.shape = wide, stride
        self.ops = nn.ModuleDict()
        for node, digits in enumerate(code, start=1):
            for source, digit in enumerate(digits):
                made = operation(digit, wide if source else narrow, wide, 1 if source else stride)
                if made is not None:
                    self.ops[f"{source}>{node}"] = made

    def forward(self, x):
        wide, stride = self.shape
        states = [x]
        for node, digits in enumerate(self.code, start=1):
            total = torch.zeros(len(x), wide, -(-x.shape[2] // stride), -(-x.shape[3] // stride)).to(x)
            for source in range(len(digits)):
                if f"{source}>{node}" in self.ops:
                    total = total + self.ops[f"{source}>{node}"](states[source])
            states.append(total)
        return states[-1]


class MicroNet(nn.Module):
    """64-41414-CODE: a stem of two strided convolutions, five modules of two cells, average, linear."""

    def __init__(self, code, base, classes):
        super().__init__()
        half = [nn.Conv2d(3, base // 2, 3, 2, 1, bias=False), nn.BatchNorm2d(base // 2), nn.ReLU()]
        self.stem = nn.Sequential(*half, nn.Conv2d(base // 2, base, 3, 2, 1, bias=False), nn.BatchNorm2d(base))
        self.cells = nn.Sequential()
        width = base
        for kind in "41414":
            wide, stride = (2 * width, 2) if kind == "4" else (width, 1)
            self.cells.append(Cell(code.split("_"), width, wide, stride))
            self.cells.append(Cell(code.split("_"), wide, wide, 1))
            width = wide
        self.head = nn.Linear(width, classes)

    def forward(self, x):
        return self.head(self.cells(self.stem(x)).mean((2, 3)))


def copy_in_order(source, target):
    """Parameters and buffers stand in the same order in both."""
    values = list(source.state_dict().values())
    names = list(target.state_dict())
    assert [value.shape for value in values] == [target.state_dict()[name].shape for name in names]
    target.load_state_dict(dict(zip(names, values)))


@pytest.mark.parametrize("code", ["3_33_333", "1_11_111", "0_12_301", "2_10_023", "0_00_210", "1_32_003"])
@pytest.mark.parametrize("size", [64, 50])
def test_a_network_is_the_benchmarks(code, size):
    torch.manual_seed(0)
    expected = MicroNet(code, 8, 5).double()
    net = build(Genotype.from_text(f"64-41414-{code}"), channels=8, num_classes=5).double()
    copy_in_order(expected, net)
    x = torch.randn(4, 3, size, size).double()
    for mode in (True, False):
        torch.testing.assert_close(net.train(mode)(x), expected.train(mode)(x))


def test_the_usual_sizes_are_the_benchmarks():
    text = "64-41414-3_33_333"
    expected = sum(p.numel() for p in MicroNet("3_33_333", 64, 75).parameters())
    assert sum(p.numel() for p in build(Genotype.from_text(text), num_classes=75).parameters()) == expected


def test_a_committed_supernet_is_the_network_of_its_genotype():
    space = create_space("transnas101")
    net = Supernet(space, channels=4, layers=2, num_classes=3, seed=0).double()
    genotype = Genotype.from_text("64-41414-1_20_331")
    decisions, inputs = find_decisions(space, genotype)
    assert net.genotype(decisions, inputs) == genotype
    for name, logits in net.logits().items():
        with torch.no_grad():
            logits.fill_(-1e9)[list(net.choices()[name]).index(decisions[name])] = 0.0
    child = build(genotype, channels=4, layers=2, num_classes=3).double()
    for cell, mixed in zip(child.cells, net.cells):
        for edge, (kept, options) in enumerate(zip(cell.edges, mixed.edges)):
            chosen = options.options[options.names.index(decisions[f"cell/{edge}/op"])]
            kept.load_state_dict(chosen.state_dict(), strict=False)
    child.stem.load_state_dict(net.stem.state_dict())
    child.classifier.load_state_dict(net.classifier.state_dict())
    x = torch.randn(4, 3, 64, 64).double()
    torch.testing.assert_close(child(x), net(x))


def test_the_space_has_4096_cells_and_their_texts_are_read_back():
    architectures = list(create_space("transnas101").architectures())
    assert len(set(architectures)) == len(architectures) == 4096
    assert all(Genotype.from_text(cell.to_text()) == cell for cell in architectures[::37])
    assert all(Genotype.from_json(cell.to_json()) == cell for cell in architectures[::370])


def test_activations_and_skips_have_a_text_of_their_own():
    edges = [Edge("nor_conv_3x3", *EDGES[0], "gelu", True), *(Edge("none", *edge) for edge in EDGES[1:])]
    cell = Genotype("transnas101", {"cell": (tuple(edges), (3,))})
    assert cell.to_text().startswith("TransNAS101(|nor_conv_3x3")
    assert Genotype.from_text(f"arch: {cell.to_text()}.") == cell
    net = build(cell, channels=4, num_classes=3)
    assert net(torch.randn(2, 3, 64, 64)).shape == (2, 3)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("64-41414-3_33_334", "a digit of 0 to 3 for each of its 3 edges, not '334'"),
        ("64-41414-3_3_333", "for each of its 2 edges"),
        ("64-41414-", "is not 64-41414- and digits of operations"),
        ("TransNAS101(|none~0|", "is not closed"),
    ],
)
def test_what_is_no_cell_is_one_line(text, says):
    with pytest.raises(GenotypeError) as caught:
        Genotype.from_text(text)
    assert says in str(caught.value)


def test_an_operation_that_cannot_widen_is_named():
    edges = tuple(Edge("avg_pool_3x3", *edge) for edge in EDGES)
    with pytest.raises(SpaceError, match="avg_pool_3x3 cannot turn 4 channels into 8"):
        build(Genotype("transnas101", {"cell": (edges, (3,))}), channels=4, num_classes=3)
    with pytest.raises(SpaceError, match="channels must be even"):
        build(Genotype.from_text("64-41414-3_33_333"), channels=5, num_classes=3)
