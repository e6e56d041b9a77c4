"""The same checkpoint as old torch, wrappers and forks write it: each gives the supernet of the plain one."""

from pathlib import Path

import pytest
import recorded_supernets as peers
import torch

from supernet import SpaceError, from_nasbench201, from_ptdarts, from_quark0

FIXTURE = torch.load(Path(__file__).parents[2] / "fixtures" / "quark0.pt", weights_only=True)
STATE, NORMAL, REDUCE = (FIXTURE[name] for name in ("state_dict", "alphas_normal", "alphas_reduce"))
HOSTS = peers.recorded()
NODES = (2, 3, 4, 5)  # rows of alphas of each node


def host(name):
    return peers.values(HOSTS[name]["shapes"])


def without_counters(state):
    return {name: tensor for name, tensor in state.items() if not name.endswith("num_batches_tracked")}


def with_prefix(prefix, state):
    return {prefix + name: tensor for name, tensor in state.items()}


def assert_same(net, expected):
    ours, theirs = net.state_dict(), expected.state_dict()
    assert ours.keys() == theirs.keys()
    for name in theirs:
        if not name.endswith("num_batches_tracked"):
            assert torch.equal(ours[name], theirs[name]), name


def test_batchnorms_of_old_torch_have_no_counters():
    old = without_counters(STATE)
    assert len(old) < len(STATE)
    assert_same(from_quark0(old, NORMAL, REDUCE), from_quark0(STATE, NORMAL, REDUCE))
    s2 = host("dartspt_s2")
    alphas = [s2.pop(name) for name in ("alphas_normal", "alphas_reduce")]
    assert from_quark0(without_counters(s2), *alphas).space.name == "s2"
    assert_same(from_ptdarts(without_counters(host("ptdarts"))), from_ptdarts(host("ptdarts")))
    assert_same(from_nasbench201(without_counters(host("autodl_tiny"))), from_nasbench201(host("autodl_tiny")))


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module."])
def test_wrappers_leave_their_names_at_the_front(prefix):
    expected = from_quark0(STATE, NORMAL, REDUCE)
    assert_same(from_quark0(with_prefix(prefix, STATE), NORMAL, REDUCE), expected)


def test_wrappers_of_a_part_leave_their_names_inside():
    inside = {name.replace("cells.1.", "cells.1._orig_mod."): tensor for name, tensor in STATE.items()}
    assert_same(from_quark0(inside, NORMAL, REDUCE), from_quark0(STATE, NORMAL, REDUCE))
    inside = {name.replace("net.", "net.module."): tensor for name, tensor in host("ptdarts").items()}
    assert_same(from_ptdarts(inside), from_ptdarts(host("ptdarts")))


ALPHAS = {
    "whole": {"alphas_normal": NORMAL, "alphas_reduce": REDUCE},
    "private": {"_alphas_normal": NORMAL, "_alphas_reduce": REDUCE},
    "a list": {"arch_parameters.0": NORMAL, "arch_parameters.1": REDUCE},
    "a list of what has names as well": {
        "alphas_normal": NORMAL,
        "alphas_reduce": REDUCE,
        "_arch_parameters.0": NORMAL,
        "_arch_parameters.1": REDUCE,
    },
    "a row at a time": {
        f"alphas_{group}.{row}": rows[row]
        for group, rows in (("normal", NORMAL), ("reduce", REDUCE))
        for row in range(14)
    },
    "a node at a time": {
        f"alpha_{group}.{node}": part
        for group, rows in (("normal", NORMAL), ("reduce", REDUCE))
        for node, part in enumerate(rows.split(NODES))
    },
}


@pytest.mark.parametrize("form", ALPHAS)
def test_alphas_in_the_state_dict_are_taken_from_it(form):
    expected = from_quark0(STATE, NORMAL, REDUCE)
    state = {**STATE, **ALPHAS[form]}
    assert_same(from_quark0(state), expected)
    assert_same(from_quark0(with_prefix("module.", state), NORMAL.double(), REDUCE), expected)


@pytest.mark.parametrize(
    ("read", "message"),
    [
        (lambda: from_quark0(STATE), "alphas_normal are missing"),
        (lambda: from_quark0({**STATE, "alphas_normal": NORMAL}), "alphas_reduce are missing"),
        (lambda: from_quark0({**STATE, **ALPHAS["whole"]}, NORMAL + 1, REDUCE), "alphas_normal that are given differ"),
        (
            lambda: from_quark0({**STATE, **ALPHAS["a row at a time"], "alphas_normal.3": NORMAL[0, :5]}),
            "rows of alphas",
        ),
        (lambda: from_quark0({**STATE, **ALPHAS["whole"], "arch_parameters.1": NORMAL}), "alphas_reduce stand twice"),
        (lambda: from_quark0(STATE, NORMAL.tolist(), REDUCE), "not list"),
        (lambda: from_quark0({**STATE, "module.stem.0.weight": STATE["stem.0.weight"]}, NORMAL, REDUCE), "twice"),
        (lambda: from_quark0({**STATE, "epoch": 3}, NORMAL, REDUCE), "'epoch' is no tensor but int"),
        (lambda: from_quark0({"epoch": 3, "state_dict": STATE}, NORMAL, REDUCE), "give its state_dict alone"),
        (lambda: from_quark0({**STATE, "cells.999999999.x": torch.zeros(1)}, NORMAL, REDUCE), "cells.3 is missing"),
        (lambda: from_quark0({**STATE, "stem.0.weight": STATE["stem.0.weight"].int()}, NORMAL, REDUCE), "not floats"),
        (lambda: from_quark0({**STATE, "a\nb": torch.zeros(1)}, NORMAL, REDUCE), "is no name of a tensor"),
        (lambda: from_quark0({**STATE, 3: torch.zeros(1)}, NORMAL, REDUCE), "3 is no name of a tensor"),
        (lambda: from_nasbench201(None), "it is of type NoneType"),
        (lambda: from_nasbench201({**host("autodl_tiny"), "epoch": 3}), "'epoch' is no tensor but int"),
        (
            lambda: from_quark0({**STATE, "classifier.bias": torch.zeros(10).to_sparse()}, NORMAL, REDUCE),
            "plain tensor",
        ),
        (lambda: from_quark0({**STATE, "classifier.bias": torch.zeros(10).cfloat()}, NORMAL, REDUCE), "plain tensor"),
        (lambda: from_quark0({**STATE, "classifier.bias": torch.zeros(10).to("meta")}, NORMAL, REDUCE), "plain tensor"),
        (lambda: from_ptdarts({**host("ptdarts"), "net.cells.77.x": torch.zeros(1)}), "is missing"),
    ],
)
def test_what_does_not_fit_is_named_in_one_line(read, message):
    with pytest.raises(SpaceError, match=message) as caught:
        read()
    assert "\n" not in str(caught.value)


def test_scripts_of_the_older_layout_go_on():
    from supernet.quark0 import _ORIGINALS, _rename

    net = from_quark0(STATE, NORMAL, REDUCE)
    names = {_rename(name, _ORIGINALS) for name in net.state_dict() if not name.startswith("alphas")}
    assert names == STATE.keys()
