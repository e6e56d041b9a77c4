"""The names of choices, GROUP/EDGE/KIND, and of nodes, GROUP/nNODE."""


def name_choice(group: str, edge: int, kind: str) -> str:
    """Returns the name of a choice; the kind is "op", "act" or "skip".

    >>> name_choice("normal", 3, "op")
    'normal/3/op'
    """
    return f"{group}/{edge}/{kind}"


def name_node(group: str, node: int) -> str:
    """Returns the name of a node that keeps some of its edges; the first one that is computed is 1.

    >>> name_node("normal", 1)
    'normal/n1'
    """
    return f"{group}/n{node}"


def edge_of(choice: str) -> int:
    """Returns the number of the choice's edge.

    >>> edge_of("normal/3/op")
    3
    """
    return int(choice.split("/")[1])
