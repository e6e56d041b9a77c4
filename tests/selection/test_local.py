"""Whole architectures around a given one: neighbours and distances by brute force, and the best that can be reached."""

import pytest
import torch
from small_supernets import batch, supernet_of
from toy_network import Toy, loss_of, points

from selection import SelectionError, select
from selection.architecture import (
    complete_architecture,
    count_changes,
    draw_architecture,
    list_architectures,
    list_neighbours,
)
from selection.costs import count_costs
from selection.decisions import Selection
from selection.evaluator import Evaluator
from supernet import Supernet, create_space

BATCHES = points()


def toy(seed):
    net = Toy()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
    return net


def as_selection(architecture):
    return Selection(options=architecture.options, inputs=architecture.inputs, criterion="given", strategy="given")


def differences(first, second):
    """By definition: edges that one keeps and the other drops, and options of what the other has."""
    kept_first = {edge for names in first.inputs.values() for edge in names}
    kept_second = {edge for names in second.inputs.values() for edge in names}
    edges = len(kept_first - kept_second)
    present = [name for name in second.options if name not in second.gone]
    return edges + len([name for name in present if first.options[name] != second.options[name]])


def test_neighbours_are_all_that_differ_in_one_decision():
    net = Toy()
    architectures = list(list_architectures(net))
    for current in architectures:
        found = {neighbour.key() for _, neighbour in list_neighbours(net, current)}
        assert found == {other.key() for other in architectures if differences(current, other) == 1}
        assert len(found) == len(list(list_neighbours(net, current))), "each once"


def test_a_cell_of_nasbench201_has_24_neighbours():
    net = supernet_of("nasbench201")
    current = draw_architecture(net, torch.Generator().manual_seed(0))
    neighbours = [neighbour for _, neighbour in list_neighbours(net, current)]
    assert len({neighbour.key() for neighbour in neighbours}) == len(neighbours) == 24
    assert {count_changes(net, current, neighbour) for neighbour in neighbours} == {1}


def test_changes_are_counted_as_defined_on_darts_cells():
    net, generator = supernet_of("darts"), torch.Generator().manual_seed(0)
    for _ in range(20):
        first, second = draw_architecture(net, generator), draw_architecture(net, generator)
        assert count_changes(net, first, second) == differences(first, second)
        assert count_changes(net, first, first) == 0


def test_radius_one_takes_the_best_neighbour_by_brute_force():
    for seed in range(12):
        net = toy(seed)
        architectures = list(list_architectures(net))
        for first in architectures:
            around = [first, *(neighbour for _, neighbour in list_neighbours(net, first))]
            best = max(around, key=lambda each: loss_of(net, each, BATCHES))
            made = select(net, "loss", "local", batches=BATCHES, start=as_selection(first), radius=1)
            assert complete_architecture(net, made.decisions, made.inputs).key() == best.key()
            assert len(made.history) == (best.key() != first.key())


def test_a_larger_radius_ends_where_no_neighbour_is_better():
    steps = set()
    for seed in range(12):
        net = toy(seed)
        first = next(list_architectures(net))
        made = select(net, "loss", "local", batches=BATCHES, start=as_selection(first), radius=9)
        last = complete_architecture(net, made.decisions, made.inputs)
        value = loss_of(net, last, BATCHES)
        assert all(loss_of(net, each, BATCHES) <= value for _, each in list_neighbours(net, last))
        assert value >= loss_of(net, first, BATCHES)
        values = [row["value"] for row in made.history]
        assert values == sorted(values)
        assert all(row["value"] > row["value_before"] for row in made.history)
        steps.add(len(made.history))
    assert max(steps) > 1


def test_each_step_says_what_it_changed():
    net = toy(3)
    first = next(list_architectures(net))
    made = select(net, "loss", "local", batches=BATCHES, start=as_selection(first), radius=9)
    options, inputs = dict(first.options), dict(first.inputs)
    for row in made.history:
        (decided,) = row["decided"]
        place = options if decided in options else inputs
        assert place[decided] == row["from"]
        place[decided] = row["to"]
    assert (options, inputs) == (made.decisions, made.inputs)


def test_the_first_better_neighbour_is_as_good_an_end():
    for seed in range(12):
        net = toy(seed)
        first = as_selection(next(list_architectures(net)))
        made = select(net, "loss", "local", batches=BATCHES, start=first, radius=9, step="first", seed=seed)
        last = complete_architecture(net, made.decisions, made.inputs)
        value = loss_of(net, last, BATCHES)
        assert all(loss_of(net, each, BATCHES) <= value for _, each in list_neighbours(net, last))


def test_the_radius_is_counted_from_the_start():
    for seed in range(12):
        net = toy(seed)
        first = next(list_architectures(net))
        made = select(net, "loss", "local", batches=BATCHES, start=as_selection(first), radius=2)
        assert count_changes(net, first, complete_architecture(net, made.decisions, made.inputs)) <= 2


def test_nothing_is_measured_twice():
    net = toy(0)
    made = select(net, "loss", "local", batches=BATCHES, radius=9)
    assert made.evaluations <= len(list(list_architectures(net)))


@pytest.mark.parametrize("step", ["best", "first"])
@pytest.mark.parametrize("candidates", [1, 2, 4])
def test_no_more_is_measured_than_is_asked(step, candidates, monkeypatch):
    counted = []
    measure = Evaluator.measure_itself
    monkeypatch.setattr(Evaluator, "measure_itself", lambda *args: counted.append(1) or measure(*args))
    select(toy(0), "loss", "local", batches=BATCHES, radius=9, step=step, candidates=candidates)
    assert 0 < len(counted) <= candidates


def test_the_start_is_what_a_criterion_chooses():
    net = toy(1)
    for name in ("parameters", "magnitude", "random", "perturbation_loss"):
        given = select(net, name, batches=BATCHES)
        by_name = select(net, "loss", "local", batches=BATCHES, start=name)
        by_selection = select(net, "loss", "local", batches=BATCHES, start=given)
        assert (by_name.decisions, by_name.inputs) == (by_selection.decisions, by_selection.inputs)
    by_default = select(net, "loss", "local", batches=BATCHES)
    by_size = select(net, "loss", "local", batches=BATCHES, start="parameters")
    assert by_default.decisions == by_size.decisions


def test_the_start_may_be_options_where_all_edges_stay():
    net, batches = supernet_of("nasbench201"), [batch(4, size=4)]
    start = dict.fromkeys(net.choices(), "nor_conv_1x1")
    made = select(net, "parameters", "local", batches=batches, start=start)
    changed = [choice for choice, option in made.decisions.items() if option != "nor_conv_1x1"]
    assert [made.decisions[choice] for choice in changed] == ["nor_conv_3x3"]


def test_several_criteria_meet_among_neighbours_and_come_to_an_end():
    net, batches = supernet_of("nasbench201"), [batch(6, size=4)]
    made = select(net, "synflow+naswot", "local", batches=batches, start="random", radius=3)
    assert all(row["value"] > row["value_before"] for row in made.history)
    assert set(made.candidates[0]["measured"]) == {"synflow", "naswot"}


def test_limits_hold_for_every_step():
    space = create_space("nasbench201")
    net = Supernet(space, channels=4, layers=1, num_classes=4, seed=0).double()
    batches = [batch(4, size=4)]
    start = dict.fromkeys(net.choices(), "skip_connect")
    free = select(net, "parameters", "local", batches=batches, start=start, radius=6)
    assert set(free.decisions.values()) == {"nor_conv_3x3"}
    one = select(net, "parameters", "local", batches=batches, start=start, radius=1)
    assert sorted(one.decisions.values()).count("nor_conv_3x3") == 1
    (costs,) = count_costs(net, {"parameters": 1e9}, None, None)
    cheap = costs.base + 3 * costs.options["cell/0/op"]["nor_conv_1x1"]
    limited = select(net, "parameters", "local", batches=batches, start=start, radius=6, limits={"parameters": cheap})
    assert "nor_conv_3x3" not in limited.decisions.values()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"start": {"layer/0/op": "a"}}, "layer/1/op is None, and can be a, b"),
        ({"start": dict.fromkeys(["layer/0/op", "layer/1/op", "layer/2/op"], "c")}, "is 'c', and can be a, b"),
        ({"start": dict.fromkeys(["layer/0/op", "layer/1/op", "layer/2/op"], "a")}, "which 1 edges layer/n2 keeps"),
        (
            {"start": dict.fromkeys(["layer/0/op", "layer/1/op", "layer/2/op", "more"], "a")},
            "which has no choice more",
        ),
        ({"start": 3}, "start is a criterion's name"),
        ({"start": "parametres"}, "did you mean 'parameters'"),
        ({"start": "loss@local"}, "start is what another strategy chooses"),
        ({"radius": 0}, "radius is a number of at least 1"),
        ({"candidates": 0}, "candidates is a number of at least 1"),
        ({"step": "worst"}, "unknown step 'worst'"),
        ({"limits": {"parameters": 0}}, "parameters"),
    ],
)
def test_what_cannot_be_is_said_in_one_sentence(options, says):
    with pytest.raises(SelectionError, match=says):
        select(toy(0), "loss", "local", batches=BATCHES, **options)


def test_the_first_step_is_refused_for_several_criteria():
    with pytest.raises(SelectionError, match="step first compares two architectures"):
        select(toy(0), "loss+accuracy", "local", batches=BATCHES, step="first")


def test_a_criterion_that_reads_options_only_is_refused():
    with pytest.raises(SelectionError, match="local takes criteria with a measure"):
        select(toy(0), "magnitude", "local", batches=BATCHES)
