"""The eigenvalues of a kernel, and how far they can be trusted."""

from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import SelectionError
from .precision import convert_to_float64


@dataclass(frozen=True)
class Spectrum:
    """The eigenvalues of a kernel K [N, N] in a few numbers.

    Args:
        min, max: smallest (clamped at 0) and largest eigenvalue.
        condition: max / min; infinite where min is not resolved.
        min_relative: min / (trace / N), which does not change when the network's output is scaled.
        trace: the sum of the eigenvalues.
        floor: rounding noise of the smallest eigenvalue, about eps * N * max.
        resolved: whether min is above the floor; where not, inputs repeat each other or the network does not tell them
            apart.
    """

    min: float
    max: float
    condition: float
    min_relative: float
    trace: float
    floor: float
    resolved: bool


def spectrum(kernel: Tensor) -> Spectrum:
    """The spectrum of a symmetric positive semidefinite kernel, in float64.

    Raises:
        SelectionError: the kernel is not square, or holds what is not a number.

    >>> spectrum(torch.tensor([[2.0, 0.0], [0.0, 1.0]])).condition
    2.0
    >>> spectrum(torch.ones(3, 3)).resolved
    False
    """
    if not isinstance(kernel, Tensor):
        raise SelectionError(f"a spectrum needs a square kernel, a tensor, not a {type(kernel).__name__}")
    if kernel.dim() != 2 or kernel.shape[0] != kernel.shape[1]:
        raise SelectionError(f"a spectrum needs a square kernel, not {list(kernel.shape)}")
    if not torch.isfinite(kernel).all():
        raise SelectionError("the kernel holds values that are not finite numbers")
    eps = torch.finfo(kernel.dtype).eps
    kernel = convert_to_float64(kernel)
    values = torch.linalg.eigvalsh((kernel + kernel.T) / 2)
    count = len(values)
    smallest = max(float(values[0]), 0.0)
    largest = float(values[-1])
    trace = float(values.sum())
    floor = eps * count * max(largest, 0.0)
    resolved = smallest > floor
    return Spectrum(
        min=smallest,
        max=largest,
        condition=largest / smallest if resolved else float("inf"),
        min_relative=smallest * count / trace if trace > 0 else 0.0,
        trace=trace,
        floor=floor,
        resolved=resolved,
    )
