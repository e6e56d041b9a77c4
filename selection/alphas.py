"""Where a selectable network keeps its alphas, which are no weights."""

from collections.abc import Callable
from typing import TypeGuard

from torch import Tensor, nn

from .protocol import Selectable

QUESTIONS = ("choices", "logits", "inputs")  # of a selectable network


def find_alphas(net: nn.Module) -> Callable[[Tensor], bool]:
    """Returns a predicate: whether a tensor shares its memory with the network's alphas.

    It holds for no tensor of a network that is not selectable, such as one with a submodule that is called logits.
    """
    memory: set[int] = set()
    if _is_selectable(net):
        memory = {_memory(row) for row in net.logits().values()}

    def is_alpha(tensor: Tensor) -> bool:
        return _memory(tensor) in memory

    return is_alpha


def _is_selectable(net: nn.Module) -> TypeGuard[Selectable]:
    answers = [getattr(net, question, None) for question in QUESTIONS]
    return all(callable(answer) and not isinstance(answer, nn.Module) for answer in answers)


def _memory(tensor: Tensor) -> int:
    """Returns the address at which the memory behind a tensor begins, the same for all its views."""
    return tensor.untyped_storage().data_ptr()
