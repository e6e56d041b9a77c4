"""One forward pass and one backward pass in which every layer's inputs meet the gradients of its outputs."""

from collections import defaultdict
from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.overrides import TorchFunctionMode

from ..gates import silent
from .layers import FACTORS, Factor, Use, is_known


class Capture:
    """The layers of a model whose share of the kernel has a formula, and what passes through them.

    Args:
        model: in the mode in which it is to be measured.
        state: its parameters and buffers, by name, detached: parameters need no gradient of their own, so a kernel costs about one forward and backward pass.
        chosen: names of the parameters that count.

    After `forward`, `uncovered` names the parameters for which there is no formula: of other layers, shared between layers, used outside the layer that holds
    them, or in a layer that somebody watches or replaces.
    """

    def __init__(self, model: nn.Module, state: dict[str, Tensor], chosen: Iterable[str]):
        self.model, self.state = model, state
        self.names: dict[nn.Module, dict[str, str]] = defaultdict(dict)
        self.uncovered: set[str] = set()
        self.uses: dict[nn.Module, list[Use]] = defaultdict(list)
        self.take: Callable[[str, Factor], None]
        aliases = defaultdict(list)
        for name, parameter in model.named_parameters(remove_duplicate=False):
            aliases[id(parameter)].append(name)
        shared = {name for names in aliases.values() if len(names) > 1 for name in names}
        for name in chosen:
            path, _, local = name.rpartition(".")
            layer = model.get_submodule(path)
            if layer.__dict__.get("forward") is silent:
                continue  # switched off: nothing depends on it
            if name in shared or not is_known(layer) or layer._forward_hooks or layer._forward_pre_hooks or "forward" in layer.__dict__:
                self.uncovered.add(name)
            else:
                self.names[layer][local] = name

    def forward(self, x: Tensor) -> Tensor:
        """The model's output."""
        self.uses.clear()
        inside: list[nn.Module] = []
        strays = _Strays({id(self.state[name]): (name, layer) for layer, names in self.names.items() for name in names.values()}, inside)

        def enter(layer: nn.Module, _: tuple) -> None:
            inside.append(layer)

        def leave(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
            inside.pop()
            return self._meet(layer, inputs[0], output)

        handles = [handle for layer in self.names for handle in (layer.register_forward_pre_hook(enter), layer.register_forward_hook(leave))]
        try:
            with torch.enable_grad(), strays:
                output = functional_call(self.model, self.state, (x,))
        finally:
            for handle in handles:
                handle.remove()
        self.uncovered |= strays.found
        return output

    def _meet(self, layer: nn.Module, a: Tensor, output: Tensor) -> Tensor:
        if not output.requires_grad:  # the first layer: no gradient need go further back
            output = output.detach().requires_grad_().clone()
        use = Use(layer, a.detach())
        self.uses[layer].append(use)

        def receive(gradient: Tensor) -> None:
            use.g = gradient
            if all(use.g is not None for use in self.uses[layer]):
                self._settle(layer)

        output.register_hook(receive)
        return output

    @torch.no_grad()
    def _settle(self, layer: nn.Module) -> None:
        """Hands over the factors of a layer, and drops its gradients. A use that no gradient reached does not count."""
        uses = [use for use in self.uses[layer] if use.g is not None]
        if any(use.a._version != use.version for use in uses):
            raise RuntimeError(f"the input of a {type(layer).__name__} was changed in place after it was read")
        if uses:
            for local, name in self.names[layer].items():
                if name not in self.uncovered:
                    self.take(name, FACTORS[type(layer)][local](layer, uses))
        for use in uses:
            use.g = None

    def backward(self, output: Tensor, cotangent: Tensor, take: Callable[[str, Factor], None], keep: bool = False) -> None:
        """Calls `take` with each covered parameter's factor of the kernel of <cotangent, output>; `keep` allows another backward pass."""
        self.take = take
        if output.requires_grad:
            torch.autograd.backward(output, cotangent, retain_graph=keep)
            for layer in self.uses:
                self._settle(layer)


class _Strays(TorchFunctionMode):
    """Finds the parameters that a torch function receives outside the forward pass of the layer that holds them."""

    def __init__(self, owners: dict[int, tuple[str, nn.Module]], inside: list[nn.Module]):
        super().__init__()
        self.owners, self.inside, self.found = owners, inside, set()

    def __torch_function__(self, function, types, args=(), kwargs=None):
        for value in (*args, *(kwargs or {}).values()):
            for tensor in value if isinstance(value, (list, tuple)) else (value,):
                name, layer = self.owners.get(id(tensor), (None, None))
                if name is not None and (not self.inside or self.inside[-1] is not layer):
                    self.found.add(name)
        return function(*args, **(kwargs or {}))
