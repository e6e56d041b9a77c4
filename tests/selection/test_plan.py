"""Plans: what suits a criterion, what is refused before there is a network, and the check of a plan beside its run."""

import pytest
import torch
from torch import nn

from selection import (
    SelectionError,
    list_criteria,
    list_measures,
    list_strategies,
    make_plan,
    parse_criterion,
    register_measure,
    select,
)
from selection.planning import suit_strategy
from selection.registry import _MEASURES
from selection.testing import Planted, textures


@pytest.mark.parametrize(
    ("criterion", "tuned", "strategy"),
    [
        ("perturbation", False, "oneshot"),
        ("perturbation", True, "progressive"),
        ("magnitude", False, "oneshot"),
        ("magnitude", True, "oneshot"),
        ("random", True, "oneshot"),
        ("parameters", True, "oneshot"),
        ("ntk", False, "progressive"),
        ("ntk", True, "progressive"),
        ("naswot", False, "progressive"),
        ("removal:loss", False, "progressive"),
        ("removal:loss", True, "progressive"),
        ("ntk+naswot", False, "beam"),
        ("perturbation+parameters", True, "beam"),
        ("minimum(ntk+naswot)", False, "beam"),
        ("combination", False, "sample"),
        ("combination", True, "sample"),
        ("combination+ntk", False, "beam"),
    ],
)
def test_what_suits_a_criterion(criterion, tuned, strategy):
    assert suit_strategy(parse_criterion(criterion), tuned) == strategy


@pytest.mark.parametrize("criterion", [*list_criteria(), *list_measures(), "combination", "ntk+naswot"])
@pytest.mark.parametrize("tuned", [False, True])
def test_a_plan_takes_what_suits_where_no_strategy_is_named(criterion, tuned):
    plan = make_plan(criterion, tuned=tuned)
    assert plan.strategy.name == suit_strategy(parse_criterion(criterion), tuned)


@pytest.mark.parametrize(
    "spelling", ["ntk+naswot@sample", parse_criterion("ntk+naswot@sample")], ids=["text", "parsed"]
)
def test_a_strategy_in_the_spelling_comes_before_what_suits(spelling):
    assert make_plan(spelling).strategy.name == "sample"


def test_a_strategy_in_the_spelling_may_be_repeated():
    assert make_plan("perturbation@beam", "beam").strategy.name == "beam"


def refuse(act):
    """The one line in which something is refused."""
    with pytest.raises(SelectionError) as caught:
        act()
    message = str(caught.value)
    assert len(message.splitlines()) == 1
    return message


@pytest.mark.parametrize(
    ("criterion", "options", "says"),
    [
        ("perturbation@beam", {"strategy": "sample"}, "names strategy beam, and strategy is sample"),
        ("perturbation@bean", {}, "unknown strategy 'bean': did you mean 'beam'?"),
        ("ntk+naswot@oneshot", {}, "strategy oneshot takes one criterion, not ntk+naswot"),
        ("minimum(ntk+naswot)@oneshot", {}, "strategy oneshot takes one criterion, not minimum(ntk+naswot)"),
        ("magnitude@sample", {}, "magnitude reads options and measures nothing of a whole architecture"),
        ("perturbation", {"width": 3}, "strategy oneshot takes no width; its options: none"),
        ("perturbation", {"tune": print}, "strategy oneshot takes no tune"),
        ("ntk", {"limits": {}, "width": 2}, "strategy progressive takes no limits, width; its options: tune, order"),
        ("ntk+naswot", {"order": "random"}, "strategy beam takes no order; its options: width, combine, limits"),
        ("combination", {"rescore": True}, "strategy sample takes no rescore; its options: candidates, build, combine"),
        ("minimum(ntk)", {}, "strategy progressive takes no combine"),
        ("ntk", {"order": "sorted"}, "unknown order 'sorted'"),
        ("ntk+naswot", {"width": 0}, "width is a number of at least 1, not 0"),
        ("ntk+naswot", {"combine": "minimun"}, "unknown t-norm 'minimun': did you mean 'minimum'?"),
        ("magnitude+random", {"rescore": True}, "none of the criteria measures anything"),
        ("combination", {"candidates": 0}, "candidates is a number of at least 1, or 'all', not 0"),
        ("combination", {"candidates": True}, "candidates is a number of at least 1, or 'all', not True"),
        ("perturbation", {"protocol": "pared"}, "unknown protocol 'pared': did you mean 'paired'?"),
        ("taylor", {"protocol": "darts-pt"}, "taylor scores all options on the same images"),
        ("perturbation", {"race": 1.0}, "race is an error rate in [0, 1), not 1.0"),
        ("minimum(ntk+naswot)", {"combine": "product"}, "joins by minimum, and combine is product"),
        ("minimum:ntk+naswot@sample", {"combine": "product"}, "joins by minimum, and combine is product"),
    ],
)
def test_what_cannot_be_is_refused_before_there_is_a_network(criterion, options, says):
    assert says in refuse(lambda: make_plan(criterion, **options))


@pytest.mark.parametrize("options", [{}, {"combine": "minimum"}])
def test_the_tnorm_of_the_spelling_is_the_option_combine(options):
    assert make_plan("minimum(ntk+naswot)@sample", **options).options == {"combine": "minimum"}


def test_where_no_tnorm_is_spelt_the_strategy_keeps_its_own():
    assert make_plan("ntk+naswot@sample").options == {}


@pytest.mark.parametrize(
    ("criterion", "race", "expected"),
    [
        ("perturbation", None, 0.05),
        ("perturbation", 0.0, 0.0),
        ("perturbation", 0.2, 0.2),
        ("perturbation+parameters", None, 0.0),
        ("perturbation+parameters", 0.2, 0.2),
    ],
)
def test_all_options_are_seen_whole_where_several_criteria_weigh_them(criterion, race, expected):
    assert make_plan(criterion, race=race).protocol.race == expected


def test_the_published_protocol_does_not_race():
    assert make_plan("perturbation", protocol="darts-pt").protocol.race == 0.0


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"nkt": {"images": 8}}, "settings names nkt, which is not among the criteria ntk, perturbation"),
        ({"ntk": {"imagez": 8}}, "unknown setting of ntk 'imagez': did you mean 'images'?"),
        ({"perturbation": {"images": 8}}, "unknown setting of perturbation 'images' (known: loss, metric)"),
        ({"ntk": 8}, "settings of ntk is a dict {setting: value}, not an object of type int"),
        ([("ntk", {})], "settings is a dict {criterion: {setting: value}}, not an object of type list"),
        ("ntk", "settings is a dict {criterion: {setting: value}}, not an object of type str"),
    ],
)
def test_settings_of_measures_that_cannot_be_are_refused(settings, says):
    assert says in refuse(lambda: make_plan("ntk+perturbation", settings=settings))


def test_a_criterion_that_measures_nothing_takes_no_settings():
    assert "takes no settings" in refuse(lambda: make_plan("magnitude", settings={"magnitude": {"images": 8}}))


@pytest.mark.parametrize("settings", [None, {}, {"ntk": {}}])
def test_no_settings_leave_the_measure_as_it_is(settings):
    assert make_plan("ntk", settings=settings).criteria == make_plan("ntk").criteria


@pytest.fixture
def recording():
    """The settings that a measure of that name was called with."""
    calls = []

    @register_measure("recording")
    def recording(net, batches, *, images=1):
        calls.append(images)
        return 0.0

    yield calls
    _MEASURES.pop("recording")


def test_settings_reach_the_measure_that_they_name(recording):
    select(Planted(), "alone:recording@oneshot", batches=[textures()], settings={"alone:recording": {"images": 8}})
    assert set(recording) == {8}


def test_settings_of_a_plan_do_not_change_the_registered_measure(recording):
    make_plan("recording", settings={"recording": {"images": 8}})
    select(Planted(), "recording@oneshot", batches=[textures()])
    assert set(recording) == {1}


def test_nothing_is_written_on_the_function_that_is_registered():
    def blank(net, batches, *, images=1, **others):
        return 0.0

    before = dict(vars(blank))
    try:
        assert register_measure("blank", additive=True, settings=("chunk",), needs="mlp")(blank) is blank
    finally:
        _MEASURES.pop("blank")
    assert vars(blank) == before


@pytest.mark.parametrize("name", list_measures())
def test_a_registered_measure_carries_its_facts_in_its_record_alone(name):
    function = _MEASURES[name].function
    assert set(vars(function)) <= {"__wrapped__"}


def traces(net):
    """Everything of a network that a check might leave changed."""
    tensors = [tensor.clone() for tensor in [*net.parameters(), *net.buffers()]]
    gradients = [parameter.grad for parameter in net.parameters()]
    modules = [
        (module.training, dict(module._forward_hooks), dict(module._forward_pre_hooks)) for module in net.modules()
    ]
    methods = ["forward" in module.__dict__ for module in net.modules()]
    return tensors, (gradients, modules, methods)


def assert_unchanged(net, before):
    tensors, rest = traces(net)
    assert all(torch.equal(tensor, old) for tensor, old in zip(tensors, before[0]))
    assert rest == before[1]


@pytest.mark.parametrize(
    "criterion",
    [
        "magnitude",
        "perturbation",
        "ntk",
        "taylor",
        "perturbation+parameters",
        "combination",
        "loss@sample",
        "fixed/ntk",
    ],
)
@pytest.mark.parametrize("training", [True, False])
def test_a_check_leaves_the_network_and_the_random_state_as_they_were(criterion, training):
    net = Planted().train(training)
    before, random_state = traces(net), torch.get_rng_state()
    make_plan(criterion).check(net, *textures())
    assert_unchanged(net, before)
    assert torch.equal(torch.get_rng_state(), random_state)


def broken(name):
    """The planted network, with something wrong."""
    net = Planted()
    if name == "weights":
        nn.init.constant_(net.edges[0]["nor_conv_3x3"].weight, torch.nan)
    if name == "logits":
        net.logits = dict
    if name == "output":
        forward = net.forward
        net.forward = lambda x: (x, forward(x))
    return net


@pytest.mark.parametrize(
    ("criterion", "options", "wrong", "says"),
    [
        ("perturbation_loss", {}, "weights", "the network's logits are not numbers"),
        ("loss@sample", {}, "weights", "the network's logits are not numbers"),
        ("perturbation+parameters", {}, "output", "returns a tuple, not logits"),
        ("parameters@sample", {}, "logits", "logits() gives nothing"),
        ("magnitude", {}, "logits", "logits() gives nothing"),
        ("ntk_infinite_min", {}, "", "Planted has no layers_of_kernel()"),
        ("perturbation+parameters", {"limits": {"parameters": 3}}, "", "no architecture costs at most 3 parameters"),
        ("parameters@sample", {"limits": {"parameters": 3}}, "", "no architecture costs at most 3 parameters"),
        ("magnitude@beam", {"limits": {"parameter": 3}}, "", "did you mean 'parameters'?"),
        (
            "magnitude@beam",
            {"limits": {"watts": 3}, "tables": {"watts": {"none": 1}}},
            "",
            "table of watts has no",
        ),
    ],
)
def test_a_check_raises_what_the_run_would_raise(criterion, options, wrong, says):
    plan = make_plan(criterion, **options)
    net, (x, y) = broken(wrong), textures()
    before = traces(net)
    checked = refuse(lambda: plan.check(net, x, y))
    assert says in checked
    assert says in refuse(lambda: plan.run(net, [(x, y)]))
    assert traces(net)[1] == before[1]


def test_a_check_raises_for_images_that_the_network_does_not_take():
    net, (x, y) = Planted(), textures()
    colour = x.repeat(1, 3, 1, 1)
    message = refuse(lambda: make_plan("perturbation").check(net, colour, y))
    assert message == refuse(lambda: make_plan("perturbation").run(net, [(colour, y)]))


def test_a_check_counts_costs_by_the_tables_that_the_run_takes():
    table = {"none": 0.0, "skip_connect": 1.0, "nor_conv_3x3": 5.0}
    plan = make_plan("perturbation+parameters", limits={"watts": 6}, tables={"watts": table})
    net, (x, y) = Planted(), textures()
    plan.check(net, x, y)
    chosen = plan.run(net, [(x, y)]).decisions.values()
    assert sum(table[option] for option in chosen) <= 6


def test_further_options_make_another_plan():
    plan = make_plan("ntk+naswot", width=3)
    assert plan.with_options(rescore=True).options == {"width": 3, "rescore": True}
    assert plan.options == {"width": 3}


def test_a_further_option_replaces_an_earlier_one():
    assert make_plan("ntk+naswot", width=3).with_options(width=5).options == {"width": 5}


LATER = [
    ("ntk+naswot", {"order": "random"}, "strategy beam takes no order"),
    ("ntk+naswot", {"width": 0}, "width is a number of at least 1, not 0"),
    ("ntk@progressive", {"order": "sorted"}, "unknown order 'sorted'"),
    ("ntk@sample", {"candidates": 0}, "candidates is a number of at least 1"),
    ("minimum(ntk+naswot)", {"combine": "product"}, "joins by minimum, and combine is product"),
]


@pytest.mark.parametrize(("criterion", "options", "says"), LATER)
def test_a_further_option_is_checked_as_the_first_ones_are(criterion, options, says):
    assert says in refuse(lambda: make_plan(criterion).with_options(**options))


@pytest.mark.parametrize(("criterion", "options", "says"), LATER)
def test_an_option_of_one_run_is_checked_as_the_first_ones_are(criterion, options, says):
    assert says in refuse(lambda: make_plan(criterion).run(Planted(), [textures()], **options))


def test_an_option_of_one_run_is_for_that_run_only():
    plan = make_plan("perturbation+parameters")
    plan.run(Planted(), [textures()], width=1)
    assert plan.options == {}


@pytest.mark.parametrize(
    ("criterion", "says"),
    [("perturbation", "perturbation measures the network on data"), ("taylor", "taylor measures")],
)
def test_a_criterion_that_measures_asks_for_batches(criterion, says):
    assert says in refuse(lambda: make_plan(criterion).run(Planted()))


def test_a_lift_that_needs_the_same_images_takes_no_function_of_batches():
    message = refuse(lambda: make_plan("taylor").run(Planted(), lambda: [textures()]))
    assert message == "taylor scores all options on the same images: give batches as a list [(x, y), ...]"


def test_every_strategy_takes_its_options_by_keyword_only():
    options = {strategy.name: strategy.options for strategy in list_strategies()}
    second_stage = ["shortlist", "then", "then_build", "spread", "memory"]
    assert options == {
        "oneshot": [],
        "progressive": ["tune", "order", "joint", "checkpoint", "resume"],
        "sample": ["candidates", "build", "combine", "limits", "tables", *second_stage],
        "local": ["start", "radius", "step", "candidates", "build", "combine", "limits", "tables", *second_stage],
        "beam": ["width", "combine", "limits", "tables", "rescore"],
    }
