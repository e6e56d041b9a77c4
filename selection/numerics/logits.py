"""The logits of a network, checked."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ..errors import SelectionError
from ..preserve import preserved


def read_logits(output: object) -> Tensor:
    """Returns a network's output if it is logits [B, classes, ...] without NaN; [B] as [B, 1].

    Raises:
        SelectionError: it is not.
    """
    return refuse_nan(check_logits(output))


def check_logits(output: object, count: int | None = None) -> Tensor:
    """Returns a network's output if it is logits [B, classes, ...]; [B] as [B, 1].

    Args:
        count: B, the number of inputs that they are of.

    Raises:
        SelectionError: it is something else.
    """
    if not isinstance(output, Tensor):
        raise SelectionError(
            f"the network returns a {type(output).__name__}, not logits [B, classes]: {_how_to_mend(output)}"
        )
    if output.dim() == 0:
        raise SelectionError("the network's output is a single number, not logits [B, classes]")
    if count is not None and len(output) != count:
        raise SelectionError(
            f"the network's output for {count} inputs is {list(output.shape)}; a kernel needs logits [B, classes]"
        )
    return output[:, None] if output.dim() == 1 else output


@torch.no_grad()
def output_of_one(net: nn.Module, x: Tensor) -> Tensor:
    """Returns the network's logits for one image, [1, classes, ...]."""
    image = x[:1].clone()
    if image.is_floating_point():
        like = next(net.parameters(), x)
        image = image.to(like.dtype)
    with preserved(net, seed=0):
        return read_logits(net.eval()(image))


def refuse_nan(logits: Tensor) -> Tensor:
    """Returns the logits, or raises SelectionError where some are NaN."""
    if not logits.is_meta and logits.isnan().any():
        raise SelectionError("the network's logits are not numbers: they hold NaN")
    return logits


def _how_to_mend(output: object) -> str:
    part = "'logits'" if isinstance(output, Mapping) else 1
    adapted = f"selection.adapt(net, kind='generic', output={part})"
    if isinstance(output, (tuple, list, Mapping)):
        return f"{adapted} takes one part of it; or wrap it so that it does"
    return f"name the part, as {adapted}, or wrap it so that it does"
