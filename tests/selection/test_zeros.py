"""A mask works whatever the host does with the outputs: zeros of their form, found out by themselves, equal to a zero
that broadcasts."""

import pytest
import torch
from kernel_oracles import close, kernel_by_hand
from small_supernets import batch, supernet_of
from torch import nn
from torch.nn import functional as F

from selection import SelectionError, adapt, gates, masked, ntk, score, select
from selection.zeros import FormedZeros

OPTIONS = ("wide", "narrow", "skip", "pool")


class Pool(nn.Module):
    """Returns two parts, as recurrent layers do."""

    def forward(self, x):
        return F.avg_pool2d(x, 3, 1, 1), x.mean()


def candidates():
    return nn.ModuleDict(
        {
            "wide": nn.Sequential(nn.ReLU(), nn.Conv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4, affine=False)),
            "narrow": nn.Conv2d(4, 4, 1),
            "skip": nn.Identity(),
            "pool": nn.AvgPool2d(3, 1, 1),
        }
    )


def stack(ops, x, weights):
    outputs = torch.stack([op(x) for op in ops.values()])
    return (outputs * weights.view(-1, 1, 1, 1, 1)).sum(0)


def concatenate(ops, x, weights):
    outputs = torch.cat([weight * op(x) for weight, op in zip(weights, ops.values())], dim=1)
    return outputs.unflatten(1, (4, 4)).sum(1)


def pad(ops, x, weights):
    return sum(F.pad(weight * op(x), (1, 1, 1, 1))[..., 1:-1, 1:-1] for weight, op in zip(weights, ops.values()))


def ask_for_sizes(ops, x, weights):
    total = 0
    for weight, op in zip(weights, ops.values()):
        output = op(x)
        total = total + weight * output * (output.size(2) / x.size(2))
    return total


def interpolate(ops, x, weights):
    return sum(F.interpolate(weight * op(x), scale_factor=1.0) for weight, op in zip(weights, ops.values()))


def add_in_place(ops, x, weights):
    total = None
    for weight, op in zip(weights, ops.values()):
        output = weight * op(x)
        total = output if total is None else total.add_(output)
    return total


def einsum(ops, x, weights):
    return torch.einsum("obchw,o->bchw", torch.stack([op(x) for op in ops.values()]), weights)


def add_up(ops, x, weights):
    return sum(weight * op(x) for weight, op in zip(weights, ops.values()))


HOSTS = (stack, concatenate, pad, ask_for_sizes, interpolate, add_in_place, einsum, add_up)


class Edge(nn.Module):
    def __init__(self, mix):
        super().__init__()
        self.mix = mix
        self.ops = candidates()
        self.alpha = nn.Parameter(torch.randn(4))

    def forward(self, x):
        return self.mix(self.ops, x, self.alpha.softmax(0))


def host(mix):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 4, 1), Edge(mix), nn.Tanh(), Edge(mix), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return nn.Sequential(*model, nn.Linear(4, 4)).double()


def output_without(model, net, choice, options, x):
    """The output where a hook multiplies what the options return by zero."""
    handles = []
    for option in options:
        for module in net.choices()[choice][option]:
            handles.append(module.register_forward_hook(lambda module, inputs, output: output * 0))
    try:
        return model(x)
    finally:
        for handle in handles:
            handle.remove()


@pytest.mark.parametrize("mix", HOSTS)
def test_a_mask_is_a_zero_of_the_outputs_form_wherever_the_host_needs_one(mix):
    model = host(mix)
    net = adapt(model, kind="generic")
    x, _ = batch()
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    model.eval()
    for choice in net.choices():
        for options in (["wide"], ["skip"], ["narrow", "pool"], ["wide", "narrow", "skip"]):
            with masked(net, {choice: options}):
                got = net(x)
            torch.testing.assert_close(got, output_without(model, net, choice, options, x), rtol=1e-12, atol=1e-12)
    assert (net in gates._NEED_FORMS) == (mix is not add_up)
    assert all("forward" not in vars(module) for module in net.modules())
    assert all(torch.equal(tensor, state[name]) for name, tensor in model.state_dict().items())


@pytest.mark.parametrize("mix", HOSTS)
def test_every_criterion_runs_and_decides_as_on_a_host_that_adds_up(mix):
    batches = [batch(), batch(seed=1)]
    for criterion, strategy in (("perturbation_loss", "oneshot"), ("ntk", "progressive"), ("loss", "sample")):
        given = [
            select(adapt(host(kind), kind="generic"), criterion, strategy, batches=batches).scores
            for kind in (mix, add_up)
        ]
        for choice, row in given[1].items():
            assert given[0][choice] == pytest.approx(row, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("space", ["tiny", "nasbench201", "s1", "darts"])
def test_both_zeros_give_the_same_numbers(space):
    net = supernet_of(space)
    x, _ = batch(6)
    names = list(net.choices())
    masks = [{names[0]: [option]} for option in net.choices()[names[0]]]
    masks += [{names[-1]: list(net.choices()[names[-1]])[:-1]}]
    for mask in masks:
        with masked(net, mask):
            cheap = net(x)
        gates._NEED_FORMS.add(net)
        with masked(net, mask):
            formed = net(x)
        gates._NEED_FORMS.discard(net)
        assert torch.equal(cheap, formed)


def test_a_kernel_of_a_network_that_needs_forms_is_that_of_a_loop():
    net = adapt(host(stack), kind="generic")
    x, _ = batch(5)
    with masked(net, {"cell/0/op": ["wide", "skip"], "cell/1/op": ["narrow"]}):
        got = ntk(net, x, batchnorm="running")
        weights = {name for name, _ in net.named_parameters() if "alpha" not in name}
        expected = kernel_by_hand(net, x, wanted=weights.__contains__)
    assert close(got, expected)


class Recurrent(nn.Module):
    """Candidates that return several parts, and are handed keywords and sequences."""

    def __init__(self):
        super().__init__()
        self.ops = nn.ModuleDict({"gru": nn.GRU(4, 4, batch_first=True), "rnn": nn.RNN(4, 4, batch_first=True)})
        self.alpha = nn.Parameter(torch.randn(2))
        self.head = nn.Linear(4, 3)

    def forward(self, x):
        total = 0
        for weight, op in zip(self.alpha.softmax(0), self.ops.values()):
            sequence, last = op(input=x)
            total = total + weight * sequence[:, -1] + weight * last[0]
        return self.head(total)


class Wrapped(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell = Recurrent()

    def forward(self, x):
        return self.cell(x)


def test_options_that_return_several_parts_are_masked():
    torch.manual_seed(0)
    model = Wrapped()
    net = adapt(model, kind="generic")
    x = torch.randn(6, 5, 4)
    with torch.no_grad(), masked(net, {"cell/0/op": ["gru"]}):
        got = net(x)
    weight = model.cell.alpha.softmax(0)[1]
    sequence, last = model.cell.ops["rnn"](x)
    torch.testing.assert_close(got, model.cell.head(weight * sequence[:, -1] + weight * last[0]))
    scores = score(net, "perturbation_loss", [(x, torch.arange(6) % 3)])
    assert set(scores["cell/0/op"]) == {"gru", "rnn"}
    with pytest.raises(SelectionError, match="taylor scales tensors, and gru of cell/0/op returns a tuple"):
        score(net, "taylor", [(x, torch.arange(6) % 3)])


@pytest.mark.parametrize(
    ("module", "x"),
    [
        (nn.Conv2d(4, 6, 3, stride=2), torch.randn(2, 4, 9, 8)),
        (nn.Conv2d(4, 6, 3), torch.randn(2, 4, 9, 8).to(memory_format=torch.channels_last)),
        (nn.Conv2d(4, 6, 3), torch.randn(2, 4, 9, 8).double()),
        (nn.Sequential(nn.BatchNorm2d(4), nn.Dropout(0.5)), torch.randn(1, 4, 1, 1)),
        (nn.Embedding(9, 5), torch.arange(6)),
        (nn.ConvTranspose1d(4, 3, 2, stride=2), torch.randn(2, 4, 7)),
    ],
)
def test_zeros_have_the_form_of_the_output_and_nothing_is_computed(module, x):
    state = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    random_state = torch.get_rng_state()
    zeros = FormedZeros(module, module.forward)(x)
    expected = module.eval().to(x.dtype if x.is_floating_point() else torch.float32)(x)
    assert zeros.shape == expected.shape
    assert zeros.dtype == expected.dtype
    assert zeros.is_contiguous() == expected.is_contiguous()
    assert not zeros.any()
    assert torch.equal(torch.get_rng_state(), random_state)
    assert all(torch.equal(tensor, state[name].to(tensor.dtype)) for name, tensor in module.state_dict().items())


def test_a_failure_that_is_not_the_masks_is_the_hosts_own():
    net = adapt(host(add_up), kind="generic")
    with masked(net, {"cell/0/op": ["wide"]}), pytest.raises(RuntimeError, match="expected input"):
        net(torch.randn(2, 5, 8, 8).double())
    assert net not in gates._NEED_FORMS
