"""Sample and beam against brute force; architectures and their costs against definitions."""

from itertools import combinations, product
from math import prod

import pytest
import torch
from test_selection import batch, supernet_of
from torch import nn
from torch.nn import functional as F

from selection import SelectionError, measure, score, select
from selection.architecture import architecture, count, drawn, listed, realised
from selection.costs import costs
from selection.numerics.tnorm import calibrate
from supernet import build


class Toy(nn.Module):
    """Three choices of linear maps; two nodes, the second keeps one of two edges; no two options alike."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.edges = nn.ModuleList(
            nn.ModuleDict({name: nn.Linear(3, 3, bias=False) for name in "abc"}) for _ in range(3)
        )
        self.alphas = nn.Parameter(torch.randn(3, 3))
        self.head = nn.Linear(3, 2)

    def forward(self, x):
        weights = self.alphas.softmax(1)
        first = sum(w * op(x) for w, op in zip(weights[0], self.edges[0].values()))
        second = sum(w * op(x) for w, op in zip(weights[1], self.edges[1].values()))
        return self.head(
            torch.tanh(
                second
                + sum(w * op(torch.tanh(first + 0 * x)) for w, op in zip(weights[2], self.edges[2].values()))
                + 0 * x
            )
        )

    def choices(self):
        return {f"layer/{row}/op": {name: [op] for name, op in edge.items()} for row, edge in enumerate(self.edges)}

    def logits(self):
        return {f"layer/{row}/op": self.alphas[row] for row in range(3)}

    def inputs(self):
        return {"layer/n1": (1, ["layer/0/op"]), "layer/n2": (1, ["layer/1/op", "layer/2/op"])}

    def excluded(self):
        return ("c",)


def points(number=16):
    generator = torch.Generator().manual_seed(1)
    return [(torch.randn(number, 3, generator=generator), torch.randint(0, 2, (number,), generator=generator))]


def test_every_architecture_is_listed_once():
    net = Toy()
    made = list(listed(net))
    assert len(made) == count(net) == 2 * (2 + 2)
    assert len({one.key() for one in made}) == len(made)
    assert {one.inputs["layer/n2"][0] for one in made} == {"layer/1/op", "layer/2/op"} and not any(
        "c" in one.options.values() for one in made
    )
    cells = supernet_of("nasbench201")
    assert count(cells) == 5**6
    wide = supernet_of("darts")
    assert count(wide) == prod(sum(7**2 for _ in combinations(range(fed), 2)) for fed in (2, 3, 4, 5)) ** 2


def test_drawn_architectures_take_everything_equally_often():
    net, generator = Toy(), torch.Generator().manual_seed(0)
    seen = [drawn(net, generator) for _ in range(800)]
    for pick in (lambda one: one.options["layer/0/op"], lambda one: one.inputs["layer/n2"][0]):
        names = {pick(one) for one in seen}
        assert len(names) == 2 and all(abs(sum(pick(one) == name for one in seen) - 400) < 60 for name in names)


@pytest.mark.parametrize("space", ["tiny", "nasbench201"])
def test_a_realised_architecture_is_the_supernet_with_one_hot_weights(space):
    net, (x, _) = supernet_of(space).eval(), batch(5)
    before = net(x)
    one = drawn(net, torch.Generator().manual_seed(3))
    with realised(net, one):
        got = net(x)
    assert torch.equal(net(x), before)
    kept = {name for names in one.inputs.values() for name in names} if one.inputs else set(one.options)
    rows = {group: torch.zeros_like(alpha) for group, alpha in net.alphas.items()}
    for choice in kept:
        group, row, _ = choice.split("/")
        rows[group][int(row), list(net.choices()[choice]).index(one.options[choice])] = 1
    net.mixing_weights = lambda: rows
    assert torch.allclose(got, net(x), rtol=1e-9)


def loss_of(net, one, batches):
    with torch.no_grad(), realised(net, one):
        return -float(F.cross_entropy(net(batches[0][0]), batches[0][1]))


def test_sampling_everything_finds_the_best_there_is():
    net, batches = Toy().double(), [(x.double(), y) for x, y in points()]
    values = {one.key(): loss_of(net, one, batches) for one in listed(net)}
    made = select(net, "loss", "sample", batches=batches, candidates="all")
    assert architecture(net, made.decisions, made.inputs).key() == max(values, key=values.get)
    assert made.evaluations == len(values) and made.candidates[0]["value"] == pytest.approx(max(values.values()))
    for choice, options in made.scores.items():
        for option, value in options.items():
            having = [values[key] for key in values if (choice, option) in key]
            assert value == (pytest.approx(max(having)) if having else float("-inf"))


def test_sampling_takes_different_architectures_and_depends_on_the_seed():
    net, batches = supernet_of("tiny"), [batch(4)]
    first = select(net, "loss", "sample", batches=batches, candidates=20, seed=1)
    assert first.evaluations == 20
    assert select(net, "loss", "sample", batches=batches, candidates=20, seed=1).decisions == first.decisions
    assert select(net, "loss", "sample", batches=batches, candidates=20, seed=2).candidates != first.candidates
    net.space.check(net.genotype(first.decisions, first.inputs))


def test_networks_built_anew_are_measured_instead_of_the_supernet():
    """Eigen-NAS: the measure of each candidate's own network; criteria together are ranked among the candidates."""
    net, batches = supernet_of("nasbench201"), [batch(6)]

    def built(decisions, inputs):
        return build(net.genotype(decisions, inputs), channels=4, layers=1, num_classes=4, seed=0).double()

    made = select(
        net,
        "ntk_min_relative+parameters",
        "sample",
        batches=batches,
        candidates=12,
        build=built,
        combine="product",
        seed=5,
    )
    seen = made.candidates
    for one in seen:
        network = built(one["options"], one["inputs"])
        assert one["measured"]["ntk_min_relative"] == pytest.approx(
            measure("ntk_min_relative", network, *batches[0]), rel=1e-9
        )
        assert one["measured"]["parameters"] == sum(p.numel() for p in network.parameters())
        assert one["value"] == pytest.approx(prod(one["atoms"].values()))
    assert [one["value"] for one in seen] == sorted([one["value"] for one in seen], reverse=True)
    assert made.decisions == seen[0]["options"]


def test_sampling_within_a_limit():
    net, batches = supernet_of("nasbench201"), [batch(4)]
    sizes = score(net, "parameters")
    made = select(net, "loss", "sample", batches=batches, candidates=15, limits={"parameters": 9000})
    base = sum(p.numel() for p in net.weight_parameters()) - sum(sum(row.values()) for row in sizes.values())
    for one in made.candidates:
        assert base + sum(sizes[choice][option] for choice, option in one["options"].items()) <= 9000
    with pytest.raises(SelectionError, match=r"no architecture costs at most 10 parameters: the least is 4,792"):
        select(net, "loss", "sample", batches=batches, candidates=5, limits={"parameters": 10})


def brute_force(net, criteria, batches, combine, limits):
    """The joint values of all architectures by definition: ranks over all options, the t-norm within an option, minimum
    or product over decisions."""
    scores = {name: score(net, name, batches) for name in criteria}
    things = [(choice, option) for choice, options in net.choices().items() for option in options]
    ranks = {
        name: dict(zip(things, calibrate([of[choice][option] for choice, option in things])))
        for name, of in scores.items()
    }
    value = {
        thing: (prod if combine == "product" else min)(ranks[name][thing] for name in criteria) for thing in things
    }
    found = {}
    for row in product(*net.choices().values()):
        options = dict(zip(net.choices(), row))
        if all(cost.of(options) <= cost.limit for cost in limits):
            found[row] = (
                sorted(value[thing] for thing in options.items())
                if combine == "minimum"
                else [prod(value[thing] for thing in options.items())]
            )
    return found


@pytest.mark.parametrize("combine", ["minimum", "product"])
@pytest.mark.parametrize("share", [None, 0.3, 0.6])
def test_a_wide_beam_is_brute_force(combine, share):
    net, batches = supernet_of("nasbench201", seed=2), [batch(6)]
    criteria = ["perturbation_loss", "magnitude", "parameters"]
    every = costs(net, {"parameters": 0}, None)[0]
    most = every.of({choice: max(row, key=row.get) for choice, row in every.options.items()})
    limits = {} if share is None else {"parameters": every.base + share * (most - every.base)}
    made = select(
        net,
        "+".join(criteria),
        "beam",
        batches=batches,
        combine=combine,
        limits=limits,
        width=5 if share is None else 5**6,
    )
    expected = brute_force(net, criteria, batches, combine, costs(net, limits, None))
    got = expected[tuple(made.decisions.values())]
    assert got == pytest.approx(max(expected.values()), rel=1e-12)


def test_the_reasons_of_a_beam_add_up():
    net, batches = supernet_of("tiny"), [batch(6)]
    made = select(net, "perturbation_loss+taylor+random", "beam", batches=batches, combine="product", width=3)
    net.space.check(net.genotype(made.decisions, made.inputs))
    choices = {name for name in made.reasons if not name.endswith("(edge)")}
    assert choices == {name for names in made.inputs.values() for name in names}
    for choice in choices:
        why = made.reasons[choice]
        assert why["chosen"] == made.decisions[choice]
        assert (
            why["value"]
            == pytest.approx(prod(why["atoms"].values()))
            == pytest.approx(made.scores[choice][why["chosen"]])
        )
        assert why["atoms"][why["deciding"]] == min(why["atoms"].values()) and set(why["atoms"]) == {
            "perturbation_loss",
            "taylor",
            "random",
        }
        assert why["runner_up"] != why["chosen"] and why["runner_up_value"] <= why["value"]
    assert {name.removesuffix(" (edge)") for name in made.reasons} == set(net.choices())
    assert len(made.candidates) == 3 and [entry["kept"] for entry in made.history][-1] == 3


def test_a_beam_never_exceeds_its_limits_also_where_edges_are_dropped():
    net, batches = supernet_of("darts"), [batch(4)]
    every = costs(net, {"parameters": 0}, None)[0]
    for limit in (6000, 9000):
        made = select(net, "taylor+parameters", "beam", batches=batches, limits={"parameters": limit}, width=4)
        kept = {name for names in made.inputs.values() for name in names}
        assert every.of({name: made.decisions[name] for name in kept}) <= limit
    with pytest.raises(SelectionError, match="no architecture costs at most 100 parameters: the least is"):
        select(net, "taylor", "beam", batches=batches, limits={"parameters": 100})


def test_the_bound_is_reached_and_never_above_what_can_be_had():
    net = Toy()
    table = {
        "layer/0/op": {"a": 3, "b": 1, "c": 0},
        "layer/1/op": {"a": 5, "b": 9, "c": 0},
        "layer/2/op": {"a": 2, "b": 8, "c": 0},
        "base": 10,
    }
    (energy,) = costs(net, {"energy": 99}, None, {"energy": table})
    allowed = {choice: ["a", "b"] for choice in net.choices()}

    def completions(options, inputs):
        for one in listed(net):
            if all(one.inputs[node] == kept for node, kept in inputs.items()):
                staying = {
                    "layer/0/op": one.options["layer/0/op"],
                    one.inputs["layer/n2"][0]: one.options[one.inputs["layer/n2"][0]],
                }
                if all(staying.get(choice, option) == option for choice, option in options.items()):
                    yield energy.of(staying)

    for options in ({}, {"layer/0/op": "a"}, {"layer/0/op": "b"}):
        for inputs in ({}, {"layer/n2": ["layer/1/op"]}, {"layer/n2": ["layer/2/op"]}):
            assert energy.least(net, allowed, options, inputs) == min(completions(options, inputs))


def test_costs_are_counted_measured_or_given():
    net, (x, _) = supernet_of("nasbench201").float(), batch(4)
    x = x.float()
    parameters, flops, latency = costs(net, {"parameters": 1, "flops": 1, "latency": 1}, x)
    assert parameters.options["cell/0/op"] == score(net, "parameters")["cell/0/op"]
    whole = {choice: sum(row.values()) for choice, row in flops.options.items()}
    assert flops.base + sum(whole.values()) == measure("flops", net, x, torch.zeros(4))
    assert (
        flops.options["cell/0/op"]["nor_conv_3x3"]
        == 9 * flops.options["cell/0/op"]["nor_conv_1x1"]
        > 0
        == flops.options["cell/0/op"]["skip_connect"]
    )
    assert (
        all(seconds >= 0 for row in latency.options.values() for seconds in row.values())
        and latency.options["cell/0/op"]["nor_conv_3x3"] > 0
    )
    (given,) = costs(
        net,
        {"latency": 1},
        None,
        {"latency": {"none": 0, "skip_connect": 1, "nor_conv_1x1": 2, "nor_conv_3x3": 3, "avg_pool_3x3": 4}},
    )
    assert given.of(dict.fromkeys(net.choices(), "nor_conv_3x3")) == 18


def test_clear_errors():
    net, batches = supernet_of("tiny"), [batch(4)]
    with pytest.raises(SelectionError, match="takes one criterion, not magnitude\\+random"):
        select(net, "magnitude+random")
    with pytest.raises(SelectionError, match="measures nothing of a whole architecture"):
        select(net, "magnitude", "sample", batches=batches)
    with pytest.raises(SelectionError, match="strategy beam takes no order; its options: width, combine, limits"):
        select(net, "magnitude", "beam", order="random")
    with pytest.raises(SelectionError, match="did you mean 'parameters'"):
        select(net, "magnitude", "beam", limits={"parameter": 3})
    with pytest.raises(SelectionError, match="needs inputs to run the network on"):
        select(net, "magnitude", "beam", limits={"flops": 3})
    with pytest.raises(SelectionError, match="the table of watts has no number for option"):
        select(net, "magnitude", "beam", limits={"watts": 3}, tables={"watts": {"none": 1}})
    with pytest.raises(SelectionError, match="did you mean 'product'"):
        select(net, "taylor+magnitude", "beam", batches=batches, combine="prodduct")
    with pytest.raises(SelectionError, match="settings names ntk, which is not among"):
        select(net, "magnitude", settings={"ntk": {}})
    with pytest.raises(SelectionError, match="unknown protocol"):
        select(net, "magnitude", protocol="dartspt")
    with pytest.raises(SelectionError, match="unknown lift 'remove': did you mean 'removal'"):
        select(net, "remove:loss", batches=batches)


def test_any_lift_of_any_measure():
    net, batches = supernet_of("nasbench201"), [batch(6)]
    assert score(net, "alone:ntk_min", batches) == score(net, "ntk", batches)
    assert score(net, "ntk_min", batches, settings={"ntk_min": {"images": 3}}) == score(
        net, "ntk", batches, settings={"ntk": {"images": 3}}
    )
    assert score(net, "removal:loss", batches) == score(net, "perturbation_loss", batches)


def test_rescoring_takes_the_survivor_that_is_best_as_a_whole():
    net, batches = supernet_of("nasbench201", seed=4), [batch(8)]
    plain = select(net, "removal:loss", "beam", batches=batches, width=6)
    whole = select(net, "removal:loss", "beam", batches=batches, width=6, rescore=True)
    survivors = [architecture(net, one["options"], one["inputs"]) for one in plain.candidates]
    assert whole.decisions == max(survivors, key=lambda one: loss_of(net.train(), one, batches)).options
    with pytest.raises(SelectionError, match="none of the criteria measures"):
        select(net, "magnitude", "beam", rescore=True)
