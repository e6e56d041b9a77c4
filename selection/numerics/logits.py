"""Checks that a network's output is logits."""

from collections.abc import Mapping

from torch import Tensor

from ..errors import SelectionError


def check_logits(output: object, count: int | None = None) -> Tensor:
    """Returns a network's output if it is logits [B, classes] (or [B, classes, ...], where no count is given).

    Args:
        count: B, the number of inputs that they are of.

    Raises:
        SelectionError: it is something else.
    """
    if not isinstance(output, Tensor):
        raise SelectionError(
            f"the network returns a {type(output).__name__}, not logits [B, classes]: {_how_to_mend(output)}"
        )
    if output.dim() < 2:
        raise SelectionError(f"the network's output is {list(output.shape)}, not logits [B, classes]")
    if count is not None and (output.dim() != 2 or len(output) != count):
        raise SelectionError(
            f"the network's output for {count} inputs is {list(output.shape)}; a kernel needs logits [B, classes]"
        )
    return output


def refuse_nan(logits: Tensor) -> Tensor:
    """Returns the logits, or raises SelectionError where some are NaN."""
    if logits.isnan().any():
        raise SelectionError("the network's logits are not numbers: they hold NaN")
    return logits


def _how_to_mend(output: object) -> str:
    part = "'logits'" if isinstance(output, Mapping) else 1
    adapted = f"selection.adapt(net, kind='generic', output={part})"
    if isinstance(output, (tuple, list, Mapping)):
        return f"{adapted} takes one part of it; or wrap it so that it does"
    return f"name the part, as {adapted}, or wrap it so that it does"
