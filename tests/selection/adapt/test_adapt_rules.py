"""By which rule a host of quark0's layout writes its own genotype: ours is the same, whatever its parts are called."""

from contextlib import contextmanager

import pytest
import torch
import torch.nn.functional as F
from adapt import host_pcdarts, host_quark0
from adapt.adapt_oracles import drawn

import selection


class SigmoidNetwork(host_quark0.Network):
    """FairDARTS' weights and genotype."""

    def forward(self, x):
        with replaced(F, "softmax", lambda alpha, dim: torch.sigmoid(alpha)):
            return super().forward(x)

    def genotype(self):
        with replaced(F, "softmax", lambda alpha, dim: torch.sigmoid(alpha)):
            return super().genotype()


@contextmanager
def replaced(thing, name, value):
    """Inside the block an attribute is another, or there is one."""
    before = vars(thing).get(name)
    vars(thing)[name] = value
    try:
        yield
    finally:
        if before is None:
            del vars(thing)[name]
        else:
            vars(thing)[name] = before


@pytest.mark.parametrize("ask", [True, False], ids=["with genotype()", "without"])
def test_a_sigmoid_supernet_is_ranked_as_it_ranks_itself(ask):
    for seed in range(3):
        host = drawn(SigmoidNetwork, seed, steps=3, multiplier=3)
        expected = host.genotype()
        host.genotype = host.genotype if ask else None
        assert selection.adapt(host).genotype() == expected


class NoneIsChosen(host_quark0.Network):
    """Whose genotype() may choose every operation."""

    def genotype(self):
        names = host_quark0.PRIMITIVES
        host_quark0.PRIMITIVES = ["zero", *names[1:]]
        try:
            return super().genotype()
        finally:
            host_quark0.PRIMITIVES = names


def test_an_operation_that_the_host_may_choose_is_not_excluded():
    host = drawn(NoneIsChosen, 0)
    net = selection.adapt(host)
    assert net.excluded() == ()
    assert [source for _, source in net.genotype().normal] == [source for _, source in host.genotype().normal]


def test_names_of_ones_own_do_not_hide_what_is_never_chosen():
    host = drawn(host_quark0.Network, 1, steps=3, multiplier=3)
    names = ["nothing", "pooling", "identity", "separable"]
    net = selection.adapt(host, primitives=names)
    assert net.excluded() == ("nothing",)
    own = dict(zip(host_quark0.PRIMITIVES, names))
    assert net.genotype().normal == [(own[option], source) for option, source in host.genotype().normal]


class OtherBetas(host_pcdarts.Network):
    """PC-DARTS with other names of its edge weights."""

    def __init__(self, names):
        super().__init__()
        self.names = dict(zip(("normal", "reduce"), names))
        for group, name in self.names.items():
            setattr(self, name, getattr(self, f"betas_{group}"))
            delattr(self, f"betas_{group}")

    def shares(self, group):
        with replaced(self, f"betas_{group}", getattr(self, self.names[group])):
            return super().shares(group)


@pytest.mark.parametrize("names", [("edge_normal", "edge_reduce"), ("first", "second")])
@pytest.mark.parametrize("ask", [True, False], ids=["with genotype()", "without"])
def test_rows_that_are_scaled_by_edge_weights_are_ranked_so_whatever_these_are_called(ask, names):
    host = drawn(OtherBetas, 0, names=names)
    own_genotype = host.genotype
    host.genotype = own_genotype if ask else None
    net = selection.adapt(host)
    assert type(net).__name__ == "Quark0"
    for seed in range(3):
        torch.manual_seed(seed)
        with torch.no_grad():
            for tensor in (host.alphas_normal, host.alphas_reduce, *(getattr(host, name) for name in names)):
                tensor.normal_()
        assert net.genotype() == own_genotype()


class Pruned(host_quark0.Network):
    """DrNAS after its pruning: masked options have no weight, and the others share it."""

    def __init__(self, **options):
        super().__init__(**options)
        generator = torch.Generator().manual_seed(0)
        rows, count = self.alphas_normal.shape
        self.mask = torch.rand(rows, count, generator=generator).argsort(1) < 2

    def share(self, alphas, dim):
        weights = torch.softmax(alphas, dim) * self.mask
        return weights / weights.sum(dim, keepdim=True)

    def forward(self, x):
        with replaced(F, "softmax", self.share):
            return super().forward(x)

    def genotype(self):
        with replaced(F, "softmax", self.share), replaced(host_quark0, "PRIMITIVES", ["zero", "a", "b", "c"]):
            return super().genotype()


def test_options_that_the_host_has_pruned_are_never_chosen():
    batch = torch.randn(8, 1, 6, 6, generator=torch.Generator().manual_seed(1)), torch.arange(8) % 2
    host = drawn(Pruned, 0, channels=1)
    net = selection.adapt(host)
    names = dict(zip(["zero", "a", "b", "c"], host_quark0.PRIMITIVES))
    for seed in range(3):
        host.alphas_normal.data.normal_(generator=torch.Generator().manual_seed(seed))
        expected = [(names[option], source) for option, source in host.genotype().normal]
        assert net.genotype().normal == expected
    found = selection.select(net, "perturbation_loss", "oneshot", batches=[batch])
    for choice, option in found.decisions.items():
        _, row, _ = choice.split("/")
        assert host.mask[int(row)][host_quark0.PRIMITIVES.index(option)]


def test_a_genotype_by_another_rule_is_said():
    class Threshold(host_quark0.Network):
        def genotype(self):
            found = super().genotype()
            return found._replace(normal=found.normal[:-1])

    with pytest.warns(UserWarning, match=r"Threshold.genotype\(\) follows another rule"):
        selection.adapt(Threshold())


@pytest.mark.parametrize("names", [["a", "b", "c", "d"], ["conv_3", "avg_pool", "max_pool", "sep_conv"]])
def test_names_are_the_users(names):
    net = selection.adapt(host_quark0.Network(), primitives=names)
    assert list(net.choices()["normal/0/op"]) == names
