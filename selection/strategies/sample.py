"""Sample: whole architectures, at random or all there are, ranked by what is measured of each (Eigen-NAS, Zhu et al.
2022)."""

from collections.abc import Callable, Mapping

from torch import nn

from ..architecture import Architecture, count, drawn, listed, realised
from ..costs import Costs, Table, check_reachable, costs
from ..errors import SelectionError
from ..numerics.tnorm import tnorm
from ..protocol import allowed_options
from .oneshot import Decisions
from .panel import Panel, atoms

Build = Callable[[dict[str, str], dict[str, list[str]]], nn.Module]
SHOWN = 10
TRIES = 100


def sample(
    panel: Panel,
    *,
    candidates: int | str = 100,
    build: Build | None = None,
    combine: str = "product",
    limits: Mapping[str, float] | None = None,
    tables: Mapping[str, Table] | None = None,
) -> Decisions:
    """The best of some architectures, by the measure of the criterion; several criteria are calibrated by rank among
    the candidates and combined.

    Args:
        candidates: how many different ones are drawn at random (all, where there are no more), or "all".
        build: (decisions, inputs) -> the network to measure, as at initialisation; by default the supernet with
            everything committed, which has its trained weights.
        combine: t-norm of several criteria: "minimum", "product" (AZ-NAS, Lee & Ham 2024) or "lukasiewicz".
        limits, tables: see `costs.costs`; architectures above a limit are left out.

    The score of an option is the value of the best architecture that has it; minus infinity, if none has.

    Raises:
        SelectionError: a criterion without a measure, or limits that no candidate meets.
    """
    if candidates != "all" and not (
        isinstance(candidates, int) and not isinstance(candidates, bool) and candidates >= 1
    ):
        raise SelectionError(f"candidates is a number of at least 1, or 'all', not {candidates!r}")
    first = panel[0].probe
    limited = costs(first.net, limits or {}, first.example() if limits else None, tables)
    check_reachable(first.net, limited, {choice: allowed_options(first.net, choice) for choice in first.net.choices()})
    made = _candidates(first, candidates, limited)
    for judge in panel:
        judge.probe.expected = len(made)
    scores = {judge.name: {index: _value(judge.probe, one, build) for index, one in enumerate(made)} for judge in panel}
    reasons = atoms(scores) if len(panel) > 1 else {}
    value = {
        index: tnorm(combine, reasons[index].values()) if reasons else scores[panel[0].name][index]
        for index in range(len(made))
    }
    ranked = sorted(value, key=lambda index: -value[index])
    best = made[ranked[0]]
    found = Decisions(best.options, best.inputs)
    for choice, options in first.net.choices().items():
        having = {
            option: [value[i] for i, one in enumerate(made) if one.options[choice] == option and choice not in one.gone]
            for option in options
        }
        found.scores[choice] = {option: max(values, default=float("-inf")) for option, values in having.items()}
    for index in ranked[:SHOWN]:
        seen = {
            "value": value[index],
            "measured": {name: values[index] for name, values in scores.items()},
            "atoms": reasons.get(index),
        }
        found.candidates.append({"options": made[index].options, "inputs": made[index].inputs, **seen})
    return found


def _candidates(probe, number: int | str, limits: list[Costs]) -> list[Architecture]:
    net = probe.net

    def fits(one: Architecture) -> bool:
        return all(
            cost.of({choice: option for choice, option in one.options.items() if choice not in one.gone}) <= cost.limit
            for cost in limits
        )

    if number == "all" or count(net) <= number:
        made = list(filter(fits, listed(net)))
    else:
        different: dict[tuple, Architecture] = {}
        for _ in range(TRIES * number):
            one = drawn(net, probe.generator)
            if len(different) == number:
                break
            if fits(one):
                different.setdefault(one.key(), one)
        made = list(different.values())
    if not made:
        most = " and ".join(f"{cost.limit:,g} {cost.kind}" for cost in limits)
        looked = (
            "all architectures" if number == "all" or count(net) <= number else f"{TRIES * number} architectures drawn"
        )
        raise SelectionError(f"of {looked} none costs at most {most}: raise a limit")
    return made


def _value(probe, one: Architecture, build: Build | None) -> float:
    if build:
        return probe.of(build(one.options, one.inputs))
    with realised(probe.net, one):
        return probe.of(probe.net)
