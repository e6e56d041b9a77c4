"""The network of one genotype, against its cells computed from the genotype and against a supernet that holds it."""

import json
import random
from pathlib import Path

import pytest
import torch
from oracles import discrete_logits
from torch import nn

from supernet import Edge, Genotype, SpaceError, Supernet, build, create_space

PUBLISHED = {
    name: Genotype.from_text(text)
    for name, text in json.loads((Path(__file__).parents[1] / "fixtures" / "genotypes.json").read_text()).items()
}
DARTS_V2 = PUBLISHED["DARTS_V2"]
NASBENCH201 = Genotype.from_text("|nor_conv_3x3~0|+|none~0|skip_connect~1|+|nor_conv_1x1~0|none~1|avg_pool_3x3~2|")
CLOSE = {"rtol": 1e-9, "atol": 1e-10}


def images(height=8, width=8, batch=3):
    return torch.randn(batch, 3, height, width, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("size", [(8, 8), (7, 9)])
@pytest.mark.parametrize("genotype", [*PUBLISHED.values(), NASBENCH201], ids=[*PUBLISHED, "NAS-Bench-201"])
def test_a_network_equals_its_genotype(genotype, size, training, scrambled):
    layers = 1 if genotype.format == "nasbench201" else 4
    net = scrambled(build(genotype, channels=4, layers=layers, num_classes=3, seed=0)).train(training)
    torch.testing.assert_close(net(images(*size)), discrete_logits(net, images(*size)), **CLOSE)


def test_an_imagenet_network_equals_its_genotype(scrambled):
    net = scrambled(build(DARTS_V2, channels=4, layers=5, num_classes=3, stem="imagenet", seed=0))
    torch.testing.assert_close(net(images(40, 56)), discrete_logits(net, images(40, 56)), **CLOSE)


def test_edges_of_none_carry_nothing(scrambled):
    empty = Genotype.from_text("|none~0|+|none~0|none~1|+|none~0|none~1|none~2|")
    net = scrambled(build(empty, channels=4, layers=1, num_classes=3, seed=0)).eval()
    assert net(images()).std(dim=0).max() == 0, "no image reaches the head"
    only_last = Genotype.from_text("|none~0|+|none~0|none~1|+|skip_connect~0|none~1|none~2|")
    net = scrambled(build(only_last, channels=4, layers=1, num_classes=3, seed=0)).eval()
    x = net.stem(images())
    assert torch.equal(net.cells[0](x, x), x)


def copy_weights(supernet, net):
    """The supernet's stem, fixed blocks and head, and on every edge the option that the genotype names."""
    for part in ("stem", "last", "classifier"):
        getattr(net, part).load_state_dict(getattr(supernet, part).state_dict())
    for spec, wide, cell in zip(net.cell_specs, supernet.cells, net.cells):
        if spec.group is None:
            cell.load_state_dict(wide.state_dict())
            continue
        if wide.preprocess is not None:
            cell.preprocess.load_state_dict(wide.preprocess.state_dict(), strict=False)
        for edge, op in zip(cell.wiring, cell.edges):
            mixed = wide.edges[wide.space.edges.index((edge.source, edge.node))]
            op.load_state_dict(
                mixed.options[mixed.names.index(edge.op)].state_dict(), strict=False
            )  # the supernet's BatchNorms have no scale


def commit(supernet, genotype):
    """Alphas whose softmax is one-hot at the genotype's operations, and at `none` on the edges that it leaves out."""
    with torch.no_grad():
        for group, cell in supernet.space.cells.items():
            chosen = {(edge.source, edge.node): edge.op for edge in genotype.cells[group][0]}
            supernet.alphas[group].fill_(-1e4)
            for row, (edge, options) in enumerate(zip(cell.edges, cell.operations)):
                supernet.alphas[group][row, options.index(chosen.get(edge, "none"))] = 1e4


def random_genotype(name, draw):
    """An architecture without poolings, which a DARTS supernet normalises and a discrete network does not."""
    cells = {}
    for group, cell in create_space(name).cells.items():
        kept = [
            edge
            for node in cell.nodes
            for edge in sorted(
                draw.sample([edge for edge in cell.edges if edge[1] == node], 2 if name == "darts" else node)
            )
        ]
        allowed = [
            option
            for option in cell.operations[0]
            if name == "nasbench201" or not ("pool" in option or option == "none")
        ]
        cells[group] = (tuple(Edge(draw.choice(allowed), source, node) for source, node in kept), cell.concat)
    return Genotype(create_space(name).macro, cells)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", ["darts", "nasbench201"])
def test_a_network_equals_the_supernet_with_its_genotype_committed(name, training, scrambled):
    draw = random.Random(0)
    sizes = {"channels": 4, "layers": 1 if name == "nasbench201" else 3, "num_classes": 3}
    supernet = scrambled(Supernet(create_space(name), seed=0, **sizes))
    for _ in range(2):
        genotype = random_genotype(name, draw)
        net = build(genotype, **sizes).double()
        copy_weights(supernet, net)
        commit(supernet, genotype)
        assert supernet.genotype() == genotype
        torch.testing.assert_close(net.train(training)(images()), supernet.train(training)(images()), **CLOSE)


@pytest.mark.parametrize(("size", "channels"), [(32, 4), (8, 4), (15, 4), (4, 4)])
def test_auxiliary_head_speaks_in_training_only(size, channels):
    net = build(DARTS_V2, channels=channels, layers=6, num_classes=10, auxiliary=True)
    x = torch.randn(2, 3, size, size)
    logits, auxiliary = net.train()(x)
    assert logits.shape == auxiliary.shape == (2, 10)
    auxiliary.sum().backward()
    assert net.stem[0].weight.grad.abs().sum() > 0
    assert net.cells[5].preprocess[1][1].weight.grad is None, "the head stands behind cell 4 of 6"
    assert net.cells[4].preprocess[1][1].weight.grad is not None
    assert isinstance(net.eval()(x), torch.Tensor)
    plain = build(DARTS_V2, channels=4, layers=6, num_classes=10).train()
    assert isinstance(plain(x), torch.Tensor)


@pytest.mark.parametrize(("channels", "size"), [(36, 32), (48, 224)])
def test_auxiliary_pooling_is_that_of_the_original(channels, size):
    """Windows of 5 on 8x8 (CIFAR-10, stride 3) and 7x7 (ImageNet, stride 2) features: two by two means, edges not
    counted twice."""
    stem = "imagenet" if size == 224 else "cifar"
    with torch.device("meta"):
        net = build(DARTS_V2, channels=channels, layers=14, num_classes=10, auxiliary=True, stem=stem)
        seen = []
        net.auxiliary_head.register_forward_pre_hook(lambda head, inputs: seen.append(inputs[0].shape))
        logits, auxiliary = net.train()(torch.empty(2, 3, size, size))
    side, stride = (7, 2) if stem == "imagenet" else (8, 3)
    assert seen == [(2, 4 * 4 * channels, side, side)]
    assert logits.shape == auxiliary.shape
    features = torch.rand(1, 16, side, side)
    head = build(
        DARTS_V2, channels=2 if stem == "cifar" else 4, layers=3, num_classes=2, auxiliary=True, stem=stem
    ).auxiliary_head
    head.features = nn.Identity()
    head.classifier = nn.Identity()
    means = [features[:, :, i : i + 5, j : j + 5].mean(dim=(2, 3)) for i in (0, stride) for j in (0, stride)]
    torch.testing.assert_close(head(features), torch.stack(means, dim=2).flatten(1))


@pytest.mark.parametrize(
    ("stem", "size", "side"),
    [("cifar", 32, 8), ("imagenet", 224, 7), ("imagenet", 160, 5), ("cifar", 28, 7), ("cifar", 1, 1)],
)
def test_the_stem_decides_the_resolution_of_the_last_cell(stem, size, side):
    net = build(DARTS_V2, channels=4, layers=3, num_classes=5, stem=stem).eval()
    seen = []
    net.cells[-1].register_forward_hook(lambda cell, inputs, output: seen.append(output.shape))
    assert net(torch.zeros(1, 3, size, size)).shape == (1, 5)
    assert seen == [(1, 4 * 16, side, side)]


@pytest.mark.parametrize("kind", ["darts", "imagenet", "nasbench201", "supernet"])
def test_block_outputs_are_the_stem_and_every_cell(kind, scrambled):
    sizes = {"channels": 4, "layers": 1 if kind == "nasbench201" else 4, "num_classes": 3, "seed": 0}
    if kind == "supernet":
        net = scrambled(Supernet(create_space("s1"), **sizes))
    else:
        net = scrambled(
            build(
                NASBENCH201 if kind == "nasbench201" else DARTS_V2,
                stem="imagenet" if kind == "imagenet" else "cifar",
                **sizes,
            )
        )
    x = images(16, 16)
    got = net.train().block_outputs(x)
    older = net.stem(x)
    wanted = [older if net.second_stem is None else net.second_stem(older)]
    for spec, cell in zip(net.cell_specs, net.cells):
        settings = {"weights": net.mixing_weights()[spec.group]} if kind == "supernet" else {}
        output = cell(wanted[-1]) if spec.group is None else cell(older, wanted[-1], **settings)
        older = wanted[-1]
        wanted.append(output)
    torch.testing.assert_close(got, wanted, **CLOSE)
    torch.testing.assert_close(net.head(got[-1]), net(x), **CLOSE)
    assert not any(module._forward_hooks for module in net.modules())


def test_a_seed_makes_the_net_and_leaves_the_global_generator():
    torch.manual_seed(123)
    before = torch.get_rng_state()
    first, again, other = (build(DARTS_V2, channels=4, layers=3, num_classes=3, seed=seed) for seed in (5, 5, 6))
    assert torch.equal(torch.get_rng_state(), before)
    torch.testing.assert_close(again.state_dict(), first.state_dict(), rtol=0, atol=0)
    assert not torch.equal(first.classifier.weight, other.classifier.weight)
    build(DARTS_V2, channels=4, layers=3, num_classes=3)
    assert not torch.equal(torch.get_rng_state(), before)


NORMAL_ONLY = Genotype("darts", {"normal": DARTS_V2.cells["normal"]})
REDUCE_ONLY = Genotype("darts", {"reduce": DARTS_V2.cells["reduce"]})


def test_a_genotype_without_reduction_keeps_the_resolution():
    net = build(NORMAL_ONLY, channels=3, layers=4, num_classes=2)
    assert not any(spec.reduction for spec in net.cell_specs)
    assert net(torch.zeros(2, 3, 9, 9)).shape == (2, 2)


@pytest.mark.parametrize(
    ("genotype", "arguments", "message"),
    [
        (DARTS_V2, {"channels": 5}, "channels must be even, not 5"),
        (NORMAL_ONLY, {"channels": 5, "stem": "imagenet"}, "channels must be even, not 5"),
        (DARTS_V2, {"layers": 0}, "layers must be at least 1, not 0"),
        (DARTS_V2, {"num_classes": 0}, "num_classes must be at least 1"),
        (DARTS_V2, {"in_chans": -3}, "in_chans must be at least 1"),
        (DARTS_V2, {"stem": "mnist"}, "no stem 'mnist': cifar or imagenet"),
        (DARTS_V2, {"drop_path": 1.0}, "drop-path"),
        (DARTS_V2, {"drop_path": -0.1}, "drop-path"),
        (DARTS_V2, {"drop_path": float("nan")}, "drop-path"),
        (REDUCE_ONLY, {}, "normal cell"),
        (NASBENCH201, {"stem": "imagenet"}, "no stem 'imagenet'"),
        (NASBENCH201, {"auxiliary": True}, "auxiliary"),
        (NASBENCH201.to_text(), {}, r"build takes a Genotype, not str: Genotype.from_text\(...\) reads a text"),
    ],
)
def test_networks_that_cannot_be_built_are_refused(genotype, arguments, message):
    with pytest.raises(SpaceError, match=message) as caught:
        build(genotype, **({"channels": 4, "layers": 4, "num_classes": 3} | arguments))
    assert "\n" not in str(caught.value)
