"""NAS-Bench-201 supernets and NASLib's graphs: the host's own genotype, modes, and what each has of its own."""

import json
from collections import namedtuple

import pytest
import torch
from adapt import host_nasbench201, host_naslib
from adapt.adapt_oracles import Edges, brighter_than, logits_of
from torch import nn

import selection
from selection import SelectionError
from selection.testing import textures
from supernet import Genotype

BENCHES = [
    host_nasbench201.TinyNetworkDarts,
    host_nasbench201.GenericNAS201Model,
    host_nasbench201.TinyNetworkDartsProj,
]


@pytest.mark.parametrize("build", BENCHES)
def test_magnitude_is_the_rule_of_nasbench201(build):
    for seed in range(5):
        torch.manual_seed(seed)
        host = build()
        net = selection.adapt(host)
        found = selection.select(net, "magnitude", "oneshot")
        if build is not host_nasbench201.TinyNetworkDartsProj:
            own = host.genotype if isinstance(host.genotype, host_nasbench201.Structure) else host.genotype()
            assert net.genotype(found.decisions) == net.genotype() == own.tostr()
            structure = selection.adapt(host, genotype=host_nasbench201.Structure).genotype()
            assert isinstance(structure, host_nasbench201.Structure) and structure.nodes == own.nodes
        assert Genotype.from_json(net.to_json(found.decisions)).to_text() == net.genotype()
        assert net.inputs() == {} and net.excluded() == ()


def test_any_mode_is_run_as_the_mixture_and_kept():
    host, x = host_nasbench201.GenericNAS201Model().eval(), torch.randn(2, 3, 8, 8)
    net = selection.adapt(host)
    host.set_cal_mode("joint")
    expected = logits_of(host, x)
    for mode in (None, "gdas"):
        host.set_cal_mode(mode)
        assert torch.equal(net(x), expected) and host.mode == mode


def test_a_network_that_samples_is_not_taken_for_a_mixture():
    host = host_nasbench201.TinyNetworkDarts()
    host.set_tau = lambda tau: None
    with pytest.raises(
        SelectionError,
        match="runs one sampled candidate an edge, never the mixture: load its state_dict into a TinyNetworkDarts",
    ):
        selection.adapt(host)


def test_what_darts_pt_has_projected_in_nasbench201_is_its_own():
    host = host_nasbench201.TinyNetworkDartsProj()
    host.candidate_flags[2] = False
    with pytest.raises(SelectionError, match="darts-pt has projected 1 edges itself"):
        selection.adapt(host)


def test_edges_go_by_their_names_not_by_their_order():
    host = host_nasbench201.TinyNetworkDarts()
    for cell in (host.cells[0], host.cells[2]):
        cell.edge2index = {key: 5 - index for key, index in cell.edge2index.items()}
    net = selection.adapt(host)
    assert torch.equal(net.logits()["cell/0/op"], host.arch_parameters[5])
    assert net.choices()["cell/1/op"]["none"] == [host.cells[0].edges["2<-0"][0], host.cells[2].edges["2<-0"][0]]


class Brighter(nn.Module):
    def forward(self, x):
        return brighter_than(1.4, x)


def test_a_planted_bench_is_solved():
    host = host_nasbench201.TinyNetworkDarts(
        c=1, max_nodes=2, classes=2, channels=1, names=["none", "skip_connect", "nor_conv_3x3"]
    )
    host.cells, host.stem = host.cells[:1], nn.Identity()
    host.cells[0].edges["1<-0"][2] = Edges()
    with torch.no_grad():
        host.arch_parameters.copy_(torch.tensor([[-1.0, 2.0, 0.0]]))
    host.features = lambda x: host.cells[0](x, host.arch_parameters.softmax(-1))
    host.classifier = Brighter()
    net = selection.adapt(host)
    assert net.genotype() == "|skip_connect~0|"
    found = selection.select(net, "perturbation", "oneshot", batches=[textures()])
    assert net.genotype(found.decisions) == "|nor_conv_3x3~0|"


def test_naslib_answers_in_its_own_names_and_in_ours():
    torch.manual_seed(0)
    host = host_naslib.darts_space()
    net = selection.adapt(host)
    assert list(net.choices()["reduce/0/op"]) == [
        "skip_connect",
        "none",
        "max_pool_3x3",
        "sep_conv_3x3",
    ] and net.excluded() == ("none",)
    own = net.genotype(dict.fromkeys(net.choices(), "skip_connect"), {"normal/n2": ["normal/4/op", "normal/2/op"]})
    assert own["normal_cell"] == {(1, 3): "Identity", (2, 3): "Identity", (3, 4): "Identity", (1, 4): "Identity"}
    assert own["reduction_cell"][1, 3] == "FactorizedReduce"
    own_tuple = namedtuple("Genotype", "normal normal_concat reduce reduce_concat")
    flat = selection.adapt(host, genotype=own_tuple).genotype(dict.fromkeys(net.choices(), "max_pool_3x3"))
    assert [source for _, source in flat.normal[:2]] == [0, 1] and flat.normal_concat == range(2, 4)
    assert Genotype.from_json(net.to_json()).to_text().startswith("Genotype(normal=[(")


def truncated(graph):
    """The edges into the last node that NASLib's `_truncate_input_edges` keeps, and their operations: `Zero` has no
    share of the softmax."""
    rows = {}
    for tail, head, data in graph.edges.data():
        if head == 4 and data.has("alpha"):
            rows[tail, head] = data.alpha.detach().clone()
            rows[tail, head][1] = -torch.inf
    kept = sorted(rows, key=lambda edge: rows[edge].softmax(0).max(), reverse=True)[:2]
    return {edge: ("Identity", "Zero", "MaxPool", "SepConv3x3")[rows[edge].argmax()] for edge in kept}


@pytest.mark.parametrize("scale", [1e-3, 1.0, 5.0])
def test_magnitude_is_the_rule_of_naslib_which_ranks_edges_without_zero(scale):
    host = host_naslib.darts_space()
    net, cell = selection.adapt(host), host.order[0][0]
    for _ in range(30):
        with torch.no_grad():
            for row in net.logits().values():
                row.normal_(0, scale)
        found = selection.select(net, "magnitude", "oneshot")
        own = net.genotype()["normal_cell"]
        assert own == net.genotype(found.decisions, found.inputs)["normal_cell"]
        assert {edge: name for edge, name in own.items() if edge[1] == 4} == truncated(cell)


def test_naslibs_nasbench201_is_a_string_in_json():
    torch.manual_seed(0)
    net = selection.adapt(host_naslib.bench_space())
    assert net.inputs() == {} and len(net.choices()) == 6
    assert json.loads(net.to_json())["cells"]["cell"]["concat"] == [3]
    assert Genotype.from_json(net.to_json()).to_text() == selection.adapt(net.host, genotype=str).genotype()
    assert set(net.genotype()["cell"].values()) <= {"Identity", "Zero", "AvgPool1x1", "ReLUConvBN3x3"}


def test_the_edges_of_naslib_are_counted_node_by_node():
    net = selection.adapt(host_naslib.darts_space())
    cell = net.host.order[0][0]
    for row, (tail, head) in enumerate([(1, 3), (2, 3), (1, 4), (2, 4), (3, 4)]):
        assert net.logits()[f"normal/{row}/op"] is cell.get_edge_data(tail, head).alpha
    copies = net.choices()["normal/4/op"]["sep_conv_3x3"]
    assert len(copies) == 2 and copies[1] is net.host.order[2][0].get_edge_data(3, 4).op.primitives[3]


def test_the_auxiliary_output_of_naslib_is_put_back():
    host = host_naslib.darts_space()
    selection.adapt(host)(torch.randn(2, 3, 8, 8))
    assert host.graph == {"name": "makrograph"}


def test_what_is_wrong_with_a_graph_is_said():
    host = host_naslib.darts_space()
    edge = host.order[2][0].get_edge_data(1, 3)
    edge.update({"alpha": nn.Parameter(torch.zeros(4))})
    with pytest.raises(
        SelectionError, match="normal/0/op: the copies of normal_cell do not share one alpha: add it with shared=True"
    ):
        selection.adapt(host)
    edge.update({"op": nn.Identity()})
    with pytest.raises(SelectionError, match=r"normal/0/op: a \w+ has no `primitives`"):
        selection.adapt(host)
    for graph, _ in host.order:
        for _, _, data in graph.edges.data():
            data._data.pop("alpha", None)
    with pytest.raises(
        SelectionError, match="it has no edges with `alpha`, which an optimizer's adapt_search_space adds"
    ):
        selection.adapt(host, kind="naslib")
