"""Where a selectable network keeps its alphas, which are no weights."""

from collections.abc import Callable

from torch import Tensor, nn

from .protocol import SelectableModule, is_selectable


def find_alphas(net: nn.Module) -> Callable[[Tensor], bool]:
    """Returns a predicate: whether a tensor shares its memory with the network's alphas.

    It holds for no tensor of a network that is not selectable, such as one with a submodule that is called logits.
    """
    memory: set[int] = set()
    if is_selectable(net):
        memory = {_memory(row) for row in net.logits().values()}
        memory |= {_memory(parameter) for parameter in _list_others(net)}

    def is_alpha(tensor: Tensor) -> bool:
        return _memory(tensor) in memory

    return is_alpha


def _list_others(net: SelectableModule) -> list[Tensor]:
    """Returns what else a supernet calls parameters of the architecture, as numbers of whole edges."""
    return list(net.arch_parameters()) if callable(getattr(net, "arch_parameters", None)) else []


def _memory(tensor: Tensor) -> int:
    """Returns the identity of the memory behind a tensor, the same for all its views; an address would be 0 for all
    tensors without data, as those of the meta device."""
    return tensor.untyped_storage()._cdata
