"""A shortlist that is judged again, several networks of each candidate, and what was measured before."""

import pytest
import torch
from small_supernets import batch, supernet_of
from torch import nn
from toy_network import Toy, points

from selection import SelectionError, calibrate, make_plan, measure, select
from selection.architecture import Architecture, list_architectures, realised
from selection.strategies.whole import rank_drawn

BATCHES = points()


def toy(seed):
    net = Toy()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
    return net


def values_by_hand(net, name):
    """The measure of every architecture, taken of the network with it put in force."""
    x, y = BATCHES[0]
    values = []
    for architecture in list_architectures(net):
        with realised(net, architecture):
            values.append((measure(name, net, x, y), architecture))
    return values


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("length", [2, 3, 5])
def test_the_best_by_the_second_judge_of_the_best_by_the_first_is_taken(seed, length):
    net = toy(seed)
    first = sorted(values_by_hand(net, "synflow"), key=lambda pair: -pair[0])[:length]
    second = {architecture.key(): value for value, architecture in values_by_hand(net, "grad_norm")}
    best = max((architecture for _, architecture in first), key=lambda architecture: second[architecture.key()])
    made = select(net, "synflow", "sample", batches=BATCHES[:1], candidates="all", shortlist=length, then="grad_norm")
    assert made.decisions == best.options
    assert len(made.shortlist) == length
    thens = [row["then"]["value"] for row in made.shortlist]
    assert thens == sorted(thens, reverse=True)
    assert thens == pytest.approx(sorted((second[a.key()] for _, a in first), reverse=True))


def test_a_function_may_have_the_last_word():
    net = toy(0)
    asked = []

    def judge(decisions, inputs):
        asked.append((decisions, inputs))
        return float(len(asked))

    made = select(net, "synflow", "sample", batches=BATCHES, candidates="all", shortlist=3, then=judge)
    assert len(asked) == 3
    assert (made.decisions, made.inputs) == asked[-1]


def test_verdicts_are_compared_number_by_number():
    class Judge:
        def judge_all(self, architectures):
            return [{"epochs": 4 if index else 2, "accuracy": 90.0 - index} for index in range(len(architectures))]

    made = select(toy(0), "synflow", "sample", batches=BATCHES, candidates="all", shortlist=3, then=Judge())
    assert [row["then"] for row in made.shortlist] == [
        {"epochs": 4, "accuracy": 89.0},
        {"epochs": 4, "accuracy": 88.0},
        {"epochs": 2, "accuracy": 90.0},
    ]


def test_the_shortlist_of_a_local_search_is_of_all_that_it_looked_at():
    net = supernet_of("nasbench201")
    seen = []

    def judge(decisions, inputs):
        seen.append(tuple(decisions.values()))
        return float("skip_connect" in decisions.values())

    made = select(net, "parameters", "local", batches=[batch(4, size=4)], shortlist=25, then=judge)
    assert len(set(seen)) == 25
    assert list(made.decisions.values()).count("nor_conv_3x3") == 5
    assert "skip_connect" in made.decisions.values()


def test_start_and_second_judge_stand_in_the_grammar():
    net = toy(1)
    spelt = select(net, "loss@local(magnitude):grad_norm", batches=BATCHES, shortlist=4)
    given = select(net, "loss", "local", batches=BATCHES, start="magnitude", then="grad_norm", shortlist=4)
    assert spelt.decisions == given.decisions
    assert spelt.shortlist == given.shortlist


def test_several_networks_of_a_candidate_rank_by_the_mean_of_their_ranks():
    architectures = [Architecture({"a": option}, {}, frozenset()) for option in "xyz"]
    drawn = {"m": [[1.0, 30.0], [2.0, 10.0], [3.0, 20.0]]}
    ranking = rank_drawn(architectures, drawn, "product")
    first, second = calibrate([1.0, 2.0, 3.0]), calibrate([30.0, 10.0, 20.0])
    assert [ranking.values[number] for number in range(3)] == [(a + b) / 2 for a, b in zip(first, second)]
    assert ranking.measured["m"] == {0: 15.5, 1: 6.0, 2: 11.5}


def test_every_network_of_a_candidate_is_shown_other_images():
    net, shown = toy(0), []

    class Shows(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(3, 2)

        def forward(self, x):
            shown.append(x.sum().item())
            return self.layer(x)

    batches = [(torch.full((4, 3), float(number)), torch.tensor([0, 1, 0, 1])) for number in range(3)]
    settings = {"grad_norm": {"images": 4}}
    build = lambda decisions, inputs: (Shows() for _ in range(2))  # noqa: E731
    select(net, "grad_norm", "sample", batches=batches, candidates=1, build=build, settings=settings)
    assert {0.0, 12.0} <= set(shown)


def test_what_was_measured_is_not_measured_again():
    memory, built = {}, []

    def build(decisions, inputs):
        built.append(decisions)
        return nn.Linear(3, 2)

    options = {"batches": BATCHES, "candidates": "all", "build": build, "memory": memory}
    first = select(toy(0), "grad_norm", "sample", **options)
    number = len(built)
    second = select(toy(0), "grad_norm", "sample", **options)
    assert len(built) == number == len(memory)
    assert (first.decisions, first.evaluations) == (second.decisions, second.evaluations)


def test_what_build_makes_can_be_measured_elsewhere():
    sent = []

    def spread(function, items):
        for item in items:
            sent.append(item)
            yield function(item)

    torch.manual_seed(0)
    made = {}
    build = lambda decisions, inputs: made.setdefault(tuple(decisions.items()), nn.Linear(3, 2))  # noqa: E731
    here = select(toy(0), "grad_norm", "sample", batches=BATCHES, candidates="all", build=build)
    there = select(toy(0), "grad_norm", "sample", batches=BATCHES, candidates="all", build=build, spread=spread)
    assert here.scores == there.scores
    assert len(sent) == there.evaluations


@pytest.mark.parametrize(
    ("criterion", "options", "says"),
    [
        ("magnitude", {"then": "loss"}, "a shortlist is made of whole architectures, and oneshot decides option by"),
        ("perturbation@progressive:loss", {}, "progressive decides option by option"),
        ("synflow@sample:perturbation@beam", {}, "without strategy and supernet"),
        ("synflow@sample:nothing", {}, "unknown criterion 'nothing'"),
        ("synflow@sample:magnitude", {}, "reads options and measures nothing of a whole architecture"),
        ("synflow@sample:loss", {"then": "grad_norm"}, "is judged again by loss, and then is grad_norm"),
        ("synflow@local(magnitude)", {"start": "random"}, "starts at magnitude, and start is random"),
        ("synflow@local(", {}, "@STRATEGY(START)"),
        ("synflow@sample", {"shortlist": 3}, "nothing says by whom"),
        ("synflow@sample:loss", {"shortlist": 1}, "shortlist is a number of at least 2"),
        ("synflow@sample", {"then": 3}, "then is a function (decisions, inputs) -> number"),
        ("synflow@sample:loss", {"shortlist": 10**6}, "shortlist is 1000000, and the space has"),
        ("synflow@sample", {"then": lambda decisions, inputs: "good"}, "then returns a number for each architecture"),
        ("synflow@sample", {"then": lambda decisions: 1.0}, "then: "),
    ],
)
def test_what_cannot_be_is_one_line(criterion, options, says):
    with pytest.raises(SelectionError) as caught:
        select(toy(0), criterion, batches=BATCHES, **options)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_name_is_given_when_the_plan_is_made():
    with pytest.raises(SelectionError, match="a plan is made with"):
        make_plan("loss@local").with_options(start="magnitude")
