"""One forward pass and one backward pass in which every layer's inputs meet the gradients of its outputs."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from ..errors import SelectionError
from ..preserve import hooked
from .factors import Factor
from .layers import FACTORS, Use, has_formula
from .leaves import find_leaves, gradients_kept
from .logits import check_logits
from .rows import Rows
from .rowwise import tensors_in
from .state import call_with, tensors

Visit = Callable[[nn.Module, Tensor, Tensor], Tensor]  # of a layer, its input and its output, to the output to use


class Capture:
    """The layers of a model whose share of the kernel has a formula, and what passes through them.

    Args:
        model: in the mode in which it is to be measured.
        state: its parameters and buffers, by name, detached: parameters need no gradient of their own, so a kernel
            costs about one forward and backward pass.
        names: of the parameters that count.
        off: modules that do not compute.

    After `forward`, `uncovered` names the parameters for which there is no formula: of other layers, shared between
    layers, used outside the layer that holds them, in a layer that somebody watches or replaces, or in one whose input
    or output is not known to have a row for each sample.
    """

    def __init__(
        self, model: nn.Module, state: dict[str, Tensor], names: Iterable[str], off: Collection[nn.Module] = ()
    ):
        self.model = model
        self.state = state
        self.names: dict[nn.Module, dict[str, str]] = defaultdict(dict)  # {layer: {its own name: full name}}
        self.owners: dict[int, tuple[str, nn.Module | None]] = {}  # {id of a tensor: (name, layer)}
        self.uncovered: set[str] = set()
        self.uses: dict[nn.Module, list[Use]] = defaultdict(list)
        self.sure = False  # that every layer's input and output have a row for each sample
        self.tried = False
        self.take: Callable[[str, Factor], None]
        holders = _find_holders(model, state, off)
        for name in names:
            self._cover(name, holders[id(state[name])])

    def _cover(self, name: str, holders: dict[nn.Module, str]) -> None:
        """Notes the layer of a parameter, or that it has none with a formula."""
        # without a holder, as all are off, whatever reads the parameter is a stray
        layer, local = next(iter(holders.items()), (None, ""))
        shared = len(holders) > 1
        if shared or (layer is not None and (_is_watched(layer) or not has_formula(layer, local))):
            self.uncovered.add(name)
            return
        self.owners[id(self.state[name])] = (name, layer)
        if layer is not None:
            self.names[layer][local] = name

    def forward(self, x: Tensor) -> Tensor:
        """Returns the model's output, logits [B, K]."""
        self.uses.clear()
        output = check_logits(self._run(x, self._record_use), len(x))
        self.leaves = find_leaves(output)
        return output

    def try_rows(self, x: Tensor) -> None:
        """Where it is not sure, runs a few of the inputs once more, in another number: dimension 0 is the samples'
        where it is as many each time."""
        if self.sure or self.tried:
            return
        self.tried = True
        count = 2 if len(x) != 2 else 3
        indices = torch.arange(count, device=x.device) % len(x)
        try:
            self._run(x[indices], lambda layer, a, output: _detach_first(output))
        except Exception:  # a network that takes that many inputs only
            for names in self.names.values():
                self.uncovered.update(names.values())

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

    def _run(self, x: Tensor, visit: Visit) -> object:
        """Returns the model's output for x; each layer's output is what `visit` makes of it."""
        x = x.clone()
        count = x.shape[:1]
        rows = Rows(x)
        inside: list[nn.Module] = []
        watch = _Watch(self.owners, inside, rows)

        def enter(layer: nn.Module, *_: object) -> None:
            inside.append(layer)

        def leave(layer: nn.Module, inputs: tuple[Tensor, ...], named: dict[str, Tensor], output: Tensor) -> Tensor:
            inside.pop()
            a = inputs[0] if inputs else named["input"]
            rows.known = rows.known and rows.has_rows(a) and rows.has_rows(output)
            if not rows.known and not a.shape[:1] == output.shape[:1] == count:
                self.uncovered.update(self.names[layer].values())
                return output
            return visit(layer, a, output) if torch.is_grad_enabled() else output

        handles = [layer.register_forward_pre_hook(enter) for layer in self.names]
        handles += [layer.register_forward_hook(leave, with_kwargs=True) for layer in self.names]
        try:
            with hooked(handles), torch.enable_grad(), watch:
                output = call_with(self.model, self.state, x, copy=False)
            self.sure = rows.known
            return output
        finally:
            self.uncovered |= watch.strays

    def _record_use(self, layer: nn.Module, a: Tensor, output: Tensor) -> Tensor:
        output = _detach_first(output)
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
        if not uses:
            return
        if any(use.a._version != use.version for use in uses):
            raise SelectionError(f"the input of a {type(layer).__name__} was changed in place after it was read")
        for local, name in self.names[layer].items():
            if name not in self.uncovered:
                formula = FACTORS[type(layer)][local]
                self.take(name, formula(layer, uses))
        for use in uses:
            use.g = None


def _find_holders(
    model: nn.Module, state: dict[str, Tensor], off: Collection[nn.Module]
) -> dict[int, dict[nn.Module, str]]:
    """{id of a tensor of the state: {module that holds it and is not off: its first name there}}."""
    holders = defaultdict(dict)
    for name, layer, local, _ in tensors(model):
        if layer not in off:
            holders[id(state[name])].setdefault(layer, local)
    return holders


def _is_watched(layer: nn.Module) -> bool:
    return bool(layer._forward_hooks or layer._forward_pre_hooks or "forward" in layer.__dict__)


def _detach_first(output: Tensor) -> Tensor:
    """The output; that of the first layer requires a gradient from here on, so that none need go further back."""
    if output.requires_grad:
        return output
    return output.detach().requires_grad_().clone()


class _Watch(TorchFunctionMode):
    """Finds the parameters that a torch function receives outside the forward pass of the layer that holds them, and
    follows the rows of the samples."""

    def __init__(self, owners: dict[int, tuple[str, nn.Module | None]], inside: list[nn.Module], rows: Rows):
        super().__init__()
        self.owners = owners
        self.inside = inside
        self.rows = rows
        self.strays: set[str] = set()

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        for tensor in tensors_in(args, kwargs):
            name, layer = self.owners.get(id(tensor), (None, None))
            if name is not None and (not self.inside or self.inside[-1] is not layer):
                self.strays.add(name)
        output = function(*args, **kwargs)
        self.rows.follow(function, args, kwargs, output)
        return output
