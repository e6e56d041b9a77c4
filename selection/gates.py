"""Gates: options that are switched off on their own modules, and undone exactly; and which modules still run."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar
from weakref import WeakSet

import torch
from torch import nn

from .errors import SelectionError, unknown
from .protocol import Selectable, SelectableModule, edge_carriers
from .zeros import FormedZeros, silent

Result = TypeVar("Result")
_HELD: ContextVar[bool] = ContextVar("held", default=False)  # whether a computation around this one will be repeated
_NEED_FORMS: WeakSet[nn.Module] = WeakSet()  # networks that a 0-dim zero has not passed through
SURE = 1e4  # rows of alpha this far apart have an exactly one-hot softmax in every precision


@contextmanager
def masked(net: Selectable, options: Mapping[str, Iterable[str]]) -> Iterator[None]:
    """Inside the block the given options contribute nothing, and are not computed.

    Their modules return a 0-dim zero, or zeros of their output's form, if the network has been found to need it: the
    first pass that fails is repeated so. The other options keep their weights, which is DARTS-PT's mask: not
    renormalised (Wang et al. 2021).

    Args:
        options: {choice: options to switch off}.

    Raises:
        SelectionError: a choice or an option is unknown.
    """
    _check_masks(options)
    modules = _find_modules(net, options)
    forwards_before = [(module, module.__dict__.get("forward")) for module in modules]
    try:
        for module, formed in modules.items():
            module.forward = FormedZeros(module, module.forward) if formed else silent
        with _passes_repeated(net):
            yield
    finally:
        _put_back(forwards_before)


def repeated(net: nn.Module, compute: Callable[[], Result]) -> Result:
    """Returns what is computed with a network; if that fails while modules are switched off, once more with zeros of
    their outputs' form.

    The whole computation is repeated: hooks of the first have seen a part of a pass.
    """
    if net in _NEED_FORMS or _HELD.get():
        return compute()
    state = torch.get_rng_state()
    held = _HELD.set(True)
    try:
        return compute()
    except Exception as error:
        if not _give_forms(net):
            raise
        torch.set_rng_state(state)
        try:
            result = compute()
        except Exception:  # the zeros were not the reason
            raise error from None
        _NEED_FORMS.add(net)
        return result
    finally:
        _HELD.reset(held)


@contextmanager
def _passes_repeated(net: Selectable) -> Iterator[None]:
    """Inside the block each pass of the network, or of the host that it stands for, is `repeated`."""
    parts = [part for part in (net, getattr(net, "host", None)) if isinstance(part, nn.Module)]
    wrapped = [part for part in parts if not isinstance(part.forward, _RepeatedForward)]
    before = [(part, part.__dict__.get("forward")) for part in wrapped]
    for part in wrapped:
        part.forward = _RepeatedForward(parts[0], part.forward)
    try:
        yield
    finally:
        _put_back(before)


class _RepeatedForward:
    """The forward of a network some of whose modules are switched off."""

    def __init__(self, net: nn.Module, forward: Callable) -> None:
        self.net = net
        self.forward = forward

    def __call__(self, *inputs: Any, **named: Any) -> Any:
        return repeated(self.net, lambda: self.forward(*inputs, **named))


def _give_forms(net: nn.Module) -> bool:
    """Gives zeros of their outputs' form to all modules that are switched off; returns whether there are some that had
    others."""
    cheap = [module for module in net.modules() if module.__dict__.get("forward") is silent]
    for module in cheap:
        del module.forward
        module.forward = FormedZeros(module, module.forward)
    return bool(cheap)


def _put_back(forwards: list[tuple[nn.Module, Any]]) -> None:
    for module, forward in reversed(forwards):
        if forward is None:
            module.__dict__.pop("forward", None)
        else:
            module.forward = forward


def _find_modules(net: Selectable, options: Mapping[str, Iterable[str]]) -> dict[nn.Module, bool]:
    """Returns {module: whether it returns zeros of its output's form} of those that carry the options.

    Of a choice that loses all of them, those of its whole edge are off, too; and one of its modules says what the sum
    of all would look like.
    """
    choices = net.choices()
    carriers = edge_carriers(net)
    modules: dict[nn.Module, bool] = {}
    for choice, names in options.items():
        if choice not in choices:
            raise unknown("choice", choice, choices)
        for name in names:
            if name not in choices[choice]:
                raise unknown(f"option of {choice}", name, choices[choice])
            modules |= dict.fromkeys(choices[choice][name], net in _NEED_FORMS)
        if set(names) == set(choices[choice]):
            first = next(iter(choices[choice].values()))
            modules |= dict.fromkeys(carriers.get(choice, first), True)
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
def committed(net: SelectableModule, choice: str, option: str) -> Iterator[None]:
    """Inside the block a choice is decided: the other options contribute nothing and the chosen one has weight 1.

    The choice's alphas are set so far apart that their softmax is exactly one-hot and has no gradient, or to what the
    network says gives all weight to one. So the decision
    also holds while somebody else's code trains on and takes the softmax itself. On leaving they are what they were.

    Raises:
        SelectionError: the choice or the option is unknown, or logits() does not give live views.
    """
    names = list(net.choices().get(choice, ()))
    if option not in names:
        raise unknown(f"option of {choice}", option, names)
    before = net.logits()[choice].detach().clone()
    others = [name for name in names if name != option]
    with masked(net, {choice: others}):
        try:
            high, low = net.extremes() if hasattr(net, "extremes") else (SURE, -SURE)
            row = torch.tensor([high if name == option else low for name in names], device="cpu").to(before)
            if before.is_meta or not _is_decided(before, row, high - low):
                _set_row(net, choice, row)
                if not before.is_meta and not torch.equal(net.logits()[choice], row):
                    raise SelectionError(
                        f"{choice}: logits() must give live views of the alphas, so that a decision can be written "
                        f"into them"
                    )
            yield
        finally:
            _set_row(net, choice, before)


def _is_decided(alphas: torch.Tensor, row: torch.Tensor, gap: float) -> bool:
    """Whether the alphas are those of the decision already, as where a selection goes on after a kill: weight decay has
    moved them a little, and they stay where it left them."""
    return bool(((alphas - row).abs() < 0.01 * gap).all())


@torch.no_grad()
def _set_row(net: Selectable, choice: str, row: torch.Tensor) -> None:
    net.logits()[choice].copy_(row)


def is_off(module: nn.Module) -> bool:
    """Whether the module itself is switched off."""
    forward = module.__dict__.get("forward")
    return forward is silent or isinstance(forward, FormedZeros)


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
