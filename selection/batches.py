"""Batches: what a network is measured on."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from .errors import SelectionError, first_line
from .preserve import preserved

Batches = Sequence[tuple[Tensor, Tensor]]

# what networks and measures of others raise
FAILURES = (RuntimeError, ValueError, TypeError, IndexError, KeyError, AttributeError, ArithmeticError)


def check_batches(batches: Any) -> Batches:
    """Returns the batches, or raises SelectionError unless they are pairs of inputs and as many labels."""
    batches = list(batches)
    for pair in batches:
        if not _is_batch(pair):
            raise SelectionError(
                "batches is a list of pairs (x, y): a tensor of inputs [B, ...] and a tensor of labels [B]"
            )
        if not len(pair[0]):
            raise SelectionError("a batch holds no inputs")
    return batches


def _is_batch(pair: object) -> bool:
    if not isinstance(pair, (list, tuple)) or len(pair) != 2:
        return False
    x, y = pair
    return isinstance(x, Tensor) and isinstance(y, Tensor) and len(x) == len(y)


def fit_batches(net: nn.Module, batches: Sequence[tuple[Tensor, Any]]) -> Batches:
    """Returns the batches with floating inputs in the network's own precision."""
    dtype = next((p.dtype for p in net.parameters() if p.is_floating_point()), None)
    return [(_cast(x, dtype), y) for x, y in batches]


def _cast(x: Tensor, dtype: torch.dtype | None) -> Tensor:
    return x.to(dtype) if dtype and x.is_floating_point() else x


@torch.no_grad()
def check_runs(net: nn.Module, batches: Batches) -> None:
    """Runs the network on two images, and leaves no trace.

    Raises:
        SelectionError: it cannot take images of this shape, or the batches differ in theirs.
    """
    shapes = sorted({tuple(x.shape[1:]) for x, _ in batches})
    if len(shapes) > 1:
        listed = ", ".join(str(list(shape)) for shape in shapes)
        raise SelectionError(f"the batches hold inputs of different shapes: {listed}")
    first_inputs, _ = batches[0]
    ((x, _),) = fit_batches(net, [(first_inputs[:2].clone(), None)])
    try:
        with preserved(net, seed=0):
            net.eval()(x)
    except SelectionError:
        raise
    except FAILURES as error:
        raise SelectionError(
            f"the network does not take inputs of shape {list(x.shape[1:])}: {first_line(error)}"
        ) from None
