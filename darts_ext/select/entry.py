"""What is asked for: a criterion, its strategy, and those of the options that the strategy takes."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, fields

from selection import list_criteria, list_measures
from selection.combination import spelt_out
from selection.numerics.tnorm import TNORMS
from selection.probe import MANNERS
from selection.registry import Criterion, find_criterion, find_lift
from selection.strategies import JOINT, SINGLE
from selection.strategies.progressive import ORDERS

from ..config import SelectionSettings
from ..runtime.errors import UsageError, unknown

LIMITS = ("max_parameters", "max_flops", "max_latency")
EVERY = ("protocol", "race", "select_images", "settings")
TAKES = {
    "oneshot": (),
    "progressive": ("order", "joint", "tune_epochs", "tune_learning_rate_factor"),
    "sample": ("candidates", "candidate_weights", "combine", *LIMITS),
    "beam": ("width", "combine", "rescore", *LIMITS),
}
NAMES = {"protocol": MANNERS, "order": ORDERS, "combine": TNORMS, "candidate_weights": ("supernet", "initial")}


@dataclass(frozen=True)
class Entry:
    """One criterion, or several joined by "+", with the strategy that decides by it.

    Args:
        name: as the user spelt it.
        supernet: of those of a comparison; "" is the command's own.
        taken: the settings that it takes, {name: value}.
    """

    name: str
    criterion: str
    strategy: str
    taken: dict[str, object]
    supernet: str = ""

    @property
    def criteria(self) -> list[str]:
        """Those that judge together."""
        return self.criterion.split("+")

    @property
    def measure(self) -> str | None:
        """What is measured; None where nothing is, or several things are."""
        return find_criterion(self.criterion).measure if len(self.criteria) == 1 else None

    @property
    def folder(self) -> str:
        """Its name as a folder on any system.

        >>> Entry("alone:ntk_min@progressive", "alone:ntk_min", "progressive", {}).folder
        'alone-ntk_min@progressive'
        """
        return re.sub(r"[^\w.+@-]", "-", self.name.rpartition("/")[2])

    @property
    def options(self) -> dict[str, object]:
        """Arguments of the strategy; what is not given is left to its default."""
        direct = {name: self.taken.get(name) for name in ("order", "joint", "candidates", "width", "combine")}
        limits = {name.removeprefix("max_"): self.taken[name] for name in LIMITS if self.taken.get(name) is not None}
        options = {name: value for name, value in direct.items() if value is not None}
        return (
            options | ({"limits": limits} if limits else {}) | ({"rescore": True} if self.taken.get("rescore") else {})
        )


def read_entries(names: Sequence[str], settings: SelectionSettings, strategy: str | None = None) -> list[Entry]:
    """The entries of a command, each CRITERION or CRITERION@STRATEGY, and in front the name of a supernet and a slash,
    where it is not the command's own.

    Args:
        strategy: of the entries that name none; by default what suits each.

    Raises:
        UsageError, SelectionError: an unknown name, or an option that none of them takes.
    """
    _check_values(settings)
    entries = [_read(name, settings, strategy) for name in dict.fromkeys(names)]
    for name in _given(settings):
        if not any(name in entry.taken for entry in entries):
            used = ", ".join(dict.fromkeys(entry.strategy for entry in entries))
            takers = " and ".join(strategy for strategy, options in TAKES.items() if name in options)
            raise UsageError(
                f"{name} is an option of {takers}, and the strategy is {used}: name another strategy, or leave {name} out"
            )
    strange = [name for name in settings.settings or {} if not any(name in entry.criteria for entry in entries)]
    if strange:
        raise unknown("criterion in --settings", strange[0], [name for entry in entries for name in entry.criteria])
    folders = [(entry.supernet, entry.folder) for entry in entries]
    same = next((entry.name for entry in entries if folders.count((entry.supernet, entry.folder)) > 1), None)
    if same:
        raise UsageError(f"{same} would share the folder of another criterion: leave one of them out")
    return entries


def _read(name: str, settings: SelectionSettings, strategy: str | None) -> Entry:
    supernet, _, rest = name.rpartition("/")
    asked, _, own = rest.partition("@")
    criterion = spelt_out(asked)
    found = [_criterion(part, name) for part in criterion.split("+")]
    if own and strategy and own != strategy:
        raise UsageError(f"{name} names strategy {own}, and --strategy is {strategy}: leave one of them out")
    strategy = own or strategy or ("sample" if asked == "combination" else _fitting(found, settings.tune_epochs))
    if strategy not in SINGLE | JOINT:
        raise unknown("strategy", strategy, SINGLE | JOINT)
    if len(found) > 1 and strategy in SINGLE:
        raise UsageError(f"strategy {strategy} takes one criterion, not {criterion}: beam and sample combine several")
    entry = Entry(
        name,
        criterion,
        strategy,
        {option: getattr(settings, option) for option in (*EVERY, *TAKES[strategy])},
        supernet,
    )
    if settings.settings:
        entry.taken["settings"] = {
            part: values for part, values in settings.settings.items() if part in entry.criteria
        } or None
    _check_measures(entry, settings)
    return entry


def _criterion(part: str, name: str) -> Criterion:
    if not part:
        raise UsageError(f"a criterion is missing in {name!r}")
    if ":" in part or part in list_measures() or part in list_criteria():
        return find_criterion(part)
    raise unknown("criterion", part, {*list_criteria(), *list_measures(), "combination"})


def _fitting(found: list, tune_epochs: int) -> str:
    if len(found) > 1:
        return "beam"
    return "progressive" if tune_epochs and found[0].measure else found[0].strategy


def _given(settings: SelectionSettings) -> list[str]:
    """The options of strategies that are not at their default."""
    return [
        field.name
        for field in fields(settings)
        if field.name not in EVERY and getattr(settings, field.name) != field.default
    ]


def _check_values(settings: SelectionSettings) -> None:
    for option, known in NAMES.items():
        value = getattr(settings, option)
        if value is not None and value not in known:
            raise unknown(option, value, known)
    number = settings.candidates
    if number is not None and number != "all" and not (isinstance(number, int) and number >= 1):
        raise UsageError(f"candidates is a number of at least 1, or all; it is {number!r}")
    if settings.tune_learning_rate_factor != SelectionSettings.tune_learning_rate_factor and not settings.tune_epochs:
        raise UsageError("tune_learning_rate_factor says how tuning trains, and tune_epochs is 0: give --tune_epochs")


def _check_measures(entry: Entry, settings: SelectionSettings) -> None:
    """What would fail only when the supernet has been trained, said before."""
    measuring = [part for part in entry.criteria if find_criterion(part).measure]
    if entry.strategy == "sample" and (
        silent := [part for part in entry.criteria if part not in measuring and part not in list_measures()]
    ):
        raise UsageError(
            f"criterion {silent[0]} reads options and measures nothing of a whole architecture: sample takes criteria "
            f"that measure"
        )
    if entry.strategy == "beam" and settings.rescore and not measuring:
        raise UsageError(f"rescore measures whole architectures, and {entry.criterion} measures nothing")
    if settings.protocol == "darts-pt" and any(
        find_criterion(part).lift is find_lift("taylor") for part in entry.criteria
    ):
        raise UsageError("taylor scores all options on the same images: leave --protocol at paired")
