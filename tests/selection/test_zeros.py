"""A mask beside modules that return zeros themselves, whatever the host does with what they return."""

import copy

import pytest
import torch
from stubborn_hosts import (
    Host,
    add,
    add_in_place,
    add_where_alike,
    ask_for_size,
    average_numbers,
    concatenate_edges,
    pad,
    pairs,
    partial_channels,
    resize,
    stack,
    take_pairs,
)
from torch import nn

import selection
from selection import SelectionError, masked
from selection.gates import zeros_of
from selection.nested import map_nested
from selection.trial import settle_zeros


def partial_options():
    return {"conv": nn.Conv2d(2, 2, 3, padding=1), "skip": nn.Identity(), "tanh": nn.Tanh()}


HOSTS = {  # {name: (what builds the host, whether a 0-dim zero does)}
    "added": (lambda: Host(add), True),
    "stacked": (lambda: Host(stack), False),
    "added in place": (lambda: Host(add_in_place), False),
    "padded": (lambda: Host(pad), False),
    "asked for size": (lambda: Host(ask_for_size), False),
    "resized": (lambda: Host(resize), False),
    "averaged by numbers": (lambda: Host(average_numbers), False),
    "added where alike": (lambda: Host(add_where_alike), False),
    "part of the channels": (lambda: Host(partial_channels, options=partial_options), False),
    "edges concatenated": (lambda: Host(add, join=concatenate_edges), False),
    "tuples and dicts": (lambda: Host(take_pairs, options=pairs), False),
}


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(1)
    return torch.randn(6, 1, 4, 4, generator=generator), torch.arange(6) % 2


@pytest.fixture(params=HOSTS)
def named(request, batch):
    torch.manual_seed(0)
    build, cheap = HOSTS[request.param]
    host = build()
    host(batch[0])
    return host, cheap


class Nothing(nn.Module):
    """The slow, obvious mask: runs a module, and multiplies what it returns by zero."""

    def __init__(self, module):
        super().__init__()
        self.module = module

    def forward(self, x):
        return map_nested(torch.Tensor, torch.zeros_like, self.module(x))


def zeroed(host, mask):
    """A copy in which the masked options are modules that return zeros."""
    other = copy.deepcopy(host)
    for choice, options in mask.items():
        edge = other.edges[int(choice.split("/")[1])]
        for option in options:
            edge[option] = Nothing(edge[option])
    return other


def list_masks(host):
    choices = {choice: list(options) for choice, options in host.choices().items()}
    for choice, options in choices.items():
        yield from ({choice: [option]} for option in options)
        yield {choice: options[1:]}
        yield {choice: options}


def test_a_mask_is_a_module_that_returns_zeros(named, batch):
    host, _ = named
    host.eval()
    for mask in list_masks(host):
        with masked(host, mask):
            got = host(batch[0])
        torch.testing.assert_close(got, zeroed(host, mask)(batch[0]), rtol=1e-5, atol=1e-6)


def test_the_cheap_zero_is_taken_where_it_does(named, batch):
    host, cheap = named
    settle_zeros(host, batch[0][:2])
    assert zeros_of(host).cheap is cheap


def test_after_the_trial_masks_return_the_same(named, batch):
    host, _ = named
    host.eval()
    for mask in list_masks(host):
        with masked(host, mask):
            before = host(batch[0])
        settle_zeros(host, batch[0][:2])
        with masked(host, mask):
            torch.testing.assert_close(host(batch[0]), before, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("criterion", ["perturbation_loss", "ntk", "taylor"])
def test_every_way_of_judging_runs(named, batch, criterion):
    host, _ = named
    found = selection.select(host, criterion, "oneshot", batches=[batch])
    assert found.decisions.keys() == host.choices().keys()


def test_zeros_have_the_layout_and_type_of_the_output(batch):
    for convert in (nn.Module.double, nn.Module.bfloat16):
        host = Host(add)
        host(batch[0])
        host = convert(host)
        x = batch[0].to(host.alpha.dtype).to(memory_format=torch.channels_last)
        conv = host.edges[0]["conv"].to(memory_format=torch.channels_last)
        features = host.stem(x).contiguous(memory_format=torch.channels_last)
        whole = conv(features)
        with masked(host, {"cell/0/op": ["conv"]}):
            zeros = conv(features)
        assert not zeros.any()
        assert (zeros.shape, zeros.dtype, zeros.stride()) == (whole.shape, whole.dtype, whole.stride())


def test_a_masked_module_is_not_computed_and_its_hooks_are_not_called(batch):
    host = Host(stack)
    conv = host.edges[0]["conv"]
    host(batch[0])
    statistics, calls = conv[1].running_mean.clone(), []
    conv[0].register_forward_hook(lambda *_: calls.append(1))
    with masked(host, {"cell/0/op": ["conv"]}):
        host(batch[0])
    assert not calls
    assert torch.equal(conv[1].running_mean, statistics)
    assert len(conv[0]._forward_hooks) == 1


class Threshold(nn.Module):
    """Reads its numbers, and draws some."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x):
        x = x[:, :1].expand_as(x) if float(x.detach().abs().max()) > 1e9 else x
        return self.layer(x) + torch.randn(x.shape).to(x)


def test_a_module_that_reads_its_numbers_has_its_form_learnt_without_a_trace(batch):
    def options():
        return {"noise": Threshold(nn.BatchNorm2d(4)), "skip": nn.Identity()}

    host = Host(stack, options=options)
    host(batch[0])
    statistics = host.edges[0]["noise"].layer.running_mean.clone()
    random_state = torch.get_rng_state()
    with masked(host, {"cell/0/op": ["noise"], "cell/1/op": ["noise"]}):
        first = host(batch[0])
    assert torch.equal(host.edges[0]["noise"].layer.running_mean, statistics)
    assert torch.equal(torch.get_rng_state(), random_state)
    assert first.isfinite().all()


class TwoScales(nn.Module):
    """One convolution, which maps of two sizes pass."""

    def __init__(self):
        super().__init__()
        self.options = nn.ModuleDict({"conv": nn.Conv2d(1, 1, 3, padding=1), "tanh": nn.Tanh()})
        self.alpha = nn.Parameter(torch.zeros(2))

    def forward(self, x):
        maps = []
        for size in (8, 4):
            small = nn.functional.adaptive_avg_pool2d(x, size)
            stacked = torch.stack([option(small) for option in self.options.values()])
            maps.append((stacked * self.alpha.softmax(0).view(2, 1, 1, 1, 1)).sum(0).mean((2, 3)))
        return torch.cat(maps, dim=1)

    def choices(self):
        return {"op": {name: [module] for name, module in self.options.items()}}

    def logits(self):
        return {"op": self.alpha}

    def inputs(self):
        return {}


def test_a_shared_module_has_zeros_of_each_size(batch):
    net = TwoScales()
    x = torch.randn(3, 1, 8, 8)
    with masked(net, {"op": ["conv"]}):
        got = net(x)
    half = [0.5 * nn.functional.adaptive_avg_pool2d(x, size).tanh().mean((2, 3)) for size in (8, 4)]
    torch.testing.assert_close(got, torch.cat(half, dim=1))


@pytest.mark.parametrize("combine", [stack, add_in_place, partial_channels])
def test_the_kernel_of_a_masked_network_is_that_of_one_with_zeros(batch, combine):
    options = partial_options if combine is partial_channels else None
    host = Host(combine, options=options).double().eval()
    x = batch[0].double()
    host(x)
    mask = {"cell/0/op": ["conv"], "cell/1/op": ["skip"]}
    expected = selection.ntk(zeroed(host, mask), x, batchnorm="running")
    with masked(host, mask):
        torch.testing.assert_close(selection.ntk(host, x, batchnorm="running"), expected)
        state = dict(host.named_parameters())
        samples = torch.func.vmap(lambda sample: torch.func.functional_call(host, state, sample[None]))
        torch.testing.assert_close(samples(x)[:, 0], host(x))


def test_a_batch_of_one_image_on_maps_of_one_pixel_says_what_helps():
    net = Host(add)
    one, two = (torch.randn(count, 1, 1, 1) for count in (1, 2))
    net(two)
    labels = torch.zeros(2, dtype=torch.long)
    found = selection.select(net, "perturbation_loss", "oneshot", batches=[(two, labels)])
    assert found.decisions
    with pytest.raises(SelectionError, match=r"Expected more than 1 value .*drop_last=True"):
        selection.select(net, "perturbation_loss", "oneshot", batches=[(two, labels), (one, labels[:1])])


def test_a_mask_that_the_trial_did_not_foresee_is_given_zeros_of_full_size(batch):
    def combine(ops, weights, x):
        outputs = [op(x) for op in ops]
        zeros = [output for output in outputs if not output.any()]
        return add(ops, weights, x) if len(zeros) < 4 else stack(ops, weights, x)

    host = Host(combine, edges=1, options=lambda: {name: nn.Conv2d(4, 4, 1) for name in "abcde"})
    host(batch[0])
    settle_zeros(host, batch[0][:2])
    assert zeros_of(host).cheap
    found = selection.select(host, "alone:loss", "oneshot", batches=[batch])
    assert found.decisions
    assert not zeros_of(host).cheap


def test_a_kernel_of_a_host_whose_alphas_keep_their_type_is_made_in_it():
    """Alphas that are a plain tensor cannot be converted with the parameters, and a matrix product wants one type."""

    class Mixing(nn.Module):
        def __init__(self):
            super().__init__()
            self.ops = nn.ModuleList([nn.Conv2d(2, 2, 1), nn.Identity()])
            self.weights = torch.tensor([0.3, 0.7])

        def forward(self, x):
            return torch.stack([op(x) for op in self.ops], -1).matmul(self.weights).mean((2, 3))

    torch.manual_seed(0)
    net, x = Mixing(), torch.randn(4, 2, 3, 3)
    with pytest.warns(UserWarning, match=r"computed in torch.float32: a tensor of the network is no parameter"):
        kernel = selection.ntk(net, x)
    twin = copy.deepcopy(net).double()
    twin.weights = twin.weights.double()
    torch.testing.assert_close(kernel.double(), selection.ntk(twin, x.double()), rtol=1e-4, atol=1e-5)
