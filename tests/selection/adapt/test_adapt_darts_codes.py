"""quark0/darts: names from the source file, the host's own genotype, and what a selection leaves behind."""

import copy

import pytest
import torch
from adapt import host_dartspt, host_quark0
from adapt.adapt_oracles import Edges, brighter_than, chosen_by_alpha, drawn, everything, same
from torch import nn

import selection
from selection import SelectionError
from selection.testing import textures
from supernet import Genotype


@pytest.fixture(scope="module")
def quark0_net():
    """An adapted network of quark0/darts, for tests that change nothing of it."""
    return selection.adapt(drawn(host_quark0.Network, 0))


@pytest.mark.parametrize("seed", range(5))
def test_magnitude_is_the_rule_of_quark0(seed):
    host = drawn(host_quark0.Network, seed, steps=4, multiplier=4)
    net = selection.adapt(host)
    expected = host.genotype()
    assert net.genotype() == expected
    assert chosen_by_alpha(net) == expected
    assert type(net.genotype()) is host_quark0.Genotype


def test_json_is_read_by_our_genotypes():
    host = drawn(host_quark0.Network, 3, steps=4, multiplier=3)
    net = selection.adapt(host)
    ours = Genotype.from_json(net.to_json()).to_text()
    assert ours == str(net.genotype())
    assert ours == str(host.genotype())


def test_given_decisions_and_inputs_make_the_genotype(quark0_net):
    decisions = dict.fromkeys(quark0_net.choices(), "max_pool_3x3")
    genotype = quark0_net.genotype(decisions, {"normal/n2": ["normal/4/op", "normal/2/op"]})
    assert genotype.normal[2:] == [("max_pool_3x3", 2), ("max_pool_3x3", 0)]
    assert len(genotype.reduce) == 4


@pytest.mark.parametrize(
    ("decisions", "inputs", "message"),
    [
        pytest.param({"normal/9/op": "none"}, {}, "unknown choice 'normal/9/op'", id="unknown choice"),
        pytest.param(
            {"normal/0/op": "max_pool"},
            {},
            "unknown option of normal/0/op 'max_pool': did you mean 'max_pool_3x3'",
            id="unknown option",
        ),
        pytest.param(
            {},
            {"normal/n2": ["normal/4/op"]},
            "normal/n2: it keeps 2 of normal/2/op, normal/3/op, normal/4/op, not normal/4/op",
            id="too few edges",
        ),
        pytest.param({}, {"normal/n3": []}, "unknown node 'normal/n3'", id="unknown node"),
    ],
)
def test_a_genotype_of_decisions_that_do_not_fit_is_refused(quark0_net, decisions, inputs, message):
    with pytest.raises(SelectionError, match=message):
        quark0_net.genotype(decisions, inputs)


def test_names_are_read_where_the_network_was_written(monkeypatch):
    host = drawn(host_quark0.Network, 0)
    assert list(selection.adapt(host).choices()["normal/0/op"]) == host_quark0.PRIMITIVES
    net = selection.adapt(host)
    monkeypatch.setattr(host_quark0, "PRIMITIVES", ["sep_conv_3x3", "none", "skip_connect", "max_pool_3x3"])
    assert next(iter(net.choices()["normal/0/op"])) == "none", "an adapted net keeps the names that it found"
    message = r"normal/0/op: max_pool_3x3 is carried by Sequential, which is none: give primitives=\[...\]"
    with pytest.raises(SelectionError, match=message):
        selection.adapt(host)


def test_names_that_are_nowhere_are_asked_for(monkeypatch):
    host = drawn(host_quark0.Network, 0)
    monkeypatch.delattr(host_quark0, "PRIMITIVES")
    message = "normal/0/op: the names of its 4 operations are not known: give primitives"
    with pytest.raises(SelectionError, match=message):
        selection.adapt(host)
    names = ["none", "max_pool_3x3", "skip_connect", "dil_conv_3x3"]
    assert list(selection.adapt(host, primitives=names).choices()["reduce/4/op"]) == names


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["none", "max_pool_3x3", "skip_connect"], "4 operations for 3 names"),
        ([], "4 operations for 0 names"),
        (["none"] * 4, "a name is given twice"),
        ("none", "are not known"),
    ],
    ids=["too few", "none at all", "one twice", "a string"],
)
def test_names_that_do_not_fit_are_refused(quark0_net, names, message):
    with pytest.raises(SelectionError, match=message):
        selection.adapt(quark0_net.host, primitives=names)


def test_a_given_namedtuple_goes_before_the_hosts(quark0_net):
    net = selection.adapt(quark0_net.host, genotype=host_dartspt.Genotype)
    assert type(net.genotype()) is host_dartspt.Genotype


def test_without_any_namedtuple_the_genotype_is_one_of_ours(monkeypatch):
    host = drawn(host_quark0.Network, 0)
    monkeypatch.delattr(host_quark0, "Genotype")
    assert str(selection.adapt(host).genotype()).startswith("Genotype(normal=[(")


def test_selecting_by_loss_and_by_kernel_leaves_the_host_bit_equal():
    host = drawn(host_quark0.Network, 0, steps=1, multiplier=1)
    x, y = torch.randn(4, 3, 8, 8), torch.arange(4) % 3
    host._loss(x, y).backward()
    before = everything(host, host.arch_parameters())
    net = selection.adapt(host)
    for criterion in ("perturbation", "ntk_condition"):
        found = selection.select(net, criterion, "oneshot", batches=[(x, y)])
        genotype = net.genotype(found.decisions, found.inputs)
        assert len(genotype.normal) == 2
        assert len(genotype.reduce) == 2
    assert same(everything(host, host.arch_parameters()), before)


def test_a_network_that_is_compiled_in_place_is_masked_all_the_same():
    host, x = drawn(host_quark0.Network, 0, steps=1, multiplier=1).eval(), torch.randn(2, 3, 8, 8)
    host.cells, host.classifier = host.cells[:1], nn.Linear(4, 3)  # the fewer cells, the sooner compiled
    net, mask = selection.adapt(host), {"normal/0/op": ["sep_conv_3x3"]}
    with selection.masked(net, mask):
        expected = net(x)
    host.compile(backend="eager")
    host(x)
    with selection.masked(net, mask):
        torch.testing.assert_close(net(x), expected)


def test_alphas_that_are_nowhere_are_asked_for():
    host = drawn(host_quark0.Network, 0)
    del host.alphas_normal, host.alphas_reduce, host._arch_parameters
    message = (
        r"not recognised as one of .* as their alphas no tensor has a row for each: say which is which: "
        r"adapt\(net, kind='generic', mapping="
    )
    with pytest.raises(SelectionError, match=message):
        selection.adapt(host)


def test_a_network_without_normal_cells_answers_for_those_that_it_has():
    net = selection.adapt(drawn(host_quark0.Network, 0, layers=2))
    assert {name.partition("/")[0] for name in net.choices()} == {"reduce"}
    assert net.genotype().normal == []


def test_a_copy_of_an_adapted_net_has_alphas_and_modules_of_its_own(quark0_net):
    twin = copy.deepcopy(quark0_net)
    with torch.no_grad():
        twin.host.alphas_normal.zero_()
    assert twin.logits()["normal/0/op"].eq(0).all()
    assert not quark0_net.logits()["normal/0/op"].eq(0).any()
    assert twin.choices()["normal/0/op"]["none"][0] is twin.host.cells[0]._ops[0]._ops[0]


def test_alphas_that_the_host_binds_anew_are_read():
    host = drawn(host_quark0.Network, 0)
    net = selection.adapt(host)
    host.alphas_normal = torch.ones_like(host.alphas_normal, requires_grad=True)
    assert net.logits()["normal/1/op"].eq(1).all()


def test_fewer_alphas_than_edges_are_refused():
    host = drawn(host_quark0.Network, 0)
    host.alphas_normal = host.alphas_normal[:2]
    with pytest.raises(SelectionError, match="normal/2/op: alphas_normal has 2 rows, and the cells have 5 edges"):
        selection.adapt(host)


class Planted(host_quark0.Network):
    """One normal cell of two edges that tells textures apart by its convolutions alone, while alpha favours the
    identity."""

    def __init__(self):
        super().__init__(c=1, classes=2, layers=3, steps=1, multiplier=1, channels=1)
        self.cells = self.cells[:1]
        cell = self.cells[0]
        cell.preprocess0 = cell.preprocess1 = self.stem = nn.Identity()
        for mixed in cell._ops:
            mixed._ops[3] = Edges()
        self.alphas_normal = torch.tensor([[-1.0, -1.0, 2.0, 0.0]] * 2, requires_grad=True)

    def forward(self, x):
        return brighter_than(3.9, self.cells[0](x, x, self.alphas_normal.softmax(-1)))


@pytest.fixture
def planted():
    return selection.adapt(Planted())


def test_the_planted_supernet_tells_its_textures_apart(planted):
    x, y = textures()
    assert (planted(x).argmax(1) == y).all()


@pytest.mark.parametrize(
    ("criterion", "option"),
    [("magnitude", "skip_connect"), ("perturbation", "sep_conv_3x3"), ("taylor", "sep_conv_3x3")],
)
def test_a_criterion_decides_the_planted_supernet(planted, criterion, option):
    decisions = selection.select(planted, criterion, "oneshot", batches=[textures()]).decisions
    assert set(decisions.values()) == {option}
