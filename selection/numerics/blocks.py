"""A kernel from blocks of inputs, of which two at a time meet, parameter by parameter."""

from collections.abc import Callable, Hashable

import torch
from torch import Tensor

from .factors import Factor, product, square

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
    if x2 is None:
        return _assemble_symmetric(passage, x, block, dtype)
    kernel = torch.zeros(len(x), len(x2), dtype=dtype, device=x.device)
    for rows in _slices(len(x), block):
        row_factors: dict[Hashable, Factor] = {}
        passage(x[rows], rows, row_factors.__setitem__)
        for columns in _slices(len(x2), block):
            _add_products(passage, x2, columns, row_factors, kernel[rows, columns])
    return kernel


def _assemble_symmetric(passage: Passage, x: Tensor, block: int | None, dtype: torch.dtype) -> Tensor:
    kernel = torch.zeros(len(x), len(x), dtype=dtype, device=x.device)
    blocks = _slices(len(x), block)
    for number, rows in enumerate(blocks, start=1):
        later = blocks[number:]
        row_factors = _add_squares(passage, x, rows, kernel[rows, rows], keep=bool(later))
        for columns in later:
            _add_products(passage, x, columns, row_factors, kernel[rows, columns])
            kernel[columns, rows] = kernel[rows, columns].T
    return kernel


def _add_squares(passage: Passage, x: Tensor, rows: slice, kernel: Tensor, keep: bool) -> dict[Hashable, Factor]:
    """Adds a block's kernel with itself, and returns its factors if they are to be kept."""
    factors: dict[Hashable, Factor] = {}

    def take(name: Hashable, factor: Factor) -> None:
        kernel.add_(square(factor))
        if keep:
            factors[name] = factor

    passage(x[rows], rows, take)
    return factors


def _add_products(
    passage: Passage, x: Tensor, columns: slice, row_factors: dict[Hashable, Factor], kernel: Tensor
) -> None:
    """Adds the kernel of the block whose factors are given with another."""

    def take(name: Hashable, factor: Factor) -> None:
        if name in row_factors:  # else nothing depended on it there
            kernel.add_(product(row_factors[name], factor))

    passage(x[columns], columns, take)


def _slices(count: int, block: int | None) -> list[slice]:
    step = block or count
    return [slice(start, min(start + step, count)) for start in range(0, count, step)]
