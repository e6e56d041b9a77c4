"""Options that somebody watches, replaces or switches off, and copies of a net: gates, hooks and checkpoints meet the
same numbers."""

import copy

import pytest
import torch
from oracles import supernet_logits

from supernet import Supernet, create_space

CLOSE = {"rtol": 1e-9, "atol": 1e-10}
WATCHED = {"none", "skip_connect", "max_pool_3x3", "sep_conv_3x3", "dil_conv_5x5", "nor_conv_1x1", "avg_pool_3x3"}


def build(name, layers=None):
    layers = layers or (1 if name == "nasbench201" else 3)
    return Supernet(create_space(name), channels=2, layers=layers, num_classes=3, seed=1)


def images(height=8, width=8):
    return torch.randn(3, 3, height, width, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def watched_options(net):
    """Some options of every kind, on edges that share a state with unwatched ones."""
    return {
        f"{choice} {option} {index}": module
        for choice, options in list(net.choices().items())[::3]
        for option, modules in options.items()
        if option in WATCHED
        for index, module in enumerate(modules)
    }


def record_by_hook(module, seen):
    return module.register_forward_hook(lambda module, inputs, output: seen.append(output.detach().clone()))


def record_by_pre_hook(module, seen):
    return module.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0].detach().clone()))


def record_by_shadow(module, seen):
    forward = module.forward

    def shadow(x):
        y = forward(x)
        seen.append(y.detach().clone())
        return y

    module.forward = shadow


def record_inside(module, seen):
    return record_by_hook(list(module.modules())[-1], seen)


RECORDERS = [record_by_hook, record_by_pre_hook, record_by_shadow, record_inside]


@pytest.mark.parametrize(
    ("name", "record", "training"),
    [
        *(("nasbench201", record, training) for record in RECORDERS for training in (True, False)),
        ("darts", record_by_hook, True),
        ("darts", record_inside, False),
    ],
)
def test_a_watched_option_sees_exactly_its_own_output(name, record, training, scrambled, all_close):
    nets, recorded, logits = [scrambled(build(name)).train(training) for _ in range(2)], [], []
    for net, forward in zip(nets, (supernet_logits, lambda net, x: net(x))):
        recorded.append({key: [] for key in watched_options(net)})
        for key, module in watched_options(net).items():
            record(module, recorded[-1][key])
        logits.append(forward(net, images()))
    assert any("none" in key for key in recorded[0])
    assert any("skip_connect" in key for key in recorded[0])
    expected, actual = ({key: seen for key, (seen,) in found.items()} for found in recorded)
    all_close(actual, expected, **CLOSE)
    torch.testing.assert_close(logits[1], logits[0], **CLOSE)
    all_close(nets[1].state_dict(), nets[0].state_dict(), **CLOSE)


def test_backward_hooks_see_their_own_gradient(scrambled):
    recorded = []
    for forward in (supernet_logits, lambda net, x: net(x)):
        net, seen = scrambled(build("tiny")), {}
        for key, module in watched_options(net).items():
            module.register_full_backward_hook(
                lambda module, below, above, key=key, seen=seen: seen.update({key: above[0].clone()})
            )
        forward(net, images()).logsumexp(1).sum().backward()
        recorded.append(seen)
    assert len(recorded[0]) == len(watched_options(net)) == len(recorded[1])
    for key, expected in recorded[0].items():
        torch.testing.assert_close(recorded[1][key], expected, **CLOSE, msg=lambda text: f"{key}: {text}")


def test_a_hook_that_changes_the_output_counts_until_it_is_removed(scrambled):
    net, x = scrambled(build("tiny")).eval(), images()
    before = net(x)
    handles = [
        module.register_forward_hook(lambda module, inputs, output: 3 * output)
        for module in watched_options(net).values()
    ]
    torch.testing.assert_close(net(x), supernet_logits(net, x), **CLOSE)
    assert not torch.allclose(net(x), before)
    for handle in handles:
        handle.remove()
    assert torch.equal(net(x), before)


@pytest.mark.usefixtures("still_noise")
@pytest.mark.parametrize(
    ("name", "training"),
    [
        *((name, True) for name in ("darts", "nasbench201", "s1", "s4", "tiny")),
        *((name, False) for name in ("nasbench201", "tiny")),
    ],
)
def test_switched_off_options_are_not_computed_and_equal_full_zeros(name, training, scrambled):
    """A 0-dim zero instead of the output; the oracle's options return zeros of the full shape."""
    fast, slow = (scrambled(build(name)).train(training) for _ in range(2))
    for module in watched_options(fast).values():
        module.forward = lambda x: x.new_zeros(())
    for module in watched_options(slow).values():
        module.register_forward_hook(lambda module, inputs, output: torch.zeros_like(output))
    x = images(7, 9)
    before = {key: [t.clone() for t in module.state_dict().values()] for key, module in watched_options(fast).items()}
    torch.testing.assert_close(fast(x), supernet_logits(slow, x), **CLOSE)
    for key, module in watched_options(fast).items():
        assert all(torch.equal(*pair) for pair in zip(module.state_dict().values(), before[key])), f"{key} was run"


@pytest.mark.parametrize(
    ("name", "size"),
    [("darts", (7, 9)), *((name, size) for name in ("nasbench201", "s1", "tiny") for size in [(8, 8), (7, 9)])],
)
def test_an_edge_a_node_or_everything_switched_off_equals_zeros(name, size, scrambled):
    net, x = scrambled(build(name)), images(*size)
    choices = net.choices()
    first_edge = list(choices)[:1]
    node = next(iter(net.inputs().values()))[1] if net.inputs() else ["cell/1/op", "cell/2/op"]
    reduce_node = [choice for choice in choices if choice.startswith("reduce/")][:2]
    for off in (first_edge, node, reduce_node, list(choices)):
        for choice in off:
            for modules in choices[choice].values():
                for module in modules:
                    module.forward = lambda x: x.new_zeros(())
        logits = net(x)
        assert logits.shape == (3, 3)
        assert logits.isfinite().all()
    features = torch.zeros(1, net.classifier.in_features, 1, 1, dtype=x.dtype)
    if create_space(name).macro == "darts":
        torch.testing.assert_close(
            logits, net.classifier(features.flatten(1)).expand(3, 3), msg="nothing but the bias is left"
        )
    logits.sum().backward()


@pytest.mark.usefixtures("still_noise")
@pytest.mark.parametrize("name", ["darts", "nasbench201", "s4", "tiny"])
def test_a_copy_is_equal_and_independent(name, scrambled, all_close):
    net, x = scrambled(build(name)).train(), images()
    copied = copy.deepcopy(net)
    assert torch.equal(copied(x), net(x))
    all_close(copied.state_dict(), net.state_dict(), rtol=0, atol=0)
    with torch.no_grad():
        for tensor in copied.state_dict().values():
            tensor.zero_()
    assert net.arch_parameters()[0].abs().sum() > 0
    assert net.eval()(x).isfinite().all()


@pytest.mark.parametrize("name", ["nasbench201", "s1", "tiny"])
def test_a_state_dict_carries_everything(name, scrambled):
    net, x = scrambled(build(name)).eval(), images()
    other = scrambled(
        Supernet(net.space, channels=2, layers=1 if name == "nasbench201" else 3, num_classes=3, seed=9), seed=5
    ).eval()
    assert not torch.allclose(other(x), net(x))
    other.load_state_dict(net.state_dict())
    assert torch.equal(other(x), net(x))
    assert other.genotype() == net.genotype()
