"""Choices that a search finds in a network of no known code, and what it says where it finds none."""

import json

import pytest
import torch
from adapt.host_generic import Own, Shared
from torch import nn

import selection
from selection import SelectionError
from selection.testing import Planted, textures


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(0)
    return torch.randn(9, 6, generator=generator), torch.arange(9) % 3


def test_a_network_of_no_known_code_is_refused_with_what_a_search_finds():
    message = r"Own is not recognised as one of dartspt, .*; by search it has 2 choices \(Tanh, Linear_1, Linear_2\): "
    with pytest.raises(SelectionError, match=message):
        selection.adapt(Own())


def test_mixed_operations_with_their_own_alphas_are_found_and_listed():
    host = Own()
    net = selection.adapt(host, kind="generic")
    assert repr(net).splitlines()[2] == "  cell/1/op: Tanh, Linear_1, Linear_2; alphas strength; in rest.1.candidates.0"
    assert net.choices()["cell/1/op"]["Linear_2"] == [host.rest[1].candidates[2]]


def test_a_genotype_of_a_found_network_is_its_decisions(batch):
    net = selection.adapt(Own(), kind="generic")
    decisions = selection.select(net, "perturbation", "oneshot", batches=[batch]).decisions
    assert net.genotype(decisions) == decisions
    assert json.loads(net.to_json(decisions)) == {"format": "generic", "decisions": decisions}


@pytest.mark.parametrize("tensor", [True, False], ids=["one tensor", "a list of tensors"])
def test_rows_that_cells_share_are_found(batch, tensor):
    host = Shared(tensor)
    net = selection.adapt(host, kind="generic")
    assert net.choices()["cell/1/op"]["Linear_1"] == [cell.edges[1].candidates[1] for cell in host.cells]
    assert torch.equal(net.logits()["cell/1/op"], host.rows[1])
    x, _ = batch
    with selection.committed(net, "cell/0/op", "Tanh"):
        committed = host(x)
    with torch.no_grad():
        host.rows[0].copy_(torch.tensor([1e4, -1e4, -1e4]))
    torch.testing.assert_close(host(x), committed)
    assert torch.equal(net(x), host(x))


def test_two_tensors_that_could_be_the_alphas_are_refused():
    host = Shared()
    host.other = torch.randn(2, 3).requires_grad_()
    message = r"6 modules hold a list of candidates \(cells.0.edges.0, .*, ...\), and as their alphas 2 tensors fit, "
    message += "rows and other: say which is which"
    with pytest.raises(SelectionError, match=message):
        selection.adapt(host, kind="generic")


def test_two_tensors_of_the_same_size_on_one_mixed_operation_are_asked_about():
    host = Own()
    host.rest[1].scale = nn.Parameter(torch.ones(3))
    message = r"^rest.1: strength and scale may each be the alphas of its 3 candidates: say which is which: .* logits="
    with pytest.raises(SelectionError, match=message):
        selection.adapt(host, kind="generic")
    mapping = {"op": {"tanh": [host.rest[1].candidates[0]], "linear": [host.rest[1].candidates[1]]}}
    net = selection.adapt(host, kind="generic", mapping=mapping, logits={"op": host.rest[1].strength[:2]})
    assert list(net.choices()["op"]) == ["tanh", "linear"]


def test_a_tensor_around_mixed_operations_that_have_their_own_is_asked_about():
    host = Own()
    host.arch = nn.ParameterList(mixed.strength for mixed in host.rest)
    assert len(selection.adapt(host, kind="generic").choices()) == 2, "a list of the same tensors is no other"
    host.rows = nn.Parameter(torch.zeros(2, 3))
    message = "^rows, and strength of each of 2 mixed operations, may each be their alphas: say which is which"
    with pytest.raises(SelectionError, match=message):
        selection.adapt(host, kind="generic")


def test_mixed_operations_without_alphas_are_refused():
    host = Shared()
    del host.rows
    message = (
        r"and as their alphas no tensor has a row for each: say which is which: "
        r"adapt\(net, kind='generic', mapping="
    )
    with pytest.raises(SelectionError, match=message):
        selection.adapt(host)


def test_a_network_without_mixed_operations_is_refused():
    with pytest.raises(SelectionError, match=r"0 modules hold a list of candidates \(none\)"):
        selection.adapt(nn.Sequential(nn.Linear(3, 3)))


class PlantedWithoutAnswers(nn.Module):
    """The planted case with its edges as mixed operations, and without the answers of a selectable network."""

    def __init__(self):
        super().__init__()
        planted = Planted()
        self.mixed = nn.ModuleList(nn.Module() for _ in planted.edges)
        for mixed, edge in zip(self.mixed, planted.edges):
            mixed.options = edge
        self.alpha = planted.alpha
        self.inner = [planted]  # in a list, so that it is no submodule

    def forward(self, x):
        return self.inner[0](x)


@pytest.mark.parametrize(("criterion", "option"), [("magnitude", "skip_connect"), ("perturbation", "nor_conv_3x3")])
def test_a_criterion_decides_the_planted_network_that_a_search_found(criterion, option):
    net = selection.adapt(PlantedWithoutAnswers(), kind="generic")
    decisions = selection.select(net, criterion, "oneshot", batches=[textures()]).decisions
    assert set(decisions.values()) == {option}
