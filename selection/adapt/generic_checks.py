"""Checks of what is given with kind="generic": mapping, logits, inputs and excluded."""

from collections.abc import Collection, Iterable, Mapping

from torch import Tensor, nn

from ..errors import SelectionError, unknown


def check_mapping(host: nn.Module, mapping: object) -> None:
    """Raises SelectionError unless this is {choice: {option: [modules]}}, with modules of the network."""
    own = set(host.modules())
    if not isinstance(mapping, Mapping):
        raise SelectionError(
            f"mapping is a dict {{choice: {{option: [modules]}}}}, not an object of type {type(mapping).__name__}"
        )
    for choice, options in mapping.items():
        if not isinstance(options, Mapping):
            raise SelectionError(
                f"mapping: {choice} is a dict {{option: [modules]}}, not an object of type {type(options).__name__}"
            )
        for option, modules in options.items():
            is_list = isinstance(modules, (list, tuple))
            if not is_list or not all(isinstance(module, nn.Module) and module in own for module in modules):
                raise SelectionError(
                    f"mapping: {option} of {choice} is not a list of modules of the network, [module, ...]"
                )


def check_logits(logits: object) -> None:
    """Raises SelectionError unless these are {choice: alpha}."""
    if not isinstance(logits, Mapping):
        raise SelectionError(
            f"logits is a dict {{choice: alpha [options]}}, or a function that returns one, not an object of type "
            f"{type(logits).__name__}"
        )
    for choice, row in logits.items():
        if not isinstance(row, Tensor):
            raise SelectionError(
                f"logits: {choice} is a tensor with one alpha for each option, the network's own, not an object of "
                f"type {type(row).__name__}"
            )


def check_nodes(nodes: object) -> None:
    """Raises SelectionError unless these are {node: (edges it keeps, [choices])}."""
    if not isinstance(nodes, Mapping):
        raise SelectionError(
            f"inputs is a dict {{node: (edges it keeps, [choices])}}, not an object of type {type(nodes).__name__}"
        )
    for node, pair in nodes.items():
        if not _is_count_and_names(pair):
            raise SelectionError(f"inputs: what {node} is given is no pair (edges it keeps, [choices])")


def _is_count_and_names(pair: object) -> bool:
    if not isinstance(pair, (tuple, list)) or len(pair) != 2:
        return False
    keep, names = pair
    return isinstance(keep, int) and isinstance(names, Collection) and not isinstance(names, str)


def check_excluded(excluded: object, choices: Mapping[str, Iterable[str]]) -> tuple[str, ...]:
    """Returns the excluded options, or raises SelectionError unless they are a list of options that some choice has."""
    if isinstance(excluded, str) or not isinstance(excluded, Iterable):
        raise SelectionError(
            f"excluded is a list of option names, as ['none'], not an object of type {type(excluded).__name__}"
        )
    excluded = tuple(excluded)
    known = set()
    for options in choices.values():
        known |= set(options)
    for option in excluded:
        if option not in known:
            raise unknown("option in excluded", option, known)
    return excluded
