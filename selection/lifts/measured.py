"""Removal: what is lost when an option is switched off. Alone: what is reached when it is the only one left."""

from collections.abc import Callable
from math import isfinite

from ..numerics.race import race
from ..probe import Mask, Probe
from ..protocol import allowed_options, on_edges
from ..registry import register_lift


@register_lift("removal")
def removal(probe: Probe, choice: str) -> dict[str, float]:
    """score(o) = measure(net) - measure(net without o) (Wang et al. 2021).

    Where the measure is a mean over images, an option that is clearly not the best is not evaluated to the end: its
    score is then an estimate below the best's.
    """
    allowed = allowed_options(probe.net, choice)
    masks = {option: {choice: [option]} for option in probe.net.choices()[choice]}

    def known(option: str) -> bool:
        return probe.changes_nothing(choice, option)

    # an option that is never chosen does not run: it might win the race, and the best of the others would not be known
    found = lost_without(probe, {option: masks[option] for option in allowed}, known)
    others = {option: mask for option, mask in masks.items() if option not in allowed}
    found |= lost_without(probe, others, known, keep=len(others)) if others else {}
    return {option: found[option] for option in masks}


@register_lift("alone")
def alone(probe: Probe, choice: str) -> dict[str, float]:
    """score(o) = measure(net without every other option of the choice)."""
    options = list(probe.net.choices()[choice])
    return {option: probe.value({choice: [other for other in options if other != option]}) for option in options}


def edges(probe: Probe, names: list[str], keep: int) -> dict[str, float]:
    """score(edge) = measure(net) - measure(net without the edge), of the edges among which `keep` are to stay."""
    choices = probe.net.choices()
    return lost_without(
        probe,
        {name: {choice: list(choices[choice]) for choice in on_edges(probe.net, [name])} for name in names},
        lambda _: False,
        keep,
    )


def lost_without(probe: Probe, masks: dict[str, Mask], known: Callable[[str], bool], keep: int = 1) -> dict[str, float]:
    """{name: measure(net) - measure(net with the mask of that name)}; zero where that is known."""
    zero = [name for name in masks if known(name)]
    if not probe.racing:
        probe.save(len(zero))
        return {
            name: 0.0 if name in zero else _settled(_difference(probe.base(), probe.value(mask)), probe.base())
            for name, mask in masks.items()
        }
    base, before = probe.base_parts(), probe.evaluations

    def lost(name: str, part: range) -> list[float]:
        return [whole - value for whole, value in zip(base[part.start : part.stop], probe.parts(masks[name], part))]

    found = race(
        lost,
        list(masks),
        probe.sizes,
        error=probe.manner.race,
        keep=keep,
        known={name: [0.0] * len(base) for name in zero},
    )
    probe.save(len(masks) - (probe.evaluations - before))
    return {name: _settled(value, probe.base()) for name, value in found.estimates.items()}


def _difference(whole: float, value: float) -> float:
    return 0.0 if whole == value else whole - value  # both may be minus infinity


def _settled(difference: float, whole: float) -> float:
    """The difference to 40 bits of the whole: what is equal but for the rounding of means is a tie.

    >>> _settled(0.3 - 0.2, 0.3) == _settled(0.1, 0.3), _settled(4e-18, 0.3)
    (True, 0.0)
    """
    step = abs(whole) * 2.0**-40
    return round(difference / step) * step if step and isfinite(difference / step) else difference
