"""The fully-connected and residual space: supernet and networks against the formula, both parametrisations, genotypes,
and what it refuses."""

import random

import pytest
import torch
from torch.nn import functional as F

from supernet import MLP, Genotype, GenotypeError, SpaceError, Supernet, build, create_space, prune_nodes
from supernet.nodescale import list_node_scales

SIZES = {"channels": 8, "num_classes": 3, "in_chans": 2, "image_size": 4}
FUNCTIONS = {
    "relu": F.relu,
    "leaky_relu": F.leaky_relu,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "swish": F.silu,
    "erf": torch.erf,
}


def images(count=5):
    return torch.randn(count, 2, 4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def supernet(layers=3, space=None, **sizes):
    net = Supernet(create_space("mlp", layers=layers, **(space or {})), seed=0, **SIZES, **sizes).double()
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for alpha in net.arch_parameters():
            alpha.normal_(generator=generator)
    return net


def by_formula(net, x, act, skip):
    """f_l = sum_k w_k s_k(W_l f_(l-1)) + v_l f_(l-1), written with the weights alone."""
    f = x.flatten(1)
    for layer, (linear, factor) in enumerate(zip(net.linears, net.factors)):
        z = (f @ linear.weight.T) * factor
        f = sum(weight * FUNCTIONS[name](z) for name, weight in act[layer].items()) + (
            skip[layer - 1] * f if layer else 0
        )
    return f @ net.readout.weight.T * net.factors[-1]


def test_every_layer_has_an_activation_and_all_but_the_first_a_skip_to_choose():
    choices = create_space("mlp", layers=3).choices()
    five = ("relu", "leaky_relu", "sigmoid", "tanh", "swish")
    assert choices == {
        **{f"layer/{layer}/act": five for layer in range(3)},
        **{f"layer/{layer}/skip": ("no_skip", "add_skip") for layer in (1, 2)},
    }
    net = supernet()
    assert {choice: tuple(options) for choice, options in net.choices().items()} == choices
    assert net.inputs() == {}
    assert net.excluded() == ()
    assert {choice: len(row) for choice, row in net.logits().items()} == {
        choice: len(options) for choice, options in choices.items()
    }
    assert {id(p) for p in net.weight_parameters()} | {id(p) for p in net.arch_parameters()} == {
        id(p) for p in net.parameters()
    }


@pytest.mark.parametrize("parametrisation", ["standard", "ntk"])
def test_the_supernet_is_the_formula(parametrisation):
    net = supernet(parametrisation=parametrisation)
    logits = net.logits()
    act = [dict(zip(net.space.activations, logits[f"layer/{layer}/act"].softmax(0))) for layer in range(3)]
    skip = [logits[f"layer/{layer}/skip"].softmax(0)[1] for layer in (1, 2)]
    torch.testing.assert_close(net(images()), by_formula(net, images(), act, skip))


@pytest.mark.parametrize("parametrisation", ["standard", "ntk"])
@pytest.mark.parametrize(
    "text", ["MLP(relu)", "MLP(relu, tanh:add_skip, swish)", "MLP(sigmoid, erf:add_skip, leaky_relu:add_skip)"]
)
def test_a_network_is_the_formula(text, parametrisation):
    genotype = Genotype.from_text(text)
    net = build(genotype, parametrisation=parametrisation, seed=0, **SIZES).double()
    edges, _ = genotype.cells["layer"]
    torch.testing.assert_close(
        net(images()),
        by_formula(net, images(), [{edge.act: 1.0} for edge in edges], [float(edge.skip) for edge in edges[1:]]),
    )
    assert Genotype.from_json(genotype.to_json()) == genotype == Genotype.from_text(genotype.to_text())
    assert genotype.to_text() == text
    assert genotype.added_skips == text.count("add_skip")
    assert genotype.skips == 0
    assert sum(p.numel() for p in net.parameters()) == 32 * 8 + 64 * (len(edges) - 1) + 24


def test_a_network_equals_the_supernet_with_its_genotype_committed():
    net, draw = supernet(), random.Random(0)
    for _ in range(5):
        decisions = {choice: draw.choice(options) for choice, options in net.space.choices().items()}
        with torch.no_grad():
            for choice, alpha in net.logits().items():
                alpha.fill_(-1e4)[net.space.choices()[choice].index(decisions[choice])] = 1e4
        genotype = net.genotype(decisions)
        assert net.genotype() == genotype
        child = build(genotype, **SIZES).double()
        child.linears.load_state_dict(net.linears.state_dict())
        child.readout.load_state_dict(net.readout.state_dict())
        torch.testing.assert_close(child(images()), net(images()))
        assert child.layers_of_kernel() == net.layers_of_kernel()


def test_the_two_parametrisations_draw_the_same_function():
    """Standard deviations of hidden weights sqrt(v / fan-in) and of the readout sqrt(1 / m); in the NTK parametrisation
    1, with these as factors."""
    for parametrisation in ("standard", "ntk"):
        net = build(
            Genotype.from_text("MLP(relu, relu)"),
            seed=0,
            num_classes=200,
            in_chans=1,
            image_size=20,
            channels=300,
            weight_variance=1.5,
            parametrisation=parametrisation,
        )
        spread = [
            linear.weight.std().item() * factor for linear, factor in zip((*net.linears, net.readout), net.factors)
        ]
        assert spread == pytest.approx([(1.5 / 400) ** 0.5, (1.5 / 300) ** 0.5, (1 / 300) ** 0.5], rel=0.01)
        assert parametrisation == "standard" or all(
            abs(linear.weight.std().item() - 1) < 0.01 for linear in net.linears
        )


def test_node_scaling_stands_behind_the_activation():
    genotype = Genotype.from_text("MLP(relu, tanh:add_skip)")
    plain, scaled = (build(genotype, seed=0, node_scale=gamma, **SIZES).double() for gamma in (None, 0.2))
    lam = [0.2 / 8 + 0.8 * (j**-2) / sum(k**-2 for k in range(1, 9)) for j in range(1, 9)]
    factor = torch.tensor([(8 * value) ** 0.5 for value in lam], dtype=torch.float64)
    first = factor * (images().flatten(1) @ plain.linears[0].weight.T).relu()
    second = factor * (first @ plain.linears[1].weight.T).tanh() + first
    torch.testing.assert_close(
        scaled(images()), second @ plain.readout.weight.T, rtol=1e-6, atol=1e-7
    )  # the scales are kept in float32


def test_node_scaling_in_cells_stands_behind_every_convolution():
    genotype = Genotype.from_text(
        "|nor_conv_3x3~0|+|skip_connect~0|nor_conv_1x1~1|+|avg_pool_3x3~0|none~1|nor_conv_3x3:gelu~2|"
    )
    sizes = {"channels": 4, "layers": 1, "num_classes": 3}
    plain, scaled = (build(genotype, seed=0, node_scale=gamma, **sizes).double().eval() for gamma in (None, 0.2))
    found = [
        [type(layer).__name__ for layer in op] for op in scaled.cells[0].edges if isinstance(op, torch.nn.Sequential)
    ]
    assert [names[-2:] for names in found] == [["BatchNorm2d", "NodeScale"]] * 3
    x = torch.randn(2, 3, 8, 8, dtype=torch.float64)
    assert not torch.allclose(plain(x), scaled(x))
    for scale in list_node_scales(scaled):
        scale.scale.fill_(1.0)
    torch.testing.assert_close(plain(x), scaled(x))
    with prune_nodes(scaled, 0.5):
        assert all(scale.kept == scale.width // 2 for scale in list_node_scales(scaled))


def test_fixed_activations_and_skips_are_no_choices():
    net = supernet(space={"activations": ("relu",), "added_skip": False})
    assert net.choices() == {}
    assert net.genotype().to_text() == "MLP(relu, relu, relu)"
    torch.testing.assert_close(net(images()), by_formula(net, images(), [{"relu": 1.0}] * 3, [0.0, 0.0]))


def test_every_architecture_once():
    space = create_space("mlp", layers=3, activations=("relu", "tanh"))
    found = list(space.architectures())
    assert len(found) == len(set(found)) == 2**3 * 2**2
    for genotype in found:
        space.check(genotype)


def test_what_the_kernel_at_infinite_width_needs_is_decided():
    with pytest.raises(SpaceError, match=r"layer/0/act is open.*sample"):
        supernet().layers_of_kernel()
    net = MLP(Genotype.from_text("MLP(relu, tanh:add_skip, erf)"), weight_variance=1.0, **SIZES)
    assert net.layers_of_kernel() == {
        "activations": ["relu", "tanh", "erf"],
        "skips": [True, False],
        "weight_variance": 1.0,
    }


def test_every_mistake_is_refused_in_one_line():
    relu = Genotype.from_text("MLP(relu)")
    cell = Genotype.from_text("|nor_conv_3x3~0|")
    for call, message in [
        (lambda: create_space("mlp", layers=0), "layers must be at least 1"),
        (lambda: create_space("mlp", steps=1), "steps"),
        (lambda: Supernet(create_space("mlp", layers=2), layers=3, **SIZES), "2 hidden layers, not 3"),
        (lambda: build(relu, layers=2, **SIZES), "1 hidden layers, not 2"),
        (lambda: build(relu, auxiliary=True, **SIZES), "belong to networks of cells"),
        (lambda: build(cell, num_classes=3, image_size=8), "image_size belongs to fully-connected"),
        (lambda: build(relu, parametrisation="mup", **SIZES), "one of standard, ntk"),
        (lambda: build(relu, weight_variance=0, **SIZES), "above 0"),
        (lambda: build(relu, **SIZES)(torch.zeros(2, 1, 4, 4)), "2 x 4 x 4 = 32 numbers, not 16"),
        (lambda: create_space("mlp", layers=2).check(relu), "2 hidden layers here, not 1"),
        (lambda: create_space("mlp").check(cell), "MLP"),
        (lambda: create_space("mlp", layers=1, activations=("tanh", "erf")).check(relu), "relu is not in space"),
        (lambda: create_space("mlp", layers=1).genotype({}), "undecided"),
        (lambda: create_space("mlp", layers=1).genotype({"layer/0/act": "gelu"}), "not an option"),
        (lambda: Genotype.from_text("MLP(relu:add_skip)"), "the first has no skip"),
        (lambda: Genotype.from_text("MLP(relo)"), "unknown activation 'relo'"),
        (lambda: Genotype.from_text("MLP()"), "an activation for each layer"),
        (lambda: build(relu, **SIZES).set_drop_path(0.1), "no paths to drop"),
    ]:
        with pytest.raises((SpaceError, GenotypeError), match=message) as caught:
            call()
        assert "\n" not in str(caught.value)
