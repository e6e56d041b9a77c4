"""Gates: options that are switched off on their own modules, and undone exactly; and which modules still run."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from weakref import WeakKeyDictionary

import torch
from torch import nn

from .errors import SelectionError, unknown
from .protocol import Selectable, SelectableModule, edge_carriers
from .zeros import Gate, Zeros, silent

_ZEROS: WeakKeyDictionary[SelectableModule, Zeros] = WeakKeyDictionary()
SURE = 1e4  # rows of alpha this far apart have an exactly one-hot softmax in every precision


@contextmanager
def masked(net: Selectable, options: Mapping[str, Iterable[str]]) -> Iterator[None]:
    """Inside the block the given options contribute nothing, and are not computed.

    Their modules return zeros of the form of their own output, or a 0-dim zero where that is known to do
    (`trial`); the other options keep their weights, which is DARTS-PT's mask: not renormalised (Wang et al.
    2021).

    Args:
        options: {choice: options to switch off}.

    Raises:
        SelectionError: a choice or an option is unknown.
    """
    _check_masks(options)
    zeros = zeros_of(net)
    gates = [Gate(module, zeros) for module in _find_modules(net, options)]
    try:
        for gate in gates:
            gate.close()
        yield
    finally:
        for gate in reversed(gates):
            gate.open()


def zeros_of(net: SelectableModule) -> Zeros:
    """Returns the record of which zeros the gates of a network return."""
    return _ZEROS.setdefault(net, Zeros())


def _find_modules(net: Selectable, options: Mapping[str, Iterable[str]]) -> list[nn.Module]:
    """The modules that carry the options; of a choice that loses all of them also those of its whole edge."""
    choices = net.choices()
    carriers = edge_carriers(net)
    modules: list[nn.Module] = []
    for choice, names in options.items():
        if choice not in choices:
            raise unknown("choice", choice, choices)
        for name in names:
            if name not in choices[choice]:
                raise unknown(f"option of {choice}", name, choices[choice])
            modules += choices[choice][name]
        if set(names) == set(choices[choice]):
            modules += carriers.get(choice, [])
    return modules


def _check_masks(options: object) -> None:
    """Raises SelectionError unless these are {choice: options}."""
    if not isinstance(options, Mapping):
        raise SelectionError(
            f"masked takes {{choice: [options to switch off]}}, not an object of type {type(options).__name__}"
        )
    for choice, names in options.items():
        if isinstance(names, str) or not isinstance(names, Iterable):
            raise SelectionError(
                f"{choice}: masked takes a list of option names, not an object of type {type(names).__name__}"
            )


@contextmanager
def committed(net: Selectable, choice: str, option: str) -> Iterator[None]:
    """Inside the block a choice is decided: the other options contribute nothing and the chosen one has weight 1.

    The choice's alphas are set so far apart that their softmax is exactly one-hot and has no gradient. So the decision
    also holds while somebody else's code trains on and takes the softmax itself. On leaving they are what they were.

    A network that makes weights of its alphas in another way says by `commitment` which alphas decide. Where none do,
    because weights are drawn, the masks alone decide: the chosen option keeps the weight that is drawn for it.

    Raises:
        SelectionError: the choice or the option is unknown, or logits() does not give live views.
    """
    names = list(net.choices().get(choice, ()))
    if option not in names:
        raise unknown(f"option of {choice}", option, names)
    before = net.logits()[choice].detach().clone()
    others = [name for name in names if name != option]
    row = _find_row(net, choice, option)
    with masked(net, {choice: others}):
        try:
            if row is not None and not _is_decided(before, row):
                _set_row(net, choice, row)
                _check_row(net, choice, row)
            yield
        finally:
            _set_row(net, choice, before)


def _find_row(net: SelectableModule, choice: str, option: str) -> torch.Tensor | None:
    """Returns the alphas [options] that give an option all weight; None where no alphas do."""
    if hasattr(net, "commitment"):
        return net.commitment(choice, option)
    return torch.tensor([SURE if name == option else -SURE for name in net.choices()[choice]], device="cpu")


def _is_decided(alphas: torch.Tensor, row: torch.Tensor) -> bool:
    """Whether the alphas are those of the decision already, as where a selection goes on after a kill: weight decay has
    moved them a little, and they stay where it left them."""
    if alphas.is_meta:
        return False
    row = row.to(alphas)
    return bool(((alphas - row).abs() < 0.01 * (row.max() - row.min())).all())


def _check_row(net: Selectable, choice: str, row: torch.Tensor) -> None:
    written = net.logits()[choice]
    if not written.is_meta and not torch.equal(written.cpu(), row.to("cpu", written.dtype)):
        raise SelectionError(
            f"{choice}: logits() must give live views of the alphas, so that a decision can be written into them"
        )


@torch.no_grad()
def _set_row(net: Selectable, choice: str, row: torch.Tensor) -> None:
    net.logits()[choice].copy_(row)


def is_off(module: nn.Module) -> bool:
    """Whether the module itself is switched off."""
    forward = module.__dict__.get("forward")
    return forward is silent or isinstance(forward, Gate)


def switched_off(net: nn.Module) -> set[nn.Module]:
    """The modules that are switched off themselves, not because of one that holds them."""
    return {module for module in net.modules() if is_off(module)}


def running_modules(net: nn.Module) -> list[nn.Module]:
    """The modules in the order of `net.modules()`, without those that are switched off and what only they hold."""
    running: dict[nn.Module, None] = {}

    def enter(module: nn.Module) -> None:
        if module in running or is_off(module):
            return
        running[module] = None
        for child in module.children():
            enter(child)

    enter(net)
    return list(running)


def leaf_modules(net: nn.Module) -> list[nn.Module]:
    """The modules that run and hold no others."""
    return [module for module in running_modules(net) if not any(True for _ in module.children())]
