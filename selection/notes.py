"""Notes on a selection: what its measures had to say, and which choices were ties."""

from collections.abc import Mapping

from .decisions import Decisions
from .protocol import Selectable, allowed_options
from .strategies import Panel


def collect_notes(panel: Panel, decisions: Decisions) -> list[str]:
    """Returns what the measures had to say, and a note on ties, each once."""
    net = panel[0].evaluator.net
    notes: list[str] = []
    for judge in panel:
        notes += [*judge.evaluator.notes, *getattr(judge.evaluator.net, "notes", ())]
    if panel[0].evaluator.measure:
        notes += _describe_ties(net, decisions, panel[0].evaluator.measure.finer)
    return list(dict.fromkeys(notes))


def _describe_ties(net: Selectable, decisions: Decisions, finer: str) -> list[str]:
    """Returns notes on the choices of equal best scores: which the finer measure decided, and which their order."""
    settled, tied = [], []
    for choice, scores in decisions.scores.items():
        allowed = {option: scores[option] for option in allowed_options(net, choice)}
        if not _has_two_best(allowed):
            continue
        if choice in decisions.settled and not _has_two_best(decisions.settled[choice]):
            settled.append(choice)
        else:
            tied.append(choice)
    notes = []
    count = len(decisions.scores)
    if settled:
        notes.append(
            f"{len(settled)} of {count} choices have equal best scores, as {settled[0]}: the {finer} without each "
            f"option tells them apart"
        )
    if tied:
        notes.append(
            f"{len(tied)} of {count} choices have equal best scores, as {tied[0]}, and take the first option: more "
            f"images, or a loss, may tell them apart"
        )
    return notes


def _has_two_best(scores: Mapping[str, float]) -> bool:
    values = sorted(scores.values(), reverse=True)
    return len(values) > 1 and values[0] == values[1]
