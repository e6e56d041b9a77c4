"""What a network must answer to be selectable, in built-in types and tensors only."""

from collections.abc import Iterable, Mapping
from typing import Any, Protocol, TypeAlias, TypeGuard, runtime_checkable

import torch
from torch import Tensor, nn

from .errors import SelectionError

QUESTIONS = ("choices", "logits", "inputs")


@runtime_checkable
class Selectable(Protocol):
    """A network whose architecture can be chosen.

    Some more answers are optional:

    - `excluded() -> [option]`: options that are never chosen. Default: none.
    - `pruned(choice) -> [options]`: options of one choice that are never chosen. Default: none.
    - `strengths(choice) -> [options]`: what options and edges are ranked by. Default: softmax(alpha).
    - `carriers() -> {choice: [modules]}`: masked when all options of the choice are, where something passes by them.
      Default: none.
    - `commitment(choice, option) -> alphas [options]`: those that give an option weight 1 and the others 0; None where
      no alphas do, and masks alone decide. Default: alphas far apart, for a softmax.
    - `watch(x)`: called with a few inputs before anything is measured. Default: nothing.
    - `notes`, a list of what the user should know of the network. Default: none.
    - `block_outputs(x) -> [feature maps]`: what AZ-NAS's measures look at. Default: found by hooks.
    - `task() -> Task`: the loss and the metric of its own task. Default: what the targets ask for.
    - `layers_of_kernel() -> {...}`: the layers of which the kernel at infinite width is made. Default: there is none.
    """

    def choices(self) -> dict[str, dict[str, list[nn.Module]]]:
        """{choice: {option: every module that carries it}}."""
        ...

    def logits(self) -> dict[str, Tensor]:
        """{choice: alpha [options]}, in the order of the options."""
        ...

    def inputs(self) -> dict[str, tuple[int, list[str]]]:
        """{node: (number of choices it keeps, the choices that feed it)}; {} where all stay.

        An edge that goes takes all choices called GROUP/EDGE/... along.
        """
        ...


# A Selectable that is an nn.Module as well and may give the optional answers. No type of Python says all three, and
# networks need not inherit from anything, so that checkers take it for Any.
SelectableModule: TypeAlias = Any


def is_selectable(net: object) -> TypeGuard[Selectable]:
    """Whether a network answers all questions itself; a submodule that happens to be called `inputs` is no answer."""
    answers = [getattr(net, question, None) for question in QUESTIONS]
    return all(callable(answer) and not isinstance(answer, nn.Module) for answer in answers)


def check_selectable(net: Any) -> Selectable:
    """Returns the network, or raises SelectionError that names the question it does not answer."""
    choices, logits, inputs = (_ask(net, question) for question in QUESTIONS)
    if not choices:
        raise SelectionError("choices() is empty: there is nothing to choose")
    for choice, options in choices.items():
        _check_options(choice, options)
        _check_logits(choice, options, logits)
        if not allowed_options(net, choice):
            raise SelectionError(f"{choice}: every option is excluded from being chosen")
    _check_owners(choices)
    for node, (keep, names) in inputs.items():
        unknown_names = [name for name in names if name not in choices]
        if unknown_names or not 1 <= keep <= len(names):
            raise SelectionError(
                f"{node}: inputs() keeps {keep} of {list(names)}: it must keep at least one, and only name what is in "
                f"choices()"
            )
    return net


def _ask(net: object, question: str) -> Mapping:
    answer = getattr(net, question, None)
    if not callable(answer):
        raise SelectionError(
            f"{type(net).__name__} does not answer {question}(): a selectable network has choices(), logits() and "
            f"inputs()"
        )
    answered = answer()
    if not isinstance(answered, Mapping):
        raise SelectionError(f"{question}() returns a {type(answered).__name__}, not a dict")
    return answered


def _check_options(choice: str, options: object) -> None:
    if not isinstance(options, Mapping) or not options:
        raise SelectionError(f"{choice}: choices() gives no options: a dict {{option: [modules]}}")
    for option, modules in options.items():
        if not _is_module_list(modules):
            raise SelectionError(
                f"{choice}: option {option} has no module: choices() gives a list of the modules that carry it"
            )


def _is_module_list(modules: object) -> bool:
    if not isinstance(modules, (list, tuple)) or not modules:
        return False
    return all(isinstance(module, nn.Module) for module in modules)


def _check_logits(choice: str, options: Mapping, logits: Mapping[str, Tensor]) -> None:
    if choice in logits and logits[choice].shape == (len(options),):
        return
    given = list(logits[choice].shape) if choice in logits else "nothing"
    raise SelectionError(
        f"{choice}: logits() gives {given} for its {len(options)} options: a tensor with one alpha for each"
    )


def _check_owners(choices: Mapping[str, Mapping[str, list[nn.Module]]]) -> None:
    """Raises SelectionError where a module carries two options: it could not be switched off for one of them."""
    owners: dict[nn.Module, str] = {}
    for choice, options in choices.items():
        for option, modules in options.items():
            for module in modules:
                owner = owners.setdefault(module, f"{option} of {choice}")
                if owner != f"{option} of {choice}":
                    raise SelectionError(
                        f"one {type(module).__name__} carries both {owner} and {option} of {choice}: each option "
                        f"needs modules of its own"
                    )


def allowed_options(net: SelectableModule, choice: str) -> list[str]:
    """Lists the options of a choice that may be chosen."""
    excluded = [*net.excluded()] if hasattr(net, "excluded") else []
    if hasattr(net, "pruned"):
        excluded += net.pruned(choice)
    return [option for option in net.choices()[choice] if option not in excluded]


@torch.no_grad()
def option_strengths(net: SelectableModule, choice: str) -> Tensor:
    """Returns what a network ranks the options of a choice by [options]: softmax(alpha), unless it says otherwise."""
    if hasattr(net, "strengths"):
        return net.strengths(choice)
    return net.logits()[choice].softmax(0)


def edge_carriers(net: SelectableModule) -> dict[str, list[nn.Module]]:
    """Returns the modules that are masked when all options of a choice are."""
    return net.carriers() if hasattr(net, "carriers") else {}


def on_edges(net: Selectable, names: Iterable[str]) -> list[str]:
    """Lists every choice on the edges of some choices: an operation's activation and added skip stand on its edge."""
    edges = {edge_of(name) for name in names}
    return [choice for choice in net.choices() if edge_of(choice) in edges]


def group_of(choice: str) -> str:
    """Returns the GROUP of a choice that is called GROUP/...; any other is in the group "".

    >>> group_of("normal/3/op"), group_of("depth")
    ('normal', '')
    """
    group, slash, _ = choice.partition("/")
    return group if slash else ""


def edge_of(choice: str) -> str:
    """Returns the GROUP/EDGE of a choice that is called GROUP/EDGE/KIND; any other is an edge of its own.

    >>> edge_of("normal/3/op"), edge_of("depth")
    ('normal/3', 'depth')
    """
    if choice.count("/") != 2:
        return choice
    edge, _, _ = choice.rpartition("/")
    return edge


def kind_of(choice: str) -> str:
    """Returns the KIND of a choice that is called GROUP/EDGE/KIND: "op", "act" or "skip"; any other is its own kind.

    >>> kind_of("normal/3/op"), kind_of("depth")
    ('op', 'depth')
    """
    if choice.count("/") != 2:
        return choice
    _, _, kind = choice.rpartition("/")
    return kind


def surplus(net: Selectable) -> dict[str, tuple[int, list[str]]]:
    """Returns the nodes that drop some of their choices: {node: (number it keeps, the choices that feed it)}."""
    return {node: (keep, names) for node, (keep, names) in net.inputs().items() if len(names) > keep}
