"""Batches: what a network is measured on."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from .errors import SelectionError, first_line
from .preserve import preserved
from .structures import count_samples

Batches = Sequence[tuple[Tensor, Any]]  # inputs [B, ...], and targets of as many samples

PAIRS = "batches is a list of pairs (x, y): a tensor of inputs [B, ...] and a tensor of labels [B]"

# what networks and measures of others raise
FAILURES = (RuntimeError, ValueError, TypeError, IndexError, KeyError, AttributeError, ArithmeticError)


def check_batches(batches: Any) -> Batches:
    """Returns the batches, or raises SelectionError unless they are pairs of inputs and targets of as many samples.

    Args:
        batches: a list, a DataLoader, or anything else that yields them.
    """
    if isinstance(batches, (Tensor, str, Mapping)) or not isinstance(batches, Iterable):
        raise SelectionError(f"{PAIRS}, not an object of type {type(batches).__name__}")
    batches = list(batches)
    for pair in batches:
        if not isinstance(pair, (list, tuple)) or len(pair) != 2:
            raise SelectionError(PAIRS)
        _check_pair(*pair)
    return batches


def _check_pair(x: object, y: object) -> None:
    if not isinstance(x, Tensor) or not x.dim():
        raise SelectionError(PAIRS)
    if x.layout is not torch.strided or x.is_nested:
        raise SelectionError("the inputs are a sparse or nested tensor: give x.to_dense(), or pad them")
    if not len(x):
        raise SelectionError("a batch holds no inputs")
    count = count_samples(y)
    if count is None:
        raise SelectionError(
            f"{PAIRS}; of targets of type {type(y).__name__} it is unclear how many samples they are of"
        )
    if count != len(x):
        raise SelectionError(f"{PAIRS}; one holds {len(x)} inputs, and targets of {count} samples")


def fit_batches(net: nn.Module, batches: Sequence[tuple[Tensor, Any]]) -> Batches:
    """Returns the batches with floating inputs in the network's own precision."""
    dtype = next((p.dtype for p in net.parameters() if p.is_floating_point()), None)
    return [(_cast(x, dtype), y) for x, y in batches]


def _cast(x: Tensor, dtype: torch.dtype | None) -> Tensor:
    return x.to(dtype) if dtype and x.is_floating_point() else x


@torch.no_grad()
def check_runs(net: nn.Module, batches: Batches) -> object:
    """Returns the network's output for two images, and leaves no trace.

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
            return net.eval()(x)
    except SelectionError:
        raise
    except FAILURES as error:
        raise SelectionError(_explain_failure(net, x, error)) from None


def _explain_failure(net: nn.Module, x: Tensor, error: Exception) -> str:
    parameter = next(net.parameters(), None)
    if x.dtype == torch.uint8 and parameter is not None and parameter.is_floating_point():
        return (
            f"the inputs are {x.dtype}, and the network computes in {parameter.dtype}: give them as in training, as "
            f"x.float() / 255"
        )
    if parameter is not None and parameter.device != x.device:
        return f"the inputs are on {x.device}, and the network is on {parameter.device}: give batches on its device"
    return f"the network does not take inputs of shape {list(x.shape[1:])}: {first_line(error)}"
