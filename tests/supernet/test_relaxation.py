"""Relaxations against their papers' formulas, in float64, value and gradient; and what a supernet does with them."""

import itertools
import math

import pytest
import torch
from torch import nn
from torch.distributions import Gumbel as GumbelNoise
from torch.nn import functional as F

from supernet import (
    Relaxation,
    SpaceError,
    Supernet,
    create_relaxation,
    create_space,
    list_relaxations,
    register_relaxation,
)
from supernet.relaxation import straighten
from supernet.seeding import seeded

ALPHA = torch.randn(5, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
UPSTREAM = torch.randn(5, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
DRAWING = ("dirichlet", "gdas", "gumbel", "reinmax")


def leaf():
    return ALPHA.clone().requires_grad_()


def value_and_gradient(function, upstream=UPSTREAM):
    alpha = leaf()
    with seeded(3):
        value = function(alpha)
    (gradient,) = torch.autograd.grad((value * upstream).sum(), alpha)
    return value.detach(), gradient


def noise():
    """The Gumbel noise that a relaxation draws from seed 3."""
    with seeded(3):
        return -torch.empty(ALPHA.shape, dtype=torch.float64).exponential_().log()


def one_hot(rows):
    return F.one_hot(rows, 4).double()


def smooth(alpha, temperature):
    """SNAS: exp((log p + G) / T) over their sum."""
    p = alpha.exp() / alpha.exp().sum(1, keepdim=True)
    scores = ((p.log() + noise()) / temperature).exp()
    return scores / scores.sum(1, keepdim=True)


def hard(alpha, temperature):
    """GDAS: the largest of them, with their gradient where it is computed."""
    soft = smooth(alpha, temperature)
    drawn = one_hot(soft.argmax(1))
    return drawn * (soft - soft.detach() + 1)


def pathwise_dirichlet(alpha):
    concentration = torch.where(alpha > 0, alpha + 1, alpha.exp())
    return torch.distributions.Dirichlet(concentration).rsample()


FORMULAS = {
    "softmax": ({}, lambda alpha: alpha.exp() / alpha.exp().sum(1, keepdim=True)),
    "single_path": ({}, lambda alpha: alpha.exp() / alpha.exp().sum(1, keepdim=True)),
    "sigmoid": ({}, lambda alpha: 1 / (1 + (-alpha).exp())),
    "gumbel": ({"temperature": 3.0}, lambda alpha: smooth(alpha, 3.0)),
    "gdas": ({"temperature": 2.0}, lambda alpha: hard(alpha, 2.0)),
    "dirichlet": ({}, pathwise_dirichlet),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_weights_and_gradients_are_the_papers(name):
    settings, formula = FORMULAS[name]
    got = value_and_gradient(create_relaxation(name, **settings).weigh)
    want = value_and_gradient(formula)
    for mine, theirs in zip(got, want):
        torch.testing.assert_close(mine, theirs, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("temperature", [1.0, 1.5])
def test_reinmax_is_its_algorithm(temperature):
    relaxation = create_relaxation("reinmax", temperature=temperature)
    value, gradient = value_and_gradient(relaxation.weigh)
    drawn = one_hot((ALPHA + noise()).argmax(1))
    torch.testing.assert_close(value, drawn)
    p0 = ALPHA.softmax(1)
    p1 = (drawn + (ALPHA / temperature).softmax(1)) / 2
    # d softmax(x) / d x times upstream, at p1 twice and at p0 once
    expected = 2 * p1 * (UPSTREAM - (p1 * UPSTREAM).sum(1, keepdim=True))
    expected -= 0.5 * p0 * (UPSTREAM - (p0 * UPSTREAM).sum(1, keepdim=True))
    torch.testing.assert_close(gradient, expected)


def test_the_gradient_of_reinmax_is_right_for_quadratic_functions_where_straight_through_is_not():
    """In expectation over the draws of a row, which are enumerated (Liu et al. 2023, theorem 3.1)."""
    matrix = torch.randn(4, 4, generator=torch.Generator().manual_seed(2), dtype=torch.float64)

    def function(d):
        return d @ matrix @ d + d @ UPSTREAM[0]

    def expect(estimate):
        total = 0
        for k in range(4):
            alpha = ALPHA[0].clone().requires_grad_()
            drawn = one_hot(torch.tensor(k))
            (gradient,) = torch.autograd.grad(function(estimate(alpha, drawn)), alpha)
            total = total + ALPHA[0].softmax(0)[k] * gradient
        return total

    alpha = ALPHA[0].clone().requires_grad_()
    mean = sum(alpha.softmax(0)[k] * function(one_hot(torch.tensor(k))) for k in range(4))
    (truth,) = torch.autograd.grad(mean, alpha)
    torch.testing.assert_close(expect(straighten), truth)
    straight_through = expect(lambda alpha, drawn: drawn + alpha.softmax(0) - alpha.softmax(0).detach())
    assert (straight_through - truth).norm() > 0.05 * truth.norm()


@pytest.mark.parametrize("name", DRAWING)
def test_many_draws_have_the_expected_mean(name):
    relaxation = create_relaxation(name)
    relaxation.progress = 1.0  # smooth draws are nearly one-hot
    alpha = ALPHA[:1].float().expand(20000, 4)
    with seeded(0):
        mean = relaxation.weigh(alpha).mean(0)
    tolerance = 0.03 if name == "gumbel" else 0.015
    torch.testing.assert_close(mean, relaxation.expect(ALPHA[0].float()), rtol=0, atol=tolerance)


def test_the_temperature_falls_in_a_line():
    relaxation = create_relaxation("gumbel", temperature=5.0, temperature_min=1.0)
    for progress, temperature in ((0.0, 5.0), (0.25, 4.0), (1.0, 1.0)):
        relaxation.progress = progress
        with seeded(3):
            torch.testing.assert_close(relaxation.weigh(ALPHA), smooth(ALPHA, temperature))


def test_the_noise_is_gumbels():
    from supernet.relaxation import draw_gumbel

    with seeded(0):
        drawn = draw_gumbel(torch.zeros(100000, dtype=torch.float64)).sort().values
    uniform = GumbelNoise(0.0, 1.0).cdf(drawn)
    assert (uniform - torch.linspace(0, 1, len(uniform))).abs().max() < 0.006  # Kolmogorov and Smirnov, 1 in 1000


def test_the_zero_one_loss_is_fairdarts():
    alphas = [ALPHA, ALPHA[:2] * 3]
    got = create_relaxation("sigmoid", zero_one=7.0).penalty(alphas)
    values = [1 / (1 + math.exp(-a)) - 0.5 for alpha in alphas for a in alpha.flatten().tolist()]
    assert float(got) == pytest.approx(-7.0 * sum(v * v for v in values) / len(values))
    assert create_relaxation("sigmoid", zero_one=0.0).penalty(alphas) is None


def test_the_divergence_is_that_of_the_distributions():
    alphas = [ALPHA, ALPHA[:2]]
    got = create_relaxation("dirichlet", kl=0.5).penalty(alphas)
    total = 0.0
    for row in [*ALPHA, *ALPHA[:2]]:
        b = torch.where(row > 0, row + 1, row.exp())
        total += torch.lgamma(b.sum()) - torch.lgamma(b).sum() - torch.lgamma(torch.tensor(4.0, dtype=torch.float64))
        total += ((b - 1) * (torch.digamma(b) - torch.digamma(b.sum()))).sum()
    torch.testing.assert_close(got, 0.5 * total)
    assert create_relaxation("dirichlet").penalty(alphas) is None


def make(name, space="tiny"):
    sizes = {"mlp": {"image_size": 4}, "tiny": {"layers": 3}}[space]
    return Supernet(create_space(space), channels=4, num_classes=3, relaxation=name, seed=0, **sizes)


def images(size):
    return torch.randn(3, 3, size, size, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(("name", "space"), list(itertools.product(list_relaxations(), ["tiny", "mlp"])))
def test_a_supernet_mixes_by_it(name, space):
    net, x = make(name, space), images({"tiny": 8, "mlp": 4}[space])
    loss = net(x).square().sum()
    gradients = torch.autograd.grad(loss, net.arch_parameters())
    assert all(gradient.isfinite().all() for gradient in gradients)
    if net.relaxation.trains_alphas:
        assert any(gradient.any() for gradient in gradients)
    first, second = net.eval()(x), net(x)
    assert torch.equal(first, second), "nothing is drawn in eval mode"
    for name_of, weights in net.mixing_weights().items():
        torch.testing.assert_close(weights, net.relaxation.expect(net.alphas[name_of]))
    net.train().draw_seed = 5
    assert all(torch.equal(a, b) for a, b in zip(net.mixing_weights().values(), net.mixing_weights().values()))
    net.draw_seed = None
    changed = [not torch.equal(a, b) for a, b in zip(net.mixing_weights().values(), net.mixing_weights().values())]
    assert any(changed) == (name in DRAWING)


def test_tables_of_one_draw_see_different_noise():
    net = Supernet(create_space("darts"), channels=4, layers=3, num_classes=3, relaxation="gumbel", seed=0)
    net.draw_seed = 5
    normal, reduce = net.mixing_weights().values()
    assert (normal - reduce).abs().max() > 0.01


@pytest.mark.parametrize("name", ["gdas"])
def test_one_path_computes_one_option_an_edge_and_equals_the_sum_of_all(name):
    net, x = make(name).train(), images(8)
    net.draw_seed = 2
    calls = []
    for choice, options, modules in net.choice_points():
        for option, module in zip(options, modules):
            module.register_forward_hook(lambda *_, key=(choice, option): calls.append(key))
    one = net(x)
    weights = net.mixing_weights()
    drawn = {
        (choice, option)
        for table, choices in net.space.tables().items()
        for row, (choice, options) in zip(weights[table], choices.items())
        for option, weight in zip(options, row.tolist())
        if weight
    }
    assert set(calls) <= drawn
    assert len(drawn) == len(net.logits())
    net.relaxation.one_path = False
    torch.testing.assert_close(net(x), one)


@pytest.mark.parametrize("name", list_relaxations())
def test_a_commitment_gives_one_option_all_weight_and_no_gradient(name):
    relaxation = create_relaxation(name)
    for chosen in one_hot(torch.arange(4)).float():
        alpha = relaxation.commit(chosen).requires_grad_()
        weights = relaxation.weigh(alpha)
        torch.testing.assert_close(weights, chosen, atol=1e-3, rtol=0)
        torch.testing.assert_close(relaxation.expect(alpha), chosen, atol=1e-3, rtol=0)
        assert relaxation.rank(alpha).argmax() == chosen.argmax()
        (gradient,) = torch.autograd.grad((weights * torch.arange(4.0)).sum(), alpha)
        assert gradient.abs().max() < 1e-3


def test_a_relaxation_of_ones_own():
    @register_relaxation("linear for a test")
    class Linear(Relaxation):
        def weigh(self, alpha):
            return alpha

        def expect(self, alpha):
            return alpha

    try:
        net = make("linear for a test").eval()
        assert torch.equal(net.mixing_weights()["normal"], net.alphas["normal"])
        assert isinstance(make(Linear()).relaxation, Linear)
        with pytest.raises(SpaceError, match="give yours another name"):
            register_relaxation("linear for a test")(Linear)
    finally:
        from supernet.relaxation import _RELAXATIONS

        del _RELAXATIONS["linear for a test"]


@pytest.mark.parametrize(
    ("name", "settings", "says"),
    [
        ("sofmax", {}, "did you mean 'softmax'"),
        (3, {}, "relaxation"),
        ("gumbel", {"temperature": 0}, "a temperature is above 0, not 0"),
        ("gumbel", {"temperature": float("nan")}, "a temperature is above 0"),
        ("reinmax", {"temperature": -1.0}, "a temperature is above 0, not -1.0"),
        ("softmax", {"kl": 1.0}, "relaxation softmax does not take kl"),
    ],
)
def test_mistakes_are_one_sentence(name, settings, says):
    with pytest.raises(SpaceError, match=says):
        create_relaxation(name, **settings)


def test_alphas_and_weights_are_told_apart_as_before():
    net = make("dirichlet")
    assert not {id(p) for p in net.weight_parameters()} & {id(p) for p in net.arch_parameters()}
    assert isinstance(net.alphas, nn.ParameterDict)
