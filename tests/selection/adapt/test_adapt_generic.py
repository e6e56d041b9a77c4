"""Networks of no known code: choices that are told, choices that are found, and what is said where they are not."""

import json

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import selection
from selection import SelectionError
from selection.testing import Planted, textures


class Mixed(nn.Module):
    """A weighted sum of candidates; with an alpha of its own, or weights that are handed over."""

    def __init__(self, own=False, width=4):
        super().__init__()
        self.candidates = nn.ModuleList([nn.Tanh(), nn.Linear(width, width), nn.Linear(width, width)])
        if own:
            self.strength = nn.Parameter(torch.randn(3))

    def forward(self, x, weights=None):
        weights = F.softmax(self.strength, dim=-1) if weights is None else weights
        return sum(w * candidate(x) for w, candidate in zip(weights, self.candidates))


class Own(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.rest, self.last = (
            nn.Linear(6, 4),
            nn.Sequential(Mixed(own=True), Mixed(own=True)),
            nn.Linear(4, 3),
        )

    def forward(self, x):
        return self.last(self.rest(self.first(x)))


class Cell(nn.Module):
    def __init__(self):
        super().__init__()
        self.edges = nn.ModuleList(Mixed() for _ in range(2))

    def forward(self, x, rows):
        return sum(edge(x, F.softmax(row, dim=-1)) for edge, row in zip(self.edges, rows))


class Shared(nn.Module):
    """Three cells that share the two rows of one tensor, which is no parameter."""

    def __init__(self, tensor=True):
        super().__init__()
        self.first, self.last = nn.Linear(6, 4), nn.Linear(4, 3)
        self.cells = nn.ModuleList(Cell() for _ in range(3))
        self.rows = (
            torch.randn(2, 3).requires_grad_()
            if tensor
            else nn.ParameterList(nn.Parameter(torch.randn(3)) for _ in range(2))
        )

    def forward(self, x):
        x = self.first(x)
        for cell in self.cells:
            x = cell(x, self.rows)
        return self.last(x)


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(0)
    return torch.randn(9, 6, generator=generator), torch.arange(9) % 3


def test_mixed_operations_with_their_own_alphas_are_found_and_listed(batch):
    host = Own()
    with pytest.raises(
        SelectionError,
        match=r"Own is not recognised as one of dartspt, .*; by search it has 2 choices \(Tanh, Linear_1, Linear_2\): ",
    ):
        selection.adapt(host)
    net = selection.adapt(host, kind="generic")
    assert repr(net).splitlines()[2] == "  cell/1/op: Tanh, Linear_1, Linear_2; alphas strength; in rest.1.candidates.0"
    assert net.choices()["cell/1/op"]["Linear_2"] == [host.rest[1].candidates[2]]
    found = selection.select(net, "perturbation", "oneshot", batches=[batch])
    assert net.genotype(found.decisions) == found.decisions
    assert json.loads(net.to_json(found.decisions)) == {"format": "generic", "decisions": found.decisions}


@pytest.mark.parametrize("tensor", [True, False])
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


def test_what_cannot_be_told_apart_is_asked_for():
    host = Shared()
    host.other = torch.randn(2, 3).requires_grad_()
    with pytest.raises(
        SelectionError,
        match=r"6 modules hold a list of candidates \(cells.0.edges.0, .*, ...\), and as their alphas 2 tensors fit: ",
    ):
        selection.adapt(host, kind="generic")
    del host.other, host.rows
    with pytest.raises(
        SelectionError,
        match=r"and as their alphas no tensor has a row for each: say which is which: adapt\(net, kind='generic', "
        r"mapping=",
    ):
        selection.adapt(host)
    with pytest.raises(SelectionError, match=r"0 modules hold a list of candidates \(none\)"):
        selection.adapt(nn.Sequential(nn.Linear(3, 3)))


def mapping_of(host):
    return {
        f"cell/{row}/op": {
            "tanh": [c.edges[row].candidates[0] for c in host.cells],
            "a": [c.edges[row].candidates[1] for c in host.cells],
            "b": [c.edges[row].candidates[2] for c in host.cells],
        }
        for row in range(2)
    }


@pytest.mark.parametrize("function", [True, False])
def test_a_mapping_is_taken_as_given(batch, function):
    host = Shared()

    def rows(net):
        return {f"cell/{row}/op": net.rows[row] for row in range(2)}

    nodes = {"cell/n1": (1, ["cell/0/op", "cell/1/op"])}
    given = rows if function else rows(host)
    net = selection.adapt(host, kind="generic", mapping=mapping_of(host), logits=given, inputs=nodes, excluded=["tanh"])
    found = selection.select(net, "perturbation", "oneshot", batches=[batch])
    assert set(found.decisions.values()) <= {"a", "b"} and len(net.genotype(found.decisions, found.inputs)) == 1
    assert net.genotype() == net.genotype(selection.select(net, "magnitude", "oneshot").decisions)
    assert "alphas given" in repr(net)


def test_part_of_an_output_is_the_logits(batch):
    class Two(Own):
        def forward(self, x):
            return {"aux": x, "logits": super().forward(x)}

    assert selection.adapt(Two(), kind="generic", output="logits")(batch[0]).shape == (9, 3)


def test_a_part_that_an_output_does_not_have_is_told_at_the_first_call(batch):
    class Parts(Own):
        def __init__(self, kind):
            super().__init__()
            self.kind = kind

        def forward(self, x):
            return (
                self.kind(logits=x)
                if self.kind is dict
                else self.kind([x, x])
                if self.kind is tuple
                else super().forward(x)
            )

    for kind, output, message in [
        (None, 3, "the network returns one tensor, which has no part output=3: leave output out"),
        (None, "logits", "the network returns one tensor, which has no part output='logits': leave output out"),
        (tuple, 3, "the network returns a tuple with 2 parts, and output=3 is none of them"),
        (tuple, "logits", "the network returns a tuple with 2 parts, and output='logits' is none of them"),
        (dict, "logit", "the network returns a dict with the keys logits, and output='logit' is none of them"),
    ]:
        net = selection.adapt(Parts(kind), kind="generic", output=output)
        with pytest.raises(SelectionError, match=message):
            net(batch[0])
        with pytest.raises(SelectionError, match=message) as caught:
            selection.select(net, "perturbation", batches=[batch])
        assert "\n" not in str(caught.value)


def test_answers_of_another_form_are_refused():
    host = Shared()
    rows, own = {f"cell/{row}/op": host.rows[row] for row in range(2)}, mapping_of(host)
    for given, message in [
        ({"excluded": "tanh"}, r"excluded is a list of option names, as \['none'\], not an object of type str"),
        ({"excluded": 3}, "excluded is a list of option names"),
        ({"excluded": ["tahn"]}, "unknown option in excluded 'tahn': did you mean 'tanh'"),
        ({"mapping": [own]}, r"mapping is a dict \{choice: \{option: \[modules\]\}\}, not an object of type list"),
        (
            {"mapping": {**own, "cell/1/op": []}},
            r"mapping: cell/1/op is a dict \{option: \[modules\]\}, not an object of type list",
        ),
        ({"mapping": {"cell/0/op": {"tanh": [[]]}}}, "mapping: tanh of cell/0/op is not a list of modules"),
        (
            {"logits": {name: row.tolist() for name, row in rows.items()}},
            "logits: cell/0/op is a tensor .*, not an object of type list",
        ),
        ({"logits": list(rows)}, "logits is a dict .*, not an object of type list"),
        (
            {"logits": lambda net: None},
            "logits is a dict .*, or a function that returns one, not an object of type NoneType",
        ),
        ({"inputs": {"n": 3}}, r"inputs: what n is given is no pair \(edges it keeps, \[choices\]\)"),
        ({"inputs": {"n": (1, "cell/0/op")}}, "inputs: what n is given is no pair"),
        ({"inputs": 3}, "inputs is a dict .*, not an object of type int"),
    ]:
        with pytest.raises(SelectionError, match=message) as caught:
            selection.adapt(host, kind="generic", **{"mapping": own, "logits": rows, **given})
        assert "\n" not in str(caught.value)
    with pytest.raises(SelectionError, match=r"unknown option in excluded 'nope' \(known: Linear_1, Linear_2, Tanh\)"):
        selection.adapt(Shared(), kind="generic", excluded=["nope"])


def test_half_a_mapping_and_a_wrong_one_are_refused():
    host = Shared()
    with pytest.raises(SelectionError, match="are given together"):
        selection.adapt(host, kind="generic", mapping=mapping_of(host))
    with pytest.raises(SelectionError, match=r"cell/1/op: logits\(\) gives nothing for its 3 options"):
        selection.adapt(host, kind="generic", mapping=mapping_of(host), logits={"cell/0/op": host.rows[0]})
    with pytest.raises(
        SelectionError, match="kind generic takes no primitives; its context: mapping, logits, inputs, excluded, output"
    ):
        selection.adapt(host, kind="generic", primitives=[])


def test_what_is_no_network_is_refused():
    with pytest.raises(
        SelectionError, match=r"adapt takes a network, a torch.nn.Module, not a dict \(of NASLib: optimizer.graph\)"
    ):
        selection.adapt({})


def test_a_selectable_net_comes_back_as_it_is(tmp_path):
    net = Planted()
    assert selection.adapt(net) is net and selection.adapt(nn.DataParallel(net)) is net
    torch.distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/rendezvous", rank=0, world_size=1)
    try:
        assert selection.adapt(nn.parallel.DistributedDataParallel(net)) is net
    finally:
        torch.distributed.destroy_process_group()


def test_a_planted_network_is_solved_by_search():
    class Found(nn.Module):
        """The planted case with its edges as mixed operations, and without its answers."""

        def __init__(self):
            super().__init__()
            planted = Planted()
            self.mixed = nn.ModuleList(nn.Module() for _ in planted.edges)
            for mixed, edge in zip(self.mixed, planted.edges):
                mixed.options = edge
            self.alpha, self.inner = planted.alpha, [planted]

        def forward(self, x):
            return self.inner[0](x)

    net = selection.adapt(Found(), kind="generic")
    assert set(selection.select(net, "magnitude", "oneshot").decisions.values()) == {"skip_connect"}
    assert set(selection.select(net, "perturbation", "oneshot", batches=[textures()]).decisions.values()) == {
        "nor_conv_3x3"
    }
