"""What each criterion takes, choice by choice: the share of the seeds in which it takes each option."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from selection import group_of, kind_of

from .charts.palette import Look
from .charts.stacks import draw_stacks
from .choicenames import edge_number, sort_choices
from .labels import label_criterion
from .runfolder import Run

KINDS = {"op": "operations", "act": "activations", "skip": "added skips"}
Shares = dict[str, dict[str, float]]  # {choice: {option: share of the seeds}}


class Chosen(NamedTuple):
    """The choices of one kind and group: a heading, the options in it, and a picture for each criterion."""

    heading: str
    options: list[str]
    pictures: list[str]


def draw_chosen(runs: Sequence[Run], look: Mapping[str, Look]) -> list[Chosen]:
    """Draws what every criterion took over the seeds; nothing of a single seed, which its own section shows."""
    if len(runs) < 2:
        return []
    shares = {criterion: count_shares(runs, criterion) for criterion in list_criteria(runs)}
    parts: dict[tuple[str, str], dict[str, Shares]] = {}
    for criterion, rows in shares.items():
        for choice, row in sort_choices(rows).items():
            part = parts.setdefault((group_of(choice), kind_of(choice)), {})
            part.setdefault(criterion, {})[edge_number(choice)] = row
    return [_draw_part(group, kind, part, look) for (group, kind), part in parts.items()]


def list_criteria(runs: Iterable[Run]) -> list[str]:
    """Lists the criteria that chose in any of the runs."""
    return list(dict.fromkeys(outcome.criterion for run in runs for outcome in run.outcomes))


def count_shares(runs: Iterable[Run], criterion: str) -> Shares:
    """Returns the share of the runs in which a criterion took each option of every choice."""
    decisions = []
    for run in runs:
        for outcome in run.outcomes:
            if outcome.criterion == criterion and outcome.scores:
                decisions.append(outcome.scores.get("decisions") or {})
    shares: Shares = {}
    for made in decisions:
        for choice, option in made.items():
            row = shares.setdefault(choice, {})
            row[option] = row.get(option, 0.0) + 1 / len(decisions)
    return shares


def _draw_part(group: str, kind: str, part: Mapping[str, Shares], look: Mapping[str, Look]) -> Chosen:
    options = {option for shares in part.values() for row in shares.values() for option in row}
    stacked = {option: look[option] for option in look if option in options}
    pictures = []
    for criterion, shares in part.items():
        x_label = "layer" if group == "layer" else "edge"
        pictures.append(draw_stacks(shares, stacked, title=label_criterion(criterion), x_label=x_label))
    heading = KINDS.get(kind, kind)
    if group not in ("", "layer"):
        heading = f"{heading} of {group} cells" if group != "cell" else heading
    return Chosen(heading, list(stacked), pictures)
