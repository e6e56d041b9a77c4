"""How a host mixes its options: watched in two passes, and said where that cannot be known."""

from typing import NamedTuple

from torch import Tensor, nn

from ..batches import FAILURES
from ..errors import SelectionError
from ..protocol import SelectableModule
from .watching import Sights, commits, find_inputs, watch_twice
from .weighting import GIVEN, SAMPLED, SOFTMAX, UNKNOWN, Sight, Weighting, tell_weighting

GIVE_WEIGHTING = f"give weighting=..., one of {', '.join(GIVEN)}"


class Mixing(NamedTuple):
    """What is known of the weights of a mixture.

    Args:
        weighting: how they follow from alphas.
        pruned: {choice: [options], True where the weight is zero whatever the alphas are}, of the choices with such an
            option.
        note: what the user should know or say; "" where that is nothing.
    """

    weighting: Weighting
    pruned: dict[str, Tensor]
    note: str


def watch_mixing(net: SelectableModule, host: nn.Module, x: Tensor | None) -> Mixing:
    """Watches how weights follow from alphas.

    Args:
        x: a few inputs; where None, some are made.

    Raises:
        SelectionError: one sampled option runs at a time.
    """
    name = type(host).__name__
    x = find_inputs(net, host) if x is None else x
    if x is None:
        return _suppose_softmax(name, "no inputs were found to watch its weights on")
    try:
        first, second = watch_twice(net, x)
    except FAILURES:
        first, second = {}, {}
    if not first:
        return _suppose_softmax(name, "its weights could not be watched")
    if all(_is_single(sight.weights) for sight in first.values()):
        raise SelectionError(
            f"{name} runs one sampled candidate an edge, never the mixture: load its state_dict into a network that "
            f"mixes them all, as TinyNetworkDarts of AutoDL-Projects, and adapt that"
        )
    pruned = _find_pruned(first, second)
    weighting = tell_weighting(_list_alive(first, pruned), _list_alive(second, pruned))
    if weighting.commit is not None and not commits(net, x, first, weighting.commit):
        note = f"{name} fails where alphas decide for one option, by weights {weighting.name}: it is decided by masks"
        return Mixing(weighting._replace(commit=None), pruned, note)
    notes = {
        SAMPLED: f"{name} draws its weights: options are compared under one draw, ranked by softmax(alpha), and "
        f"decided by masks, the chosen one keeping the weight that is drawn",
        UNKNOWN: f"{name}: its weights are neither softmax nor sigmoid of alphas; options are ranked by "
        f"softmax(alpha), and decided by masks: {GIVE_WEIGHTING}",
    }
    return Mixing(weighting, pruned, notes.get(weighting, ""))


def _suppose_softmax(name: str, reason: str) -> Mixing:
    return Mixing(SOFTMAX, {}, f"{name}: {reason}, softmax(alpha) is taken: {GIVE_WEIGHTING}")


def _is_single(weights: Tensor) -> bool:
    return len(weights) > 1 and int((weights > 0).sum()) == 1


def _find_pruned(first: Sights, second: Sights) -> dict[str, Tensor]:
    """Returns {choice: which options have no weight}; {} where these are others in each pass."""
    zeros = {choice: sight.weights == 0 for choice, sight in first.items()}
    if not all(zeros[choice].equal(sight.weights == 0) for choice, sight in second.items()):
        return {}
    return {choice: row for choice, row in zeros.items() if row.any()}


def _list_alive(sights: Sights, pruned: dict[str, Tensor]) -> list[Sight]:
    """Lists what is seen, without the options that are pruned."""
    alive = []
    for choice, sight in sights.items():
        keep = ~pruned[choice] if choice in pruned else sight.weights >= 0
        slopes = None if sight.slopes is None else sight.slopes[keep]
        alive.append(Sight(sight.alpha[keep], sight.weights[keep], sight.gains[keep], slopes))
    return alive
