"""Choices that are given of a network of no known code: what is taken, and what is refused."""

import pytest
import torch
from adapt.host_generic import Own, Shared
from torch import nn

import selection
from selection import SelectionError
from selection.testing import Planted


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(0)
    return torch.randn(9, 6, generator=generator), torch.arange(9) % 3


@pytest.fixture(scope="module")
def shared():
    """A host for tests that change nothing of it."""
    return Shared()


def mapping_of(host):
    """{choice: {option: [modules]}}, with names of our own for the options."""
    mapping = {}
    for row in range(2):
        edges = [cell.edges[row] for cell in host.cells]
        options = {}
        for index, name in enumerate(("tanh", "a", "b")):
            options[name] = [edge.candidates[index] for edge in edges]
        mapping[f"cell/{row}/op"] = options
    return mapping


def rows_of(host):
    return {f"cell/{row}/op": host.rows[row] for row in range(2)}


@pytest.mark.parametrize("function", [True, False], ids=["logits by a function", "logits in a dict"])
def test_a_given_mapping_is_selected_on(batch, shared, function):
    net = selection.adapt(
        shared,
        kind="generic",
        mapping=mapping_of(shared),
        logits=rows_of if function else rows_of(shared),
        inputs={"cell/n1": (1, ["cell/0/op", "cell/1/op"])},
        excluded=["tanh"],
    )
    found = selection.select(net, "perturbation", "oneshot", batches=[batch])
    assert set(found.decisions.values()) <= {"a", "b"}
    assert len(net.genotype(found.decisions, found.inputs)) == 1
    assert net.genotype() == net.genotype(selection.select(net, "magnitude", "oneshot").decisions)
    assert "alphas given" in repr(net)


class Returning(Own):
    """A network that returns what a function makes of its logits."""

    def __init__(self, wrap):
        super().__init__()
        self.wrap = wrap

    def forward(self, x):
        return self.wrap(super().forward(x))


def tensor_only(logits):
    return logits


def pair(logits):
    return logits, logits


def keyed(logits):
    return {"logits": logits}


def test_a_named_part_of_the_output_is_the_logits(batch):
    net = selection.adapt(Returning(keyed), kind="generic", output="logits")
    assert net(batch[0]).shape == (9, 3)


@pytest.mark.parametrize(
    ("wrap", "output", "message"),
    [
        (tensor_only, 3, "the network returns one tensor, which has no part output=3: leave output out"),
        (tensor_only, "logits", "the network returns one tensor, which has no part output='logits': leave output out"),
        (pair, 3, "the network returns a tuple with 2 parts, and output=3 is none of them"),
        (pair, "logits", "the network returns a tuple with 2 parts, and output='logits' is none of them"),
        (keyed, "logit", "the network returns a dict with the keys logits, and output='logit' is none of them"),
    ],
    ids=["index of a tensor", "key of a tensor", "index of a tuple", "key of a tuple", "key of a dict"],
)
def test_a_part_that_the_output_does_not_have_is_refused_at_the_first_call(batch, wrap, output, message):
    net = selection.adapt(Returning(wrap), kind="generic", output=output)
    with pytest.raises(SelectionError, match=message):
        net(batch[0])
    with pytest.raises(SelectionError, match=message) as caught:
        selection.select(net, "perturbation", batches=[batch])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"excluded": "tanh"}, r"excluded is a list of option names, as \['none'\], not an object of type str"),
        ({"excluded": 3}, "excluded is a list of option names"),
        ({"excluded": ["tahn"]}, "unknown option in excluded 'tahn': did you mean 'tanh'"),
        ({"mapping": [{}]}, r"mapping is a dict \{choice: \{option: \[modules\]\}\}, not an object of type list"),
        (
            {"mapping": {"cell/1/op": []}},
            r"mapping: cell/1/op is a dict \{option: \[modules\]\}, not an object of type list",
        ),
        ({"mapping": {"cell/0/op": {"tanh": [[]]}}}, "mapping: tanh of cell/0/op is not a list of modules"),
        ({"logits": {"cell/0/op": [0.0] * 3}}, "logits: cell/0/op is a tensor .*, not an object of type list"),
        ({"logits": ["cell/0/op"]}, "logits is a dict .*, not an object of type list"),
        (
            {"logits": lambda net: None},
            "logits is a dict .*, or a function that returns one, not an object of type NoneType",
        ),
        ({"inputs": {"n": 3}}, r"inputs: what n is given is no pair \(edges it keeps, \[choices\]\)"),
        ({"inputs": {"n": (1, "cell/0/op")}}, "inputs: what n is given is no pair"),
        ({"inputs": 3}, "inputs is a dict .*, not an object of type int"),
    ],
    ids=[
        "excluded a string",
        "excluded a number",
        "excluded misspelt",
        "mapping a list",
        "options a list",
        "modules are none",
        "alpha a list",
        "logits a list",
        "logits return None",
        "node a number",
        "node's choices a string",
        "inputs a number",
    ],
)
def test_a_given_answer_of_another_form_is_refused(shared, wrong, message):
    context = {"mapping": mapping_of(shared), "logits": rows_of(shared), **wrong}
    with pytest.raises(SelectionError, match=message) as caught:
        selection.adapt(shared, kind="generic", **context)
    assert "\n" not in str(caught.value)


def test_an_excluded_option_that_no_found_choice_has_is_refused(shared):
    message = r"unknown option in excluded 'nope' \(known: Linear_1, Linear_2, Tanh\)"
    with pytest.raises(SelectionError, match=message):
        selection.adapt(shared, kind="generic", excluded=["nope"])


def test_a_mapping_without_logits_is_refused(shared):
    with pytest.raises(SelectionError, match="are given together"):
        selection.adapt(shared, kind="generic", mapping=mapping_of(shared))


def test_a_choice_without_logits_is_refused(shared):
    message = r"cell/1/op: logits\(\) gives nothing for its 3 options"
    with pytest.raises(SelectionError, match=message):
        selection.adapt(shared, kind="generic", mapping=mapping_of(shared), logits={"cell/0/op": shared.rows[0]})


def test_context_of_another_kind_is_refused(shared):
    message = "kind generic takes no primitives; its context: mapping, logits, inputs, excluded, output"
    with pytest.raises(SelectionError, match=message):
        selection.adapt(shared, kind="generic", primitives=[])


def test_what_is_no_network_is_refused():
    message = r"adapt takes a network, a torch.nn.Module, not a dict \(of NASLib: optimizer.graph\)"
    with pytest.raises(SelectionError, match=message):
        selection.adapt({})


@pytest.fixture
def process_group(tmp_path):
    torch.distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/rendezvous", rank=0, world_size=1)
    yield
    torch.distributed.destroy_process_group()


def test_a_selectable_net_comes_back_as_it_is():
    net = Planted()
    assert selection.adapt(net) is net
    assert selection.adapt(nn.DataParallel(net)) is net


def test_a_selectable_net_comes_out_of_distributed_data_parallel(process_group):
    net = Planted()
    assert selection.adapt(nn.parallel.DistributedDataParallel(net)) is net
