"""Options run side by side equal options called one by one: values, gradients, buffers, second derivatives, functional
transforms."""

import copy

import pytest
import torch
from oracles import supernet_logits
from torch import nn
from torch.func import functional_call, grad, vmap
from torch.nn.utils import parametrizations

from supernet import OPERATIONS, Supernet, build_operation, create_space, list_spaces
from supernet.stacked import run_stacked, signature

CELLS = sorted(set(list_spaces()) - {"mlp"})
CLOSE = {"rtol": 1e-9, "atol": 1e-10}


def build(name, channels=2, layers=None):
    layers = layers or (1 if name == "nasbench201" else 3)
    return Supernet(create_space(name), channels=channels, layers=layers, num_classes=3, seed=1)


def images(height=8, width=8, batch=3, seed=0):
    return torch.randn(batch, 3, height, width, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def everything(net, forward, x):
    """Logits, the gradient of every parameter and the buffers after one pass; the net's buffers are then set back."""
    before = [buffer.clone() for buffer in net.buffers()]
    logits = forward(net, x)
    loss = (logits * torch.arange(logits.numel(), dtype=x.dtype).cos().view_as(logits)).sum()
    names, parameters = zip(*net.named_parameters())
    gradients = torch.autograd.grad(loss, parameters, allow_unused=True, materialize_grads=True)
    found = {"logits": logits.detach()} | {f"grad of {name}": grad for name, grad in zip(names, gradients)}
    found |= {name: buffer.clone() for name, buffer in net.named_buffers()}
    for buffer, value in zip(net.buffers(), before):
        buffer.copy_(value)
    return found


@pytest.fixture
def assert_equals_oracle(all_close):
    def check(net, x):
        expected, actual = everything(net, supernet_logits, x), everything(net, lambda net, x: net(x), x)
        all_close(actual, expected)
        assert actual["logits"].abs().max() > 1e-3

    return check


@pytest.mark.usefixtures("still_noise")
@pytest.mark.parametrize("name", CELLS)
def test_supernet_equals_the_sum_over_its_options(name, scrambled, assert_equals_oracle):
    """Small spaces on sizes of every parity; what each operation of the others does with them is seen below."""
    small = name in ("nasbench201", "s1", "tiny")
    net = scrambled(build(name, layers=4 if small and name != "nasbench201" else None))
    sizes = [(8, 8), (15, 15), (7, 9)] if small else [(7, 9)]
    if name == "transnas101":  # a batch of single pixels would have statistics of rounding errors
        sizes = [(64, 80)]
    for size in sizes:
        assert_equals_oracle(net.train(), images(*size))
    assert_equals_oracle(net.eval(), images(*sizes[-1]))


@pytest.mark.parametrize(
    ("name", "training"), [("darts", True), ("nasbench201", True), ("tiny", True), ("tiny", False)]
)
def test_cumulative_average_of_batch_norms_that_saw_different_numbers_of_batches(
    name, training, scrambled, assert_equals_oracle
):
    net = scrambled(build(name)).train(training)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None
    assert_equals_oracle(net, images())


def stop_tracking(module):
    module.track_running_stats = False


def forget_statistics(module):
    module.track_running_stats, module.running_mean, module.running_var, module.num_batches_tracked = (
        False,
        None,
        None,
        None,
    )


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("change", [stop_tracking, forget_statistics, nn.Module.eval, nn.Module.train])
@pytest.mark.parametrize("every", [1, 5])
def test_batch_norms_of_another_mode_equal_the_definition(change, every, training, scrambled, assert_equals_oracle):
    """All of them, or every fifth, which differs between edges that share a state."""
    net = scrambled(build("tiny")).train(training)
    for module in [module for module in net.modules() if isinstance(module, nn.BatchNorm2d)][::every]:
        change(module)
    assert_equals_oracle(net, images())


def replace(index, layer):
    return lambda option: option.__setitem__(index, layer)


CHANGES = {
    "momentum": ("sep_conv_3x3", lambda option: setattr(option[3], "momentum", 0.5)),
    "frozen": ("sep_conv_3x3", lambda option: option[3].eval()),
    "last frozen": ("sep_conv_3x3", lambda option: option[7].eval()),
    "untracked": ("sep_conv_3x3", lambda option: stop_tracking(option[7])),
    "eps": ("sep_conv_3x3", lambda option: setattr(option[3], "eps", 0.1)),
    "last eps": ("sep_conv_3x3", lambda option: setattr(option[7], "eps", 0.1)),
    "bias": ("sep_conv_3x3", replace(2, nn.Conv2d(2, 2, 1))),
    "padding mode": ("sep_conv_3x3", lambda option: setattr(option[1], "padding_mode", "reflect")),
    "kernel": ("sep_conv_3x3", replace(1, nn.Conv2d(2, 2, 5, padding=2, groups=2, bias=False))),
    "activation": ("sep_conv_3x3", replace(0, nn.Tanh())),
    "weight norm": ("sep_conv_3x3", lambda option: parametrizations.weight_norm(option[1])),
    "affine": ("sep_conv_3x3", replace(7, nn.BatchNorm2d(2))),
    "larger pool": ("max_pool_3x3", replace(0, nn.MaxPool2d(5, 1, 2))),
    "other pool": ("max_pool_3x3", replace(0, nn.AvgPool2d(3, 1, 1))),
    "no norm": ("max_pool_3x3", lambda option: option.__delitem__(1)),
}


@pytest.mark.parametrize("change", CHANGES)
def test_an_option_changed_on_one_edge_counts(change, scrambled, assert_equals_oracle):
    """Edges 0 and 2 read the same state; only edge 0 is changed, in every cell."""
    net = scrambled(build("tiny")).train()
    name, apply = CHANGES[change]
    for option in net.choices()["normal/0/op"][name]:
        apply(option)
    assert_equals_oracle(net.double(), images())


STACKABLE = sorted(set(OPERATIONS) - {"none", "noise"})


@pytest.mark.parametrize(
    ("name", "affine", "pool_norm"),
    [
        (name, affine, pool_norm)
        for name in STACKABLE
        for affine in (True, False)
        for pool_norm in ((True, False) if "pool" in name else (True,))
    ],
)
def test_every_operation_run_side_by_side_equals_itself(name, affine, pool_norm, scrambled, all_close):
    for stride in (1, 2):
        options = [
            scrambled(build_operation(name, 4, stride, affine=affine, pool_norm=pool_norm), seed) for seed in range(3)
        ]
        if name == "skip_connect" and stride == 2:
            assert signature(options[0]) is None, "two shifted convolutions: called as it is"
            continue
        assert signature(options[0]) == signature(options[1]) is not None
        copies = copy.deepcopy(options)
        scale = torch.tensor([0.3, -1.2, 0.5], dtype=torch.float64)
        for size in [(8, 8), (15, 15), (7, 9), (2, 3), (1, 1)]:
            for count in (1, 3):
                x = torch.randn(2, 4, *size, dtype=torch.float64, generator=torch.Generator().manual_seed(7))
                expected = torch.cat([weight * option(x) for weight, option in zip(scale[:count], copies)], dim=1)
                torch.testing.assert_close(run_stacked(options[:count], x, scale[:count]), expected, **CLOSE)
                for option, copied in zip(options, copies):
                    all_close(option.state_dict(), copied.state_dict(), **CLOSE)


def test_operations_of_different_strides_or_kernels_are_not_alike():
    assert signature(build_operation("sep_conv_3x3", 4, 1)) != signature(build_operation("sep_conv_3x3", 4, 2))
    assert signature(build_operation("sep_conv_3x3", 4)) != signature(build_operation("sep_conv_5x5", 4))
    assert signature(build_operation("dil_conv_3x3", 4)) != signature(build_operation("dil_conv_3x3", 8))


@pytest.mark.parametrize("training", [True, False])
def test_second_derivatives_equal_those_of_the_definition(training, scrambled, all_close):
    """The gradient of the alpha gradient's squared norm, by alphas and weights."""
    net, x = scrambled(build("tiny", layers=2)).train(training), images()
    results = []
    for forward in (supernet_logits, lambda net, x: net(x)):
        logits = forward(net, x)
        gradients = torch.autograd.grad(logits.logsumexp(1).sum(), net.arch_parameters(), create_graph=True)
        results.append(
            torch.autograd.grad(sum(g.pow(2).sum() for g in gradients), list(net.parameters()), allow_unused=True)
        )
    expected, actual = ({name: g for (name, _), g in zip(net.named_parameters(), found)} for found in results)
    all_close(actual, expected, **CLOSE)
    assert results[0][-1].abs().max() > 1e-6


@pytest.mark.parametrize("name", ["darts", "nasbench201", "tiny"])
def test_vmap_over_samples_equals_a_loop(name, scrambled, all_close):
    net, x = scrambled(build(name)).eval(), images(7, 9, batch=2)
    parameters = {name: p.detach() for name, p in net.named_parameters()}

    def logits(parameters, sample):
        return functional_call(net, parameters, (sample[None],))[0]

    expected = torch.stack([supernet_logits(net, sample[None])[0] for sample in x])
    torch.testing.assert_close(vmap(logits, in_dims=(None, 0))(parameters, x), expected, **CLOSE)

    per_sample = vmap(grad(lambda parameters, sample: logits(parameters, sample).logsumexp(0)), in_dims=(None, 0))(
        parameters, x
    )
    for index, sample in enumerate(x):
        slow = torch.autograd.grad(
            supernet_logits(net, sample[None])[0].logsumexp(0),
            list(net.parameters()),
            allow_unused=True,
            materialize_grads=True,
        )
        all_close({name: rows[index] for name, rows in per_sample.items()}, dict(zip(parameters, slow)), **CLOSE)


def test_vmap_over_alphas_equals_a_loop(scrambled):
    net, x = scrambled(build("tiny")).eval(), images()
    candidates = torch.randn(
        4, *net.alphas["normal"].shape, dtype=torch.float64, generator=torch.Generator().manual_seed(2)
    )
    actual = vmap(lambda alpha: functional_call(net, {"alphas.normal": alpha}, (x,)))(candidates)
    for alpha, logits in zip(candidates, actual):
        with torch.no_grad():
            net.alphas["normal"].copy_(alpha)
        torch.testing.assert_close(logits, supernet_logits(net, x), **CLOSE)
