"""Oneshot: every choice is scored on the network as it is, and all are decided at once."""

from collections.abc import Callable
from dataclasses import dataclass, field

from ..lifts import edges
from ..probe import Probe
from ..protocol import allowed_options, surplus


@dataclass
class Decisions:
    """What a strategy decided, and the scores that it saw.

    Args:
        options: {choice: option}. inputs: {node: [choices it keeps, strongest first]}.
        scores: {choice: {option: score}}. edges: {choice: score}, of the choices that a node may drop altogether.
        history: what was decided in each round, and the measure after it. candidates: the best whole architectures that
            were compared.
        reasons: {choice: why}, where several criteria met.
    """

    options: dict[str, str] = field(default_factory=dict)
    inputs: dict[str, list[str]] = field(default_factory=dict)
    scores: dict[str, dict[str, float]] = field(default_factory=dict)
    edges: dict[str, float] = field(default_factory=dict)
    history: list[dict] = field(default_factory=list)
    candidates: list[dict] = field(default_factory=list)
    reasons: dict[str, dict] = field(default_factory=dict)


def oneshot(probe: Probe, lift: Callable) -> Decisions:
    """The best allowed option of every choice and the best edges of every node; ties go to the first.

    An edge is as good as what is lost without it; where the net is only read, as good as its best allowed option.
    """
    net, made = probe.net, Decisions()
    choices = net.choices()
    probe.expected = 1 + sum(map(len, choices.values())) + sum(len(names) for _, names in surplus(net).values())
    for choice in choices:
        made.scores[choice] = lift(probe, choice)
        made.options[choice] = best(probe, choice, made.scores[choice])
    for node in net.inputs():
        keep_strongest(probe, node, made)
    return made


def best(probe: Probe, choice: str, scores: dict[str, float]) -> str:
    """The allowed option of the highest score; ties go to the first."""
    return max(allowed_options(probe.net, choice), key=scores.__getitem__)


def keep_strongest(probe: Probe, node: str, made: Decisions) -> None:
    """Decides which edges a node keeps, strongest first; ties go to the first. Where all stay, measuring them would
    decide nothing."""
    keep, names = probe.net.inputs()[node]
    staying = list(names)
    if probe.measure is None:
        made.edges |= {name: made.scores[name][made.options[name]] for name in names}
        staying = sorted(staying, key=lambda name: -made.edges[name])[:keep]
    while len(staying) > keep:
        made.edges |= edges(probe, staying, keep)
        for _ in range(
            1 if probe.manner.redraw else len(staying) - keep
        ):  # DARTS-PT drops one edge and measures the others again
            staying.remove(min(reversed(staying), key=made.edges.__getitem__))
    made.inputs[node] = sorted(staying, key=lambda name: -made.edges.get(name, 0.0))
