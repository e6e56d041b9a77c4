"""The front door: score, measure, select."""

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

from torch import Tensor, nn

from . import criteria  # noqa: F401  (registers them)
from .errors import SelectionError, unknown
from .probe import Listener, Probe
from .protocol import Batches, Selectable, check_batches, check_selectable
from .registry import find_criterion, find_measure
from .strategies import STRATEGIES


@dataclass
class Selection:
    """What was chosen, and why.

    Args:
        decisions: {choice: option}.
        inputs: {node: [choices it keeps, strongest first]}.
        scores: {choice: {option: score}}, higher = keep. edges: {choice: score}. history: rounds of a progressive strategy, with the measure after each.
        evaluations: how many times the network was measured. seconds: wall time.
    """

    criterion: str
    strategy: str
    decisions: dict[str, str]
    inputs: dict[str, list[str]]
    scores: dict[str, dict[str, float]]
    edges: dict[str, float]
    history: list[dict]
    evaluations: int = 0
    seconds: float = 0.0

    def to_json(self) -> str:
        """All of it as JSON."""
        return json.dumps(asdict(self), indent=1)


def measure(name: str, model: nn.Module, x: Tensor, y: Tensor, **options) -> float:
    """One number for a network on one batch, higher is better.

    Args:
        name: see `list_measures`.
        x: inputs [B, ...]. y: labels [B].
        options: of the measure, as `batchnorm="running"` of those that take a kernel.

    >>> measure("parameters", nn.Linear(3, 2), Tensor(2, 3), Tensor(2))
    8.0
    """
    return float(find_measure(name)(model, [(x, y)], **options))


def score(net: Selectable, criterion: str, batches: Batches | None = None, *, seed: int = 0, listener: Listener | None = None) -> dict[str, dict[str, float]]:
    """{choice: {option: score}} of every option on the network as it is; higher = keep.

    Raises:
        SelectionError: an unknown criterion, no batches where they are needed, or a measure that is not a number (named).
    """
    probe = _probe(net, criterion, batches, seed, listener)
    return {choice: find_criterion(criterion).lift(probe, choice) for choice in net.choices()}


def select(
    net: Selectable, criterion: str = "perturbation", strategy: str | None = None, *,
    batches: Batches | None = None, tune: Callable | None = None, seed: int = 0, listener: Listener | None = None, **options,
) -> Selection:  # fmt: skip
    """Chooses an architecture.

    Args:
        net: answers choices(), logits() and inputs().
        criterion: see `list_criteria`.
        strategy: "oneshot", "progressive", or None for the one that the criterion is meant for.
        batches: [(x, y)] of validation images, for the criteria that measure.
        tune: trains the network between the rounds of "progressive"; called with the decisions so far.
        seed: of what is drawn: random scores, the order "random".
        listener: called with (done, total) after each measurement.
        options: of the strategy: `order` and `joint` of "progressive".

    Raises:
        SelectionError: see `score`; or options that the strategy does not take.
    """
    start = time.perf_counter()
    probe = _probe(net, criterion, batches, seed, listener)
    strategy = strategy or find_criterion(criterion).strategy
    if strategy not in STRATEGIES:
        raise unknown("strategy", strategy, STRATEGIES)
    if strategy == "progressive":
        options["tune"] = tune
    elif tune or options:
        raise SelectionError(f"strategy {strategy} takes no {', '.join(['tune'] * bool(tune) + list(options))}: progressive does")
    made = STRATEGIES[strategy](probe, find_criterion(criterion).lift, **options)
    seconds = time.perf_counter() - start
    return Selection(criterion, strategy, made.options, made.inputs, made.scores, made.edges, made.history, probe.evaluations, seconds)


def _probe(net: Selectable, criterion: str, batches: Batches | None, seed: int, listener: Listener | None) -> Probe:
    check_selectable(net)
    name = find_criterion(criterion).measure
    if name and not batches:
        raise SelectionError(f"criterion {criterion} measures the network on data: give batches=[(x, y), ...]")
    return Probe(net, find_measure(name) if name else None, check_batches(batches or []), seed, listener)
