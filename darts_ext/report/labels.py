"""The names of criteria as readers see them."""

from collections.abc import Sequence

BASELINES = ("random", "parameters", "residual")  # a criterion that does not beat them has learned nothing


def label_criterion(criterion: str) -> str:
    """Returns the criterion's name, with a remark if it is a baseline or vanilla DARTS.

    >>> label_criterion("magnitude"), label_criterion("random"), label_criterion("ntk")
    ('magnitude (vanilla DARTS)', 'random (baseline)', 'ntk')
    """
    if criterion == "magnitude":
        return "magnitude (vanilla DARTS)"
    if criterion in BASELINES:
        return f"{criterion} (baseline)"
    return criterion


def join_names(names: Sequence[str]) -> str:
    """Returns the names as an enumeration.

    >>> join_names(["a"]), join_names(["a", "b", "c"])
    ('a', 'a, b and c')
    """
    *others, last = names
    if not others:
        return last
    return f"{', '.join(others)} and {last}"
