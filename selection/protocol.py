"""What a network must answer to be selectable, in built-in types and tensors only."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from torch import Tensor, nn

from .errors import SelectionError

Batches = Sequence[tuple[Tensor, Tensor]]


@runtime_checkable
class Selectable(Protocol):
    """A network whose architecture can be chosen. `excluded()` may be left out: nothing is excluded then."""

    def choices(self) -> dict[str, dict[str, list[nn.Module]]]:
        """{choice: {option: every module that carries it}}."""
        ...

    def logits(self) -> dict[str, Tensor]:
        """{choice: alpha [options]}, in the order of the options."""
        ...

    def inputs(self) -> dict[str, tuple[int, list[str]]]:
        """{node: (number of choices it keeps, the choices that feed it)}; {} where all stay."""
        ...


def check_selectable(net: object) -> Selectable:
    """Returns the net, or raises SelectionError that names the question it does not answer."""
    for question in ("choices", "logits", "inputs"):
        if not callable(getattr(net, question, None)):
            raise SelectionError(f"{type(net).__name__} does not answer {question}(): a selectable network has choices(), logits() and inputs()")
    for choice, options in net.choices().items():
        for option, modules in options.items():
            if not modules:
                raise SelectionError(f"{choice}: option {option} has no module")
    return net


def allowed_options(net: Selectable, choice: str) -> list[str]:
    """The options of a choice that may be chosen."""
    excluded = net.excluded() if hasattr(net, "excluded") else ()
    return [option for option in net.choices()[choice] if option not in excluded]


def surplus(net: Selectable) -> dict[str, tuple[int, list[str]]]:
    """The nodes that drop some of their choices: {node: (number it keeps, the choices that feed it)}."""
    return {node: (keep, names) for node, (keep, names) in net.inputs().items() if len(names) > keep}
