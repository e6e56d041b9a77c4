"""Removal: what is lost when an option is switched off."""

from collections.abc import Callable

from ..gates import masked
from ..protocol import Batches, Selectable
from .progress import Progress, edges_to_judge
from .scores import Scores


def removal(net: Selectable, measure: Callable[..., float], batches: Batches, progress: Progress, **_) -> Scores:
    """Score of an option = measure of the whole net - measure without the option (Wang et al. 2021); of an edge: without all its options."""
    choices, judged = net.choices(), edges_to_judge(net)
    progress.start(1 + sum(map(len, choices.values())) + len(judged))
    base = progress.step(measure(net, batches))

    def without(gone: dict[str, list[str]]) -> float:
        with masked(net, gone):
            return base - progress.step(measure(net, batches))

    options = {choice: {option: without({choice: [option]}) for option in names} for choice, names in choices.items()}
    edges = {choice: without({choice: list(choices[choice])}) for choice in judged}
    return Scores(options, edges, progress.count)
