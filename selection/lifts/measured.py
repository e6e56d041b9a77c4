"""Removal: what is lost when an option is switched off. Alone: what is reached when it is the only one left."""

from ..probe import Probe


def removal(probe: Probe, choice: str) -> dict[str, float]:
    """score(o) = measure(net) - measure(net without o) (Wang et al. 2021)."""
    return {option: probe.base() - probe.value({choice: [option]}) for option in probe.net.choices()[choice]}


def alone(probe: Probe, choice: str) -> dict[str, float]:
    """score(o) = measure(net without every other option of the choice)."""
    options = list(probe.net.choices()[choice])
    return {option: probe.value({choice: [other for other in options if other != option]}) for option in options}


def edge(probe: Probe, choice: str) -> float:
    """What is lost without the choice's whole edge."""
    return probe.base() - probe.value({choice: list(probe.net.choices()[choice])})
