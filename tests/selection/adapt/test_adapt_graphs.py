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


@pytest.fixture(params=BENCHES, ids=lambda build: build.__name__)
def bench(request):
    torch.manual_seed(0)
    return request.param()


@pytest.fixture(scope="module")
def darts_net():
    """An adapted DARTS space of NASLib, for tests that change nothing of it."""
    torch.manual_seed(0)
    return selection.adapt(host_naslib.darts_space())


def own_structure(host):
    """The host's own genotype, a property in one code and a method in the other."""
    return host.genotype if isinstance(host.genotype, host_nasbench201.Structure) else host.genotype()


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("build", BENCHES[:2])
def test_magnitude_is_the_rule_of_nasbench201(build, seed):
    torch.manual_seed(seed)
    host = build()
    net = selection.adapt(host)
    expected = own_structure(host).tostr()
    assert net.genotype() == expected
    assert net.genotype(selection.select(net, "magnitude", "oneshot").decisions) == expected


@pytest.mark.parametrize("build", BENCHES[:2])
def test_nasbench201_answers_with_a_structure_where_one_is_given(build):
    host = build()
    structure = selection.adapt(host, genotype=host_nasbench201.Structure).genotype()
    assert isinstance(structure, host_nasbench201.Structure)
    assert structure.nodes == own_structure(host).nodes


def test_json_of_nasbench201_is_read_by_our_genotypes(bench):
    net = selection.adapt(bench)
    decisions = selection.select(net, "magnitude", "oneshot").decisions
    assert Genotype.from_json(net.to_json(decisions)).to_text() == net.genotype()


def test_nasbench201_keeps_all_edges_and_may_choose_none(bench):
    net = selection.adapt(bench)
    assert net.inputs() == {}
    assert net.excluded() == ()


@pytest.mark.parametrize("mode", [None, "gdas"])
def test_any_mode_is_run_as_the_mixture_and_kept(mode):
    host, x = host_nasbench201.GenericNAS201Model().eval(), torch.randn(2, 3, 8, 8)
    net = selection.adapt(host)
    host.set_cal_mode("joint")
    expected = logits_of(host, x)
    host.set_cal_mode(mode)
    assert torch.equal(net(x), expected)
    assert host.mode == mode


def test_a_network_that_samples_is_not_taken_for_a_mixture():
    message = (
        "TinyNetworkGDAS runs one sampled candidate an edge, never the mixture: load its state_dict into a network"
    )
    with pytest.raises(SelectionError, match=message):
        selection.adapt(host_nasbench201.TinyNetworkGDAS())


def test_a_temperature_does_not_make_a_mixture_a_sample():
    host = host_nasbench201.TinyNetworkDarts()
    host.set_tau = lambda tau: None
    assert selection.adapt(host).find_mixing().weighting.name == "softmax"


def test_a_mixture_by_drawn_weights_is_taken_and_said_to_be_one():
    batch = torch.randn(6, 3, 8, 8), torch.arange(6) % 3
    with pytest.warns(UserWarning, match="TinyNetworkDirichlet draws its weights"):
        net = selection.adapt(host_nasbench201.TinyNetworkDirichlet())
    found = selection.select(net, "perturbation_loss", "progressive", batches=[batch])
    assert "TinyNetworkDirichlet draws its weights" in found.notes[0]


def test_a_nasbench201_that_darts_pt_has_projected_is_refused():
    host = host_nasbench201.TinyNetworkDartsProj()
    host.candidate_flags[2] = False
    with pytest.raises(SelectionError, match="darts-pt has projected 1 edges itself"):
        selection.adapt(host)


def test_alphas_of_nasbench201_are_found_by_the_edges_names_not_their_order():
    host = host_nasbench201.TinyNetworkDarts()
    for cell in (host.cells[0], host.cells[2]):
        cell.edge2index = {key: 5 - index for key, index in cell.edge2index.items()}
    net = selection.adapt(host)
    assert torch.equal(net.logits()["cell/0/op"], host.arch_parameters[5])
    assert net.choices()["cell/1/op"]["none"] == [host.cells[0].edges["2<-0"][0], host.cells[2].edges["2<-0"][0]]


class Brighter(nn.Module):
    def forward(self, x):
        return brighter_than(1.4, x)


def test_perturbation_finds_the_planted_operation_where_magnitude_does_not():
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


def test_options_of_naslib_are_called_as_in_darts(darts_net):
    assert list(darts_net.choices()["reduce/0/op"]) == ["skip_connect", "none", "max_pool_3x3", "sep_conv_3x3"]
    assert darts_net.excluded() == ("none",)


def test_naslib_answers_in_its_own_names(darts_net):
    decisions = dict.fromkeys(darts_net.choices(), "skip_connect")
    genotype = darts_net.genotype(decisions, {"normal/n2": ["normal/4/op", "normal/2/op"]})
    assert genotype["normal_cell"] == dict.fromkeys([(1, 3), (2, 3), (3, 4), (1, 4)], "Identity")
    assert genotype["reduction_cell"][1, 3] == "FactorizedReduce"


def test_naslib_answers_with_a_namedtuple_where_one_is_given(darts_net):
    genotype = namedtuple("Genotype", "normal normal_concat reduce reduce_concat")
    net = selection.adapt(darts_net.host, genotype=genotype)
    flat = net.genotype(dict.fromkeys(net.choices(), "max_pool_3x3"))
    assert [source for _, source in flat.normal[:2]] == [0, 1]
    assert flat.normal_concat == range(2, 4)


def test_json_of_naslib_is_read_by_our_genotypes(darts_net):
    assert Genotype.from_json(darts_net.to_json()).to_text().startswith("Genotype(normal=[(")


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
        normal = net.genotype()["normal_cell"]
        assert net.genotype(found.decisions, found.inputs)["normal_cell"] == normal
        assert {edge: name for edge, name in normal.items() if edge[1] == 4} == truncated(cell)


def test_nasbench201_of_naslib_keeps_all_edges_and_makes_the_usual_string():
    torch.manual_seed(0)
    net = selection.adapt(host_naslib.bench_space())
    assert net.inputs() == {}
    assert len(net.choices()) == 6
    assert json.loads(net.to_json())["cells"]["cell"]["concat"] == [3]
    assert Genotype.from_json(net.to_json()).to_text() == selection.adapt(net.host, genotype=str).genotype()
    assert set(net.genotype()["cell"].values()) <= {"Identity", "Zero", "AvgPool1x1", "ReLUConvBN3x3"}


def test_the_edges_of_naslib_are_counted_node_by_node(darts_net):
    cell = darts_net.host.order[0][0]
    for row, (tail, head) in enumerate([(1, 3), (2, 3), (1, 4), (2, 4), (3, 4)]):
        assert darts_net.logits()[f"normal/{row}/op"] is cell.get_edge_data(tail, head).alpha


def test_an_option_of_naslib_is_carried_by_each_copy_of_the_cell(darts_net):
    carriers = darts_net.choices()["normal/4/op"]["sep_conv_3x3"]
    assert len(carriers) == 2
    assert carriers[1] is darts_net.host.order[2][0].get_edge_data(3, 4).op.primitives[3]


def test_the_auxiliary_output_of_naslib_is_put_back(darts_net):
    darts_net(torch.randn(2, 3, 8, 8))
    assert darts_net.host.graph == {"name": "makrograph"}


def test_a_graph_whose_copies_have_alphas_of_their_own_is_refused():
    host = host_naslib.darts_space()
    edge = host.order[2][0].get_edge_data(1, 3)
    edge.update({"alpha": nn.Parameter(torch.zeros(4))})
    with pytest.raises(
        SelectionError, match="normal/0/op: the copies of normal_cell do not share one alpha: add it with shared=True"
    ):
        selection.adapt(host)


def test_a_graph_without_a_mixed_operation_on_an_edge_is_refused():
    host = host_naslib.darts_space()
    host.order[2][0].get_edge_data(1, 3).update({"op": nn.Identity()})
    with pytest.raises(SelectionError, match=r"normal/0/op: a \w+ has no `primitives`"):
        selection.adapt(host)


def test_a_graph_without_alphas_is_refused():
    host = host_naslib.darts_space()
    for graph, _ in host.order:
        for _, _, data in graph.edges.data():
            data._data.pop("alpha", None)
    with pytest.raises(
        SelectionError, match="it has no edges with `alpha`, which an optimizer's adapt_search_space adds"
    ):
        selection.adapt(host, kind="naslib")
