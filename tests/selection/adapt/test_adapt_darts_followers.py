"""darts-pt, PC-DARTS and pt.darts, which follow quark0/darts: what each has of its own."""

import json

import pytest
import torch
from adapt import host_dartspt, host_pcdarts, host_ptdarts, host_quark0
from adapt.adapt_oracles import chosen_by_alpha, drawn, train_once
from torch import nn

import selection
from selection import SelectionError


@pytest.mark.parametrize("scale", [1e-3, 1.0, 10.0])
def test_magnitude_is_the_rule_of_pt_darts_which_ranks_edges_by_alpha_itself(scale):
    host = drawn(host_ptdarts.SearchCNNController, 0, nodes=4, device_ids=[0])
    net = selection.adapt(host)
    for _ in range(10):
        with torch.no_grad():
            for alpha in host.alphas():
                alpha.normal_(0, scale)
        expected = host.genotype()
        assert net.genotype() == expected
        assert chosen_by_alpha(net) == expected
    assert [len(node) for node in net.genotype().normal] == [2] * 4


def test_pc_darts_ranks_edges_by_alpha_and_beta():
    differ_from_quark0 = 0
    for seed in range(8):
        host = drawn(host_pcdarts.Network, seed)
        net = selection.adapt(host)
        expected = host.genotype()
        assert net.genotype() == expected
        assert chosen_by_alpha(net) == expected
        differ_from_quark0 += expected != host_quark0.Network.genotype(host)
    assert differ_from_quark0 > 0, "beta decided nothing"


def test_a_dropped_edge_of_pc_darts_drops_the_channels_that_pass_by_too():
    host, x = drawn(host_pcdarts.Network, 0).eval(), torch.randn(2, 3, 8, 8)
    net = selection.adapt(host)
    edge = host.cells[0]._ops[4]
    with selection.masked(net, {"normal/4/op": list(net.choices()["normal/4/op"])}):
        without = net(x)
    assert "forward" not in edge.__dict__
    edge.forward = lambda x, weights: x.new_zeros(x.shape)
    torch.testing.assert_close(without, host(x))


def test_a_dropped_edge_of_pc_darts_stays_dropped_while_the_host_trains():
    host = drawn(host_pcdarts.Network, 0)
    net = selection.adapt(host)
    x, y = torch.randn(2, 3, 4, 4), torch.arange(2)
    decided_nodes = []

    def tune(decisions):
        train_once(host, host.arch_parameters(), x, y)
        decided_nodes.append(len(decisions.inputs))

    selection.select(net, "removal:loss", "progressive", batches=[(x, y)], tune=tune, race=0)
    assert max(decided_nodes) > 0, "no edge was gone while it trained"
    assert not any("forward" in module.__dict__ for module in host.modules())


def test_json_of_pt_darts_has_the_format_of_darts():
    net = selection.adapt(drawn(host_ptdarts.SearchCNNController, 3))
    assert json.loads(net.to_json())["format"] == "darts"


def test_names_of_darts_pt_are_those_of_the_cells_not_the_global(monkeypatch):
    host = drawn(host_dartspt.DartsNetworkProj, 0)
    monkeypatch.setattr(nn.Module, "PRIMITIVES", {"primitives_normal": [["none"]]}, raising=False)
    choices = selection.adapt(host).choices()
    assert [list(choices[f"normal/{row}/op"]) for row in range(2)] == host_dartspt.ROWS


def test_a_network_of_darts_pt_may_be_adapted_as_quark0():
    host = drawn(host_dartspt.DartsNetworkProj, 0)
    net = selection.adapt(host, kind="quark0", primitives=host.op_names)
    assert type(net).__name__ == "Quark0"


def test_a_network_that_darts_pt_has_projected_is_refused():
    host = drawn(host_dartspt.DartsNetworkProj, 0)
    host.project_op(1, 0, "reduce")
    with pytest.raises(SelectionError, match="darts-pt has projected 1 edges itself: adapt the network before"):
        selection.adapt(host)


def test_a_committed_option_is_what_darts_pt_projects_to():
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
