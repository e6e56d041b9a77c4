"""Hosts are recognised by what they do: how weights follow from alphas, what commits a choice, by what edges rank."""

import pytest
import torch
from adapt import host_quark0
from adapt.adapt_oracles import chosen_by_alpha, drawn, everything, same
from adapt.host_followers import RULES, Network, PartialNetwork
from torch import nn

import selection
from selection import SelectionError, adapt, committed, masked, select

SAMPLED = ("dirichlet", "gumbel")


def batch(count=8):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(count, 3, 8, 8, generator=generator), torch.arange(count) % 3


@pytest.mark.parametrize("rule", RULES)
def test_the_rule_of_the_weights_is_found_and_the_host_is_what_it_was(rule):
    host = drawn(Network, 0, rule=rule)
    before = everything(host, host.arch_parameters())
    weighting = adapt(host).weighting()
    assert same(everything(host, host.arch_parameters()), before)
    expected = "other" if rule in SAMPLED else {"scaled": "softmax"}.get(rule, rule)
    assert (weighting.rule, weighting.sampled) == (expected, rule in SAMPLED)
    assert not weighting.passes_by


@pytest.mark.parametrize("rule", RULES)
def test_genotypes_and_magnitude_are_the_hosts_own(rule):
    for seed in range(4):
        host = drawn(Network, seed, rule=rule, steps=4, multiplier=4)
        net = adapt(host)
        assert net.genotype() == host.genotype()
        assert chosen_by_alpha(net) == host.genotype()


def test_a_host_without_a_genotype_of_its_own_ranks_by_its_weights():
    for seed in range(4):
        host = drawn(Network, seed, rule="sigmoid", steps=4, multiplier=4)
        bare = drawn(Network, seed, rule="sigmoid", own_genotype=False, steps=4, multiplier=4)
        assert adapt(bare).genotype() == host.genotype()


@pytest.mark.parametrize("rule", RULES)
def test_a_commitment_gives_one_option_all_weight_in_the_hosts_own_forward(rule):
    host = drawn(Network, 0, rule=rule).eval()
    net = adapt(host)
    x, _ = batch()
    scale = 0.3 if rule == "scaled" else 1.0
    for choice in ("normal/4/op", "reduce/0/op"):
        seen = []
        group, row, _ = choice.split("/")
        mixed = next(cell for cell in host.cells if cell.reduction == (group == "reduce"))._ops[int(row)]
        handle = mixed.register_forward_hook(lambda module, inputs, output: seen.append((*inputs, output)))
        with committed(net, choice, "sep_conv_3x3"), torch.no_grad():
            net(x)
        handle.remove()
        x_in, _, output = seen[-1]
        torch.testing.assert_close(output, scale * mixed._ops[3](x_in), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("strategy", ["oneshot", "progressive"])
def test_every_strategy_runs_and_the_host_stays_as_it_was(rule, strategy):
    host = drawn(Network, 0, rule=rule)
    before = everything(host, host.arch_parameters())
    net = adapt(host)
    for criterion in ("perturbation_loss", "removal:ntk_trace", "magnitude"):
        found = select(net, criterion, strategy, batches=[batch()])
        assert set(found.decisions) == set(net.choices())
        assert any("drawn anew" in note or "draws its weights" in note for note in found.notes) == (rule in SAMPLED)
    assert same(everything(host, host.arch_parameters()), before)


def test_options_of_a_sampled_host_are_compared_under_the_same_draw():
    host = drawn(Network, 0, rule="dirichlet")
    net = adapt(host)
    first = selection.score(net, "perturbation_loss", [batch()])
    torch.manual_seed(5)
    assert selection.score(net, "perturbation_loss", [batch()]) == first


@pytest.mark.parametrize("rule", ["softmax", "dirichlet", "sigmoid"])
@pytest.mark.parametrize("criterion", ["perturbation", "perturbation_loss", "ntk"])
def test_partial_channels_run_under_every_mask(rule, criterion):
    host = drawn(PartialNetwork, 0, rule=rule, c=8)
    net = adapt(host)
    assert net.weighting().passes_by
    strategies = ["oneshot"] if criterion == "ntk" else ["oneshot", "progressive"]
    for strategy in strategies:
        assert select(net, criterion, strategy, batches=[batch()]).decisions


def test_a_dropped_edge_drops_the_channels_that_pass_by_too():
    host = drawn(PartialNetwork, 0, c=8).eval()
    net = adapt(host)
    x, _ = batch()
    edge = host.cells[0]._ops[4]
    with masked(net, {"normal/4/op": list(net.choices()["normal/4/op"])}):
        without = net(x)
    assert "forward" not in vars(edge)
    edge.forward = lambda x, weights: torch.zeros_like(x)
    torch.testing.assert_close(without, host(x))


def test_a_mask_of_partial_channels_is_a_weight_of_zero():
    host = drawn(PartialNetwork, 0, c=8).eval()
    net = adapt(host)
    x, _ = batch()
    for option, module in zip(host_quark0.PRIMITIVES, host.cells[1]._ops[0]._ops):
        with masked(net, {"reduce/0/op": [option]}):
            got = net(x)
        handles = [
            cell._ops[0]._ops[host_quark0.PRIMITIVES.index(option)].register_forward_hook(lambda *call: call[-1] * 0)
            for cell in host.cells
            if cell.reduction
        ]
        torch.testing.assert_close(got, host(x))
        for handle in handles:
            handle.remove()
        assert not module._forward_hooks


class Gated(nn.Module):
    """A mixed operation of one's own, with a tensor of the same size beside its alphas."""

    def __init__(self, second):
        super().__init__()
        self.candidates = nn.ModuleList([nn.Conv2d(3, 3, 1), nn.Identity(), nn.AvgPool2d(3, 1, 1)])
        self.strength = nn.Parameter(torch.randn(3))
        if second:
            self.offset = nn.Parameter(torch.zeros(3))
        self.listed = [self.strength]  # the same tensor again

    def forward(self, x):
        return sum(w * op(x) for w, op in zip(self.strength.sigmoid(), self.candidates))


def gated(second):
    torch.manual_seed(0)
    return nn.Sequential(Gated(second), nn.Tanh(), Gated(second), nn.AdaptiveAvgPool2d(1), nn.Flatten())


def test_of_two_tensors_that_could_be_the_alphas_neither_is_taken_silently():
    with pytest.raises(
        SelectionError, match="0 has strength and offset, each with a number for each of its candidates"
    ):
        adapt(gated(second=True), kind="generic")
    net = adapt(gated(second=False), kind="generic")
    assert net.weighting().rule == "sigmoid"
    torch.testing.assert_close(net.strengths("cell/0/op"), net.host[0].strength.detach().sigmoid())


class Volumes(nn.Module):
    """Candidates in three dimensions, one of them transposed, under names of one's own."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv3d(1, 4, 1)
        self.mixed = nn.ModuleDict(
            {
                "conv_pool": nn.Sequential(nn.ConvTranspose3d(4, 4, 1), nn.MaxPool3d(3, 1, 1)),
                "depth_conv": nn.Conv3d(4, 4, 3, padding=1, groups=4),
                "avg_pool": nn.AvgPool3d(3, 1, 1),
            }
        )
        self.alpha = nn.Parameter(torch.randn(3))
        self.head = nn.Linear(4, 2)

    def forward(self, x):
        x = self.stem(x)
        x = sum(w * op(x) for w, op in zip(self.alpha.softmax(0), self.mixed.values()))
        return self.head(x.mean((2, 3, 4)))


def test_operations_in_three_dimensions_are_found_probed_and_chosen():
    torch.manual_seed(0)
    net = adapt(nn.Sequential(Volumes()), kind="generic")
    assert net.weighting().rule == "softmax"
    x = torch.randn(4, 1, 6, 6, 6)
    assert select(net, "perturbation_loss", "oneshot", batches=[(x, torch.arange(4) % 2)]).decisions


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (["none", "conv_max_pool", "shortcut", "pool_of_mine"], None),
        (["none", "avg_pool_3", "skip", "max_pool_like_conv"], None),
        (["none", "max_pool_3x3", "skip_connect"], "4 operations for 3 names"),
        (["none", "a", "a", "b"], "a name is given twice"),
    ],
)
def test_names_are_the_users_own(names, says):
    host = drawn(host_quark0.Network, 0)
    if says is None:
        assert list(adapt(host, primitives=names).choices()["normal/0/op"]) == names
    else:
        with pytest.raises(SelectionError, match=says):
            adapt(host, primitives=names)


def test_one_image_and_maps_of_one_pixel_say_what_helps():
    host = drawn(Network, 0, rule="softmax")
    with pytest.raises(SelectionError, match=r"BatchNorm needs more than one value a channel: .*drop_last=True"):
        select(adapt(host), "perturbation", "oneshot", batches=[(torch.randn(1, 3, 4, 4), torch.tensor([0]))])
