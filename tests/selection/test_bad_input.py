"""What a user can get wrong: one clear error, and the network unchanged."""

from inspect import signature

import pytest
import torch

from selection import (
    SelectionError,
    committed,
    list_measures,
    masked,
    measure,
    register_measure,
    registry,
    score,
    select,
)
from selection.testing import Planted, textures


def refuses(message, call):
    with pytest.raises(SelectionError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


def planted(**answers):
    """The planted network with other answers."""
    net = Planted()
    for question, answer in answers.items():
        setattr(net, question, answer)
    return net


def broken(net, batches):
    """Fails."""
    raise RuntimeError("first line\nsecond line")


def nothing(net, batches):
    """Forgets to return."""


def handing_on(net, batches, **settings):
    """Takes whatever it is told."""
    return settings["anything"]


class NaN:
    """A measure that is an object, and not a number where the identity is off."""

    def __call__(self, net, batches):
        return float("nan") if "forward" in net.edges[0]["skip_connect"].__dict__ else 1.0


@pytest.fixture
def strange_measures(monkeypatch):
    """test_broken, test_nothing, test_nan and test_handing_on, for as long as the test runs."""
    monkeypatch.setattr(registry, "_MEASURES", dict(registry._MEASURES))
    for name, strange in (
        ("test_broken", broken),
        ("test_nothing", nothing),
        ("test_nan", NaN()),
        ("test_handing_on", handing_on),
    ):
        register_measure(name)(strange)


def test_answers_of_the_network_that_say_nothing_are_refused():
    batches = [textures()]
    choices = Planted().choices()
    for answers, message in [
        ({"choices": lambda: None}, r"choices\(\) returns a NoneType"),
        ({"logits": list}, r"logits\(\) returns a list"),
        ({"inputs": lambda: None}, r"inputs\(\) returns a NoneType"),
        ({"choices": dict}, "nothing to choose"),
        ({"choices": lambda: {"cell/0/op": {}}}, "gives no options"),
        ({"choices": lambda: {"cell/0/op": {"conv": []}}}, "option conv has no module"),
        ({"excluded": lambda: ("none", "skip_connect", "nor_conv_3x3")}, "every option is excluded"),
        (
            {"choices": lambda: {**choices, "cell/1/op": choices["cell/0/op"]}},
            "carries both none of cell/0/op and none of cell/1/op",
        ),
    ]:
        refuses(message, lambda answers=answers: select(planted(**answers), "magnitude", "oneshot"))
        refuses(message, lambda answers=answers: select(planted(**answers), "perturbation", batches=batches))


def test_logits_that_are_no_live_views():
    net = Planted()
    net.logits = lambda: {f"cell/{row}/op": net.alpha[row] + 0.5 for row in range(2)}
    before = net.alpha.clone()

    def commit():
        with committed(net, "cell/0/op", "none"):
            pass

    refuses("live views", commit)
    assert torch.equal(net.alpha, before)
    assert all("forward" not in module.__dict__ for module in net.modules())


def test_measures_and_lifts_that_fail_are_named(strange_measures):
    net, batches = Planted(), [textures()]
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    refuses("test_broken of .*: first line$", lambda: select(net, "removal:test_broken", batches=batches))
    refuses("test_nothing is not a number", lambda: select(net, "removal:test_nothing", batches=batches))
    refuses(
        "test_nan is not a number for cell/0/op without skip_connect",
        lambda: select(net, "removal:test_nan", batches=batches),
    )
    with torch.no_grad():
        net.alpha[1, 0] = float("nan")
    refuses("magnitude is not a number for option none of cell/1/op", lambda: select(net, "magnitude", "oneshot"))
    with torch.no_grad():
        net.alpha[1, 0] = -1.0
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())


def test_settings_that_a_measure_does_not_have_are_refused_before_it_is_measured(strange_measures):
    known = r"did you mean 'images'\? \(known: batchnorm, block, dtype, images, outputs, parameters, seed\)"
    for criterion, given, message in [
        ("perturbation", {"imagez": 3}, r"unknown setting of perturbation 'imagez' \(known: loss, metric\)"),
        ("removal:parameters", {"imagez": 3}, "removal:parameters takes no settings: leave 'imagez' out"),
        ("magnitude", {"images": 3}, "magnitude takes no settings: leave 'images' out"),
        (
            "removal:naswot",
            {"imagez": 3},
            r"unknown setting of removal:naswot 'imagez': did you mean 'images'\? \(known: images, training\)",
        ),
        ("ntk", {"imagez": 3}, f"unknown setting of ntk 'imagez': {known}"),
        ("snip", {"batchnorm": "frozen"}, r"unknown setting of snip 'batchnorm' \(known: images, loss, training\)"),
        ("gradalign_2", {"rigde": 1.0}, "did you mean 'ridge'"),
        ("ntk", 3, "settings of ntk is a dict"),
    ]:
        for call in (score, select):
            heard = []
            refuses(
                message,
                lambda: call(
                    Planted(),
                    criterion,
                    batches=[textures()],
                    settings={criterion: given},
                    listener=lambda *_: heard.append(1),
                ),
            )
            assert not heard
    refuses("settings is a dict", lambda: select(Planted(), "ntk", batches=[textures()], settings=3))
    refuses(
        "settings names ntk_min, which is not among the criteria ntk",
        lambda: score(Planted(), "ntk", [textures()], settings={"ntk_min": {}}),
    )
    settings = {"test_handing_on": {"anything": 3}}
    assert score(Planted(), "test_handing_on", [textures()], settings=settings)["cell/0/op"]["none"] == 3


def test_every_setting_that_is_said_to_be_known_is_taken():
    values = {
        "images": 4,
        "training": True,
        "batchnorm": "running",
        "block": None,
        "dtype": torch.float64,
        "outputs": "sum",
        "parameters": "all",
        "seed": 0,
        "ridge": 0.1,
        "norms": False,
        "loss": "cross_entropy",
    }
    records = {name: registry.find_measure(name) for name in list_measures()}
    hands_on = {name: record for name, record in records.items() if "settings" in signature(record.function).parameters}
    assert {"ntk_min", "gradalign_2", "snip"} <= set(hands_on)
    for name, record in hands_on.items():
        for setting in record.settings:
            value = measure(name, Planted(), *textures(), **{setting: values[setting]})
            assert isinstance(value, float), (name, setting)


def test_what_is_no_name_no_function_and_no_mask_is_told():
    for call in (select, score):
        refuses("name.* type NoneType", lambda: call(Planted(), None, batches=[textures()]))
    refuses("unknown strategy 'on'", lambda: select(Planted(), "magnitude", "on"))
    for tune in (3, 0, "train"):
        refuses("tune is a function", lambda: select(Planted(), "magnitude", tune=tune))
    for mask, message in [
        (3, r"masked takes \{choice: \[options to switch off\]\}, not an object of type int"),
        ({"cell/0/op": "none"}, "cell/0/op: masked takes a list of option names, not an object of type str"),
        ({"cell/0/op": 3}, "cell/0/op: masked takes a list of option names"),
    ]:
        refuses(message, masked(Planted(), mask).__enter__)


def test_unknown_criteria_are_answered_with_all_that_is_known():
    refuses(r"a name is missing in '': write A\+B, or LIFT:MEASURE", lambda: select(Planted(), ""))
    refuses(r"unknown criterion 'q' \(known: LIFT:MEASURE, accuracy, .*magnitude, ", lambda: select(Planted(), "q"))
    refuses(r"unknown criterion 'nasswot': did you mean 'naswot'\? \(known: ", lambda: select(Planted(), "nasswot"))


def test_an_output_of_several_parts_is_answered_with_how_to_take_one():
    class Two(Planted):
        def forward(self, x):
            return x, super().forward(x)

    class Named(Planted):
        def forward(self, x):
            return {"logits": super().forward(x)}

    for net, give in ((Two(), "output=1"), (Named(), "output='logits'")):
        for name in ("accuracy", "jacob_cov", "synflow"):
            refuses(
                rf"selection.adapt\(net, kind='generic', {give}\) takes one part of it; or wrap",
                lambda: measure(name, net, *textures()),
            )


def test_empty_batches_and_unknown_labels_are_refused_and_any_float_is_taken():
    x, y = textures()
    refuses("holds no inputs", lambda: select(Planted(), "perturbation", batches=[(x[:0], y[:0])]))
    refuses("label 5 is out of range", lambda: select(Planted(), "taylor", "oneshot", batches=[(x, y + 5)]))
    for inputs in (x.double(), x.half()):
        assert (
            select(Planted(), "perturbation", "oneshot", batches=[(inputs, y)]).decisions["cell/0/op"] == "nor_conv_3x3"
        )
    assert (
        select(Planted().double(), "perturbation", "oneshot", batches=lambda: [(x, y)]).decisions["cell/0/op"]
        == "nor_conv_3x3"
    )


def test_a_width_or_a_number_of_candidates_below_one_is_refused():
    batches = [textures()]
    refuses("width is a number of at least 1", lambda: select(Planted(), "magnitude", "beam", width=0))
    for wrong in (0, "some", -3, True):
        options = {"batches": batches, "candidates": wrong}
        refuses(
            "candidates is a number of at least 1, or 'all'",
            lambda options=options: select(Planted(), "removal:loss", "sample", **options),
        )


@pytest.mark.parametrize(
    ("strategy", "options", "says"),
    [
        ("beam", {"width": "3"}, "width is a number of at least 1, not '3'"),
        ("beam", {"width": 2.5}, "width is a number of at least 1, not 2.5"),
        ("beam", {"limits": 3}, "limits is a dict"),
        ("beam", {"limits": {"parameters": "big"}}, "the limit of parameters is a number, not 'big'"),
        ("beam", {"limits": {"parameters": float("nan")}}, "the limit of parameters is a number, not nan"),
        ("beam", {"tables": 3}, "tables is a dict"),
        ("sample", {"build": 3}, "build is a function"),
        ("oneshot", {"seed": "x"}, "seed is a number of at least 0, not 'x'"),
        ("oneshot", {"seed": 2**70}, "seed is a number"),
        ("oneshot", {"race": "x"}, "race is an error rate"),
        ("oneshot", {"listener": 3}, "listener is a function"),
    ],
)
def test_values_of_the_wrong_type_are_refused_in_one_line(strategy, options, says):
    refuses(says, lambda: select(Planted(), "removal:loss", strategy, batches=[textures()], **options))
