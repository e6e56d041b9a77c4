"""What a lift returns."""

from dataclasses import dataclass


@dataclass
class Scores:
    """Scores of options and of edges; higher = keep.

    Args:
        options: {choice: {option: score}}.
        edges: {choice: score}, for the choices that a node may drop altogether.
        evaluations: how many times the measure was taken.
    """

    options: dict[str, dict[str, float]]
    edges: dict[str, float]
    evaluations: int = 0


def strongest(options: dict[str, dict[str, float]], allowed: dict[str, list[str]]) -> dict[str, float]:
    """The score of an edge read off its best allowed option."""
    return {choice: max(scores[option] for option in allowed[choice]) for choice, scores in options.items()}
