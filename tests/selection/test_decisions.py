"""What a selection holds, in Python and as JSON, and the count of its evaluations."""

import json

import pytest

from selection import Selection, make_plan, select
from selection.budget import Budget
from selection.testing import Planted, textures

KEYS = [
    *["criterion", "strategy", "decisions", "inputs", "scores", "settled", "edges", "history", "candidates"],
    *["shortlist", "reasons", "evaluations", "saved", "notes", "seconds"],
]


@pytest.mark.parametrize(
    "criterion", ["magnitude", "perturbation@progressive", "perturbation+parameters", "loss@sample", "combination"]
)
def test_a_selection_holds_its_keys_in_their_order(criterion):
    batches = [textures()]
    selection = make_plan(criterion).run(Planted(), batches)
    assert list(selection.to_dict()) == KEYS


def test_a_selection_as_json_is_its_dict():
    selection = select(Planted(), "perturbation+parameters", batches=[textures()])
    values = selection.to_dict()
    read = json.loads(selection.to_json())
    assert list(read) == KEYS
    assert read == values


def test_decisions_stand_for_the_options_in_a_selection():
    selection = Selection(options={"cell/0/op": "none"}, criterion="magnitude", strategy="oneshot")
    assert selection.to_dict()["decisions"] == selection.decisions == {"cell/0/op": "none"}


def test_numbers_that_are_not_finite_are_null_in_json_only():
    scores = {"cell/0/op": {"none": float("-inf"), "skip_connect": 1.0}}
    history = [{"decided": ["cell/0/op"], "value": float("nan")}]
    selection = Selection(scores=scores, history=history, criterion="loss", strategy="sample")
    read = json.loads(selection.to_json(), parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    assert read["scores"] == {"cell/0/op": {"none": None, "skip_connect": 1.0}}
    assert read["history"] == [{"decided": ["cell/0/op"], "value": None}]
    assert selection.to_dict()["scores"] == scores


@pytest.mark.parametrize(
    ("text", "criterion", "strategy"),
    [
        ("fixed/perturbation@beam", "perturbation", "beam"),
        ("combination", "combination", "sample"),
        ("minimum(parameters + perturbation)", "minimum(parameters+perturbation)", "beam"),
    ],
)
def test_a_selection_names_its_criterion_without_supernet_and_strategy(text, criterion, strategy):
    selection = select(Planted(), text, batches=[textures()])
    assert (selection.criterion, selection.strategy) == (criterion, strategy)


def test_a_budget_tells_what_is_done_and_what_is_expected():
    told = []
    budget = Budget(lambda done, expected: told.append((done, expected)))
    budget.expect(4)
    budget.count(1)
    budget.save(2)
    budget.count(1)
    assert told == [(1, 4), (2, 2)]
    assert budget.remaining == 0


def test_a_budget_never_expects_less_than_nothing():
    budget = Budget()
    budget.count(3)
    assert budget.remaining == 0


def test_a_budget_goes_on_from_its_state():
    budget, again = Budget(), Budget()
    budget.expect(4)
    budget.count(1.5)
    budget.save(1)
    again.load(budget.state())
    assert again.state() == budget.state()
    assert again.remaining == 1.5
