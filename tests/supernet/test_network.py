"""What every supernet answers: choices, logits, inputs, genotype; its skeleton; its seed."""

import functools

import pytest
import torch
from oracles import darts_cell_genotype

from supernet import GenotypeError, MixedCell, SpaceError, Supernet, create_space, find_macro, list_spaces

CELLS = [name for name in list_spaces() if find_macro(create_space(name).macro).made_of_cells]
DARTS_LIKE = [name for name in CELLS if create_space(name).macro == "darts"]


def build(name, layers=None, seed=1, **sizes):
    sizes = {"channels": 2, "num_classes": 3} | sizes
    return Supernet(create_space(name), layers=layers or (3 if name in DARTS_LIKE else 1), seed=seed, **sizes)


@pytest.fixture(scope="module")
def fixed_net():
    """name -> a net that no test may change, built once."""
    return functools.cache(build)


def set_alphas(net, seed):
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for alpha in net.arch_parameters():
            alpha.normal_(generator=generator)
    return net


@pytest.mark.parametrize("name", CELLS)
def test_choices_hold_the_modules_of_every_cell_of_the_group(name, fixed_net):
    net = build(name, layers=5) if name == "s1" else fixed_net(name)  # several normal cells
    cells = {
        group: [cell for spec, cell in zip(net.cell_specs, net.cells) if spec.group == group]
        for group in net.space.cells
    }
    assert sum(map(len, cells.values())) == sum(isinstance(cell, MixedCell) for cell in net.cells) > 1
    choices = net.choices()
    assert {choice: tuple(options) for choice, options in choices.items()} == net.space.choices()
    assert list(choices) == list(net.space.choices())
    for choice, options in choices.items():
        group, row, kind = choice.split("/")
        assert kind == "op"
        for column, modules in enumerate(options.values()):
            assert modules == [cell.edges[int(row)].options[column] for cell in cells[group]]


@pytest.mark.parametrize("name", ["darts", "nasbench201", "tiny"])
def test_logits_are_live_views_of_the_alphas(name):
    net = build(name)
    logits = net.logits()
    assert {choice: len(row) for choice, row in logits.items()} == {
        choice: len(options) for choice, options in net.space.choices().items()
    }
    assert list(logits) == list(net.choices())
    assert torch.equal(
        torch.cat(list(logits.values())), torch.cat([alpha.flatten() for alpha in net.arch_parameters()])
    )
    choice = list(logits)[-1]
    with torch.no_grad():
        logits[choice].fill_(7.0)
    assert torch.equal(net.arch_parameters()[-1][-1], torch.full_like(logits[choice], 7.0))
    net.logits()[choice].sum().backward()
    assert net.arch_parameters()[-1].grad.sum() == len(logits[choice])


@pytest.mark.parametrize("name", CELLS)
def test_weights_and_alphas_are_apart(name, fixed_net):
    net = fixed_net(name)
    weights, alphas = list(net.weight_parameters()), net.arch_parameters()
    assert [tuple(alpha.shape) for alpha in alphas] == [
        (len(cell.edges), len(cell.operations[0])) for cell in net.space.cells.values()
    ]
    assert not {id(p) for p in weights} & {id(p) for p in alphas}
    assert {id(p) for p in weights} | {id(p) for p in alphas} == {id(p) for p in net.parameters()}
    assert all(0 < alpha.abs().max() < 0.01 for alpha in alphas), "1e-3 times a standard normal"
    assert net.inputs() == net.space.inputs()
    assert net.excluded() == net.space.excluded


def test_mixing_weights_are_softmax():
    net = set_alphas(build("s1"), 0)
    for group, weights in net.mixing_weights().items():
        expected = net.alphas[group].exp() / net.alphas[group].exp().sum(1, keepdim=True)
        torch.testing.assert_close(weights, expected)


@pytest.mark.parametrize("name", DARTS_LIKE)
def test_genotype_of_alphas_is_darts_rule(name):
    net = build(name, layers=3)
    for seed in range(30):
        set_alphas(net, seed)
        genotype = net.genotype()
        for group, alpha in net.alphas.items():
            edges, _ = genotype.cells[group]
            expected = darts_cell_genotype(alpha, net.space.cells[group].operations)
            assert [(edge.op, edge.source) for edge in edges] == expected
            assert [edge.node for edge in edges] == [2 + position // 2 for position in range(len(expected))]


@pytest.mark.parametrize("name", ["darts", "s3"])
def test_none_is_never_chosen_in_darts(name):
    net = build(name, layers=3)
    with torch.no_grad():
        for alpha in net.arch_parameters():
            alpha[:, 0] = 20.0
    assert "none" not in net.genotype().to_text()
    with pytest.raises(GenotypeError, match="none on edge 0->2"):
        net.genotype({"normal/0/op": "none"})


def test_nasbench201_genotype_is_the_largest_alpha_of_every_edge_none_included():
    net = build("nasbench201")
    seen = set()
    for seed in range(10):
        alpha, options = set_alphas(net, seed).alphas["cell"], net.space.choices()["cell/0/op"]
        a, b, c, d, e, f = (options[row.tolist().index(max(row.tolist()))] for row in alpha)
        assert net.genotype().to_text() == f"|{a}~0|+|{b}~0|{c}~1|+|{d}~0|{e}~1|{f}~2|"
        seen |= {a, b, c, d, e, f}
    assert seen == set(options)


def test_decisions_and_inputs_come_before_the_alphas():
    net = set_alphas(build("tiny"), 0)
    free = net.genotype().cells["normal"][0]
    for option in net.space.choices()["normal/0/op"]:
        edges, _ = net.genotype({"normal/0/op": option}).cells["normal"]
        assert {edge.op for edge in edges if (edge.source, edge.node) == (0, 2)} == {option}
        assert edges[2:] == free[2:]
    edges, _ = net.genotype(inputs={"normal/n2": ["normal/4/op", "normal/2/op"]}).cells["normal"]
    assert [edge.source for edge in edges[2:]] == [2, 0]
    assert edges[:2] == free[:2]
    with pytest.raises(GenotypeError, match="'sep_conv_7x7' is not an option"):
        net.genotype({"normal/0/op": "sep_conv_7x7"})
    with pytest.raises(GenotypeError, match="normal/n7"):
        net.genotype(inputs={"normal/n7": []})


@pytest.mark.parametrize("name", ["nasbench201", "s1", "tiny"])
def test_a_seed_makes_the_net_and_leaves_the_global_generator(name):
    torch.manual_seed(123)
    before = torch.get_rng_state()
    first, again, other = build(name, seed=5), build(name, seed=5), build(name, seed=6)
    assert torch.equal(torch.get_rng_state(), before)
    torch.testing.assert_close(again.state_dict(), first.state_dict(), rtol=0, atol=0)
    assert not any(torch.equal(a, b) for a, b in zip(first.arch_parameters(), other.arch_parameters()))
    build("tiny", seed=None)
    assert not torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(("layers", "reductions"), [(3, [1, 2]), (4, [1, 2]), (8, [2, 5]), (20, [6, 13])])
def test_darts_reduces_after_a_third_and_two_thirds(layers, reductions):
    with torch.device("meta"):
        net = build("s1", layers=layers, channels=4, num_classes=7, in_chans=1)
    assert [index for index, spec in enumerate(net.cell_specs) if spec.group == "reduce"] == reductions
    channels, previous = 4, [12, 12]
    for index, cell in enumerate(net.cells):
        channels *= 2 if index in reductions else 1
        assert cell.channels == channels
        older, newer = cell.preprocess
        older = older.conv_1 if index - 1 in reductions else older[1]
        assert [older.in_channels, newer[1].in_channels] == previous
        assert [edge.stride for edge in cell.edges] == [
            2 if index in reductions and source < 2 else 1 for source, _ in cell.space.edges
        ]
        previous = [previous[1], 4 * channels]
    if layers < 8:
        assert net(torch.empty(2, 1, 32, 32, device="meta")).shape == (2, 7)


def test_nasbench201_has_three_stages_and_two_residual_blocks():
    with torch.device("meta"):
        net = build("nasbench201", layers=5, channels=16, num_classes=10)
    assert [spec.group for spec in net.cell_specs] == ["cell"] * 5 + [None] + ["cell"] * 5 + [None] + ["cell"] * 5
    assert [cell.channels for cell in net.cells if isinstance(cell, MixedCell)] == [16] * 5 + [32] * 5 + [64] * 5
    assert all(cell.preprocess is None for cell in net.cells if isinstance(cell, MixedCell))


@pytest.mark.parametrize(("name", "channels", "cells"), [("darts", 16, 8), ("nasbench201", 16, 17)])
def test_usual_sizes_are_those_of_the_papers(name, channels, cells):
    with torch.device("meta"):
        net = Supernet(create_space(name), num_classes=10)
    assert (net.cells[0].channels, len(net.cells)) == (channels, cells)


@pytest.mark.parametrize("name", CELLS)
def test_images_of_any_size_are_taken(name):
    net = build(name, in_chans=1).eval()
    for size in [(1, 1), (2, 3), (28, 28)]:
        with torch.no_grad():
            assert net(torch.zeros(2, 1, *size)).shape == (2, 3)


@pytest.mark.parametrize(
    ("name", "sizes", "message"),
    [
        ("darts", {"channels": 3}, "even"),
        ("darts", {"channels": 0}, "channels must be at least 1"),
        ("darts", {"layers": -1}, "layers must be at least 1"),
        ("darts", {"layers": 1}, "no normal cell to search: take at least 3 layers"),
        ("s2", {"layers": 2}, "no normal cell to search: take at least 3 layers"),
        ("nasbench201", {"num_classes": 0}, "num_classes must be at least 1"),
        ("tiny", {"in_chans": 0}, "in_chans must be at least 1"),
    ],
)
def test_sizes_that_cannot_be_built_are_refused(name, sizes, message):
    with pytest.raises(SpaceError, match=message) as caught:
        Supernet(create_space(name), **({"channels": 4, "layers": 2, "num_classes": 3} | sizes))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("space", ["mlp", "tiny", "nasbench201"])
def test_added_skips_start_above_and_everything_else_as_before(space):
    built = create_space(space, activations=("relu", "tanh"), added_skip=True)
    sizes = {"channels": 4, "num_classes": 3, "in_chans": 3, "seed": 0}
    usual, raised = Supernet(built, **sizes), Supernet(built, **sizes)
    raised.start_skips(2.0)
    for choice, options in raised.choices().items():
        gap = raised.logits()[choice] - usual.logits()[choice]
        expected = [2.0 * (option == "add_skip") for option in options]
        torch.testing.assert_close(gap, torch.tensor(expected), rtol=0, atol=1e-6)


def test_skips_cannot_start_where_there_are_none():
    net = Supernet(create_space("tiny"), channels=4, layers=2, num_classes=3)
    with pytest.raises(SpaceError, match="no added skips"):
        net.start_skips(2.0)
