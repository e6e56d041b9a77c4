"""Activation and added-skip choices in cells: supernet, genotype and discrete network against slow versions; a plain
space stays what it was."""

import random

import pytest
import torch
from oracles import discrete_logits, supernet_logits

from supernet import (
    Edge,
    Genotype,
    GenotypeError,
    MixedOp,
    SpaceError,
    Supernet,
    build,
    create_space,
    is_twice_differentiable,
    list_activations,
)
from supernet.operations import CONVOLUTIONS
from supernet.space import SKIPS

CLOSE = {"rtol": 1e-9, "atol": 1e-10}
ACTS = ("relu", "leaky_relu", "silu", "erf", "tanh")
CASES = [("darts", 3), ("darts_pt", 3), ("s1", 3), ("s2", 4), ("s3", 3), ("nasbench201", 1), ("tiny", 2)]


def space_of(name, activations=ACTS, added_skip=True):
    return create_space(name, activations=activations, added_skip=added_skip)


SMALL = [case for case in CASES if case[0] in ("s1", "nasbench201", "tiny")]


def images(size=8):
    return torch.randn(3, 3, size, size + 1, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(("name", "layers"), CASES)
def test_an_edge_with_a_convolution_has_an_activation_and_a_skip_beside_its_operation(name, layers):
    plain, space = create_space(name).choices(), space_of(name).choices()
    assert {choice: options for choice, options in space.items() if choice.endswith("/op")} == plain
    parametric = [
        choice.removesuffix("/op") for choice, options in plain.items() if any("conv" in option for option in options)
    ]
    assert {choice: options for choice, options in space.items() if choice.endswith("/act")} == {
        f"{edge}/act": ACTS for edge in parametric
    }
    assert {choice: options for choice, options in space.items() if choice.endswith("/skip")} == {
        f"{edge}/skip": SKIPS for edge in parametric
    }
    net = Supernet(space_of(name), channels=2, layers=layers, num_classes=3, seed=0)
    assert {choice: tuple(options) for choice, options in net.choices().items()} == space
    assert {choice: len(row) for choice, row in net.logits().items()} == {
        choice: len(options) for choice, options in space.items()
    }
    cells = {group: sum(spec.group == group for spec in net.cell_specs) for group in net.space.cells}
    for choice, options in net.choices().items():
        assert all(len(modules) == cells[choice.split("/")[0]] for modules in options.values())
    assert net.inputs() == create_space(name).inputs()


def test_s1_has_edges_without_a_convolution():
    acts = [choice for choice in space_of("s1").choices() if choice.startswith("reduce") and choice.endswith("/act")]
    assert acts == [f"reduce/{row}/act" for row in (1, 4, 6, 7, 8, 11, 12, 13)]


@pytest.mark.parametrize(
    ("name", "layers", "training"),
    [("darts", 3, True), ("s2", 4, True), *((*case, training) for case in SMALL for training in (True, False))],
)
def test_logits_and_gradients_equal_the_definition(name, layers, training, scrambled, all_close):
    net = scrambled(Supernet(space_of(name), channels=4, layers=layers, num_classes=3, seed=1)).train(training)
    results = []
    for logits in (net(images()), supernet_logits(net, images())):
        gradients = torch.autograd.grad(
            logits.square().sum(), list(net.parameters()), allow_unused=True, materialize_grads=True
        )
        results.append([logits, *gradients])
    ours, slow = (dict(enumerate(result)) for result in results)
    all_close(ours, slow, rtol=1e-8, atol=1e-9)
    assert all(
        gradient.abs().max() > 0
        for gradient, (key, _) in zip(results[0][1:], net.named_parameters())
        if key.startswith("alphas.")
    )


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_watched_activations_see_their_own_output_and_change_nothing(layout, scrambled):
    net, x = (
        scrambled(Supernet(space_of("tiny"), channels=4, layers=2, num_classes=3, seed=1)),
        images().contiguous(memory_format=layout),
    )
    expected, seen = net(x), []
    options = net.choices()["normal/3/act"]
    for name in ("silu", "erf"):
        for module in options[name]:
            module.register_forward_hook(lambda module, inputs, output: seen.append((module, inputs[0], output)))
    torch.testing.assert_close(net(x), expected, **CLOSE)
    assert len(seen) == 2 * len(options["silu"])
    for module, given, output in seen:
        torch.testing.assert_close(output, given * given.sigmoid() if module in options["silu"] else torch.erf(given))


def test_activations_with_parameters_are_not_run_as_one(scrambled):
    net = scrambled(
        Supernet(create_space("tiny", activations=("relu", "prelu")), channels=4, layers=2, num_classes=3, seed=1)
    )
    with torch.no_grad():
        for number, module in enumerate(
            module for options in net.choices().values() for module in options.get("prelu", [])
        ):
            module.weight.fill_(0.1 * number)
    torch.testing.assert_close(net(images()), supernet_logits(net, images()), **CLOSE)


@pytest.mark.parametrize(("name", "layers"), [("s2", 3), *SMALL])
def test_one_activation_and_no_added_skip_change_nothing(name, layers):
    plain = Supernet(create_space(name), channels=4, layers=layers, num_classes=3, seed=3)
    same = Supernet(
        create_space(name, activations=("relu",), added_skip=False), channels=4, layers=layers, num_classes=3, seed=3
    )
    assert create_space(name, activations=["relu"]) == create_space(name)
    assert list(plain.state_dict()) == list(same.state_dict())
    assert all(torch.equal(a, b) for a, b in zip(plain.state_dict().values(), same.state_dict().values()))
    assert torch.equal(plain(images().float()), same(images().float()))


def test_one_other_activation_is_no_choice_but_every_convolution_has_it():
    space = create_space("nasbench201", activations=("gelu",))
    assert list(space.choices()) == list(create_space("nasbench201").choices())
    net = Supernet(space, channels=4, layers=1, num_classes=3, seed=0)
    firsts = {
        type(module[0]).__name__
        for options in net.choices().values()
        for name, ms in options.items()
        if name in CONVOLUTIONS
        for module in ms
    }
    assert firsts == {"GELU"}
    text = net.space.genotype(dict.fromkeys(space.choices(), "nor_conv_3x3")).to_text()
    assert text.startswith("|nor_conv_3x3:gelu~0|+")


def random_decisions(space, draw):
    return {
        choice: draw.choice([option for option in options if option not in space.excluded])
        for choice, options in space.choices().items()
    }


@pytest.mark.parametrize(("name", "layers"), [("darts", 3), *SMALL])
def test_genotypes_round_trip_and_build(name, layers, scrambled):
    space, draw = space_of(name), random.Random(1)
    net = Supernet(space, channels=4, layers=layers, num_classes=3, seed=0)
    for _ in range(3):
        genotype = net.genotype(random_decisions(space, draw))
        space.check(genotype)
        assert Genotype.from_json(genotype.to_json()) == genotype == Genotype.from_text(genotype.to_text())
        child = scrambled(build(genotype, channels=4, layers=layers, num_classes=3, seed=0))
        torch.testing.assert_close(child(images()), discrete_logits(child, images()), **CLOSE)


def test_an_activation_counts_only_where_there_is_a_convolution():
    space = space_of("nasbench201")
    decisions = {choice: options[-1] for choice, options in space.choices().items()} | {"cell/0/op": "nor_conv_1x1"}
    edges, _ = space.genotype(decisions).cells["cell"]
    assert edges[0] == Edge("nor_conv_1x1", 0, 1, "tanh", True)
    assert edges[1] == Edge("avg_pool_3x3", 0, 2, "relu", True)
    genotype = space.genotype(decisions)
    assert (genotype.skips, genotype.added_skips) == (0, 6)


def commit(net, decisions):
    """Alphas whose softmax is one-hot."""
    with torch.no_grad():
        for choice, alpha in net.logits().items():
            alpha.fill_(-1e4)[net.space.choices()[choice].index(decisions[choice])] = 1e4


@pytest.mark.parametrize("training", [True, False])
def test_a_network_equals_the_supernet_with_its_genotype_committed(training, scrambled):
    """NAS-Bench-201, whose supernet has no BatchNorm behind poolings; the weights of the chosen options are copied."""
    space, draw = space_of("nasbench201"), random.Random(2)
    net = scrambled(Supernet(space, channels=4, layers=1, num_classes=3, seed=0)).train(training)
    for _ in range(4):
        decisions = random_decisions(space, draw)
        commit(net, decisions)
        child = build(net.genotype(decisions), channels=4, layers=1, num_classes=3).double().train(training)
        for part in ("stem", "last", "classifier"):
            getattr(child, part).load_state_dict(getattr(net, part).state_dict())
        for spec, wide, cell in zip(net.cell_specs, net.cells, child.cells):
            if spec.group is None:
                cell.load_state_dict(wide.state_dict())
            else:
                for edge, op, mixed in zip(cell.wiring, cell.edges, wide.edges):
                    op.load_state_dict(mixed.options[mixed.names.index(edge.op)].state_dict(), strict=False)
        torch.testing.assert_close(child(images()), net(images()), **CLOSE)


def test_an_added_skip_is_projected_where_the_stride_is_2(scrambled):
    net = scrambled(Supernet(space_of("s2"), channels=4, layers=3, num_classes=3, seed=0))
    cell = next(cell for spec, cell in zip(net.cell_specs, net.cells) if spec.reduction)
    kinds = [type(edge.skip.options[1]).__name__ for edge in cell.edges]
    assert [kind == "Sequential" for kind in kinds] == [source < 2 for source, _ in cell.space.edges]
    assert set(kinds) == {"Sequential", "Identity"}
    x = torch.randn(2, cell.channels, 7, 9, dtype=torch.float64)
    assert cell.edges[0].skip(x, torch.tensor([0.5, 0.5])).shape == (2, cell.channels, 4, 5)


def test_a_mixed_operation_by_itself():
    torch.manual_seed(0)
    edge = (
        MixedOp(("none", "skip_connect", "nor_conv_3x3"), 2, activations=("relu", "tanh"), added_skip=True)
        .double()
        .eval()
    )
    x = torch.randn(2, 2, 4, 4, dtype=torch.float64)
    op, act, skip = (torch.tensor(row, dtype=torch.float64) for row in ([0.2, 0.3, 0.5], [0.6, 0.4], [0.9, 0.1]))
    _, conv, norm = edge.options[2]
    expected = 0.3 * x + 0.5 * norm(conv(0.6 * x.relu() + 0.4 * x.tanh())) + 0.1 * x
    torch.testing.assert_close(edge(x, op, act, skip), expected)


def test_architectures_are_counted_by_what_they_compute():
    """tiny: of 3 operations one is a convolution with 2 activations, everything with or without an added skip: (2 + 2)
    * 2 carriers an edge, 4 of 5 edges."""
    space = create_space("tiny", activations=("relu", "tanh"), added_skip=True)
    found = list(space.architectures())
    assert len(found) == len(set(found)) == 3 * 8**4
    space.check(found[-1])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"activations": ("relu", "gelo")}, "did you mean 'gelu'"),
        ({"activations": ()}, "tuple of names"),
        ({"activations": "relu"}, "tuple of names"),
        ({"activations": ("relu", "gelu", "relu")}, "twice"),
    ],
)
def test_wrong_activations_are_refused(arguments, message):
    with pytest.raises(SpaceError, match=message) as caught:
        create_space("darts", **arguments)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("|avg_pool_3x3:gelu~0|", "no activation to be gelu"),
        ("|nor_conv_3x3:gelo~0|", "unknown activation 'gelo'"),
        ("|nor_conv_3x3:relu~0|", "where ReLU is not named"),
        ("|nor_conv_3x3:gelu:tanh~0|", "is not OPERATION"),
        ("|nor_conv_3x3:add_skip:gelu~0|", "is not OPERATION"),
        ("|:gelu~0|", "unknown operation"),
        ("Genotype(normal=[('sep_conv_3x3:', 0), ('skip_connect', 1)], normal_concat=[2])", "unknown activation ''"),
    ],
)
def test_wrong_labels_are_refused(text, message):
    with pytest.raises(GenotypeError, match=message) as caught:
        Genotype.from_text(text)
    assert "\n" not in str(caught.value)


def test_a_genotype_of_another_space_is_refused():
    genotype = Genotype.from_text("|nor_conv_3x3:gelu~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|none~0|none~1|none~2|")
    with pytest.raises(GenotypeError, match="nor_conv_3x3:gelu on edge 0->1 is not in space nasbench201"):
        create_space("nasbench201").check(genotype)
    create_space("nasbench201", activations=("relu", "gelu")).check(genotype)
    for word, wrong in (("act", "activation"), ("op", "operation")):
        with pytest.raises(GenotypeError, match=f"an edge has no {wrong}"):
            Genotype.from_json(genotype.to_json().replace(f'"{word}"', f'"{wrong}"'))
    with pytest.raises(GenotypeError, match="add_skip is true or false"):
        Genotype.from_json(genotype.to_json().replace('"act": "gelu"', '"add_skip": 1'))


@pytest.mark.parametrize("name", list_activations())
def test_second_derivatives_exist_or_are_said_not_to(name):
    from supernet import build_activation

    x = torch.linspace(-2, 2, 9, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(build_activation(name).double()(x).square().sum(), x, create_graph=True)
    if is_twice_differentiable(name):
        torch.autograd.grad(slope.sum(), x)
    else:
        with pytest.raises(RuntimeError):
            torch.autograd.grad(slope.sum(), x)
