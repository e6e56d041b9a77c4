"""quark0/darts and the codes that follow it: names from the source file, the host's own genotype, and what each has of
its own."""

import copy
import json

import pytest
import torch
from adapt import host_dartspt, host_pcdarts, host_ptdarts, host_quark0
from adapt.adapt_oracles import Edges, brighter_than, everything, same, train_once
from torch import nn

import selection
from selection import SelectionError
from selection.testing import textures
from supernet import Genotype


def drawn(build, seed, **options):
    torch.manual_seed(seed)
    return build(**options)


def chosen_by_alpha(net):
    found = selection.select(net, "magnitude", "oneshot")
    return net.genotype(found.decisions, found.inputs)


@pytest.mark.parametrize("seed", range(5))
def test_magnitude_is_the_rule_of_quark0(seed):
    host = drawn(host_quark0.Network, seed, steps=4, multiplier=4)
    net = selection.adapt(host)
    assert chosen_by_alpha(net) == net.genotype() == host.genotype()
    assert type(net.genotype()) is host_quark0.Genotype


@pytest.mark.parametrize("scale", [1e-3, 1.0, 10.0])
def test_magnitude_is_the_rule_of_pt_darts_which_ranks_edges_by_alpha_itself(scale):
    host = drawn(host_ptdarts.SearchCNNController, 0, nodes=4, device_ids=[0])
    net = selection.adapt(host)
    for _ in range(30):
        with torch.no_grad():
            for alpha in host.alphas():
                alpha.normal_(0, scale)
        assert chosen_by_alpha(net) == net.genotype() == host.genotype()
    assert [len(node) for node in net.genotype().normal] == [2] * 4


def test_pc_darts_ranks_edges_by_alpha_and_beta():
    hosts = [drawn(host_pcdarts.Network, seed) for seed in range(20)]
    for host in hosts:
        assert selection.adapt(host).genotype() == host.genotype()
    assert any(selection.adapt(host).genotype() != host_quark0.Network.genotype(host) for host in hosts)


def test_a_dropped_edge_of_pc_darts_takes_the_channels_along_that_pass_by():
    host, x = drawn(host_pcdarts.Network, 0).eval(), torch.randn(2, 3, 8, 8)
    net = selection.adapt(host)
    edge = host.cells[0]._ops[4]
    with selection.masked(net, {"normal/4/op": list(net.choices()["normal/4/op"])}):
        without = net(x)
    assert "forward" not in edge.__dict__
    edge.forward = lambda x, weights: x.new_zeros(x.shape)
    torch.testing.assert_close(without, host(x))


def test_json_is_that_of_our_genotypes():
    host = drawn(host_quark0.Network, 3, steps=4, multiplier=3)
    net = selection.adapt(host)
    ours = Genotype.from_json(net.to_json())
    assert ours.to_text() == str(net.genotype()) == str(host.genotype())
    assert json.loads(selection.adapt(drawn(host_ptdarts.SearchCNNController, 3)).to_json())["format"] == "darts"


def test_decisions_and_kept_edges_are_taken_as_given():
    net = selection.adapt(drawn(host_quark0.Network, 0))
    decisions = dict.fromkeys(net.choices(), "max_pool_3x3")
    found = net.genotype(decisions, {"normal/n2": ["normal/4/op", "normal/2/op"]})
    assert found.normal[2:] == [("max_pool_3x3", 2), ("max_pool_3x3", 0)] and len(found.reduce) == 4
    for wrong, message in [
        (({"normal/9/op": "none"},), "unknown choice 'normal/9/op'"),
        (({"normal/0/op": "max_pool"},), "unknown option of normal/0/op 'max_pool': did you mean 'max_pool_3x3'"),
        (
            ({}, {"normal/n2": ["normal/4/op"]}),
            "normal/n2: it keeps 2 of normal/2/op, normal/3/op, normal/4/op, not normal/4/op",
        ),
        (({}, {"normal/n3": []}), "unknown node 'normal/n3'"),
    ]:
        with pytest.raises(SelectionError, match=message):
            net.genotype(*wrong)


def test_names_are_read_where_the_network_was_written(monkeypatch):
    host = drawn(host_quark0.Network, 0)
    assert list(selection.adapt(host).choices()["normal/0/op"]) == host_quark0.PRIMITIVES
    net = selection.adapt(host)
    monkeypatch.setattr(host_quark0, "PRIMITIVES", ["sep_conv_3x3", "none", "skip_connect", "max_pool_3x3"])
    assert next(iter(net.choices()["normal/0/op"])) == "none", "an adapted net keeps the names that it found"
    with pytest.raises(
        SelectionError,
        match=r"normal/0/op: max_pool_3x3 is carried by Sequential, which is none: give primitives=\[...\]",
    ):
        selection.adapt(host)
    monkeypatch.delattr(host_quark0, "PRIMITIVES")
    with pytest.raises(
        SelectionError, match="normal/0/op: the names of its 4 operations are not known: give primitives"
    ):
        selection.adapt(host)
    names = ["none", "max_pool_3x3", "skip_connect", "dil_conv_3x3"]
    assert list(selection.adapt(host, primitives=names).choices()["reduce/4/op"]) == names
    refused = {
        "4 operations for 3 names": names[:3],
        "4 operations for 0 names": [],
        "a name is given twice": ["none"] * 4,
        "are not known": "none",
    }
    for message, wrong in refused.items():
        with pytest.raises(SelectionError, match=message):
            selection.adapt(host, primitives=wrong)


def test_another_namedtuple_may_be_given(monkeypatch):
    host = drawn(host_quark0.Network, 0)
    assert type(selection.adapt(host, genotype=host_dartspt.Genotype).genotype()) is host_dartspt.Genotype
    monkeypatch.delattr(host_quark0, "Genotype")
    assert str(selection.adapt(host).genotype()).startswith("Genotype(normal=[(")


def test_names_of_darts_pt_are_those_of_the_cells_not_the_global(monkeypatch):
    host = drawn(host_dartspt.DartsNetworkProj, 0)
    monkeypatch.setattr(nn.Module, "PRIMITIVES", {"primitives_normal": [["none"]]}, raising=False)
    net = selection.adapt(host)
    assert [list(net.choices()[f"normal/{row}/op"]) for row in range(2)] == host_dartspt.ROWS
    assert type(selection.adapt(host, kind="quark0", primitives=host.op_names)).__name__ == "Quark0"


def test_what_darts_pt_has_projected_is_its_own():
    host = drawn(host_dartspt.DartsNetworkProj, 0)
    host.project_op(1, 0, "reduce")
    with pytest.raises(SelectionError, match="darts-pt has projected 1 edges itself: adapt the network before"):
        selection.adapt(host)


def test_our_commitment_is_darts_pts_projection():
    host, x = drawn(host_dartspt.DartsNetworkProj, 0).eval(), torch.randn(2, 3, 8, 8)
    net = selection.adapt(host)
    with selection.committed(net, "normal/3/op", "skip_connect"):
        ours = host(x)
    host.project_op(3, 1, "normal")
    torch.testing.assert_close(host(x), ours)


def test_the_controller_of_pt_darts_runs_without_a_gpu():
    host, x = drawn(host_ptdarts.SearchCNNController, 0), torch.randn(2, 3, 8, 8)
    net = selection.adapt(host)
    with pytest.raises(RuntimeError):
        host(x)
    host.device_ids = [0]
    assert torch.equal(net.eval()(x), host(x))


def test_ten_lines_give_a_genotype_and_leave_the_host_bit_equal():
    host = drawn(host_quark0.Network, 0)
    x, y = torch.randn(6, 3, 8, 8), torch.arange(6) % 3
    host._loss(x, y).backward()
    before = everything(host, host.arch_parameters())
    net = selection.adapt(host)
    genotypes = []
    for criterion in ("perturbation", "ntk_condition"):
        found = selection.select(net, criterion, "oneshot", batches=[(x, y)])
        genotypes.append(net.genotype(found.decisions, found.inputs))
    assert all(len(genotype.normal) == len(genotype.reduce) == 4 for genotype in genotypes)
    assert same(everything(host, host.arch_parameters()), before)


def test_a_network_that_is_compiled_in_place_is_masked_all_the_same():
    host, x = drawn(host_quark0.Network, 0, steps=1, multiplier=1).eval(), torch.randn(2, 3, 8, 8)
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
    message = r"not recognised as one of .* as their alphas no tensor has a row for each: say which is which: adapt\(net, kind='generic', mapping="
    with pytest.raises(SelectionError, match=message):
        selection.adapt(host)


def test_a_network_without_normal_cells_answers_for_those_that_it_has():
    net = selection.adapt(drawn(host_quark0.Network, 0, layers=2))
    assert {name.partition("/")[0] for name in net.choices()} == {"reduce"} and net.genotype().normal == []


def test_a_copy_answers_for_itself():
    net = selection.adapt(drawn(host_quark0.Network, 0))
    twin = copy.deepcopy(net)
    with torch.no_grad():
        twin.host.alphas_normal.zero_()
    assert twin.logits()["normal/0/op"].eq(0).all() and not net.logits()["normal/0/op"].eq(0).any()
    assert twin.choices()["normal/0/op"]["none"][0] is twin.host.cells[0]._ops[0]._ops[0]


def test_alphas_may_be_bound_anew():
    host = drawn(host_quark0.Network, 0)
    net = selection.adapt(host)
    host.alphas_normal = torch.ones_like(host.alphas_normal, requires_grad=True)
    assert net.logits()["normal/1/op"].eq(1).all()
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


def test_a_planted_supernet_is_solved():
    net, batches = selection.adapt(Planted()), [textures()]
    assert (net(batches[0][0]).argmax(1) == batches[0][1]).all()
    assert set(selection.select(net, "magnitude", "oneshot").decisions.values()) == {"skip_connect"}
    for criterion in ("perturbation", "taylor"):
        assert set(selection.select(net, criterion, "oneshot", batches=batches).decisions.values()) == {
            "sep_conv_3x3"
        }, criterion


@pytest.mark.parametrize("seed", range(3))
def test_edges_of_pc_darts_are_ranked_by_alpha_and_beta_and_may_go_while_the_host_trains(seed):
    host = drawn(host_pcdarts.Network, seed)
    net = selection.adapt(host)
    assert chosen_by_alpha(net) == host.genotype()
    x, y, rounds = torch.randn(4, 3, 8, 8), torch.arange(4) % 3, []

    def tune(made):
        train_once(host, host.arch_parameters(), x, y)
        rounds.append(len(made.inputs))

    selection.select(net, "removal:loss", "progressive", batches=[(x, y)], tune=tune, race=0)
    assert max(rounds) > 0, "an edge was gone while it trained"
    assert not any("forward" in module.__dict__ for module in host.modules())
