"""Removal: what is lost when an option is switched off. Alone: what is reached when it is the only one left."""

from collections.abc import Callable
from math import isfinite

from ..evaluator import Evaluator, Mask
from ..numerics.race import race
from ..protocol import allowed_options, on_edges
from ..registry import register_lift


@register_lift("removal")
def removal(evaluator: Evaluator, choice: str) -> dict[str, float]:
    """score(o) = measure(net) - measure(net without o) (Wang et al. 2021).

    Where the measure is a mean over images, an option that is clearly not the best is not evaluated to the end: its
    score is then an estimate below the best's.
    """
    options = list(evaluator.net.choices()[choice])
    allowed = allowed_options(evaluator.net, choice)

    def is_known(option: str) -> bool:
        return evaluator.changes_nothing(choice, option)

    # an option that is never chosen does not run: it might win the race, and the best of the others would not be known
    scores = measure_drops(evaluator, {option: {choice: [option]} for option in allowed}, is_known)
    excluded = {option: {choice: [option]} for option in options if option not in allowed}
    if excluded:
        scores |= measure_drops(evaluator, excluded, is_known, keep=len(excluded))
    return {option: scores[option] for option in options}


@register_lift("alone")
def alone(evaluator: Evaluator, choice: str) -> dict[str, float]:
    """score(o) = measure(net without every other option of the choice)."""
    options = list(evaluator.net.choices()[choice])
    scores = {}
    for option in options:
        others = [other for other in options if other != option]
        scores[option] = evaluator.value({choice: others})
    return scores


def score_edges(evaluator: Evaluator, names: list[str], keep: int) -> dict[str, float]:
    """score(edge) = measure(net) - measure(net without the edge), of the edges among which `keep` are to stay."""
    choices = evaluator.net.choices()
    masks = {}
    for name in names:
        masks[name] = {choice: list(choices[choice]) for choice in on_edges(evaluator.net, [name])}
    return measure_drops(evaluator, masks, lambda name: False, keep)


def measure_drops(
    evaluator: Evaluator, masks: dict[str, Mask], is_known: Callable[[str], bool], keep: int = 1
) -> dict[str, float]:
    """Returns {name: measure(net) - measure(net with the mask of that name)}; zero where that is known."""
    known = [name for name in masks if is_known(name)]
    if evaluator.racing:
        return _race_drops(evaluator, masks, known, keep)
    evaluator.budget.save(len(known))
    drops = {}
    for name, mask in masks.items():
        if name in known:
            drops[name] = 0.0
        else:
            drops[name] = _round_drop(_subtract(evaluator.base(), evaluator.value(mask)), evaluator.base())
    return drops


def _race_drops(evaluator: Evaluator, masks: dict[str, Mask], known: list[str], keep: int) -> dict[str, float]:
    """Measures drops batch by batch, and stops where an option cannot be among the `keep` of largest drop."""
    base = evaluator.base_batch_values()
    before = evaluator.budget.evaluations

    def measure_batches(name: str, part: range) -> list[float]:
        values = evaluator.batch_values(masks[name], part)
        return [whole - value for whole, value in zip(base[part.start : part.stop], values)]

    finish = race(
        measure_batches,
        list(masks),
        evaluator.sizes,
        error=evaluator.protocol.race,
        keep=keep,
        known={name: [0.0] * len(base) for name in known},
    )
    evaluator.budget.save(len(masks) - (evaluator.budget.evaluations - before))
    return {name: _round_drop(drop, evaluator.base()) for name, drop in finish.estimates.items()}


def _subtract(whole: float, value: float) -> float:
    """Returns whole - value, also where both are minus infinity."""
    return 0.0 if whole == value else whole - value


def _round_drop(drop: float, whole: float) -> float:
    """Rounds a drop to 40 bits of the whole: what is equal but for the rounding of means is a tie.

    >>> _round_drop(0.3 - 0.2, 0.3) == _round_drop(0.1, 0.3), _round_drop(4e-18, 0.3)
    (True, 0.0)
    """
    step = abs(whole) * 2.0**-40
    if not step or not isfinite(drop / step):
        return drop
    return round(drop / step) * step
