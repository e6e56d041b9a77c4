"""A kernel from blocks of inputs, of which two at a time meet, parameter by parameter."""

from collections.abc import Callable, Hashable

import torch
from torch import Tensor

from .layers import Factor, product, square

Take = Callable[[Hashable, Factor], None]
Passage = Callable[[Tensor, slice, Take], None]


def assemble(passage: Passage, x: Tensor, x2: Tensor | None, block: int | None, dtype: torch.dtype) -> Tensor:
    """The kernel [B, B] of x with itself, or [B, B2] with x2.

    A block of rows keeps its factors while the blocks of columns pass; of a symmetric kernel only those on and above
    the diagonal do.

    Args:
        passage: takes some inputs, and the slice that they are, and hands over each of their factors under a name.
        block: inputs a side; None is all.
        dtype: of the kernel.
    """
    kernel = torch.zeros(len(x), len(x if x2 is None else x2), dtype=dtype, device=x.device)
    blocks = _slices(len(x), block)
    for number, rows in enumerate(blocks):
        others = blocks[number + 1 :] if x2 is None else _slices(len(x2), block)
        kept = _own(passage, x, rows, kernel if x2 is None else None, keep=bool(others))
        for columns in others:
            _other(passage, x if x2 is None else x2, columns, kept, kernel[rows, columns])
            if x2 is None:
                kernel[columns, rows] = kernel[rows, columns].T
    return kernel


def _own(passage: Passage, x: Tensor, rows: slice, kernel: Tensor | None, keep: bool) -> dict[Hashable, Factor]:
    """Adds a block's kernel with itself, and keeps its factors."""
    kept = {}

    def take(name: Hashable, factor: Factor) -> None:
        if kernel is not None:
            kernel[rows, rows] += square(factor)
        if keep:
            kept[name] = factor

    passage(x[rows], rows, take)
    return kept


def _other(passage: Passage, x: Tensor, columns: slice, kept: dict[Hashable, Factor], kernel: Tensor) -> None:
    """Adds the kernel of the block whose factors are kept with another."""

    def take(name: Hashable, factor: Factor) -> None:
        if name in kept:  # else nothing depended on it there
            kernel.add_(product(kept[name], factor))

    passage(x[columns], columns, take)


def _slices(count: int, block: int | None) -> list[slice]:
    step = block or count
    return [slice(start, min(start + step, count)) for start in range(0, count, step)]
