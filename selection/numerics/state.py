"""The parameters and buffers of a network, each once, and the network called with other tensors in their place."""

from collections.abc import Callable, Iterator

from torch import Tensor, nn
from torch.func import functional_call


def tensors(net: nn.Module) -> Iterator[tuple[str, nn.Module, str, Tensor]]:
    """Yields (name, module, the module's own name for it, tensor) of every parameter and buffer that a module holds.

    A module that is registered under several names comes once, under the first, as in `named_parameters`; a tensor that
    two modules hold comes twice.
    """
    for path, module in net.named_modules():
        for local, tensor in (*module._parameters.items(), *module._buffers.items()):
            if tensor is not None:
                name = f"{path}.{local}" if path else local
                yield name, module, local, tensor


def converted(net: nn.Module, convert: Callable[[Tensor], Tensor]) -> dict[str, Tensor]:
    """{name: convert(tensor)} of a network's parameters and buffers; a tensor of two names stays one tensor."""
    by_id: dict[int, Tensor] = {}
    state = {}
    for name, _, _, tensor in tensors(net):
        if id(tensor) not in by_id:
            by_id[id(tensor)] = convert(tensor)
        state[name] = by_id[id(tensor)]
    return state


def with_values(state: dict[str, Tensor], values: dict[str, Tensor]) -> dict[str, Tensor]:
    """The state with other values of some tensors, under every name that they have."""
    changed = {id(state[name]): value for name, value in values.items()}
    return {name: changed.get(id(tensor), tensor) for name, tensor in state.items()}


def call_with(net: nn.Module, state: dict[str, Tensor], x: Tensor, *, copy: bool = True) -> object:
    """Calls the network on x with the tensors of `state` as its own.

    `state` says already what is shared: to let torch look for it would put back a module of several names wrongly.

    Args:
        copy: the network gets a copy of x, which it may change.
    """
    if copy:
        x = x.clone()
    return functional_call(net, dict(state), (x,), tie_weights=False)
