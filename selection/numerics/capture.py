"""One forward pass and one backward pass in which every layer's inputs meet the gradients of its outputs."""

from collections import defaultdict
from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.overrides import TorchFunctionMode

from ..gates import silent
from .layers import SHARES, is_known, normalised


class Capture:
    """The layers of a model whose share of the kernel has a formula, and what passes through them.

    Args:
        model: in the mode in which it is to be measured.
        state: its parameters and buffers, by name, detached: parameters need no gradient of their own, so a kernel costs about one forward and backward pass.
        chosen: names of the parameters that count.
        split: see `layers.contract`.

    After `forward`, `uncovered` names the parameters for which there is no formula: of other layers, shared between layers, used outside the layer that holds
    them, or in a layer that somebody watches or replaces.
    """

    def __init__(self, model: nn.Module, state: dict[str, Tensor], chosen: Iterable[str], split: int | None = None):
        self.model, self.state, self.split = model, state, split
        self.owners: dict[str, tuple[nn.Module, str]] = {}
        self.uncovered: set[str] = set()
        self.uses: dict[nn.Module, list[_Use]] = defaultdict(list)
        self.kernel: Tensor | float = 0.0
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
                self.owners[name] = (layer, local)

    def forward(self, x: Tensor) -> Tensor:
        """The model's output."""
        layers = {layer for layer, _ in self.owners.values()}
        inside: list[nn.Module] = []
        strays = _Strays({id(self.state[name]): (name, layer) for name, (layer, _) in self.owners.items()}, inside)

        def enter(layer: nn.Module, _: tuple) -> None:
            inside.append(layer)

        def leave(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
            inside.pop()
            return self._meet(layer, inputs[0], output)

        handles = [handle for layer in layers for handle in (layer.register_forward_pre_hook(enter), layer.register_forward_hook(leave))]
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
        with torch.no_grad():
            use = _Use(normalised(layer, a).detach())
        self.uses[layer].append(use)

        def receive(gradient: Tensor) -> None:
            use.gradient = gradient
            if all(use.gradient is not None for use in self.uses[layer]):
                self._settle(layer)

        output.register_hook(receive)
        return output

    @torch.no_grad()
    def _settle(self, layer: nn.Module) -> None:
        """Adds the share of a layer, and drops its gradients. A use that no gradient reached does not count."""
        wanted = {local for name, (owner, local) in self.owners.items() if owner is layer and name not in self.uncovered}
        uses = [use for use in self.uses[layer] if use.gradient is not None]
        if any(use.a._version != use.version for use in uses):
            raise RuntimeError(f"the input of a {type(layer).__name__} was changed in place after it was read")
        if wanted and uses:
            self.kernel = self.kernel + SHARES[type(layer)](layer, [(use.a, use.gradient) for use in uses], wanted, self.split)
        for use in uses:
            use.gradient = None

    def backward(self, output: Tensor, cotangent: Tensor, keep: bool = False) -> Tensor | float:
        """The kernel of <cotangent, output> over the parameters that are covered, [B, B]; `keep` allows another backward pass."""
        self.kernel = 0.0
        if output.requires_grad:
            torch.autograd.backward(output, cotangent, retain_graph=keep)
            for layer in self.uses:
                self._settle(layer)
        return self.kernel


class _Use:
    """One passage through a layer: its (normalised) input, and the gradient of its output once that is known."""

    def __init__(self, a: Tensor):
        self.a, self.version, self.gradient = a, a._version, None


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
