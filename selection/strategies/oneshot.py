"""Oneshot: every choice by its best score, all at once."""

from ..lifts.scores import Scores
from ..protocol import Selectable, allowed_options


def decide(net: Selectable, scores: Scores) -> tuple[dict[str, str], dict[str, list[str]]]:
    """({choice: option}, {node: [choices it keeps, strongest first]}); ties go to the first, options that are never chosen are passed over."""
    decisions = {choice: max(allowed_options(net, choice), key=options.__getitem__) for choice, options in scores.options.items()}
    inputs = {
        node: list(names) if len(names) <= keep else sorted(names, key=lambda name: -scores.edges[name])[:keep] for node, (keep, names) in net.inputs().items()
    }
    return decisions, inputs
