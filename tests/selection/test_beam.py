"""Beam search against brute force, and the costs that limit it against definitions."""

from itertools import product
from math import prod

import pytest
import torch
from small_supernets import batch, supernet_of
from toy_network import Additive, Toy, columns, loss_of

from selection import SelectionError, measure, score, select
from selection.architecture import complete_architecture, list_architectures
from selection.costs import count_costs
from selection.numerics.tnorm import calibrate


def brute_force(net, criteria, batches, combine, limits):
    """{options of every choice: joint value} of all architectures, by definition: ranks over all options, the t-norm
    within an option, minimum or product over decisions. The minimum is that of the sorted values: leximin."""
    combined = {"product": prod, "minimum": min}[combine]
    things = [(choice, option) for choice, options in net.choices().items() for option in options]
    ranks = []
    for name in criteria:
        scores = score(net, name, batches)
        ranks.append(calibrate([scores[choice][option] for choice, option in things]))
    value = {thing: combined(atoms) for thing, *atoms in zip(things, *ranks)}
    joint = {}
    for row in product(*net.choices().values()):
        options = dict(zip(net.choices(), row))
        if any(cost.of(options) > cost.limit for cost in limits):
            continue
        values = [value[thing] for thing in options.items()]
        joint[row] = [prod(values)] if combine == "product" else sorted(values)
    return joint


@pytest.mark.parametrize("combine", ["minimum", "product"])
@pytest.mark.parametrize("share", [None, 0.3, 0.6])
def test_a_wide_beam_is_brute_force(combine, share):
    net, batches = Additive(supernet_of("nasbench201"), seed=2), [columns()]
    criteria = ["perturbation_loss", "magnitude", "parameters"]
    every = count_costs(net, {"parameters": 0}, None)[0]
    most = every.of({choice: max(row, key=row.get) for choice, row in every.options.items()})
    limits, width = {}, 5
    if share is not None:
        limits, width = {"parameters": every.base + share * (most - every.base)}, 5**6
    how = {"combine": combine, "limits": limits, "width": width}
    made = select(net, "+".join(criteria), "beam", batches=batches, **how)
    expected = brute_force(net, criteria, batches, combine, count_costs(net, limits, None))
    got = expected[tuple(made.decisions.values())]
    assert got == pytest.approx(max(expected.values()), rel=1e-12)


def test_the_reasons_of_a_beam_add_up():
    net, batches = supernet_of("tiny"), [batch(4, size=4)]
    made = select(net, "perturbation_loss+taylor+random", "beam", batches=batches, combine="product", width=3)
    net.space.check(net.genotype(made.decisions, made.inputs))
    choices = {name for name in made.reasons if not name.endswith("(edge)")}
    assert choices == {name for names in made.inputs.values() for name in names}
    for choice in choices:
        why = made.reasons[choice]
        assert why["chosen"] == made.decisions[choice]
        assert why["value"] == pytest.approx(prod(why["atoms"].values()))
        assert why["value"] == pytest.approx(made.scores[choice][why["chosen"]])
        assert set(why["atoms"]) == {"perturbation_loss", "taylor", "random"}
        assert why["atoms"][why["deciding"]] == min(why["atoms"].values())
        assert why["runner_up"] != why["chosen"]
        assert why["runner_up_value"] <= why["value"]
    assert {name.removesuffix(" (edge)") for name in made.reasons} == set(net.choices())
    assert len(made.candidates) == 3
    assert made.history[-1]["kept"] == 3


def test_a_beam_never_exceeds_its_limits_also_where_edges_are_dropped():
    net, batches = Additive(supernet_of("darts")), [columns()]
    every = count_costs(net, {"parameters": 0}, None)[0]
    for spare in (100, 180):  # 16 edges stay, of 4 or 16 parameters
        limit = every.base + spare
        made = select(net, "taylor+parameters", "beam", batches=batches, limits={"parameters": limit}, width=4)
        kept = {name for names in made.inputs.values() for name in names}
        assert every.of({name: made.decisions[name] for name in kept}) <= limit
    with pytest.raises(SelectionError, match="no architecture costs at most 10 parameters: the least is"):
        select(net, "taylor", "beam", batches=batches, limits={"parameters": 10})


def test_rescoring_takes_the_survivor_that_is_best_as_a_whole():
    net, batches = supernet_of("nasbench201", seed=4), [batch(4, size=4)]
    plain = select(net, "removal:loss", "beam", batches=batches, width=6)
    whole = select(net, "removal:loss", "beam", batches=batches, width=6, rescore=True)
    survivors = [complete_architecture(net, entry["options"], entry["inputs"]) for entry in plain.candidates]
    net.train()
    assert whole.decisions == max(survivors, key=lambda candidate: loss_of(net, candidate, batches)).options


def test_rescoring_needs_a_criterion_that_measures():
    net = supernet_of("nasbench201")
    with pytest.raises(SelectionError, match="none of the criteria measures"):
        select(net, "magnitude", "beam", rescore=True)


def test_the_bound_is_reached_and_never_above_what_can_be_had():
    net = Toy()
    table = {
        "layer/0/op": {"a": 3, "b": 1, "c": 0},
        "layer/1/op": {"a": 5, "b": 9, "c": 0},
        "layer/2/op": {"a": 2, "b": 8, "c": 0},
        "base": 10,
    }
    (energy,) = count_costs(net, {"energy": 99}, None, {"energy": table})
    allowed = {choice: ["a", "b"] for choice in net.choices()}

    def completions(options, inputs):
        """Costs of the architectures that agree with what is decided."""
        for candidate in list_architectures(net):
            edge = candidate.inputs["layer/n2"][0]
            staying = {choice: candidate.options[choice] for choice in ("layer/0/op", edge)}
            agrees = all(candidate.inputs[node] == kept for node, kept in inputs.items())
            if agrees and all(staying.get(choice, option) == option for choice, option in options.items()):
                yield energy.of(staying)

    for options in ({}, {"layer/0/op": "a"}, {"layer/0/op": "b"}):
        for inputs in ({}, {"layer/n2": ["layer/1/op"]}, {"layer/n2": ["layer/2/op"]}):
            assert energy.least(net, allowed, options, inputs) == min(completions(options, inputs))


def test_costs_are_counted_measured_or_given():
    net, (x, _) = supernet_of("nasbench201").float(), batch(4)
    x = x.float()
    parameters, flops, latency = count_costs(net, {"parameters": 1, "flops": 1, "latency": 1}, x)
    assert parameters.options["cell/0/op"] == score(net, "parameters")["cell/0/op"]
    whole = {choice: sum(row.values()) for choice, row in flops.options.items()}
    assert flops.base + sum(whole.values()) == measure("flops", net, x, torch.zeros(4))
    edge = flops.options["cell/0/op"]
    assert edge["nor_conv_3x3"] == 9 * edge["nor_conv_1x1"] > 0
    assert edge["skip_connect"] == 0
    assert all(seconds >= 0 for row in latency.options.values() for seconds in row.values())
    assert latency.options["cell/0/op"]["nor_conv_3x3"] > 0
    table = {"none": 0, "skip_connect": 1, "nor_conv_1x1": 2, "nor_conv_3x3": 3, "avg_pool_3x3": 4}
    (tabulated,) = count_costs(net, {"latency": 1}, None, {"latency": table})
    assert tabulated.of(dict.fromkeys(net.choices(), "nor_conv_3x3")) == 18
