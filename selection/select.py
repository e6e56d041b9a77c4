"""The front door: score, measure, select."""

import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field

from torch import nn

from . import criteria  # noqa: F401  (registers them)
from .errors import SelectionError, unknown
from .lifts.progress import Progress
from .lifts.scores import Scores
from .protocol import Batches, Selectable, check_selectable
from .registry import find_criterion, find_measure
from .strategies import decide


@dataclass
class Selection:
    """What was chosen, and why.

    Args:
        decisions: {choice: option}.
        inputs: {node: [choices it keeps, strongest first]}.
        scores: {choice: {option: score}}, higher = keep. edges: {choice: score}.
        evaluations: how many times the network was measured. seconds: wall time.
    """

    criterion: str
    strategy: str
    decisions: dict[str, str]
    inputs: dict[str, list[str]]
    scores: dict[str, dict[str, float]]
    edges: dict[str, float]
    evaluations: int = 0
    seconds: float = 0.0
    history: list[dict] = field(default_factory=list)

    def to_json(self) -> str:
        """All of it as JSON."""
        return json.dumps(asdict(self), indent=1)


def measure(name: str, model: nn.Module, batches: Batches) -> float:
    """One number for a network, higher is better.

    Args:
        name: see `list_measures`.
        batches: [(x, y)].
    """
    return float(find_measure(name)(model, list(batches)))


def score(net: Selectable, criterion: str, batches: Batches | None = None, *, seed: int = 0, listener: Callable[[int, int], None] | None = None) -> Scores:
    """Scores of every option and edge under a criterion.

    Raises:
        SelectionError: an unknown criterion, no batches where they are needed, or a score that is not a number (named).
    """
    check_selectable(net)
    entry = find_criterion(criterion)
    if entry.measure and not batches:
        raise SelectionError(f"criterion {criterion} measures the network on data: give batches=[(x, y), ...]")
    batches = list(batches or [])
    scores = entry.lift(net, measure=find_measure(entry.measure) if entry.measure else None, batches=batches, seed=seed, progress=Progress(listener))
    for choice, options in scores.options.items():
        for option, value in options.items():
            if math.isnan(value):
                raise SelectionError(f"{criterion}: the score of {option} on {choice} is not a number")
    return scores


def select(
    net: Selectable, criterion: str = "perturbation", strategy: str = "oneshot", *,
    batches: Batches | None = None, seed: int = 0, listener: Callable[[int, int], None] | None = None,
) -> Selection:  # fmt: skip
    """Chooses an architecture.

    Args:
        net: answers choices(), logits() and inputs().
        criterion: see `list_criteria`.
        strategy: "oneshot".
        batches: [(x, y)] of validation images, for the criteria that measure.
        listener: called with (done, total) after each measurement.

    Raises:
        SelectionError: see `score`.
    """
    if strategy != "oneshot":
        raise unknown("strategy", strategy, ["oneshot"])
    start = time.perf_counter()
    scores = score(net, criterion, batches, seed=seed, listener=listener)
    decisions, inputs = decide(net, scores)
    return Selection(criterion, strategy, decisions, inputs, scores.options, scores.edges, scores.evaluations, time.perf_counter() - start)
