"""The layerwise kernel against per-sample backward passes, and against what TE-NAS computes."""

import warnings

import pytest
import torch
from kernel_oracles import CASES, WITHOUT_FORMULA, case, close, kernel_by_hand, load_parity, rows_by_hand
from torch.nn import functional as F

from selection import SelectionError, masked, ntk
from selection.kernels import loss_gram
from supernet import Supernet, create_space


@pytest.mark.parametrize("name", CASES)
def test_layerwise_is_the_gram_matrix_of_per_sample_gradients(name):
    net, x = case(name)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        got = ntk(net, x, batchnorm="running")
    assert bool(caught) == (name in WITHOUT_FORMULA), [str(warning.message) for warning in caught]
    want = kernel_by_hand(net, x)
    assert close(got, want)
    assert torch.equal(got, got.T) or close(got, got.T)


@pytest.mark.filterwarnings("ignore:ntk")
@pytest.mark.parametrize("name", ["depthwise", "groups", "dense", "twice"])
def test_many_positions_take_another_way_to_the_same_kernel(name):
    net, x = case(name, count=3, size=8 if name == "twice" else 20)
    assert close(ntk(net, x, batchnorm="running"), kernel_by_hand(net, x))


@pytest.mark.filterwarnings("ignore:ntk")
@pytest.mark.parametrize("name", ["mlp", "twice", "strays", "nasbench201"])
def test_trace_loss_and_projections_are_those_of_per_sample_gradients(name):
    net, x = case(name, count=3)
    y = torch.arange(len(x)) % 5
    trace = kernel_by_hand(net, x, lambda logits, _: logits)
    assert close(ntk(net, x, outputs="trace", batchnorm="running"), trace)
    loss = kernel_by_hand(net, x, lambda logits, index: [F.cross_entropy(logits, y[index])])
    assert close(loss_gram(net, x, y, batchnorm="running"), loss)
    estimates = torch.stack([ntk(net, x, outputs=40, batchnorm="running", seed=seed) for seed in range(5)]).mean(0)
    assert (estimates - trace).norm() < 0.15 * trace.norm()
    assert torch.equal(ntk(net, x, outputs=2, seed=1), ntk(net, x, outputs=2, seed=1))


@pytest.mark.filterwarnings("ignore:ntk")
@pytest.mark.parametrize("name", ["mlp", "twice", "strays", "batch_norm", "nasbench201"])
def test_the_full_kernel_is_that_of_each_logit_with_each(name):
    net, x = case(name, count=3)
    rows = rows_by_hand(net, x, lambda logits, _: logits).transpose(0, 1).flatten(0, 1)  # an input's logits in a row
    assert close(ntk(net, x, outputs="full", batchnorm="running"), rows @ rows.T)
    for batchnorm in ("frozen", "coupled"):
        full = ntk(net, x, outputs="full", batchnorm=batchnorm).view(len(x), -1, len(x), len(rows) // len(x))
        assert close(full.sum((1, 3)), ntk(net, x, batchnorm=batchnorm))
        assert close(full.diagonal(dim1=1, dim2=3).sum(-1), ntk(net, x, outputs="trace", batchnorm=batchnorm))


@pytest.mark.filterwarnings("ignore:ntk")
@pytest.mark.parametrize("name", ["mlp", "depthwise", "batch_norm", "strays"])
def test_cross_kernels_are_blocks_of_the_whole(name):
    net, x = case(name, count=9)
    whole = ntk(net, x, batchnorm="running")
    assert close(ntk(net, x[:4], x[4:], batchnorm="running"), whole[:4, 4:])


@pytest.mark.parametrize("name", ["nasbench201", "batch_norm"])
def test_frozen_statistics_of_the_first_batch_rule_the_cross_kernel(name):
    net, x = case(name, count=9)
    assert close(ntk(net, x[:5], x[:5]), ntk(net, x[:5]))
    assert close(ntk(net, x[:5], torch.cat([x[:5], x[5:]]))[:, :5], ntk(net, x[:5]))


def test_parameters_by_name_and_by_predicate():
    net, x = case("batch_norm")
    assert close(
        ntk(net, x, parameters="weight", batchnorm="running"),
        kernel_by_hand(net, x, wanted=lambda name: "weight" in name),
    )
    assert close(
        ntk(net, x, parameters=lambda name, p: p.dim() == 4, batchnorm="running"),
        kernel_by_hand(net, x, wanted=lambda name: name == "0.weight"),
    )
    with pytest.raises(SelectionError, match="no parameter is left"):
        ntk(net, x, parameters=lambda name, p: False)


@pytest.mark.parametrize("space", ["darts", "nasbench201", "tiny"])
def test_alphas_and_masked_options_of_a_supernet_count_nothing(space):
    """Every option is seen by its own modules, masked ones count nothing, alphas never count."""
    torch.manual_seed(0)
    net = Supernet(
        create_space(space), channels=2, layers={"nasbench201": 1}.get(space, 3), num_classes=3, seed=0
    ).double()
    x = torch.randn(2, 3, 4, 4).double()
    net.train()(x)
    weights = lambda name: not name.startswith("alphas.")  # noqa: E731
    choice, options = next(iter(net.choices().items()))
    assert close(ntk(net, x, batchnorm="running"), kernel_by_hand(net, x, wanted=weights))
    with masked(net, {choice: list(options)[1:]}):
        assert close(ntk(net, x, batchnorm="running"), kernel_by_hand(net, x, wanted=weights))
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in net.modules())


def test_a_watched_or_scaled_layer_is_not_mistaken():
    """Somebody's hook doubles a layer's output; somebody else's forward halves another's."""
    net, x = case("mlp")
    net[1].register_forward_hook(lambda layer, inputs, output: 2 * output)
    original = net[3].forward
    net[3].forward = lambda a: 0.5 * original(a)
    with pytest.warns(UserWarning, match=r"no layerwise formula for 1\.bias, 1\.weight, 3\.weight"):
        got = ntk(net, x)
    assert close(got, kernel_by_hand(net, x))


@pytest.mark.parametrize("name", ["batch_norm", "nasbench201"])
def test_memory_layout_and_precision_of_the_input_change_nothing(name):
    net, x = case(name)
    want = ntk(net, x)
    assert close(ntk(net.to(memory_format=torch.channels_last), x.to(memory_format=torch.channels_last)), want)
    assert torch.equal(ntk(net, x.float()), ntk(net, x.float().double()))
    assert ntk(net, x, dtype=torch.float32).dtype == torch.float32


def test_dead_units_have_no_share_in_the_kernel():
    net, x = case("dense")
    net[2].bias.data[:2] = -1e3  # nothing passes these ReLUs
    assert close(ntk(net, x), kernel_by_hand(net, x))
    net[2].bias.data[:] = -1e3
    assert close(ntk(net, x), kernel_by_hand(net, x))
    assert not ntk(net, x, parameters=lambda name, p: name.startswith("0.")).any()


def test_the_model_is_left_as_it_was():
    net, x = case("batch_norm")
    net.train()
    net(x).sum().backward()
    state = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    gradients = [p.grad.clone() for p in net.parameters()]
    for mode in ("frozen", "running", "coupled"):
        ntk(net, x, batchnorm=mode)
    assert all(torch.equal(tensor, state[name]) for name, tensor in net.state_dict().items())
    assert all(torch.equal(p.grad, g) for p, g in zip(net.parameters(), gradients))
    assert net.training
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in net.modules())


def test_settings_that_do_not_exist_are_refused():
    net, x = case("mlp")
    for settings, message in [
        ({"outputs": "max"}, "outputs is"),
        ({"outputs": 0}, "outputs is"),
        ({"batchnorm": "train"}, "batchnorm is"),
        ({"parameters": "biases"}, "parameters is"),
        ({"batchnorm": "coupled", "x2": x}, "cross kernel"),
    ]:
        with pytest.raises(SelectionError, match=message):
            ntk(net, x, **settings)


@pytest.fixture(scope="module")
def parity():
    return load_parity()


# TE-NAS forms its Gram matrix in the dtype of the net, which is float64 in the fixture
@pytest.mark.parametrize(
    ("key", "settings"),
    [
        ("tenas_ntk_eval", {"parameters": "weight", "batchnorm": "running"}),
        ("tenas_ntk_train", {"parameters": "weight", "batchnorm": "coupled"}),
        ("ntk_sum", {"batchnorm": "running"}),
        ("ntk_trace", {"outputs": "trace", "batchnorm": "running"}),
    ],
)
def test_kernels_of_the_fixture(parity, key, settings):
    net, values = parity
    got = ntk(net, values["inputs"], **settings)
    assert (got - values[key]).norm() < 1e-8 * values[key].norm()


def test_loss_gradients_of_the_fixture(parity):
    net, values = parity
    got = loss_gram(net, values["inputs"], values["targets"], batchnorm="running")
    assert (got - values["loss_grad_gram"]).norm() < 1e-8 * values["loss_grad_gram"].norm()
