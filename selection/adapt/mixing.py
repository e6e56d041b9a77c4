"""How a host mixes its options: watched in a pass, and said where that cannot be known."""

from torch import Tensor, nn

from ..batches import FAILURES
from ..errors import SelectionError
from ..protocol import SelectableModule
from .watching import find_inputs, watch_twice
from .weighting import GIVEN, SAMPLED, SOFTMAX, UNKNOWN, Weighting, tell_weighting

GIVE_WEIGHTING = f"give weighting=..., one of {', '.join(GIVEN)}"


def watch_mixing(net: SelectableModule, host: nn.Module, x: Tensor | None) -> tuple[Weighting, str]:
    """Returns how weights follow from alphas, and a note where the user should know or say more; "" where there is
    none.

    Args:
        x: a few inputs; where None, some are made.

    Raises:
        SelectionError: one sampled option runs at a time.
    """
    name = type(host).__name__
    x = find_inputs(net, host) if x is None else x
    if x is None:
        return (
            SOFTMAX,
            f"{name}: no inputs were found to watch its weights on, softmax(alpha) is taken: {GIVE_WEIGHTING}",
        )
    try:
        first, second = watch_twice(net, x)
    except FAILURES:
        first, second = [], []
    if not first:
        return SOFTMAX, f"{name}: its weights could not be watched, softmax(alpha) is taken: {GIVE_WEIGHTING}"
    if any(_is_single(sight.weights) for sight in first):
        raise SelectionError(
            f"{name} runs one sampled candidate an edge, never the mixture: load its state_dict into a network that "
            f"mixes them all, as TinyNetworkDarts of AutoDL-Projects, and adapt that"
        )
    weighting = tell_weighting(first, second)
    notes = {
        SAMPLED: f"{name} draws its weights: options are compared under one draw, ranked by softmax(alpha), and "
        f"decided by masks, the chosen one keeping the weight that is drawn",
        UNKNOWN: f"{name}: its weights are neither softmax nor sigmoid of alphas; options are ranked by "
        f"softmax(alpha), and decided by masks: {GIVE_WEIGHTING}",
    }
    return weighting, notes.get(weighting, "")


def _is_single(weights: Tensor) -> bool:
    return len(weights) > 1 and int((weights > 0).sum()) == 1
