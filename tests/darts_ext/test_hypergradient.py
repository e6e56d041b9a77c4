"""Hypergradients against brute force on a tiny net, and against what quark0/darts computed."""

import copy
from functools import cache
from itertools import chain
from pathlib import Path

import pytest
import torch
from torch.func import functional_call
from torch.nn import functional as F

from darts_ext.search.hypergradient import _named_weights, _sgd_step, hypergradient
from supernet import Supernet, create_space, from_quark0

FIXTURE = Path(__file__).parents[1] / "fixtures" / "quark0.pt"


def batch(seed, size=4, count=4, classes=4):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(count, 3, size, size, generator=generator).double()
    y = torch.randint(0, classes, (count,), generator=generator)
    return x, y


def smooth_tiny(seed=0, **choices):
    """A tiny supernet in float64 without kinks near the data's reach of a finite difference: ReLU becomes Softplus, max
    pooling average pooling."""
    net = Supernet(create_space("tiny", **choices), channels=2, layers=1, num_classes=4, seed=seed).double()
    for parent in list(net.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, torch.nn.ReLU):
                setattr(parent, name, torch.nn.Softplus(beta=2))
            elif isinstance(child, torch.nn.MaxPool2d):
                setattr(parent, name, torch.nn.AvgPool2d(3, child.stride, 1))
    with torch.no_grad():
        for alpha in net.arch_parameters():
            alpha.copy_(torch.randn(alpha.shape, generator=torch.Generator().manual_seed(seed)))
    return net


def trained_optimizer(net, **options):
    """SGD with momentum buffers that two steps have filled; the weights move, too."""
    optimizer = torch.optim.SGD(net.weight_parameters(), lr=0.1, weight_decay=3e-2, **options)
    for seed in (10, 11):
        x, y = batch(seed)
        optimizer.zero_grad()
        F.cross_entropy(net(x), y).backward()
        optimizer.step()
    net.zero_grad()
    return optimizer


def unrolled_loss(net, optimizer, train, val, twin):
    """L_val after one real step of a real copy of the optimiser: the definition, by doing it on a twin of the net."""
    twin.load_state_dict(net.state_dict())
    real = torch.optim.SGD(twin.weight_parameters(), lr=0.1)
    real.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    twin.zero_grad()
    F.cross_entropy(twin(train[0]), train[1]).backward()
    real.step()
    return float(F.cross_entropy(twin(val[0]), val[1]).detach())


def brute_force(net, optimizer, train, val, step=1e-4):
    gradients, twin = [], copy.deepcopy(net)
    for alpha in net.arch_parameters():
        gradient = torch.zeros_like(alpha)
        for index in range(alpha.numel()):
            flat = alpha.data.view(-1)
            before = float(flat[index])
            ends = []
            for sign in (1, -1):
                flat[index] = before + sign * step
                ends.append(unrolled_loss(net, optimizer, train, val, twin))
            flat[index] = before
            gradient.view(-1)[index] = (ends[0] - ends[1]) / (2 * step)
        gradients.append(gradient)
    return gradients


SGD_OPTIONS = [{}, {"momentum": 0.9}, {"momentum": 0.9, "dampening": 0.3}, {"momentum": 0.9, "nesterov": True}]


@pytest.mark.parametrize("options", SGD_OPTIONS, ids=["plain", "momentum", "dampening", "nesterov"])
def test_exact_is_the_derivative_through_a_real_step(options):
    net = smooth_tiny()
    optimizer = trained_optimizer(net, **options)
    train, val = batch(1), batch(2)
    expected = brute_force(net, optimizer, train, val)
    exact = hypergradient("exact", net, F.cross_entropy, train, val, optimizer)
    first = hypergradient("first", net, F.cross_entropy, train, val, optimizer)
    for got, want, plain in zip(exact, expected, first):
        assert torch.allclose(got, want, rtol=1e-5, atol=1e-8)
        assert (plain - want).norm() > 1e-2 * want.norm(), (
            "the second-order term must matter, or this test shows nothing"
        )


def test_exact_where_activations_and_added_skips_are_choices():
    net = smooth_tiny(activations=("softplus", "tanh"), added_skip=True)
    optimizer = trained_optimizer(net, momentum=0.9)
    train, val = batch(1), batch(2)
    found = hypergradient("exact", net, F.cross_entropy, train, val, optimizer)
    assert len(found) == 3
    for ours, slow in zip(found, brute_force(net, optimizer, train, val)):
        assert slow.abs().max() > 1e-6
        torch.testing.assert_close(ours, slow, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("options", SGD_OPTIONS[:2], ids=["plain", "momentum"])
def test_finite_difference_approaches_exact(options):
    net = smooth_tiny()
    optimizer = trained_optimizer(net, **options)
    train, val = batch(1), batch(2)

    def flat(kind):
        gradients = hypergradient(kind, net, F.cross_entropy, train, val, optimizer)
        return torch.cat([gradient.flatten() for gradient in gradients])

    exact, near, first = flat("exact"), flat("finite_difference"), flat("first")
    assert (near - exact).norm() < 2e-3 * (first - exact).norm()


def test_first_is_the_plain_gradient():
    net = smooth_tiny()
    optimizer = trained_optimizer(net)
    train, val = batch(1), batch(2)
    got = hypergradient("first", net, F.cross_entropy, train, val, optimizer)
    step = 1e-5
    for alpha, gradient in zip(net.arch_parameters(), got):
        direction = torch.randn_like(alpha)
        values = []
        for sign in (1, -1):
            with torch.no_grad():
                alpha += sign * step * direction
            values.append(float(F.cross_entropy(net(val[0]), val[1]).detach()))
            with torch.no_grad():
                alpha -= sign * step * direction
        assert float((gradient * direction).sum()) == pytest.approx((values[0] - values[1]) / (2 * step), rel=1e-6)


@pytest.mark.parametrize("kind", ["finite_difference", "exact"])
def test_unrolled_passes_leave_the_net_alone(kind):
    net = smooth_tiny()
    optimizer = trained_optimizer(net, momentum=0.9)
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    buffers = [state["momentum_buffer"].clone() for state in optimizer.state.values()]
    hypergradient(kind, net, F.cross_entropy, batch(1), batch(2), optimizer)
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())
    assert all(
        torch.equal(state["momentum_buffer"], buffer) for state, buffer in zip(optimizer.state.values(), buffers)
    )
    assert all(parameter.grad is None for parameter in net.parameters())
    assert all(module.track_running_stats for module in net.modules() if isinstance(module, torch.nn.BatchNorm2d))


@cache
def load_quark0():
    """Read once: no test changes what it holds."""
    return torch.load(FIXTURE, weights_only=True)


def quark0_unrolled(precision, momentum, watched=False, nudge=0, layout=torch.contiguous_format):
    """Our finite-difference hypergradient on the fixture: (net, gradients, what the original computed).

    watched: every option is called as the module it is, which is the original's order of operations. nudge: seed of a
    change of every weight by one rounding.
    """
    saved, dtype = load_quark0(), {"f32": torch.float32, "f64": torch.float64}[precision]
    cast = {
        name: tensor.to(dtype) if tensor.is_floating_point() else tensor for name, tensor in saved["state_dict"].items()
    }
    net = from_quark0(cast, saved["alphas_normal"].to(dtype), saved["alphas_reduce"].to(dtype)).train()
    if watched:
        for options in net.choices().values():
            for module in chain.from_iterable(options.values()):
                module.register_forward_hook(lambda *_: None)
    if nudge:
        generator = torch.Generator().manual_seed(nudge)
        with torch.no_grad():
            for weight in net.weight_parameters():
                weight *= 1 + torch.finfo(dtype).eps / 2 * torch.randint(-1, 2, weight.shape, generator=generator)
    hyper = {name: float(value) for name, value in saved["hyper"].items()}
    optimizer = torch.optim.SGD(
        net.weight_parameters(), hyper["xi"], momentum=hyper["momentum"], weight_decay=hyper["weight_decay"]
    )
    if momentum:
        buffers = {ours(name): tensor.to(dtype) for name, tensor in saved["momentum_buffer"].items()}
        for name, parameter in net.named_parameters():
            if name in buffers:
                optimizer.state[parameter]["momentum_buffer"] = buffers.pop(name)
        assert not buffers
    batches = [
        (saved[f"x_{half}"].to(dtype).contiguous(memory_format=layout), saved[f"y_{half}"]) for half in ("train", "val")
    ]
    gradients = hypergradient("finite_difference", net, F.cross_entropy, *batches, optimizer)
    suffix = "mom" if momentum else "nomom"
    kinds = ("alpha_grad", "alphas_after_adam")
    want = {
        group: {kind: saved[precision][f"{kind}_unrolled_{suffix}_{group}"] for kind in kinds}
        for group in ("normal", "reduce")
    }
    return net, gradients, want


def distance(gradients, want):
    """Largest deviation, relative to the largest entry."""
    wants = [want[group]["alpha_grad"] for group in ("normal", "reduce")]
    return max(float((gradient - value).abs().max() / value.abs().max()) for gradient, value in zip(gradients, wants))


@pytest.mark.parametrize("momentum", [False, True], ids=["nomom", "mom"])
def test_finite_difference_is_quark0s(momentum):
    net, gradients, want = quark0_unrolled("f64", momentum)
    assert distance(gradients, want) < 1e-7
    adam = torch.optim.Adam(net.arch_parameters(), 3e-4, betas=(0.5, 0.999), weight_decay=1e-3)
    for alpha, gradient in zip(net.arch_parameters(), gradients):
        alpha.grad = gradient
    adam.step()
    for alpha, group in zip(net.arch_parameters(), want):
        assert torch.allclose(alpha, want[group]["alphas_after_adam"], rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    ("momentum", "layout"),
    [(False, torch.contiguous_format), (True, torch.channels_last)],
    ids=["nomom-nchw", "mom-nhwc"],
)
def test_finite_difference_is_quark0s_in_float32(momentum, layout):
    """To 1e-4, or else to what one rounding of the weights does to the plain order of operations.

    A ReLU or a maximum of this fixture lies within a rounding of its kink, and the difference quotient magnifies what
    it does. Which side a float32 pass falls on depends on kernels and layout: the original's own order, with every
    weight moved by one rounding, is off by 1e-3 to 2e-2 in most cases.
    """
    _, gradients, want = quark0_unrolled("f32", momentum, layout=layout)
    error = distance(gradients, want)
    assert error < 0.05
    for seed in range(1, 7):
        if error < 1e-4:
            return
        _, nudged, _ = quark0_unrolled("f32", momentum, watched=True, nudge=seed, layout=layout)
        if error < 1.5 * distance(nudged, want):
            return
    pytest.fail(f"{error:.1e} is more than rounding does")


def ours(name):
    """A parameter's name here, from its name in quark0/darts."""
    from supernet.checkpoints.filling import rename
    from supernet.checkpoints.quark0 import _RENAMES

    return rename(name, _RENAMES)


def test_unrolled_weights_are_quark0s():
    saved = load_quark0()
    cast = {
        name: tensor.double() if tensor.is_floating_point() else tensor for name, tensor in saved["state_dict"].items()
    }
    net = from_quark0(cast, saved["alphas_normal"].double(), saved["alphas_reduce"].double()).train()
    optimizer = torch.optim.SGD(net.weight_parameters(), 0.025, momentum=0.9, weight_decay=3e-4)
    weights = _named_weights(net)
    for name, tensor in saved["momentum_buffer"].items():
        optimizer.state[weights[ours(name)]]["momentum_buffer"] = tensor.double()
    stepped = _sgd_step(weights, F.cross_entropy(net(saved["x_train"].double()), saved["y_train"]), optimizer)
    want = saved["f64"]["unrolled_stem_weight"]
    assert torch.allclose(stepped["stem.0.weight"], want, rtol=1e-9, atol=1e-12)
    loss = F.cross_entropy(functional_call(net, stepped, (saved["x_val"].double(),)), saved["y_val"])
    assert float(loss.detach()) == pytest.approx(float(saved["f64"]["unrolled_loss_val"]), rel=1e-9)
