"""Sample: whole architectures, at random or all there are, ranked by what is measured of each (Eigen-NAS, Zhu et al.
2022)."""

from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any, cast

from ..architecture import Architecture, count_architectures, draw_architecture, list_architectures
from ..arguments import check_function, check_limits, check_whole
from ..costs import Costs, Table, check_reachable, count_costs
from ..decisions import Decisions
from ..errors import SelectionError
from ..evaluator import Evaluator
from ..protocol import allowed_options
from ..registry import Criterion
from .panel import Panel, check_combine
from .shortlist import check_shortlist, form_shortlist, take_best
from .whole import Arena, Build, Spread, fits_limits

TRIES = 100  # draws a candidate, before those within the limits are given up


def sample(
    panel: Panel,
    *,
    candidates: int | str = 100,
    build: Build | None = None,
    combine: str = "product",
    limits: Mapping[str, float] | None = None,
    tables: Mapping[str, Table] | None = None,
    shortlist: int | None = None,
    then: Any = None,
    then_build: Build | None = None,
    spread: Spread | None = None,
    memory: MutableMapping | None = None,
) -> Decisions:
    """Takes the best of some architectures, by the measure of the criterion.

    Several criteria are calibrated by rank among the candidates and combined. The score of an option is the value of
    the best architecture that has it; minus infinity, if none has.

    Args:
        candidates: how many different ones are drawn at random (all, where there are no more), or "all".
        build: (decisions, inputs) -> the network to measure, as at initialisation, or several, which rank by the mean
            of their ranks; by default the supernet with everything committed, which has its trained weights.
        combine: t-norm of several criteria: "minimum", "product" (AZ-NAS, Lee & Ham 2024) or "lukasiewicz".
        limits, tables: see `costs.count_costs`; architectures above a limit are left out.
        shortlist, then, then_build: the best `shortlist` (20) are judged again, and the best of them is taken: by
            `then`, a criterion's name or (decisions, inputs) -> number, on what `then_build` makes (by default as
            `build`).
        spread, memory: see `Arena`.

    Raises:
        SelectionError: a criterion without a measure, or limits that no candidate meets.
    """
    evaluator = panel[0].evaluator
    net = evaluator.net
    second = form_shortlist(net, shortlist, then, then_build or build, combine, spread)
    limited = count_costs(net, limits or {}, evaluator.example() if limits else None, tables)
    check_reachable(net, limited, {choice: allowed_options(net, choice) for choice in net.choices()})
    arena = Arena(panel, build, combine, spread, memory)
    ranking = arena.rank(_collect_candidates(evaluator, candidates, limited))
    return take_best(ranking, net, second)


def check_sample(criteria: Mapping[str, Criterion], options: Mapping[str, Any]) -> None:
    """Raises SelectionError for options of `sample` that cannot be."""
    check_whole("candidates", options.get("candidates", "all"), word="all")
    check_function("build", options.get("build"), "(decisions, inputs) -> network")
    check_limits(options)
    check_combine(options)
    check_shortlist(options)


def _collect_candidates(evaluator: Evaluator, number: int | Any, limits: Sequence[Costs]) -> list[Architecture]:
    """Returns different architectures within the limits: all there are, or some drawn at random."""
    net = evaluator.net
    everything = number == "all" or count_architectures(net) <= number
    if everything:
        candidates = [architecture for architecture in list_architectures(net) if fits_limits(architecture, limits)]
    else:
        candidates = _draw_candidates(evaluator, cast(int, number), limits)
    if not candidates:
        most = " and ".join(f"{cost.limit:,g} {cost.kind}" for cost in limits)
        pool = "all architectures" if everything else f"{TRIES * number} architectures drawn"
        raise SelectionError(f"of {pool} none costs at most {most}: raise a limit")
    return candidates


def _draw_candidates(evaluator: Evaluator, number: int, limits: Sequence[Costs]) -> list[Architecture]:
    different: dict[tuple, Architecture] = {}
    for _ in range(TRIES * number):
        architecture = draw_architecture(evaluator.net, evaluator.generator)
        if len(different) == number:
            break
        if fits_limits(architecture, limits):
            different.setdefault(architecture.key(), architecture)
    return list(different.values())
