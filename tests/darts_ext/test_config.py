"""Settings: each has help, a range that is kept, and a place in commands, presets and the options of strategies."""

import ast
import inspect
import re
from dataclasses import asdict, fields, is_dataclass
from math import nan
from pathlib import Path

import pytest
import yaml

from darts_ext import config
from darts_ext.cli.arguments import PRESETS, list_presets
from darts_ext.cli.commands import COMMANDS
from darts_ext.config import RetrainSettings, StrategySettings, ranges
from darts_ext.config.select import MeasuringSettings
from darts_ext.runtime.errors import UsageError
from darts_ext.runtime.settings import check_ranges, flatten, pick
from darts_ext.select import read_selectors
from selection import SelectionError, list_criteria, list_measures, list_strategies, select
from selection.costs import KINDS
from selection.testing import Planted, textures

FOLDER = Path(config.__file__).parent
SETTINGS = [thing for thing in (getattr(config, name) for name in config.__all__) if is_dataclass(thing)]
REQUIRED = {"format": "quark0"}  # of ImportSettings; every other field has a default
IN_PROCESS = {"checkpoint", "resume", "tables", "memory"}  # options of strategies that no command line can give

BOUNDS = {  # range: (values outside it, values at its edge)
    "SEED": ([-1, 2**63], [0, 2**63 - 1]),
    "AT_LEAST_ONE": ([0, -3], [1]),
    "ABOVE_ZERO": ([0, -0.5], [1e-9]),
    "NOT_NEGATIVE": ([-1, -1e-9], [0]),
    "SHARE": ([-0.1, 1, 1.5], [0, 0.999]),
    "PROPER_SHARE": ([0, 1, -0.5], [0.001, 0.999]),
    "EVEN": ([0, -2, 3], [2, 36]),
}
RANGED = [(kind, field) for kind in SETTINGS for field in fields(kind) if "range" in field.metadata]
NUMBERS = [(kind, field) for kind, field in RANGED if not isinstance(field.default, str)]


def make(kind, **values):
    """Settings at their defaults but for some."""
    required = {name: value for name, value in REQUIRED.items() if name in {field.name for field in fields(kind)}}
    return kind(**{**required, **values})


def read_bounds(field):
    """Values outside the range of a field, and values at its edge."""
    for name, bounds in BOUNDS.items():
        if getattr(ranges, name)["range"] is field.metadata["range"]:
            return bounds
    return ["nonsense", ""], [field.default]  # one of some names


def read_help():
    """{(class, field): the text under it} of every settings dataclass."""
    texts = {}
    for path in FOLDER.glob("*.py"):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef) and path.stem != "ranges":
                texts |= {(node.name, name): text for name, text in read_fields(node)}
    return texts


def read_fields(node):
    """The fields of a class, each with the string that follows it, or None."""
    for line, following in zip(node.body, [*node.body[1:], None]):
        if not isinstance(line, ast.AnnAssign):
            continue
        text = None
        if isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant):
            text = following.value.value
        yield line.target.id, text


HELP = read_help()


def test_every_settings_dataclass_is_looked_at():
    named = {name for name, _ in HELP}
    for kind in SETTINGS:
        assert kind.__name__ in named
        owners = {parent.__name__ for parent in kind.__mro__ if parent is not object}
        assert owners <= named


@pytest.mark.parametrize(("kind", "name"), sorted(HELP))
def test_every_setting_has_help(kind, name):
    assert (HELP[kind, name] or "").strip().endswith((".", ")")), f"{kind}.{name} has no sentence under it"


@pytest.mark.parametrize("kind", SETTINGS, ids=lambda kind: kind.__name__)
def test_settings_are_frozen_and_at_their_defaults_within_their_ranges(kind):
    assert kind.__dataclass_params__.frozen
    check_ranges(make(kind))


def name_field(value):
    if inspect.isclass(value):
        return value.__name__
    return getattr(value, "name", None)


@pytest.mark.parametrize(("kind", "field"), RANGED, ids=name_field)
def test_a_value_outside_its_range_is_refused_in_one_line_that_names_the_field(kind, field):
    outside, _ = read_bounds(field)
    for value in outside:
        with pytest.raises(UsageError) as caught:
            check_ranges(make(kind, **{field.name: value}))
        message = str(caught.value)
        assert len(message.splitlines()) == 1
        assert message.startswith(f"{field.name} ")
        assert str(value) in message


@pytest.mark.parametrize(("kind", "field"), RANGED, ids=name_field)
def test_a_value_at_the_edge_of_its_range_is_taken(kind, field):
    _, inside = read_bounds(field)
    for value in inside:
        check_ranges(make(kind, **{field.name: value}))


@pytest.mark.parametrize(("kind", "field"), NUMBERS, ids=name_field)
def test_what_is_not_a_number_lies_in_no_range(kind, field):
    with pytest.raises(UsageError, match=f"^{field.name} "):
        check_ranges(make(kind, **{field.name: nan}))


def test_a_setting_that_is_none_is_left_to_its_default():
    check_ranges(StrategySettings(race=None, width=None, max_flops=None))


def test_a_setting_that_may_not_be_none_is_refused():
    with pytest.raises(UsageError, match=r"^device is empty: leave it out to have its default, 'auto'$"):
        check_ranges(config.RunSettings(device=None))


def test_the_first_of_several_settings_is_named():
    with pytest.raises(UsageError, match=r"^seed must lie between 0 and 2\*\*63 - 1, not -1$"):
        check_ranges(config.RunSettings(seed=-1), config.RankSettings(images=0))


@pytest.mark.parametrize("kind", SETTINGS, ids=lambda kind: kind.__name__)
def test_settings_come_back_from_the_arguments_of_a_run(kind):
    settings = make(kind)
    if kind is config.CompareSettings:
        assert flatten(settings)["retrain"] == asdict(RetrainSettings())
    else:
        assert pick(kind, {**flatten(settings), "another": 1}) == settings


MEASURING = {field.name for field in fields(MeasuringSettings)}
OPTIONS = [field for field in fields(StrategySettings) if field.name not in MEASURING]


def read_option(field):
    """The option of strategies that a setting is, or is part of."""
    return field.metadata.get("option", field.name)


def list_takers(option):
    return [strategy for strategy in list_strategies() if option in strategy.options]


@pytest.mark.parametrize("field", OPTIONS, ids=name_field)
def test_every_setting_of_strategies_is_an_option_of_some_strategy_or_part_of_one(field):
    assert list_takers(read_option(field))


@pytest.mark.parametrize("strategy", list_strategies(), ids=name_field)
def test_every_option_of_a_strategy_has_a_setting(strategy):
    assert set(strategy.options) - IN_PROCESS <= {read_option(field) for field in OPTIONS}


@pytest.mark.parametrize("field", OPTIONS, ids=name_field)
def test_the_help_of_an_option_names_the_strategies_that_take_it(field):
    start = re.match(r"Of ([\w, ]+):", HELP["StrategySettings", field.name])
    assert start, "help begins with Of STRATEGY:"
    takers = {strategy.name for strategy in list_takers(read_option(field))}
    assert set(re.split(", | and ", start[1])) == takers


@pytest.mark.parametrize("field", [field for field in OPTIONS if "option" not in field.metadata], ids=name_field)
def test_an_option_that_is_not_given_is_left_to_the_strategy(field):
    for strategy in list_takers(field.name):
        default = inspect.signature(strategy.decide).parameters[field.name].default
        assert field.default is None or field.default == default


def test_limits_are_those_that_are_counted():
    limits = [field.name for field in OPTIONS if read_option(field) == "limits"]
    assert limits == [f"max_{kind}" for kind in KINDS]


def choose_in_python(criterion, tuned):
    """The strategy that `selection.select` takes by default; None where it refuses."""
    tune = (lambda decisions: None) if tuned else None
    try:
        return select(Planted(), criterion, batches=[textures()], tune=tune).strategy
    except SelectionError as error:
        assert "takes no tune" in str(error)
        return None


def choose_on_the_command_line(criterion, tuned):
    """The strategy that a command takes by default; None where it refuses."""
    try:
        (selector,) = read_selectors([criterion], StrategySettings(tune_epochs=1 if tuned else 0))
    except UsageError as error:
        assert "tune_epochs is an option of progressive" in str(error)
        return None
    return selector.strategy


@pytest.mark.parametrize("criterion", [*list_criteria(), "removal:loss", "perturbation+parameters", "combination"])
@pytest.mark.parametrize("tuned", [False, True])
def test_the_default_strategy_is_the_same_in_python_and_on_the_command_line(criterion, tuned):
    assert choose_in_python(criterion, tuned) == choose_on_the_command_line(criterion, tuned)


@pytest.mark.parametrize("spelling", ["minimum(naswot+parameters)", "minimum:naswot+parameters@sample"])
def test_a_tnorm_in_the_spelling_and_another_in_the_setting_are_refused(spelling):
    with pytest.raises(SelectionError, match="joins by minimum, and combine is product: leave one of them out"):
        read_selectors([spelling], StrategySettings(combine="product"))


def test_a_tnorm_in_the_spelling_reaches_the_strategy():
    (selector,) = read_selectors(["product(naswot+parameters)"], StrategySettings())
    assert selector.plan.options == {"combine": "product"}


@pytest.mark.parametrize("measure", list_measures())
def test_every_measure_alone_is_progressive_on_the_command_line(measure):
    (selector,) = read_selectors([f"alone:{measure}"], StrategySettings())
    assert selector.strategy == "progressive"


@pytest.mark.parametrize("name", list(COMMANDS))
def test_no_two_settings_of_a_command_share_a_name(name):
    names = [field.name for kind in COMMANDS[name].settings for field in fields(kind)]
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize("name", list(COMMANDS))
def test_a_command_hands_its_act_what_it_takes(name):
    command = COMMANDS[name]
    annotations = [parameter.annotation for parameter in inspect.signature(command.act).parameters.values()]
    target = [Path] if command.target else []
    assert annotations == [*target, *command.settings]


@pytest.mark.parametrize("name", list_presets())
def test_every_line_of_a_preset_is_a_setting(name):
    preset = yaml.safe_load((PRESETS / f"{name}.yaml").read_text())
    known = {field.name for command in COMMANDS.values() for kind in command.settings for field in fields(kind)}
    assert set(preset) <= known
    assert set(preset.get("retrain", {})) <= {field.name for field in fields(RetrainSettings)}
