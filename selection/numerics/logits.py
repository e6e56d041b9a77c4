"""A network's output, if it is logits."""

from torch import Tensor

from ..errors import SelectionError


def logits_of(output: object, count: int | None = None) -> Tensor:
    """A network's output, if it is logits [B, classes] (or [B, classes, ...], where no count is given).

    Args:
        count: B, the number of inputs that they are of.

    Raises:
        SelectionError: it is something else.
    """
    if not isinstance(output, Tensor):
        mend = "name the part, as selection.adapt(net, kind='generic', output=1), or wrap it so that it does"
        raise SelectionError(f"the network returns a {type(output).__name__}, not logits [B, classes]: {mend}")
    if output.dim() < 2:
        raise SelectionError(f"the network's output is {list(output.shape)}, not logits [B, classes]")
    if count is not None and (output.dim() != 2 or len(output) != count):
        raise SelectionError(
            f"the network's output for {count} inputs is {list(output.shape)}; a kernel needs logits [B, classes]"
        )
    return output


def numbers(logits: Tensor) -> Tensor:
    """The logits, if all are numbers.

    Raises:
        SelectionError: some are NaN.
    """
    if logits.isnan().any():
        raise SelectionError("the network's logits are not numbers: they hold NaN")
    return logits
