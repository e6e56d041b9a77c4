"""The leaves of a graph, whose gradients a backward pass would add to."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor


def find_leaves(output: Tensor) -> list[Tensor]:
    """The tensors that a backward pass from `output` would leave a gradient with: parameters, and any others that
    require one, as a plain tensor of alphas.

    >>> import torch
    >>> a, b = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)
    >>> [leaf is a for leaf in find_leaves((3 * a + b.detach()).sum())]
    [True]
    """
    leaves = []
    visited = set()
    todo: list[Any] = [output.grad_fn]
    while todo:
        node = todo.pop()
        if node is None or node in visited:
            continue
        visited.add(node)
        todo += [before for before, _ in node.next_functions]
        if node.name() == "torch::autograd::AccumulateGrad":
            leaves.append(node.variable)
    return leaves


@contextmanager
def gradients_kept(tensors: Iterable[Tensor]) -> Iterator[None]:
    """On leaving, the tensors' `.grad` is what it was."""
    before = [(tensor, tensor.grad) for tensor in tensors]
    try:
        for tensor, _ in before:
            tensor.grad = None  # or it would be added to in place
        yield
    finally:
        for tensor, gradient in before:
            tensor.grad = gradient
