"""DARTS' rule for whatever nobody has decided: the strongest option of a choice, the strongest edges of a node.

The same as magnitude with oneshot, on which `Adapter.genotype` may not lean: lifts and strategies are layers above.
"""

from collections.abc import Iterable, Mapping

from ..errors import SelectionError, unknown
from ..protocol import Selectable, SelectableModule, allowed_options


def complete_options(net: Selectable, decisions: Mapping[str, str]) -> dict[str, str]:
    """Returns {choice: option} of every choice; one without a decision takes its strongest allowed option (ties: the
    first).

    Raises:
        SelectionError: a decision names a choice or an option that the network does not have.
    """
    choices = net.choices()
    for choice, option in decisions.items():
        if choice not in choices:
            raise unknown("choice", choice, choices)
        if option not in choices[choice]:
            raise unknown(f"option of {choice}", option, choices[choice])
    options = {}
    for choice in choices:
        if choice in decisions:
            options[choice] = decisions[choice]
        else:
            weights = read_weights(net, choice)
            options[choice] = max(allowed_options(net, choice), key=weights.__getitem__)
    return options


def complete_inputs(
    net: Selectable, options: Mapping[str, str], inputs: Mapping[str, Iterable[str]]
) -> dict[str, list[str]]:
    """Returns {node: [choices it keeps, strongest first]} of every node; one that is not in `inputs` keeps the edges
    whose options weigh most (ties: the first).

    Raises:
        SelectionError: `inputs` names an unknown node, or not as many of its edges as it keeps.
    """
    nodes = net.inputs()
    _check_inputs(inputs, nodes)
    kept = {}
    for node, (keep, names) in nodes.items():
        if node in inputs:
            kept[node] = list(inputs[node])
        else:
            strengths = {name: read_weights(net, name)[options[name]] for name in names}
            kept[node] = sorted(names, key=strengths.__getitem__, reverse=True)[:keep]
    return kept


def read_weights(net: SelectableModule, choice: str) -> dict[str, float]:
    """Reads {option: weight} off the network, by which its options and edges are ranked."""
    return dict(zip(net.choices()[choice], net.strengths(choice).tolist()))


def _check_inputs(inputs: Mapping[str, Iterable[str]], nodes: Mapping[str, tuple[int, list[str]]]) -> None:
    for node, names in inputs.items():
        if node not in nodes:
            raise unknown("node", node, nodes)
        keep, known = nodes[node]
        given = set(names)
        if not given <= set(known) or len(given) != keep:
            raise SelectionError(f"{node}: it keeps {keep} of {', '.join(known)}, not {', '.join(names)}")
