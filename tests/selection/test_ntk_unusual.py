"""Networks that do what few do: the kernel is that of a loop over samples, or there is one clear error, and the network
is left as it was."""

import pytest
import torch
from kernel_oracles import close, kernel_by_hand
from torch import nn
from torch.nn import functional as F
from unusual_networks import CASES, Net, Reader, case, quietly, tokens, words

from selection import masked, ntk
from selection.kernels import loss_gram
from supernet import Supernet, create_space


def gram_of_one_graph(net, x):
    parameters = list(net.parameters())
    rows = [
        torch.cat([g.flatten() for g in torch.autograd.grad(value, parameters, retain_graph=True)])
        for value in net(x).sum(1)
    ]
    return torch.stack(rows) @ torch.stack(rows).T


@pytest.mark.parametrize("name", CASES)
def test_the_kernel_is_that_of_a_loop(name):
    net, x, unusual = case(name)
    kernel, noted = quietly(net, x)
    # the one takes no single sample, the other changes it
    by_hand = gram_of_one_graph if name in ("squeeze", "in place") else kernel_by_hand
    assert close(kernel, by_hand(net, x.clone()))
    assert noted == unusual


@pytest.mark.parametrize("name", CASES)
def test_nothing_is_changed(name):
    net, x, _ = case(name)
    held = [(module, dict(module._parameters), dict(module._buffers)) for module in net.modules()]
    values = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    leaf, before = x.clone().requires_grad_(), x.clone()
    leaf.grad, net.plain.grad = torch.ones_like(leaf), None
    quietly(net, leaf)
    quietly(net, x)
    for module, parameters, buffers in held:
        assert all(now is then for now, then in zip(module._parameters.values(), parameters.values(), strict=True))
        assert all(now is then for now, then in zip(module._buffers.values(), buffers.values(), strict=True))
        assert not module._forward_hooks
        assert not module._forward_pre_hooks
    assert all(torch.equal(tensor, values[name]) for name, tensor in net.state_dict().items())
    assert torch.equal(x, before)
    assert torch.equal(leaf.detach(), before)
    assert torch.equal(leaf.grad, torch.ones_like(leaf))
    assert net.plain.grad is None
    assert all(p.grad is None for p in net.parameters())


@pytest.mark.parametrize("name", CASES)
def test_blocks_and_cross_kernels_are_parts_of_the_whole(name):
    net, x, _ = case(name)
    whole, _ = quietly(net, x)
    for block in (1, 2, 4):
        if not (block == 1 and name == "squeeze"):
            assert close(quietly(net, x, block=block)[0], whole)
    assert close(quietly(net, x[:4], x[3:])[0], whole[:4, 3:])


@pytest.mark.parametrize("batchnorm", ["frozen", "running", "coupled"])
def test_a_module_of_two_names_stays_itself(batchnorm):
    net, x, _ = case("alias")
    weight = net.conv.weight
    ntk(net, x, batchnorm=batchnorm)
    assert net.conv.weight is weight is net.both[0].weight
    assert isinstance(weight, nn.Parameter)
    plain = nn.Sequential(net.conv, net.norm, nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), net.head)
    named = Net(lambda s, x: plain[2:](plain[1](input=plain[0](input=x))), plain=plain)
    assert close(ntk(named, x, batchnorm=batchnorm), ntk(plain, x, batchnorm=batchnorm))
    assert close(ntk(net, x, batchnorm=batchnorm), ntk(plain, x, batchnorm=batchnorm))


def test_a_gradient_that_was_there_is_left():
    """A plain tensor of alphas, as of quark0/darts, that a training step left a gradient with."""
    net, x, _ = case("scaled by a leaf")
    gradient = net.plain.grad = torch.tensor(7.0).double()
    quietly(net, x, outputs="trace")
    assert net.plain.grad is gradient
    assert gradient == 7


@pytest.mark.parametrize("act", [nn.Tanh(), nn.PReLU()])
def test_a_network_with_noise_has_one_kernel_for_each_draw(act):
    """Also where a parameter has no formula: its gradients are of the same draw."""
    net, x = (
        tokens(lambda s, x: s.b(s.act(s.a(x) * torch.randn(len(x), 4, dtype=x.dtype))))().double(),
        torch.randn(6, 5).double(),
    )
    net.act = act.double()
    before = torch.get_rng_state()
    got, _ = quietly(net, x, seed=3)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(3)
    assert close(got, gram_of_one_graph(net, x))
    torch.manual_seed(6)
    assert torch.equal(quietly(net, x, seed=3)[0], got)
    assert not close(quietly(net, x, seed=4)[0], got)
    blocks = quietly(net, x, block=4, seed=3)[0]
    assert torch.equal(blocks, quietly(net, x, block=4, seed=3)[0])
    assert close(blocks[:4, :4], quietly(net, x[:4], seed=3)[0])
    assert torch.linalg.eigvalsh(blocks)[0] > -1e-10 * blocks.trace(), "a sample has the same noise in every block"


def test_space_s4_repeats_itself():
    net, x = Supernet(create_space("s4"), channels=2, layers=3, num_classes=3), torch.randn(4, 3, 8, 8)
    assert torch.equal(ntk(net, x), ntk(net, x))


def test_a_parameter_of_a_layer_that_is_switched_off_counts_where_it_is_read():
    net, x = Reader().double(), torch.randn(4, 5).double()
    kernel, noted = quietly(net, x)
    assert noted
    assert close(kernel, kernel_by_hand(net, x))
    net = Supernet(create_space("nasbench201"), channels=2, layers=1, num_classes=3)
    conv = net.choices()["cell/0/op"]["nor_conv_3x3"][0][1]
    with masked(net, {"cell/0/op": ["nor_conv_3x3"]}):
        assert not ntk(net, torch.randn(4, 3, 8, 8), parameters=lambda name, p: p is conv.weight).any()


def test_inputs_of_whole_numbers():
    net, x = words().double(), torch.randint(0, 11, (6, 5))
    kernel, noted = quietly(net, x)
    assert noted
    assert kernel.dtype == torch.float64
    assert close(kernel, kernel_by_hand(net, x))
    assert close(quietly(net, x, block=4)[0], kernel)
    assert close(quietly(net, x, x[:2])[0], kernel[:, :2])
    y = torch.arange(6) % 4
    loss = kernel_by_hand(net, x, lambda logits, index: [F.cross_entropy(logits, y[index])])
    with pytest.warns(UserWarning, match="no layerwise formula"):
        assert close(loss_gram(net, x, y), loss)


def test_a_submodule_that_is_called_logits():
    net, x = (
        Net(lambda s, x: s.logits(s.a(x)), a=nn.Linear(5, 4), logits=nn.Linear(4, 3)).double(),
        torch.randn(4, 5).double(),
    )
    assert close(ntk(net, x), kernel_by_hand(net, x))


def test_a_step_counter_that_is_bound_anew_is_put_back():
    def run(net, x):
        net.steps = net.steps + 1
        return net.a(x) * net.steps

    net, x, steps = Net(run, a=nn.Linear(5, 3)), torch.randn(4, 5), torch.zeros(())
    net.register_buffer("steps", steps)
    first = quietly(net, x)[0]
    assert net.steps is steps
    assert steps == 0
    assert torch.equal(quietly(net, x)[0], first)
    assert close(quietly(net, x, block=2)[0], first)
