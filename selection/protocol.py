"""What a network must answer to be selectable, in built-in types and tensors only."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol, runtime_checkable

from torch import Tensor, nn

from .errors import SelectionError

Batches = Sequence[tuple[Tensor, Tensor]]


@runtime_checkable
class Selectable(Protocol):
    """A network whose architecture can be chosen.

    Three more answers may be left out: `excluded()`, options that are never chosen; `strengths(choice)`, what its
    options and edges are ranked by [options], where that is not softmax(alpha); `carriers()`, {choice: [modules]} that
    are masked when all its options are, where something passes by them.
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


def check_selectable(net: object) -> Selectable:
    """Returns the net, or raises SelectionError that names the question it does not answer."""
    for question in ("choices", "logits", "inputs"):
        if not callable(getattr(net, question, None)):
            raise SelectionError(
                f"{type(net).__name__} does not answer {question}(): a selectable network has choices(), logits() and "
                f"inputs()"
            )
    choices, logits, inputs = net.choices(), net.logits(), net.inputs()
    for question, answer in (("choices", choices), ("logits", logits), ("inputs", inputs)):
        if not isinstance(answer, Mapping):
            raise SelectionError(f"{question}() returns a {type(answer).__name__}, not a dict")
    if not choices:
        raise SelectionError("choices() is empty: there is nothing to choose")
    for choice, options in choices.items():
        _check_options(choice, options)
        if choice not in logits or logits[choice].shape != (len(options),):
            given = list(logits[choice].shape) if choice in logits else "nothing"
            raise SelectionError(
                f"{choice}: logits() gives {given} for its {len(options)} options: a tensor with one alpha for each"
            )
        if not allowed_options(net, choice):
            raise SelectionError(f"{choice}: every option is excluded from being chosen")
    _check_owners(choices)
    for node, (keep, names) in inputs.items():
        strange = [name for name in names if name not in choices]
        if strange or not 1 <= keep <= len(names):
            raise SelectionError(
                f"{node}: inputs() keeps {keep} of {list(names)}: it must keep at least one, and only name what is in "
                f"choices()"
            )
    return net


def _check_options(choice: str, options: object) -> None:
    if not isinstance(options, Mapping) or not options:
        raise SelectionError(f"{choice}: choices() gives no options: a dict {{option: [modules]}}")
    for option, modules in options.items():
        if (
            not isinstance(modules, (list, tuple))
            or not modules
            or not all(isinstance(module, nn.Module) for module in modules)
        ):
            raise SelectionError(
                f"{choice}: option {option} has no module: choices() gives a list of the modules that carry it"
            )


def _check_owners(choices: Mapping[str, Mapping[str, list[nn.Module]]]) -> None:
    """A module that carried two options could not be switched off for one of them."""
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


def check_batches(batches: object) -> "Batches":
    """Returns the batches, or raises SelectionError unless they are pairs of inputs and as many labels."""
    batches = list(batches)
    for pair in batches:
        fits = (
            isinstance(pair, (list, tuple))
            and len(pair) == 2
            and all(isinstance(part, Tensor) for part in pair)
            and len(pair[0]) == len(pair[1])
        )
        if not fits:
            raise SelectionError(
                "batches is a list of pairs (x, y): a tensor of inputs [B, ...] and a tensor of labels [B]"
            )
        if not len(pair[0]):
            raise SelectionError("a batch holds no inputs")
    return batches


def allowed_options(net: Selectable, choice: str) -> list[str]:
    """The options of a choice that may be chosen."""
    excluded = net.excluded() if hasattr(net, "excluded") else ()
    return [option for option in net.choices()[choice] if option not in excluded]


def on_edges(net: Selectable, names: Iterable[str]) -> list[str]:
    """Every choice on the edges that some choices stand on: those called GROUP/EDGE/..., as an operation's activation
    and added skip."""
    edges = {edge_of(name) for name in names}
    return [choice for choice in net.choices() if edge_of(choice) in edges]


def edge_of(choice: str) -> str:
    """GROUP/EDGE of a choice that is called GROUP/EDGE/KIND; any other is an edge of its own.

    >>> edge_of("normal/3/op"), edge_of("depth")
    ('normal/3', 'depth')
    """
    return choice.rpartition("/")[0] if choice.count("/") == 2 else choice


def surplus(net: Selectable) -> dict[str, tuple[int, list[str]]]:
    """The nodes that drop some of their choices: {node: (number it keeps, the choices that feed it)}."""
    return {node: (keep, names) for node, (keep, names) in net.inputs().items() if len(names) > keep}
