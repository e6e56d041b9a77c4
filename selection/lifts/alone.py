"""Alone: what is reached when an option is the only one left on its edge."""

from collections.abc import Callable

from ..gates import masked
from ..protocol import Batches, Selectable
from .progress import Progress, edges_to_judge
from .scores import Scores


def alone(net: Selectable, measure: Callable[..., float], batches: Batches, progress: Progress, **_) -> Scores:
    """Score of an option = measure with every other option of its choice switched off; of an edge: what is lost without the edge."""
    choices, judged = net.choices(), edges_to_judge(net)
    progress.start(sum(map(len, choices.values())) + (1 + len(judged) if judged else 0))

    def without(gone: dict[str, list[str]]) -> float:
        with masked(net, gone):
            return progress.step(measure(net, batches))

    options = {
        choice: {option: without({choice: [other for other in names if other != option]}) for option in names} for choice, names in choices.items()
    }
    base = progress.step(measure(net, batches)) if judged else 0.0
    edges = {choice: base - without({choice: list(choices[choice])}) for choice in judged}
    return Scores(options, edges, progress.count)
