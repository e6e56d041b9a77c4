"""One forward pass and one backward pass in which every layer's inputs meet the gradients of its outputs."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from ..errors import SelectionError
from ..preserve import hooked
from .layers import FACTORS, Factor, Use, has_formula
from .leaves import gradients_kept, leaves
from .logits import check_logits
from .rows import Rows, tensors_in
from .state import call_with, tensors


class Capture:
    """The layers of a model whose share of the kernel has a formula, and what passes through them.

    Args:
        model: in the mode in which it is to be measured.
        state: its parameters and buffers, by name, detached: parameters need no gradient of their own, so a kernel
            costs about one forward and backward pass.
        chosen: names of the parameters that count.
        off: modules that do not compute.

    After `forward`, `uncovered` names the parameters for which there is no formula: of other layers, shared between
    layers, used outside the layer that holds them, in a layer that somebody watches or replaces, or in one whose input
    or output is not known to have a row for each sample.
    """

    def __init__(
        self, model: nn.Module, state: dict[str, Tensor], chosen: Iterable[str], off: Collection[nn.Module] = ()
    ):
        self.model, self.state = model, state
        self.names: dict[nn.Module, dict[str, str]] = defaultdict(dict)
        self.uncovered: set[str] = set()
        self.uses: dict[nn.Module, list[Use]] = defaultdict(list)
        self.take: Callable[[str, Factor], None]
        self.sure = self.tried = False
        self.owners: dict[int, tuple[str, nn.Module | None]] = {}
        holders = _holders(model, state, off)
        for name in chosen:
            held = holders[id(state[name])]
            layer, local = next(
                iter(held.items()), (None, "")
            )  # where all are switched off, whatever reads the parameter is a stray
            if len(held) > 1 or (layer is not None and (_is_watched(layer) or not has_formula(layer, local))):
                self.uncovered.add(name)
                continue
            self.owners[id(state[name])] = name, layer
            if layer is not None:
                self.names[layer][local] = name

    def forward(self, x: Tensor) -> Tensor:
        """The model's output, logits [B, K]."""
        self.uses.clear()
        output = check_logits(self._pass(x, self._meet), len(x))
        self.leaves = leaves(output)
        return output

    def try_rows(self, x: Tensor) -> None:
        """Where it is not sure, lets a few of the inputs pass once more, in another number: dimension 0 is the samples'
        where it is as many each time."""
        if self.sure or self.tried:
            return
        self.tried, count = True, 2 if len(x) != 2 else 3
        try:
            self._pass(x[torch.arange(count, device=x.device) % len(x)], lambda layer, a, output: _apart(output))
        except Exception:  # a network that takes that many inputs only
            self.uncovered |= {name for names in self.names.values() for name in names.values()}

    def _pass(self, x: Tensor, meet: Callable[[nn.Module, Tensor, Tensor], Tensor]) -> object:
        x, inside = x.clone(), []
        rows, count = Rows(x), x.shape[:1]
        watch = _Watch(self.owners, inside, rows)

        def enter(layer: nn.Module, *_: object) -> None:
            inside.append(layer)

        def leave(layer: nn.Module, inputs: tuple[Tensor, ...], named: dict[str, Tensor], output: Tensor) -> Tensor:
            inside.pop()
            a = inputs[0] if inputs else named["input"]
            rows.known = rows.known and rows.of(a) and rows.of(output)
            if not rows.known and not a.shape[:1] == output.shape[:1] == count:
                self.uncovered |= set(self.names[layer].values())
                return output
            return meet(layer, a, output) if torch.is_grad_enabled() else output

        handles = [layer.register_forward_pre_hook(enter) for layer in self.names]
        handles += [layer.register_forward_hook(leave, with_kwargs=True) for layer in self.names]
        try:
            with hooked(handles), torch.enable_grad(), watch:
                output = call_with(self.model, self.state, x, copy=False)
            self.sure = rows.known
            return output
        finally:
            self.uncovered |= watch.strays

    def _meet(self, layer: nn.Module, a: Tensor, output: Tensor) -> Tensor:
        output = _apart(output)
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
            raise SelectionError(f"the input of a {type(layer).__name__} was changed in place after it was read")
        if uses:
            for local, name in self.names[layer].items():
                if name not in self.uncovered:
                    self.take(name, FACTORS[type(layer)][local](layer, uses))
        for use in uses:
            use.g = None

    def backward(
        self, output: Tensor, cotangent: Tensor, take: Callable[[str, Factor], None], keep: bool = False
    ) -> None:
        """Calls `take` with each covered parameter's factor of the kernel of <cotangent, output>; `keep` allows another
        backward pass."""
        self.take = take
        if output.requires_grad:
            with gradients_kept(self.leaves):
                torch.autograd.backward(output, cotangent, retain_graph=keep)
            for layer in self.uses:
                self._settle(layer)


def _holders(model: nn.Module, state: dict[str, Tensor], off: Collection[nn.Module]) -> dict[int, dict[nn.Module, str]]:
    """{id of a tensor of the state: {module that holds it and is not off: its first name there}}."""
    holders = defaultdict(dict)
    for name, layer, local, _ in tensors(model):
        if layer not in off:
            holders[id(state[name])].setdefault(layer, local)
    return holders


def _is_watched(layer: nn.Module) -> bool:
    return bool(layer._forward_hooks or layer._forward_pre_hooks or "forward" in layer.__dict__)


def _apart(output: Tensor) -> Tensor:
    """The output; that of the first layer requires a gradient from here on, so that none need go further back."""
    return output if output.requires_grad else output.detach().requires_grad_().clone()


class _Watch(TorchFunctionMode):
    """Finds the parameters that a torch function receives outside the forward pass of the layer that holds them, and
    follows the rows of the samples."""

    def __init__(self, owners: dict[int, tuple[str, nn.Module | None]], inside: list[nn.Module], rows: Rows):
        super().__init__()
        self.owners, self.inside, self.rows, self.strays = owners, inside, rows, set()

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        for tensor in tensors_in(args, kwargs):
            name, layer = self.owners.get(id(tensor), (None, None))
            if name is not None and (not self.inside or self.inside[-1] is not layer):
                self.strays.add(name)
        output = function(*args, **kwargs)
        self.rows.follow(function, args, kwargs, output)
        return output
