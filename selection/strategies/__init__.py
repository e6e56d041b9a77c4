"""Strategies: from scores to decisions. Each takes a panel of judges (criteria with their evaluators)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..decisions import Decisions
from ..registry import Criterion, list_keywords
from .beam import beam, check_beam
from .local import START, check_local, local
from .oneshot import oneshot
from .panel import Judge, Panel
from .progressive import check_progressive, progressive
from .sample import check_sample, sample

Check = Callable[[Mapping[str, Criterion], Mapping[str, Any]], None]


def check_nothing(criteria: Mapping[str, Criterion], options: Mapping[str, Any]) -> None:
    """Accepts everything: for strategies whose options cannot be wrong."""


@dataclass(frozen=True)
class Strategy:
    """A way to decide.

    Args:
        decide: (panel, **options) -> Decisions; its keyword-only parameters are the options of the strategy.
        check: (criteria, options) -> None; raises SelectionError for options that cannot be.
        several: whether several criteria may judge together; then all options are weighed, not only the best.
        whole: whether it judges whole architectures, by what is measured of each, and not options.
    """

    name: str
    decide: Callable[..., Decisions]
    check: Check = check_nothing
    several: bool = False
    whole: bool = False

    @property
    def options(self) -> list[str]:
        """The names of the options that it takes."""
        return list_keywords(self.decide)


STRATEGIES = {
    strategy.name: strategy
    for strategy in (
        Strategy("oneshot", oneshot),
        Strategy("progressive", progressive, check_progressive),
        Strategy("sample", sample, check_sample, several=True, whole=True),
        Strategy("local", local, check_local, several=True, whole=True),
        Strategy("beam", beam, check_beam, several=True),
    )
}


def list_strategies() -> list[Strategy]:
    """Lists the strategies."""
    return list(STRATEGIES.values())


__all__ = [
    "START",
    "STRATEGIES",
    "Judge",
    "Panel",
    "Strategy",
    "beam",
    "list_strategies",
    "local",
    "oneshot",
    "progressive",
    "sample",
]
