"""A criterion as a command was asked for it: the plan behind its name, and those of the settings that apply to it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import Field, dataclass, fields
from functools import partial
from pathlib import Path

from selection import Plan, Strategy, list_strategies, make_plan, parse_criterion

from ..config import StrategySettings, is_default
from ..config.select import MeasuringSettings
from ..runtime.errors import UsageError, unknown
from ..runtime.genotypes import read_genotype
from ..runtime.settings import check_ranges

# options of strategies that are handed over when the plan is made, or when there is a network
ELSEWHERE = ("tune", "build", "then_build", "spread", "start", "then")
SECOND_JUDGES = ("training", "table")  # who may judge a shortlist besides criteria


@dataclass(frozen=True)
class Selector:
    """A criterion, or several joined by "+", with the plan by which it decides.

    Args:
        name: as the user spelt it.
        settings: those that apply to it, {name: value}.
    """

    name: str
    plan: Plan
    settings: dict[str, object]

    @property
    def supernet(self) -> str:
        """The supernet that it names; "" is the command's own."""
        return self.plan.spelling.supernet

    @property
    def strategy(self) -> str:
        """The name of its strategy."""
        return self.plan.strategy.name

    @property
    def measure(self) -> str | None:
        """What is measured; None where nothing is, or several things are."""
        criteria = list(self.plan.criteria.values())
        if len(criteria) > 1 or criteria[0].measure is None:
            return None
        return criteria[0].measure.name

    @property
    def measures_mixture(self) -> bool:
        """Whether it judges whole architectures by how the supernet's own weights do on images."""
        weights = self.settings.get("candidate_weights", "supernet")
        measures = {criterion.measure.name for criterion in self.plan.criteria.values() if criterion.measure}
        return self.plan.strategy.whole and weights == "supernet" and not measures.isdisjoint(("accuracy", "loss"))

    @property
    def folder(self) -> str:
        """Its name as a folder on any system.

        >>> Selector("alone:ntk_min@progressive", make_plan("alone:ntk_min"), {}).folder
        'alone-ntk_min@progressive'
        """
        return re.sub(r"[^\w.+@-]", "-", self.name.removeprefix(f"{self.supernet}/"))

    def to_dict(self) -> dict[str, object]:
        """Returns it in built-in types, by which a checkpoint knows whose it is.

        Settings at their defaults are left out, so that a new setting does not disown an older checkpoint.
        """
        return {
            "name": self.name,
            "criterion": "+".join(self.plan.spelling.names),
            "strategy": self.strategy,
            "taken": drop_defaults({**self.settings, "processes": 1}),
            "supernet": self.supernet,
        }


def drop_defaults(settings: Mapping[str, object]) -> dict[str, object]:
    """Returns the settings that are not at their default.

    >>> drop_defaults({"tune_epochs": 0, "order": "random"})
    {'order': 'random'}
    """
    return {name: value for name, value in settings.items() if not is_default(name, value)}


def read_selectors(names: Sequence[str], settings: StrategySettings, strategy: str | None = None) -> list[Selector]:
    """Reads the criteria of a command, see `selection.spelling` for their grammar.

    Args:
        strategy: of the criteria that name none; by default what suits each.

    Raises:
        UsageError, SelectionError: an unknown name, or an option that none of them takes.
    """
    check_ranges(settings)
    if settings.tune_learning_rate_factor != StrategySettings.tune_learning_rate_factor and not settings.tune_epochs:
        raise UsageError("tune_learning_rate_factor says how tuning trains, and tune_epochs is 0: give --tune_epochs")
    selectors = [_read_selector(name, settings, strategy) for name in dict.fromkeys(names)]
    _check_all_settings_apply(selectors, settings)
    _check_second_stage_applies(selectors, settings)
    _check_folders_differ(selectors)
    return selectors


def _read_selector(name: str, settings: StrategySettings, strategy: str | None) -> Selector:
    spelling = parse_criterion(name)
    measure_settings = None
    if settings.settings:
        applying_settings = {
            criterion: values for criterion, values in settings.settings.items() if criterion in spelling.names
        }
        measure_settings = applying_settings or None
    if is_file_of_start("start", settings.start):
        read_genotype(Path(str(settings.start)))
    plan_with = partial(
        make_plan,
        spelling,
        strategy,
        tuned=settings.tune_epochs > 0,
        protocol=settings.protocol,
        race=settings.race,
        settings=measure_settings,
        later=SECOND_JUDGES,
    )
    plan = plan_with()
    named = {"start": settings.start, "then": settings.then}
    if is_file_of_start("start", settings.start):
        del named["start"]
    named = {name: value for name, value in named.items() if value and name in plan.strategy.options}
    if named:
        plan = plan_with(**named)
    applying = {field.name: getattr(settings, field.name) for field in _list_applying(plan.strategy)}
    applying["settings"] = measure_settings
    for option in {"start", "then"} & set(applying):
        applying[option] = plan.options.get(option, applying[option])  # as it may stand in the criterion's spelling
    options = _read_options(plan.strategy, settings)
    if "then" not in plan.options:
        options.pop("shortlist", None)
    return Selector(name, plan.with_options(**options), applying)


def _list_applying(strategy: Strategy) -> list[Field]:
    """Lists the settings that a strategy takes."""
    measuring = {field.name for field in fields(MeasuringSettings)}
    applying = []
    for field in fields(StrategySettings):
        if field.name in measuring or _option_of(field) in strategy.options:
            applying.append(field)
    return applying


def _option_of(field: Field) -> str:
    """Returns the option of a strategy that a setting is, or is part of."""
    return field.metadata.get("option", field.name)


def _list_given(settings: StrategySettings) -> list[Field]:
    """Lists the settings of strategies that are not at their default."""
    measuring = {field.name for field in fields(MeasuringSettings)}
    options = [field for field in fields(settings) if field.name not in measuring]
    return [field for field in options if getattr(settings, field.name) != field.default]


def _read_options(strategy: Strategy, settings: StrategySettings) -> dict[str, object]:
    """Returns the options of a strategy that the settings give; the others are left to their defaults.

    `max_parameters`, `max_flops` and `max_latency` are parts of one option, `limits`.
    """
    options: dict[str, object] = {}
    for field in _list_given(settings):
        option, value = _option_of(field), getattr(settings, field.name)
        if option not in strategy.options or option in ELSEWHERE:
            continue
        if option == "limits":
            limits = options.setdefault("limits", {})
            limits[field.name.removeprefix("max_")] = value
        else:
            options[option] = value
    return options


def is_file_of_start(option: str, value: object) -> bool:
    """Whether a setting is the file of the genotype at which a search begins; it is read where there is a space."""
    return option == "start" and isinstance(value, str) and Path(value).suffix in (".json", ".txt")


def _check_all_settings_apply(selectors: Sequence[Selector], settings: StrategySettings) -> None:
    for field in _list_given(settings):
        if any(field.name in selector.settings for selector in selectors):
            continue
        used = ", ".join(dict.fromkeys(selector.strategy for selector in selectors))
        takers = [strategy.name for strategy in list_strategies() if _option_of(field) in strategy.options]
        raise UsageError(
            f"{field.name} is an option of {' and '.join(takers)}, and the strategy is {used}: name another strategy, "
            f"or leave {field.name} out"
        )
    criteria = [name for selector in selectors for name in selector.plan.spelling.names]
    for name in settings.settings or {}:
        if name not in criteria:
            raise unknown("criterion in --settings", name, criteria)


def _check_second_stage_applies(selectors: Sequence[Selector], settings: StrategySettings) -> None:
    """Raises UsageError for a setting of the second stage, where no criterion has one."""
    judges = {selector.plan.options.get("then") for selector in selectors}
    for field in _list_given(settings):
        if field.name in ("shortlist", "then_weights") and judges == {None}:
            raise UsageError(f"{field.name} is of those who judge a shortlist again, and there are none: give --then")
        if field.name.startswith("brief_") and "training" not in judges:
            raise UsageError(f"{field.name} is of a shortlist that is trained briefly: give --then training")


def _check_folders_differ(selectors: Sequence[Selector]) -> None:
    taken = set()
    for selector in selectors:
        folder = (selector.supernet, selector.folder)
        if folder in taken:
            raise UsageError(f"{selector.name} would share the folder of another criterion: leave one of them out")
        taken.add(folder)
