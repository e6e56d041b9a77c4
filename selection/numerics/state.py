"""The modules, parameters and buffers of a network, each once, and the network called with other tensors in their
place."""

from collections.abc import Callable, Iterator

from torch import Tensor, nn
from torch.func import functional_call

from ..gates import silent


def tensors(net: nn.Module) -> Iterator[tuple[str, nn.Module, str, Tensor]]:
    """(name, module, the module's own name for it, tensor) of every parameter and buffer that a module holds.

    A module that is registered under several names comes once, under the first, as in `named_parameters`; a tensor that
    two modules hold comes twice.
    """
    for path, module in net.named_modules():
        for local, tensor in (*module._parameters.items(), *module._buffers.items()):
            if tensor is not None:
                yield f"{path}.{local}" if path else local, module, local, tensor


def converted(net: nn.Module, convert: Callable[[Tensor], Tensor]) -> dict[str, Tensor]:
    """{name: convert(tensor)} of a network's parameters and buffers; tensors that were one stay one."""
    made: dict[int, Tensor] = {}
    state = {}
    for name, _, _, tensor in tensors(net):
        if id(tensor) not in made:
            made[id(tensor)] = convert(tensor)
        state[name] = made[id(tensor)]
    return state


def with_values(state: dict[str, Tensor], values: dict[str, Tensor]) -> dict[str, Tensor]:
    """The state with other values of some tensors, under every name that they have."""
    changed = {id(state[name]): value for name, value in values.items()}
    return {name: changed.get(id(tensor), tensor) for name, tensor in state.items()}


def called(net: nn.Module, state: dict[str, Tensor], x: Tensor, *, copy: bool = True) -> object:
    """What the network makes of a copy of x, which it may change (or of x itself), with the tensors of `state` as its
    own.

    `state` says already what is shared: to let torch look for it would put back a module of several names wrongly.
    """
    return functional_call(net, dict(state), (x.clone() if copy else x,), tie_weights=False)


def is_off(module: nn.Module) -> bool:
    """Whether the module itself is switched off, as by `selection.masked`."""
    return module.__dict__.get("forward") is silent


def running(net: nn.Module) -> list[nn.Module]:
    """The modules in the order of `net.modules()`, but those that are switched off and what only they hold."""
    found: dict[nn.Module, None] = {}

    def enter(module: nn.Module) -> None:
        if module not in found and not is_off(module):
            found[module] = None
            for child in module.children():
                enter(child)

    enter(net)
    return list(found)


def alphas(net: nn.Module) -> set[int]:
    """Where the memory of a selectable network's alphas begins; nothing for any other, such as one with a submodule
    that is called logits."""
    answers = [getattr(net, question, None) for question in ("choices", "logits", "inputs")]
    if any(isinstance(answer, nn.Module) or not callable(answer) for answer in answers):
        return set()
    return {row.untyped_storage().data_ptr() for row in net.logits().values()}
