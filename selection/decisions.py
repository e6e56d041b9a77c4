"""What was decided, and why."""

import json
from dataclasses import asdict, dataclass, field
from math import isfinite


@dataclass
class Decisions:
    """What a strategy decided, and the scores that it saw.

    Args:
        options: {choice: option}.
        inputs: {node: [choices it keeps, strongest first]}.
        scores: {choice: {option: score}}, higher = keep.
        edges: {choice: score}, of the choices that a node may drop altogether.
        history: what was decided in each round of a progressive strategy, with the measure after it, or the levels of a
            beam.
        candidates: the best whole architectures that were compared, best first.
        shortlist: those that were judged again, best first, "then" by what.
        reasons: {choice: {"chosen", "atoms", "deciding", "runner_up", ...}}, where several criteria met.
        settled: {choice: {option: score by the finer measure}}, of the options whose score was equal and best.
    """

    options: dict[str, str] = field(default_factory=dict)
    inputs: dict[str, list[str]] = field(default_factory=dict)
    scores: dict[str, dict[str, float]] = field(default_factory=dict)
    edges: dict[str, float] = field(default_factory=dict)
    history: list[dict] = field(default_factory=list)
    candidates: list[dict] = field(default_factory=list)
    shortlist: list[dict] = field(default_factory=list)
    reasons: dict[str, dict] = field(default_factory=dict)
    settled: dict[str, dict[str, float]] = field(default_factory=dict)


@dataclass(kw_only=True)
class Selection(Decisions):
    """A finished choice: the decisions, and how they were reached.

    Args:
        criterion: its name, or several joined by "+".
        strategy: its name.
        evaluations: how many times the network was measured, in passes over the batches.
        saved: evaluations that were not needed.
        notes: what the measures had to say, as parameters for which the kernel has no formula.
        seconds: wall time.
    """

    criterion: str
    strategy: str
    evaluations: float = 0.0
    saved: float = 0.0
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def decisions(self) -> dict[str, str]:
        """The decisions {choice: option}."""
        return self.options

    def to_dict(self) -> dict[str, object]:
        """Returns all of it in built-in types, the options under the name `decisions`."""
        values = asdict(self)
        names = ("criterion", "strategy", "decisions", "inputs", "scores", "settled", "edges", "history", "candidates")
        account = ("shortlist", "reasons", "evaluations", "saved", "notes", "seconds")
        values["decisions"] = values.pop("options")
        return {name: values[name] for name in (*names, *account)}

    def to_json(self) -> str:
        """Returns all of it as JSON; numbers that are not finite are null."""
        return json.dumps(_replace_nonfinite(self.to_dict()), indent=1, allow_nan=False)


def _replace_nonfinite(value: object) -> object:
    if isinstance(value, dict):
        return {key: _replace_nonfinite(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_replace_nonfinite(part) for part in value]
    if isinstance(value, float) and not isfinite(value):
        return None
    return value
